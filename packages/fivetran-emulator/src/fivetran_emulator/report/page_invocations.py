"""The invocations of a sync in pictures: rows, sizes, seconds, requests and cuts, one column for each invocation.

A newcomer would scale sizes to the limit. An answer of 200 kB would be a line nobody sees; a strip is scaled to its own
highest column, and the limit is drawn once a column comes near it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from fivetran_emulator.protocol.function import Limits
from fivetran_emulator.report.figures import Accepted, SyncReport
from fivetran_emulator.report.page_charts import Column, Part, Strip, legend, shown, strip
from fivetran_emulator.report.page_markup import Element, tag
from fivetran_emulator.report.page_numbers import megabytes, plural, seconds, share
from fivetran_emulator.warehouse.merge import Counts

__all__ = ["invocations"]

_MOST_TABLES = 7
_OPEN_ROWS = 12
_CUTS = {
    "bytes": "the answer was full",
    "time": "its time was nearly over",
    "memory": "its memory was nearly used up",
    "wait": "the source asked for a longer pause than there was time",
    "failed": "the source failed after some rows had come",
}


def invocations(report: SyncReport, limits: Limits) -> list[Element]:
    """The section with the strips and, below them, every figure in a table; nothing when no answer was accepted."""
    if not report.accepted:
        return []
    strips = [
        *_rows(report),
        _strip(report, _sizes(report, limits)),
        *_times(report, limits),
        *_requests(report),
        *_cuts(report),
    ]
    heading = tag("h2", f"Invocations ({len(report.accepted):,})")
    pictures = tag("div", *strips, _axis(report), class_="card strips", style=f"--columns:{_columns(report)}")
    return [tag("section", heading, pictures, _figures(report, limits))]


def _columns(report: SyncReport) -> int:
    return shown(len(report.accepted)) + _was_broken_off(report)


def _was_broken_off(report: SyncReport) -> bool:
    """True when one more call was made, or under way, whose answer was not accepted."""
    return report.outcome in ("failed", "interrupted")


def _strip(report: SyncReport, wanted: Strip) -> Element:
    """The strip, with an empty place for the call that was broken off."""
    if not _was_broken_off(report):
        return strip(wanted)
    return strip(replace(wanted, broken=f"#{len(report.accepted) + 1}: nothing of it was accepted"))


def _rows(report: SyncReport) -> list[Element]:
    colours = _colours(report)
    columns = [Column(_of_tables(one, colours), _title(one)) for one in report.accepted]
    highest = max(column.amount for column in columns)
    entries = [(name, colour) for name, colour in colours.items() if colour != "other"]
    if "other" in colours.values():
        entries.append((plural(sum(c == "other" for c in colours.values()), "other table"), "other"))
    if _was_broken_off(report):
        entries.append(
            (f"#{len(report.accepted) + 1}: {report.outcome}, nothing of it was accepted", "broken")
        )
    wanted = Strip(heading="Rows", columns=columns, top=f"{highest:,.0f}", note="by table")
    return [_strip(report, wanted), legend(entries)]


def _colours(report: SyncReport) -> dict[str, str]:
    """A class for each table with rows, the largest first; the small ones share one."""
    size = {name: _received(counts) for name, counts in report.counts.items() if _received(counts)}
    names = sorted(size, key=lambda name: (-size[name], name))
    return {name: f"t{place}" if place < _MOST_TABLES else "other" for place, name in enumerate(names)}


def _of_tables(one: Accepted, colours: dict[str, str]) -> list[Part]:
    """A part for each table with a colour of its own, and one for all others together."""
    amounts: dict[str, int] = {}
    for name, colour in colours.items():
        if name in one.tables:
            amounts[colour] = amounts.get(colour, 0) + _received(one.tables[name])
    return [Part(amount, colour) for colour, amount in amounts.items()]


def _received(counts: Counts) -> int:
    return counts.inserted + counts.updated + counts.unchanged


def _sizes(report: SyncReport, limits: Limits) -> Strip:
    sizes = [one.size for one in report.accepted]
    limit = megabytes(limits.body_bytes)
    return Strip(
        heading="Size of the answer",
        columns=[Column([Part(one.size, "size")], _title(one)) for one in report.accepted],
        top=megabytes(max(sizes)),
        note=f"largest {megabytes(max(sizes))}, {share(max(sizes), limits.body_bytes)} of the {limit} allowed",
        limit=limits.body_bytes,
        limit_label=f"{limit} limit",
    )


def _times(report: SyncReport, limits: Limits) -> list[Element]:
    columns = [Column(_time_parts(one), _title(one)) for one in report.accepted]
    slowest = max(one.seconds for one in report.accepted)
    note = (
        f"slowest {seconds(slowest)}, {share(slowest, limits.seconds)} of the {limits.seconds:,.0f} s allowed"
    )
    wanted = Strip(
        heading="Time",
        columns=columns,
        top=seconds(max(column.amount for column in columns)),
        note=note,
        limit=limits.seconds,
        limit_label=f"{limits.seconds:,.0f} s limit",
    )
    used = {part.colour for column in columns for part in column.parts if part.amount}
    names = [("in the function", "function"), ("waiting for the source", "waited"), ("loading", "loading")]
    return [_strip(report, wanted), legend([(name, colour) for name, colour in names if colour in used])]


def _time_parts(one: Accepted) -> list[Part]:
    waited = min(one.told.waited_seconds or 0.0, one.seconds)
    return [Part(one.seconds - waited, "function"), Part(waited, "waited"), Part(one.load_seconds, "loading")]


def _requests(report: SyncReport) -> list[Element]:
    """Nothing when the function does not tell of its requests."""
    if all(one.told.requests is None for one in report.accepted):
        return []
    columns = [Column(_request_parts(one), _title(one)) for one in report.accepted]
    retries = sum(one.told.retries or 0 for one in report.accepted)
    highest = max(column.amount for column in columns)
    wanted = Strip(
        heading="Requests to the source", columns=columns, top=f"{highest:,.0f}", note=_retries(retries)
    )
    return [
        _strip(report, wanted),
        *([legend([("first tries", "size"), ("retries", "waited")])] if retries else []),
    ]


def _request_parts(one: Accepted) -> list[Part]:
    requests, retries = one.told.requests or 0, one.told.retries or 0
    return [Part(max(0, requests - retries), "size"), Part(retries, "waited")]


def _retries(retries: int) -> str:
    return {0: "no retry", 1: "1 retry"}.get(retries, f"{retries:,} retries")


def _cuts(report: SyncReport) -> list[Element]:
    """Why invocations ended early, as a row of marks; nothing when none says that it did."""
    cuts = Counter(one.told.cut for one in report.accepted if one.told.cut)
    if not cuts:
        return []
    columns = [Column([Part(1, _cut_colour(one.told.cut))], _title(one)) for one in report.accepted]
    wanted = Strip(
        heading="Why it stopped there", columns=columns, top="", note="marked where a limit cut it"
    )
    names = [
        (f"{cut}: {_CUTS.get(cut, 'as the function says')} ({times:,})", _cut_colour(cut))
        for cut, times in cuts.items()
    ]
    return [tag("div", _strip(report, wanted), class_="marks"), legend(names)]


def _cut_colour(cut: str | None) -> str:
    if cut is None:
        return "uncut"
    return f"cut-{cut}" if cut in _CUTS else "cut-other"


def _axis(report: SyncReport) -> Element:
    last = report.accepted[-1].number + _was_broken_off(report)
    ends = [tag("span", "#1")] + ([tag("span", f"#{last}")] if last > 1 else [])
    return tag("div", *ends, class_="axis")


def _title(one: Accepted) -> str:
    """What is said when a column is pointed at."""
    told = one.told
    lines = [f"#{one.number}: {plural(one.rows, 'row')}, {megabytes(one.size)}, {seconds(one.seconds)}"]
    lines += [
        f"{name}: {_received(counts):,}" for name, counts in sorted(one.tables.items()) if _received(counts)
    ][:12]
    lines += [plural(one.deletes, "delete")] if one.deletes else []
    lines += [f"{told.requests} requests, {_retries(told.retries or 0)}"] if told.requests is not None else []
    lines += [f"{seconds(told.waited_seconds)} waiting for the source"] if told.waited_seconds else []
    lines += [f"cut: {told.cut} ({_CUTS.get(told.cut, 'as the function says')})"] if told.cut else []
    return "\n".join([*lines, "hasMore" if one.has_more else "the last answer"])


def _figures(report: SyncReport, limits: Limits) -> Element:
    names = (
        "#",
        "rows",
        "deletes",
        "size",
        "of limit",
        "function",
        "loading",
        "requests",
        "retries",
        "waited",
        "cut",
        "hasMore",
    )
    titles = tag("tr", *(tag("th", name, scope="col") for name in names))
    rows = [tag("tr", *(tag("td", cell) for cell in _cells(one, limits))) for one in report.accepted]
    table = tag("table", tag("thead", titles), tag("tbody", *rows), class_="figures")
    opened = "" if len(rows) <= _OPEN_ROWS else None
    return tag(
        "details",
        tag("summary", "Every invocation in figures"),
        tag("div", table, class_="scroll"),
        open=opened,
    )


def _cells(one: Accepted, limits: Limits) -> Iterable[str]:
    told = one.told
    yield from (
        f"{one.number}",
        f"{one.rows:,}",
        f"{one.deletes:,}",
        megabytes(one.size),
        share(one.size, limits.body_bytes),
    )
    yield from (seconds(one.seconds), seconds(one.load_seconds))
    yield from ("" if value is None else f"{value:,}" for value in (told.requests, told.retries))
    yield "" if told.waited_seconds is None else seconds(told.waited_seconds)
    yield from (told.cut or "", "yes" if one.has_more else "no")
