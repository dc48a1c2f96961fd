"""The report's warnings, each with what to do about it.

A newcomer would leave the section out when there are none. That there are none is what many a reader came for.
"""

from __future__ import annotations

from fivetran_emulator.report.figures import SyncReport
from fivetran_emulator.report.page_markup import Content, Element, prose, tag

__all__ = ["warnings"]


def warnings(report: SyncReport) -> list[Element]:
    """Every finding with the number of times it was met; those with one remedy share a card."""
    if not (counted := report.findings.counted()):
        return [tag("p", "No warnings.", class_="none")]
    alike: dict[tuple[str, str], list[Element]] = {}
    for finding, times in counted:
        often: list[Content] = [" ", tag("span", f"{times:,} times", class_="times")] if times > 1 else []
        alike.setdefault((finding.code, finding.hint), []).append(tag("li", *prose(finding.text), *often))
    cards = [
        tag(
            "div", tag("ul", *items), tag("p", *prose(hint), class_="hint"), class_="card warning", title=code
        )
        for (code, hint), items in alike.items()
    ]
    return [tag("section", tag("h2", f"Warnings ({len(counted)})"), tag("div", *cards, class_="warnings"))]
