"""The pictures of the report: one column for each invocation, in strips that lie under each other.

A newcomer would draw an SVG. Its text shrinks with the picture and cannot be read on a telephone; boxes laid out by the
browser keep their text, wrap, print and need no script.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fivetran_emulator.report.page_markup import Element, tag

__all__ = ["Column", "Part", "Strip", "legend", "share_bar", "shown", "strip"]

_MOST_COLUMNS = 240
"""Beyond these, neighbouring invocations share a column: a thinner one could not be seen."""


@dataclass(frozen=True)
class Part:
    """A coloured piece of a column: its amount and the class that gives its colour."""

    amount: float
    colour: str


@dataclass(frozen=True)
class Column:
    """One invocation in a strip, and what is said when it is pointed at."""

    parts: Sequence[Part]
    title: str

    @property
    def amount(self) -> float:
        """The height of the whole column."""
        return sum(part.amount for part in self.parts)


@dataclass(frozen=True, kw_only=True)
class Strip:
    """A row of columns.

    `top` is the label of the highest one; `limit` is drawn when a column comes near it. `broken` is what is said of one more
    column, of which nothing is known; there is none when it is empty.
    """

    heading: str
    columns: Sequence[Column]
    top: str
    note: str = ""
    limit: float | None = None
    limit_label: str = ""
    broken: str = ""


def strip(wanted: Strip) -> Element:
    """The strip as an element; columns that are zero stay visible as a gap."""
    highest = max((column.amount for column in wanted.columns), default=0.0) or 1.0
    near = wanted.limit is not None and highest >= wanted.limit / 4
    scale = max(highest, wanted.limit) if near and wanted.limit is not None else highest
    columns = [_column(column, scale) for column in _gathered(wanted.columns)]
    if wanted.broken:
        columns.append(_column(Column([Part(scale, "broken")], wanted.broken), scale))
    line = []
    if near and wanted.limit is not None:
        style = f"bottom:{100 * wanted.limit / scale:.2f}%"
        line = [tag("div", tag("span", wanted.limit_label), class_="limit", style=style)]
    gauge = tag(
        "div", tag("span", wanted.limit_label if near else wanted.top), tag("span", "0"), class_="gauge"
    )
    plot = tag("div", *columns, *line, class_="plot")
    note = [tag("p", wanted.note, class_="note")] if wanted.note else []
    return tag("figure", tag("figcaption", tag("b", wanted.heading), *note), gauge, plot, class_="strip")


def shown(invocations: int) -> int:
    """How many columns a strip of so many invocations has."""
    return -(-invocations // _in_a_column(invocations))


def share_bar(parts: Mapping[str, Part], label: str) -> Element:
    """One lying bar, whole width, divided as `parts` are; each part's name is its title."""
    total = sum(part.amount for part in parts.values()) or 1.0
    pieces = [
        tag("i", class_=part.colour, style=f"width:{100 * part.amount / total:.2f}%", title=title)
        for title, part in parts.items()
        if part.amount
    ]
    return tag("div", *pieces, class_="share", role="img", aria_label=label)


def legend(entries: Sequence[tuple[str, str]]) -> Element:
    """What each colour stands for: names with their colour's class."""
    return tag("ul", *(tag("li", tag("i", class_=colour), name) for name, colour in entries), class_="legend")


def _column(column: Column, scale: float) -> Element:
    pieces = [
        tag("i", class_=part.colour, style=f"height:{100 * part.amount / scale:.2f}%")
        for part in column.parts
        if part.amount
    ]
    return tag("div", *pieces, class_="column", title=column.title)


def _gathered(columns: Sequence[Column]) -> Sequence[Column]:
    """At most _MOST_COLUMNS: of neighbours that share one, the highest is shown, so that no peak is hidden."""
    size = _in_a_column(len(columns))
    groups = [columns[start : start + size] for start in range(0, len(columns), size)]
    return [max(group, key=lambda column: column.amount) for group in groups]


def _in_a_column(invocations: int) -> int:
    return max(1, -(-invocations // _MOST_COLUMNS))
