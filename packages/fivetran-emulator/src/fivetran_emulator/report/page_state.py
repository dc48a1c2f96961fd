"""The state in the report: what moved, then all of it, before and after.

A newcomer would show two documents. They are mostly equal, so each value that differs has a line of its own, first.
"""

from __future__ import annotations

import msgspec

from fivetran_emulator.report.changes import Change, shortened, state_changes
from fivetran_emulator.report.figures import SyncReport
from fivetran_emulator.report.page_markup import Element, tag
from fivetran_emulator.report.page_numbers import megabytes

__all__ = ["state"]


def state(report: SyncReport) -> list[Element]:
    """The section about the state."""
    changes = state_changes(report.state_before, report.state)
    moved = _moved(changes) if changes else tag("p", "The state is as it was before.", class_="none")
    size = f"{megabytes(len(report.state.encode()))}, sent with every call"
    both = tag(
        "div", _document("before", report.state_before), _document("after", report.state), class_="both"
    )
    whole = tag("details", tag("summary", "The whole state, before and after"), both)
    heading = tag("h2", "State ", tag("span", size, class_="times"))
    return [tag("section", heading, moved, whole)]


def _moved(changes: list[Change]) -> Element:
    rows = [
        tag(
            "tr",
            tag("th", change.path, scope="row"),
            _value(change.before, "was"),
            _value(change.after, "now"),
        )
        for change in changes
    ]
    titles = tag("tr", *(tag("th", name, scope="col") for name in ("value", "before", "after")))
    return tag(
        "div", tag("table", tag("thead", titles), tag("tbody", *rows), class_="state"), class_="scroll"
    )


def _value(text: str, class_: str) -> Element:
    if not text:
        return tag("td", tag("span", "not there", class_="absent"))
    return tag("td", tag("code", shortened(text), class_=class_))


def _document(name: str, text: str) -> Element:
    return tag("div", tag("h3", name), tag("pre", msgspec.json.format(text, indent=2)))
