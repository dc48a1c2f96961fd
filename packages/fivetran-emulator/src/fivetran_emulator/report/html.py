"""A sync as one HTML page, the output of `--report FILE.html`: what `page.html` lays out, in the order it shows it.

The page loads nothing, says so to the browser in a policy, and has no script: it can be mailed, kept next to a build and
read without a network. Every value passes through the one place where secrets are hidden, and is then escaped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined

from fivetran_emulator.errors import EmulatorError, UsageError
from fivetran_emulator.protocol.findings import Finding
from fivetran_emulator.protocol.function import PlatformLimits
from fivetran_emulator.report.changes import shortened, state_changes
from fivetran_emulator.secrets import Secrets
from fivetran_emulator.sync.result import AcceptedAnswer, SyncResult
from fivetran_emulator.warehouse.ledger import LoadedTable
from fivetran_emulator.warehouse.merge import Counts

__all__ = ["ReportPage", "require_report_path"]

_MAX_COLUMNS = 240
"""Beyond these, neighbouring invocations share a column: a thinner one could not be seen."""
_MAX_TABLES = 7
_MAX_OPEN_ROWS = 12
_MAX_TABLES_NAMED = 12
_VERDICTS = {
    "complete": ("good", "Complete"),
    "failed": ("bad", "Failed"),
    "interrupted": ("odd", "Interrupted"),
    "paused": ("odd", "Paused after six hours"),
    "running": ("odd", "Not finished"),
}
_CUTS = {
    "bytes": "the answer was full",
    "time": "its time was nearly over",
    "memory": "its memory was nearly used up",
    "wait": "it waited for the source, or would have, for longer than there was time",
    "failed": "the source failed after some rows had come",
}
_CHANGES = ("inserted", "updated", "unchanged", "deleted")


@dataclass(frozen=True, kw_only=True)
class ReportPage:
    """What the page is made of. `error` is what ended the sync, if anything did; `limits` are those it ran under."""

    report: SyncResult
    error: EmulatorError | None
    limits: PlatformLimits
    secrets: Secrets

    def html(self) -> str:
        """The whole page. Secrets are hidden in it."""
        report = self.report
        return _environment(self.secrets).get_template("page.html").render(
            report=report,
            error=self.error,
            verdict=_VERDICTS.get(report.outcome, ("odd", report.outcome)),
            sentence=_sentence(report),
            connector=_connector(report),
            tiles=[_changed(report), _taken(report), _largest(report, self.limits), _requested(report)],
            findings=report.findings.counted(),
            warnings=_by_remedy(report.findings.counted()),
            strips=_strips(report, self.limits) if report.accepted else [],
            figures=[_figures(one, self.limits) for one in report.accepted],
            figures_open=len(report.accepted) <= _MAX_OPEN_ROWS,
            failed_calls=_failed_calls(report),
            tables=sorted(report.tables.values(), key=lambda table: (table.name not in report.counts, table.name)),
            changes=state_changes(report.state_before, report.state),
            change_colours={change: change for change in _CHANGES},
        )  # fmt: skip

    def write(self, path: Path) -> None:
        """Write the page to `path`. Raises UsageError when that cannot be done."""
        try:
            path.write_text(self.html(), encoding="utf-8")
        except OSError as error:
            problem = f"--report {path} cannot be written: {error.strerror}"
            raise UsageError(problem, hint="The sync itself is not touched by this.") from error


def require_report_path(path: Path) -> None:
    """Raises UsageError unless a report can be written to `path`; asked before a sync that may take hours."""
    if path.is_dir():
        raise UsageError(f"--report {path} is a folder", hint="Name a file in it, such as report.html.")
    if not path.parent.is_dir():
        raise UsageError(f"--report {path}: there is no folder {path.parent}", hint="Make the folder first.")


def _environment(secrets: Secrets) -> Environment:
    def redact(value: object) -> object:
        # What a macro returns is HTML, whose parts came through here one by one.
        return value if hasattr(value, "__html__") else secrets.redact(str(value))

    environment = Environment(
        loader=PackageLoader("fivetran_emulator", "report"),
        autoescape=True,
        finalize=redact,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "indented": lambda state: msgspec.json.format(state, indent=2),
        "megabytes": megabytes,
        "parts": _change_parts,
        "percent": lambda amount, whole: f"{100 * amount / whole if whole else 0:.2f}%",
        "plural": plural,
        "shortened": shortened,
        "types": _types,
    }
    return environment


# Numbers as a reader takes them in: three digits say how large something is; the exact figures are in the table below.


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


# The head: how the sync ended, in a sentence, and its figures, in tiles.


@dataclass(frozen=True)
class Part:
    """A coloured piece of a column or a bar: its amount, the class that gives its colour, what is shown on pointing at it."""

    amount: float
    colour: str
    title: str = ""


@dataclass(frozen=True)
class Tile:
    """A figure with its name, the bar below it and what `bar` means, and the lines below that."""

    figure: str
    name: str
    lines: Sequence[str]
    bar: str = ""
    parts: Sequence[Part] = ()


def _connector(report: SyncResult) -> str:
    found = next((accepted.invocation for accepted in report.accepted if accepted.invocation.connector), None)
    return f"{found.connector} {found.version or ''}".strip() if found is not None else ""


def _sentence(report: SyncResult) -> str:
    rows = plural(sum(accepted.rows for accepted in report.accepted), "row")
    calls = plural(len(report.accepted), "invocation")
    if report.outcome == "complete":
        return f"{rows} for {plural(len(report.counts), 'table')} in {calls}, {seconds(report.seconds)}"
    if not report.accepted:
        return "before any answer was accepted: tables and state are as they were"
    return f"after {calls} with {rows}; these and their state are kept, the next sync goes on from there"


def _changed(report: SyncResult) -> Tile:
    total = sum(report.counts.values(), Counts())
    parts = _change_parts(total)
    changed = total.inserted + total.updated + total.deleted
    return Tile(f"{changed:,}", "rows changed", _named(parts), "what became of the rows", parts)


def _change_parts(counts: Counts) -> list[Part]:
    amounts = (counts.inserted, counts.updated, counts.unchanged, counts.deleted)
    return [Part(n, change, f"{n:,} {change}") for n, change in zip(amounts, _CHANGES, strict=True)]


def _taken(report: SyncResult) -> Tile:
    waited = sum(accepted.invocation.waited_seconds or 0 for accepted in report.accepted)
    function = max(0, sum(accepted.seconds for accepted in report.accepted) - waited)
    loading = sum(accepted.load_seconds for accepted in report.accepted)
    parts = [
        Part(function, "function", f"{seconds(function)} in the function"),
        Part(waited, "waited", f"{seconds(waited)} of it waiting for the source"),
        Part(loading, "loading", f"{seconds(loading)} loading"),
    ]
    return Tile(seconds(report.seconds), "taken", _named(parts), "where the time went", parts)


def _largest(report: SyncResult, limits: PlatformLimits) -> Tile:
    size = max((accepted.size for accepted in report.accepted), default=0)
    slow = max((accepted.seconds for accepted in report.accepted), default=0.0)
    parts = [
        Part(size, "size", "used"),
        Part(max(0, limits.body_bytes - size), "unchanged", "left"),
    ]
    lines = [
        f"{share(size, limits.body_bytes)} of the {megabytes(limits.body_bytes)} the platform lets through",
        f"slowest: {seconds(slow)} of {limits.seconds:,.0f} s",
    ]
    return Tile(megabytes(size), "largest answer", lines, "largest answer against the limit", parts)


def _requested(report: SyncResult) -> Tile:
    known = [accepted.invocation for accepted in report.accepted if accepted.invocation.requests is not None]
    if not known:
        return Tile("unknown", "requests to the source", ["this function does not report them"])
    requests, retries = sum(one.requests or 0 for one in known), sum(one.retries or 0 for one in known)
    parts = [
        Part(max(0, requests - retries), "size", "requests"),
        Part(retries, "waited", "retries"),
    ]
    lines = [
        f"{retries:,} of them again" if retries == 1 else f"{retries:,} of them retries",
        f"{seconds(sum(one.waited_seconds or 0 for one in known))} waited",
    ]
    return Tile(f"{requests:,}", "requests to the source", lines, "requests and retries", parts)


def _named(parts: Iterable[Part]) -> list[str]:
    return [part.title for part in parts if part.amount]


def _by_remedy(counted: Iterable[tuple[Finding, int]]) -> dict[tuple[str, str], list[tuple[str, int]]]:
    """The text of each finding and how often it was made, by code and hint: those with one remedy share a card."""
    cards: dict[tuple[str, str], list[tuple[str, int]]] = {}
    for finding, times in counted:
        cards.setdefault((finding.code, finding.hint), []).append((finding.text, times))
    return cards


# The invocations in pictures: strips that lie under each other, with one column for each invocation. A strip is scaled to
# its own highest column, since an answer of 200 kB would be invisible beside the limit.


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


def _failed_calls(report: SyncResult) -> int:
    """1 when one more call was made, or was in progress, whose answer was not accepted."""
    return int(report.outcome in ("failed", "interrupted"))


def _strips(report: SyncResult, limits: PlatformLimits) -> list[Strip]:
    asked = any(one.invocation.requests is not None for one in report.accepted)
    cut = any(one.invocation.cut for one in report.accepted)
    return [
        _rows(report),
        _sizes(report, limits),
        _times(report, limits),
        *([_requests(report)] if asked else []),
        *([_cuts(report)] if cut else []),
    ]


def _rows(report: SyncResult) -> Strip:
    colours = _colours(report)
    columns = [Column(_of_tables(one, colours), _title(one)) for one in report.accepted]
    legend = {name: colour for name, colour in colours.items() if colour != "other"}
    if others := len(colours) - len(legend):
        legend[plural(others, "other table")] = "other"
    if _failed_calls(report):
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


def _figures(one: AcceptedAnswer, limits: PlatformLimits) -> dict[str, str]:
    """Every figure of an invocation by its heading."""
    invocation = one.invocation
    return {
        "#": f"{one.number}",
        "rows": f"{one.rows:,}",
        "deletes": f"{one.deletes:,}",
        "size": megabytes(one.size),
        "of limit": share(one.size, limits.body_bytes),
        "function": seconds(one.seconds),
        "loading": seconds(one.load_seconds),
        "requests": "" if invocation.requests is None else f"{invocation.requests:,}",
        "retries": "" if invocation.retries is None else f"{invocation.retries:,}",
        "waited": "" if invocation.waited_seconds is None else seconds(invocation.waited_seconds),
        "cut": invocation.cut or "",
        "hasMore": "yes" if one.has_more else "no",
    }


# The tables. A column may be made and widened within one sync, so it is shown with every type it had.


@dataclass(frozen=True)
class ColumnTypes:
    """A column with the types it had, in order, each with the invocation that brought it; None when before the sync."""

    name: str
    in_key: bool
    steps: Sequence[tuple[str, int | None]]

    @property
    def widened(self) -> bool:
        """Whether its type changed in this sync."""
        return len(self.steps) > 1


def _types(table: LoadedTable, report: SyncResult) -> list[ColumnTypes]:
    """The columns of a table, those of its key first."""
    names = sorted(table.columns, key=lambda name: name not in table.key)
    return [ColumnTypes(name, name in table.key, _steps(report, table.name, name)) for name in names]


def _steps(report: SyncResult, table: str, column: str) -> list[tuple[str, int | None]]:
    before = report.tables_before.get(table)
    shapes: list[tuple[int | None, LoadedTable]] = [(None, before)] if before is not None else []
    steps: list[tuple[str, int | None]] = []
    for invocation, shape in [*shapes, *((n, t) for n, t in report.shapes if t.name == table)]:
        kind = shape.columns.get(column)
        if kind is not None and (not steps or steps[-1][0] != kind.sql):
            steps.append((kind.sql, invocation))
    return steps
