"""The report's warnings, each with what to do about it.

A newcomer would leave the section out when there are none. That there are none is what many a reader came for.
"""

from __future__ import annotations

from fivetran_emulator.report import SyncReport
from fivetran_emulator.report_page_markup import Element, tag

__all__ = ["warnings"]


def warnings(report: SyncReport) -> list[Element]:
    """Every finding with its hint, the number of times it was met and its code."""
    counted = report.findings.counted()
    if not counted:
        return [tag("p", "No warnings.", class_="none")]
    cards = []
    for finding, times in counted:
        often = [" ", tag("span", f"{times:,} times", class_="times")] if times > 1 else []
        text = tag("p", finding.text, *often, class_="problem")
        cards.append(tag("div", text, tag("p", finding.hint, class_="hint"), class_="card warning", title=finding.code))
    return [tag("section", tag("h2", f"Warnings ({len(counted)})"), tag("div", *cards, class_="warnings"))]
