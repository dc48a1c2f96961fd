"""A sync as one HTML page, the output of `--report FILE.html`: what `page.html` lays out, in the order it shows it.

The page loads nothing, says so to the browser in a policy, and has no script: it can be mailed, kept next to a build and
read without a network. Every value passes through the one place where secrets are hidden, and is then escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined

from fivetran_emulator.errors import EmulatorError, Finding, UsageError
from fivetran_emulator.protocol.function import PlatformLimits
from fivetran_emulator.report.figures import (
    Part,
    failed_calls,
    megabytes,
    plural,
    seconds,
    share,
    shortened,
    strips_of,
)
from fivetran_emulator.secrets import Secrets
from fivetran_emulator.sync.result import AcceptedAnswer, SyncResult
from fivetran_emulator.warehouse.ledger import LoadedTable
from fivetran_emulator.warehouse.merge import Counts

__all__ = ["ReportPage", "require_report_path"]

_MAX_OPEN_ROWS = 12
_VERDICTS = {
    "complete": ("good", "Complete"),
    "failed": ("bad", "Failed"),
    "interrupted": ("odd", "Interrupted"),
    "paused": ("odd", "Paused after six hours"),
    "running": ("odd", "Not finished"),
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
            strips=strips_of(report, self.limits) if report.accepted else [],
            figures=[_figures(one, self.limits) for one in report.accepted],
            figures_open=len(report.accepted) <= _MAX_OPEN_ROWS,
            failed_calls=failed_calls(report),
            tables=sorted(report.tables.values(), key=lambda table: (table.name not in report.counts, table.name)),
            changes=report.state_changes,
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


# The head: how the sync ended, in a sentence, and its figures, in tiles.


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
