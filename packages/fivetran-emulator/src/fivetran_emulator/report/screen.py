"""A sync for a person to read: lines as it goes, then tables, state, warnings, and how to look at the data.

There is one layout for a terminal and for a pipe; on a terminal rich adds colour and a
line that shows what is being waited for, and wraps between words. Nothing is ever cut to the width of a pipe, and what is
meant to be copied is one line everywhere.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from fivetran_emulator.errors import EmulatorError, Finding, ReportedError
from fivetran_emulator.report.figures import shortened
from fivetran_emulator.secrets import Secrets
from fivetran_emulator.sync.result import AcceptedAnswer, SyncResult
from fivetran_emulator.warehouse.database import quoted
from fivetran_emulator.warehouse.merge import Counts

__all__ = ["Screen", "console_for"]

_MAX_CHANGES = 12
_PIPE_WIDTH = 1_000
_NARROW = 100
"""Up to so many columns of a terminal, those of a table stand closer."""
_SHORTEST_NAME = 12


def console_for(file: TextIO) -> Console:
    """A console as wide as the terminal, or wide enough for anything in a pipe."""
    console = Console(file=file, highlight=False)
    return console if console.is_terminal else Console(file=file, highlight=False, width=_PIPE_WIDTH)


def _query_command() -> str:
    """How whoever ran this can ask the warehouse; a tool that runs it for them says so in FIVETRAN_EMULATOR_QUERY."""
    if command := os.environ.get("FIVETRAN_EMULATOR_QUERY"):
        return command
    program = Path(sys.argv[0])
    if program.name != "fivetran-emulator":
        return f"{shlex.quote(_near(Path(sys.executable)))} -m fivetran_emulator query"
    found = shutil.which(program.name)
    on_path = found is not None and Path(found).resolve() == program.resolve()
    return f"{program.name if on_path else shlex.quote(_near(program))} query"


def _near(path: Path) -> str:
    """The path as seen from here, where it lies below."""
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would leave a virtual environment
    return str(absolute.relative_to(Path.cwd())) if absolute.is_relative_to(Path.cwd()) else str(absolute)


class Screen:
    """Writes to `console` what a sync does; secrets in anything a function said are hidden. `quiet` leaves warnings only."""

    def __init__(self, console: Console, secrets: Secrets, *, quiet: bool = False) -> None:
        self._console = console
        self._secrets = secrets
        self._quiet = quiet
        self._waiting: Progress | None = None

    def started(self, report: SyncResult) -> None:
        """The headline, and what this sync goes on from."""
        first = "first sync" if report.state_before == "{}" else "from the last state"
        first = "re-sync from an empty state" if report.resync and report.state_before == "{}" else first
        self._line(
            f"sync {report.url} -> {report.warehouse}, schema {report.schema} ({first}, sync_id {report.sync_id})",
            "bold",
        )
        if report.resuming:
            self._line(f"resuming: {report.resuming}; going on from the last accepted state", "yellow")

    def call_started(self, number: int) -> None:
        """A spinner with the seconds waited, on a terminal."""
        if self._quiet or not self._console.is_terminal:
            return
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        self._waiting = Progress(*columns, console=self._console, transient=True)
        self._waiting.add_task(f"#{number} waiting for the function")
        self._waiting.start()

    def accepted(self, accepted: AcceptedAnswer) -> None:
        """One line for an invocation."""
        self.stop_waiting()
        self._line(_invocation(accepted))

    def stop_waiting(self) -> None:
        """Take the spinner away."""
        if self._waiting is not None:
            self._waiting.stop()
            self._waiting = None

    def finished(self, report: SyncResult) -> None:
        """Tables, state, warnings and the last line of a sync that did not fail."""
        self._tables(report)
        self._missing_once(report)
        self._state(report)
        self.warnings(report)
        self._line("")
        self._line(_summary(report), "bold")
        if not self._quiet:
            self._copied(_look(report))

    def failed(self, report: SyncResult | None, error: EmulatorError) -> None:
        """What went wrong and what to do, after whatever was shown so far."""
        self.stop_waiting()
        if report is not None:
            self._tables(report)
            self.warnings(report)
        self.show_error(error)
        if report is not None:
            self._always(f"  {_kept(report)}")

    def show_error(self, error: EmulatorError) -> None:
        """Every problem, what the function said of it, and what to do; behind a stack trace, where one looks first."""
        is_trace = isinstance(error, ReportedError)
        if is_trace:
            self._details(_without_ours(error.details))
        for problem in error.problems:
            self._always(f"error: {problem}", "bold red")
        if not is_trace:
            self._details(error.details)
        if error.hint:
            self._always(f"  -> {error.hint}")

    def _details(self, lines: Iterable[str]) -> None:
        for line in lines:
            self._always(f"    {line.rstrip()}")

    def interrupted(self, report: SyncResult | None) -> None:
        """One line about what was kept."""
        self.stop_waiting()
        self._always(
            f"interrupted: {_kept(report)}" if report else "interrupted: nothing was begun", "yellow"
        )

    def warnings(self, report: SyncResult) -> None:
        """Every finding of a sync with its hint."""
        self.show_findings(report.findings.counted())

    def show_findings(self, counted: Iterable[tuple[Finding, int]]) -> None:
        """Each finding with the times it was met, and what to do."""
        for finding, times in counted:
            often = f" ({times} times)" if times > 1 else ""
            self._always(f"warning: {finding.text}{often}", "bold yellow")
            self._always(f"  -> {finding.hint}")

    def _tables(self, report: SyncResult) -> None:
        if self._quiet:
            return
        if report.counts:
            self._counts(report)
        if report.absent:
            self._line("")
            self._line(f"no rows, so no table: {', '.join(sorted(report.absent))}")

    def _counts(self, report: SyncResult) -> None:
        gap = 3 if self._console.width > _NARROW else 2
        headings = ("sent", "inserted", "updated", "unchanged", "deleted", "rows now")
        rows = {
            name: _cells(counts, report.rows_now.get(name, 0))
            for name, counts in sorted(report.counts.items())
        }
        numbers = (max(map(len, column)) + gap for column in zip(headings, *rows.values(), strict=True))
        room = max(self._console.width - sum(numbers) - gap, _SHORTEST_NAME)
        table = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style="bold")
        table.add_column("table", no_wrap=True)
        for heading in headings:
            table.add_column(heading, justify="right", no_wrap=True)
        for name, cells in rows.items():
            table.add_row(Text(_in_pieces(name, room)), *cells)
        self._console.print()
        self._console.print(table)

    def _missing_once(self, report: SyncResult) -> None:
        if report.missing_once:
            self._line("")
        for name, rows in sorted(report.missing_once.items()):
            are = "rows of {name} were" if rows > 1 else "row of {name} was"
            self._line(
                f"{rows:,} {are.format(name=name)} missing once; deleted when the next reading misses {'them' if rows > 1 else 'it'} too"
            )

    def _state(self, report: SyncResult) -> None:
        changes = report.state_changes
        self._line("")
        self._line("state" if changes else "state: as before", "bold")
        for change in changes[:_MAX_CHANGES]:
            self._line(f"  {change.path}: {shortened(change.before)} -> {shortened(change.after)}")
        if len(changes) > _MAX_CHANGES:
            self._line(f"  and {len(changes) - _MAX_CHANGES} more")

    def redacted(self, text: str) -> str:
        """A text without secrets."""
        return self._secrets.redact(text)

    def say(self, text: str, style: str = "") -> None:
        """One line, unless only warnings and errors are wanted."""
        self._line(text, style)

    def _line(self, text: str, style: str = "") -> None:
        if not self._quiet:
            self._always(text, style)

    def _always(self, text: str, style: str = "") -> None:
        shown = self._secrets.redact(text)
        if self._console.is_terminal:
            shown = _wrapped(shown, self._console.width)
        self._console.print(Text(shown, style=style), soft_wrap=True)

    def _copied(self, text: str) -> None:
        """One line however long it is, since a break within would be copied with it."""
        self._console.print(Text(self._secrets.redact(text)), soft_wrap=True)


def _wrapped(text: str, width: int) -> str:
    """`text` in lines of whole words, those after the first of each of its own lines set in a little deeper."""
    return "\n".join(
        textwrap.fill(
            line,
            width,
            subsequent_indent=" " * (len(line) - len(line.lstrip()) + 2),
            break_long_words=False,
            break_on_hyphens=False,
            replace_whitespace=False,
        )
        for line in text.split("\n")
    )


def _in_pieces(name: str, width: int) -> str:
    """A name in lines of at most `width`, broken after an underscore where there is one."""
    if len(name) <= width:
        return name
    place = name.rfind("_", 0, width) + 1 or width
    return f"{name[:place]}\n{_in_pieces(name[place:], width)}"


def _invocation(accepted: AcceptedAnswer) -> str:
    invocation = accepted.invocation
    deletes = f"  {accepted.deletes:,} deletes" if accepted.deletes else ""
    retries = f" ({invocation.retries} retried)" if invocation.retries else ""
    requests = f"  {invocation.requests:,} requests{retries}" if invocation.requests is not None else ""
    cut = f" cut={invocation.cut}" if invocation.cut else ""
    return (
        f"#{accepted.number:<3} {'hasMore' if accepted.has_more else 'done':<7}{cut}  {accepted.rows:>9,} rows{deletes}"
        f"  {accepted.size / 1e6:6.2f} MB  {accepted.seconds:6.2f} s{requests}"
    )


def _cells(counts: Counts, rows: int) -> tuple[str, ...]:
    shown = (counts.sent, counts.inserted, counts.updated, counts.unchanged, counts.deleted, rows)
    return tuple(f"{number:,}" for number in shown)


def _summary(report: SyncResult) -> str:
    total = sum(report.counts.values(), Counts())
    calls = f"{len(report.accepted)} invocation{'s' if len(report.accepted) != 1 else ''}"
    end = {"paused": "not complete: six hours are over, the next sync goes on from here; stopped"}.get(
        report.outcome, report.outcome
    )
    if total.inserted or total.updated or total.deleted:
        what = f"{total.inserted:,} inserted, {total.updated:,} updated, {total.deleted:,} deleted"
    else:
        what = f"nothing changed, {total.unchanged:,} rows came again with the same content"
    waited = sum(accepted.seconds for accepted in report.accepted)
    return f"{end} in {report.seconds:.1f} s ({waited:.1f} s in the function), {calls}: {what}"


def _look(report: SyncResult) -> str:
    table = next((name for name, rows in sorted(report.rows_now.items()) if rows), None)
    if table is None:
        return "no row yet"
    path = Path(report.warehouse)
    at = "" if _near(path) == "warehouse.duckdb" else f" --warehouse {shlex.quote(_near(path))}"
    return f"look at it: {_query_command()}{at} {shlex.quote(f'FROM {_sql(report.schema)}.{_sql(table)} LIMIT 10')}"


def _sql(name: str) -> str:
    """An identifier, quoted only where it must be: it is to be typed again."""
    return name if re.fullmatch(r"[a-z_][a-z_0-9]*", name) else quoted(name)


def _kept(report: SyncResult) -> str:
    if not report.accepted:
        return "no answer was accepted: tables and state are as before"
    rows = sum(accepted.rows for accepted in report.accepted)
    answers = "1 accepted answer" if len(report.accepted) == 1 else f"{len(report.accepted)} accepted answers"
    return f"{answers} with {rows:,} rows and their state are kept; run the same command to go on from there"


def _without_ours(trace: Iterable[str]) -> list[str]:
    """The lines of a stack trace but for the frames between the host and the author's code: the runtime's and this package's."""
    text = "\n".join(entry.rstrip() for entry in trace)
    return re.sub(_OUR_FRAME, "", text).splitlines()


_OUR_FRAME = r'(?m)^  File "[^"\n]*/(fivetran_runtime|fivetran_emulator)/[^"\n]*", line .*\n(?: {4}.*\n)*'
