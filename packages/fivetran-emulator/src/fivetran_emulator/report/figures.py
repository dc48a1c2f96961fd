"""How a report shows numbers and values: in a few characters, and invocations as strips that lie under each other.

Three digits say how large something is; the exact figures are in the page's table. A strip has a column for each invocation, and
is scaled to its own highest one, since an answer of 200 kB would be invisible beside the limit.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fivetran_emulator.protocol.function import PlatformLimits
from fivetran_emulator.sync.result import AcceptedAnswer, SyncResult
from fivetran_emulator.warehouse.merge import Counts

__all__ = [
    "Column",
    "Part",
    "Strip",
    "failed_calls",
    "megabytes",
    "plural",
    "seconds",
    "share",
    "shortened",
    "strips_of",
]

_MAX_COLUMNS = 240
"""Beyond these, neighbouring invocations share a column: a thinner one could not be seen."""
_MAX_TABLES = 7
_MAX_TABLES_NAMED = 12
_CUTS = {
    "bytes": "the answer was full",
    "time": "its time was nearly over",
    "memory": "its memory was nearly used up",
    "wait": "it waited for the source, or would have, for longer than there was time",
    "failed": "the source failed after some rows had come",
}


def megabytes(size: float) -> str:
    """Bytes in the unit that leaves one to three digits before the point; a megabyte is 10**6 bytes."""
    if size < 1_000:
        return f"{size:.0f} bytes"
    if size < 1_000_000:
        return f"{size / 1e3:.3g} kB" if size < 999_500 else "1 MB"
    return f"{size / 1e6:,.3g} MB" if size < 999_500_000 else f"{size / 1e6:,.0f} MB"


def seconds(time: float) -> str:
    """Seconds, as milliseconds below one and as minutes or hours above ninety."""
    if time < 0.0005:
        return "0 s"
    if time < 1:
        return f"{time * 1e3:.0f} ms"
    if time < 90:
        return f"{time:.1f} s"
    return f"{time / 60:.1f} min" if time < 5_400 else f"{time / 3_600:.1f} h"


def share(part: float, whole: float) -> str:
    """A percentage without digits that mean nothing."""
    percent = 100 * part / whole
    return "below 1 %" if 0 < percent < 1 else f"{percent:.0f} %"


def plural(number: int, noun: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def shortened(value: str) -> str:
    """A value of the state as far as it says something: of packed ones only the size does."""
    if not value:
        return "(none)"
    if len(value) <= _LONGEST_VALUE:
        return value
    if re.fullmatch(r'"\S+"', value):
        return f"({len(value) - 2:,} characters)"
    return value[: _LONGEST_VALUE - 3] + "..."


@dataclass(frozen=True)
class Part:
    """A coloured piece of a column or a bar: its amount, the class that gives its colour, what is shown on pointing at it."""

    amount: float
    colour: str
    title: str = ""


@dataclass(frozen=True)
class Column:
    """One invocation in a strip, and what is shown when it is pointed at."""

    parts: Sequence[Part]
    title: str

    @property
    def amount(self) -> float:
        """The height of the whole column."""
        return sum(part.amount for part in self.parts)


@dataclass(frozen=True, kw_only=True)
class Strip:
    """A row of columns.

    `top` is the label of the highest one; `limit` is drawn when a column comes near it. `legend` has each colour's meaning.
    `marks` makes it a low strip of equal columns.
    """

    heading: str
    columns: Sequence[Column]
    top: str
    note: str = ""
    limit: float = 0.0
    limit_label: str = ""
    legend: Mapping[str, str]
    marks: bool = False

    @property
    def highest(self) -> float:
        """The height of its highest column."""
        return max((column.amount for column in self.columns), default=0.0) or 1.0

    @property
    def near(self) -> bool:
        """Whether a column comes near the limit."""
        return 0 < self.limit <= 4 * self.highest

    @property
    def scale(self) -> float:
        """What the whole height of the strip stands for."""
        return max(self.highest, self.limit) if self.near else self.highest

    @property
    def drawn(self) -> Sequence[Column]:
        """At most _MAX_COLUMNS: of neighbours that share one, the highest is shown, so that no peak is hidden."""
        size = max(1, -(-len(self.columns) // _MAX_COLUMNS))
        groups = [self.columns[start : start + size] for start in range(0, len(self.columns), size)]
        return [max(group, key=lambda column: column.amount) for group in groups]


def strips_of(report: SyncResult, limits: PlatformLimits) -> list[Strip]:
    """The strips of a sync with at least one accepted answer, in the order in which they lie under each other."""
    asked = any(one.invocation.requests is not None for one in report.accepted)
    cut = any(one.invocation.cut for one in report.accepted)
    return [
        _rows(report),
        _sizes(report, limits),
        _times(report, limits),
        *([_requests(report)] if asked else []),
        *([_cuts(report)] if cut else []),
    ]


def failed_calls(report: SyncResult) -> int:
    """1 when one more call was made, or was in progress, whose answer was not accepted."""
    return int(report.outcome in ("failed", "interrupted"))


def _rows(report: SyncResult) -> Strip:
    colours = _colours(report)
    columns = [Column(_of_tables(one, colours), _title(one)) for one in report.accepted]
    legend = {name: colour for name, colour in colours.items() if colour != "other"}
    if others := len(colours) - len(legend):
        legend[plural(others, "other table")] = "other"
    if failed_calls(report):
        legend[f"#{len(report.accepted) + 1}: {report.outcome}, nothing of it was accepted"] = "broken"
    top = f"{max(column.amount for column in columns):,.0f}"
    return Strip(heading="Rows", columns=columns, top=top, note="by table", legend=legend)


def _colours(report: SyncResult) -> dict[str, str]:
    """A class for each table with rows, the largest first; the small ones share one."""
    size = {name: _received(counts) for name, counts in report.counts.items() if _received(counts)}
    names = sorted(size, key=lambda name: (-size[name], name))
    return {name: f"t{place}" if place < _MAX_TABLES else "other" for place, name in enumerate(names)}


def _of_tables(one: AcceptedAnswer, colours: dict[str, str]) -> list[Part]:
    """A part for each table with a colour of its own, and one for all others together."""
    amounts: Counter[str] = Counter()
    for name, colour in colours.items():
        if name in one.tables:
            amounts[colour] += _received(one.tables[name])
    return [Part(amount, colour) for colour, amount in amounts.items()]


def _received(counts: Counts) -> int:
    return counts.inserted + counts.updated + counts.unchanged


def _sizes(report: SyncResult, limits: PlatformLimits) -> Strip:
    largest, limit = max(one.size for one in report.accepted), megabytes(limits.body_bytes)
    return Strip(
        heading="Size of the answer",
        columns=[Column([Part(one.size, "size")], _title(one)) for one in report.accepted],
        top=megabytes(largest),
        note=f"largest {megabytes(largest)}, {share(largest, limits.body_bytes)} of the {limit} allowed",
        limit=limits.body_bytes,
        limit_label=f"{limit} limit",
        legend={},
    )


def _times(report: SyncResult, limits: PlatformLimits) -> Strip:
    columns = [Column(_time_parts(one), _title(one)) for one in report.accepted]
    slowest, allowed = max(one.seconds for one in report.accepted), f"{limits.seconds:,.0f} s"
    used = {part.colour for column in columns for part in column.parts if part.amount}
    names = {"in the function": "function", "waiting for the source": "waited", "loading": "loading"}
    return Strip(
        heading="Time",
        columns=columns,
        top=seconds(max(column.amount for column in columns)),
        note=f"slowest {seconds(slowest)}, {share(slowest, limits.seconds)} of the {allowed} allowed",
        limit=limits.seconds,
        limit_label=f"{allowed} limit",
        legend={name: colour for name, colour in names.items() if colour in used},
    )


def _time_parts(one: AcceptedAnswer) -> list[Part]:
    waited = min(one.invocation.waited_seconds or 0.0, one.seconds)
    return [Part(one.seconds - waited, "function"), Part(waited, "waited"), Part(one.load_seconds, "loading")]


def _requests(report: SyncResult) -> Strip:
    columns = [Column(_request_parts(one), _title(one)) for one in report.accepted]
    retries = sum(one.invocation.retries or 0 for one in report.accepted)
    return Strip(
        heading="Requests to the source",
        columns=columns,
        top=f"{max(column.amount for column in columns):,.0f}",
        note=_retries(retries),
        legend={"first tries": "size", "retries": "waited"} if retries else {},
    )


def _request_parts(one: AcceptedAnswer) -> list[Part]:
    requests, retries = one.invocation.requests or 0, one.invocation.retries or 0
    return [Part(max(0, requests - retries), "size"), Part(retries, "waited")]


def _retries(retries: int) -> str:
    return {0: "no retry", 1: "1 retry"}.get(retries, f"{retries:,} retries")


def _cuts(report: SyncResult) -> Strip:
    """Why invocations ended early."""
    cuts = Counter(one.invocation.cut for one in report.accepted if one.invocation.cut)
    return Strip(
        heading="Why it stopped there",
        columns=[Column([Part(1, _cut_colour(one.invocation.cut))], _title(one)) for one in report.accepted],
        top="",
        note="marked where a limit cut it",
        legend={f"{_cut_meaning(cut)} ({times:,})": _cut_colour(cut) for cut, times in cuts.items()},
        marks=True,
    )


def _cut_meaning(cut: str) -> str:
    return f"{cut}: {_CUTS.get(cut, 'as the function says')}"


def _cut_colour(cut: str | None) -> str:
    if cut is None:
        return "uncut"
    return f"cut-{cut}" if cut in _CUTS else "cut-other"


def _title(one: AcceptedAnswer) -> str:
    """What is shown when a column is pointed at."""
    invocation = one.invocation
    received = {name: _received(counts) for name, counts in sorted(one.tables.items()) if _received(counts)}
    lines = [f"#{one.number}: {plural(one.rows, 'row')}, {megabytes(one.size)}, {seconds(one.seconds)}"]
    lines += [f"{name}: {rows:,}" for name, rows in received.items()][:_MAX_TABLES_NAMED]
    lines += [plural(one.deletes, "delete")] if one.deletes else []
    lines += (
        [f"{invocation.requests} requests, {_retries(invocation.retries or 0)}"]
        if invocation.requests is not None
        else []
    )
    lines += (
        [f"{seconds(invocation.waited_seconds)} waiting for the source"] if invocation.waited_seconds else []
    )
    lines += (
        [f"cut: {invocation.cut} ({_CUTS.get(invocation.cut, 'as the function says')})"]
        if invocation.cut
        else []
    )
    return "\n".join([*lines, "hasMore" if one.has_more else "the last answer"])


_LONGEST_VALUE = 48
