"""The commands `sync` and `resync`: from their options to an exit status, with everything said on the way.

Whatever is foreseeable ends in a line of text and a status; a traceback means a mistake in the emulator. A second Ctrl-C
must not break the record of the first, so it is ignored.
"""

from __future__ import annotations

import argparse
import signal
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import requests

from fivetran_emulator.commands.call_options import function_of, payload_members, secrets_of, url_of
from fivetran_emulator.errors import EmulatorError, Finding, FunctionError, UsageError, WarehouseError
from fivetran_emulator.protocol.function import GENERATIONS, Sender
from fivetran_emulator.protocol.rules import Rules
from fivetran_emulator.protocol.senders import (
    ComparingSender,
    FaultySender,
    RecordingSender,
    ReplayingSender,
    read_faults,
)
from fivetran_emulator.report.html import ReportPage, require_report_path
from fivetran_emulator.report.screen import Screen, console_for
from fivetran_emulator.secrets import Secrets
from fivetran_emulator.sync.left_out import key_differences
from fivetran_emulator.sync.loop import SyncClock, fixed_clock
from fivetran_emulator.sync.result import AcceptedAnswer, SyncResult, document
from fivetran_emulator.sync.run import SyncPlan, SyncRun
from fivetran_emulator.warehouse.database import is_interrupt, open_warehouse, require_schema, transaction
from fivetran_emulator.warehouse.ledger import Ledger, LoadedTable, syncs_begun

__all__ = ["run_sync"]

_ATTACHED = "fivetran_emulator_second_reading"
_DIFFERS = 1
_PAUSED = 4
_INTERRUPTED = 130


def run_sync(options: argparse.Namespace) -> int:
    """Sync as `options` say (`__main__.py` names them); the exit status."""
    return _Command(
        options, Rules(**{rule.name: getattr(options, rule.name) for rule in fields(Rules)})
    ).run()


class _Command:
    """One run of the command. What is known of the sync is kept as it goes, for whatever ends it."""

    def __init__(self, options: argparse.Namespace, rules: Rules) -> None:
        self._options, self._rules = options, rules
        self._fixed = bool(options.deterministic or options.record or options.replay)
        self._report: SyncResult | None = None
        self._differs = False
        self._show(Secrets())

    def _show(self, secrets: Secrets) -> None:
        quiet = self._options.quiet or self._options.json
        self._secrets = secrets
        self._screen = Screen(console_for(sys.stdout), secrets, quiet=quiet)
        self._errors = Screen(console_for(sys.stderr), secrets, quiet=quiet)

    def run(self) -> int:
        """The exit status, after everything has been said."""
        error: EmulatorError | None = None
        status = 0
        try:
            self._sync()
        except EmulatorError as problem:
            error, status = problem, problem.exit_status
        except KeyboardInterrupt:
            status = _INTERRUPTED
        if (unwritten := self._write_page(error)) is not None and status == 0:
            error, status = unwritten, unwritten.exit_status
        self._print(error, status)
        if self._differs and status == 0:
            status = _DIFFERS
        paused = self._report is not None and self._report.outcome == "paused"
        return _PAUSED if paused and status == 0 else status

    def _sync(self) -> None:
        options = self._options
        self._validate()
        self._show(secrets_of(options))
        faults, members = read_faults(options.fault), payload_members(options)
        with open_warehouse(options.warehouse) as warehouse, requests.Session() as session:
            nth = syncs_begun(warehouse, options.schema) + 1
            clock = fixed_clock(nth) if self._fixed else SyncClock()
            plan = SyncPlan(
                schema=options.schema,
                path=str(options.warehouse),
                sync_id=self._sync_id(nth),
                rules=self._rules,
                resync=options.command == "resync",
                members=members,
                repeat={fault.number for fault in faults if fault.kind == "repeat"},
                source=options.source,
                overlapping=not options.one_at_a_time,
            )
            function = FaultySender(self._sender(session), faults)
            sync = SyncRun(
                function, warehouse, plan, secrets=self._secrets, clock=clock, observer=self._screen
            )
            self._run(sync)
            if options.verify and sync.result.outcome == "complete":
                self._verify(warehouse, sync.result, function_of(options, session), members)

    def _run(self, sync: SyncRun) -> None:
        self._report = sync.result
        try:
            sync.run()
        except (EmulatorError, KeyboardInterrupt) as error:
            with _interrupts_ignored():
                sync.give_up(error)
            raise

    def _verify(
        self,
        warehouse: duckdb.DuckDBPyConnection,
        report: SyncResult,
        function: Sender,
        members: Mapping[str, object],
    ) -> None:
        self._screen.say("verifying: everything is read a second time, from an empty state")
        second = _SecondReading(
            function,
            secrets=self._secrets,
            rules=self._rules,
            members=members,
            overlapping=not self._options.one_at_a_time,
        )
        found = second.compare(warehouse, report)
        report.findings.add(*found)
        self._differs = bool(found)

    def _validate(self) -> None:
        options = self._options
        if options.url is not None:
            options.url = url_of(options)
        elif options.replay is None:
            raise UsageError("there is no --url", hint="For example: --url http://127.0.0.1:8080")
        if options.record is not None and options.replay is not None:
            raise UsageError(
                "--record and --replay exclude each other", hint="Compare first, then record again."
            )
        if options.verify and options.url is None:
            raise UsageError("--verify has nothing to call", hint="Give the function's address with --url.")
        require_schema(options.warehouse, options.schema)
        if options.report is not None:
            require_report_path(options.report)

    def _write_page(self, error: EmulatorError | None) -> EmulatorError | None:
        """Write the page for --report; what kept it from being written."""
        if self._options.report is None or self._report is None:
            return None
        limits = GENERATIONS[self._options.generation]
        page = ReportPage(report=self._report, error=error, limits=limits, secrets=self._secrets)
        try:
            page.write(self._options.report)
        except EmulatorError as problem:
            return problem
        return None

    def _sender(self, session: requests.Session) -> Sender:
        options = self._options
        if options.url is None:
            return ReplayingSender(options.replay)
        function = function_of(options, session)
        if options.record is not None:
            return RecordingSender(function, options.record, self._secrets)
        if options.replay is not None:
            return ComparingSender(function, options.replay, self._secrets)
        return function

    def _sync_id(self, nth: int) -> str:
        if self._options.sync_id is not None:
            return str(self._options.sync_id)
        return str(uuid.UUID(int=nth) if self._fixed else uuid.uuid4())

    def _print(self, error: EmulatorError | None, status: int) -> None:
        self._screen.stop_waiting()
        if self._options.json:
            print(document(self._report, error, self._secrets))
        elif error is not None:
            self._errors.failed(self._report, error)
        elif status == _INTERRUPTED:
            self._errors.interrupted(self._report)
        elif self._report is not None:
            self._screen.finished(self._report)
            self._print_recording()
            if self._options.verify and self._report.outcome == "complete":
                self._screen.say(
                    "verify: a second reading has other keys, see the warnings"
                    if self._differs
                    else "verified: a second reading has the same keys in every keyed table"
                )

    def _print_recording(self) -> None:
        options = self._options
        if options.record is not None:
            self._screen.say(f"recorded in {options.record}; --replay {options.record} compares with it")
        elif options.replay is not None and options.url is not None:
            self._screen.say(f"every call was as recorded in {options.replay}")


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


# `--verify`. A sync goes on from the state, and does not ask again for what the state says was read. So the second reading begins
# with an empty state and asks for everything, into a file that is thrown away.


class _Silent:
    """Shows nothing of the second reading."""

    def started(self, report: SyncResult) -> None:
        """Nothing is shown."""

    def call_started(self, number: int) -> None:
        """Nothing is shown."""

    def accepted(self, accepted: AcceptedAnswer) -> None:
        """Nothing is shown."""


class _SecondReading:
    """A sync of the same function from an empty state. It leaves nothing behind."""

    def __init__(
        self,
        function: Sender,
        *,
        secrets: Secrets,
        rules: Rules,
        members: Mapping[str, object],
        overlapping: bool,
    ) -> None:
        self._function, self._secrets = function, secrets
        self._rules, self._members, self._overlapping = rules, members, overlapping

    def compare(self, warehouse: duckdb.DuckDBPyConnection, report: SyncResult) -> list[Finding]:
        """A finding for each keyed table whose keys differ from those that `report`'s sync left in `warehouse`.

        They are kept with that sync's warnings. Raises FunctionError when the second reading fails, WarehouseError when its file
        cannot be used.
        """
        with TemporaryDirectory(prefix="second-reading-") as folder:
            # No schema can have this name, and a schema of the file's name could not be distinguished from it.
            file = Path(folder) / f"{uuid.uuid4()}.duckdb"
            tables = self._read(file, report.schema)
            try:
                with _attached(warehouse, file):
                    found = list(key_differences(warehouse, report.schema, report.tables, tables, _ATTACHED))
            except (duckdb.Error, RuntimeError) as error:
                if is_interrupt(error):
                    raise KeyboardInterrupt from error
                raise WarehouseError(f"the two readings cannot be compared: {error}") from error
        with transaction(warehouse):
            Ledger(warehouse, report.schema).warn(
                report.sync_id, [(finding, 1) for finding in found], redact=self._secrets.redact
            )
        return found

    def _read(self, file: Path, schema: str) -> Mapping[str, LoadedTable]:
        with open_warehouse(file) as scratch:
            plan = SyncPlan(
                schema=schema,
                path=str(file),
                sync_id=str(uuid.uuid4()),
                rules=self._rules,
                members=self._members,
                overlapping=self._overlapping,
            )
            sync = SyncRun(
                self._function, scratch, plan, secrets=self._secrets, clock=SyncClock(), observer=_Silent()
            )
            try:
                sync.run()
            except FunctionError as error:
                problems = [f"the second reading failed: {problem}" for problem in error.problems]
                raise type(error)(*problems, details=error.details, hint=error.hint) from error
            if sync.result.outcome != "complete":
                raise FunctionError("the second reading did not end within six hours")
            return sync.result.tables


@contextmanager
def _attached(warehouse: duckdb.DuckDBPyConnection, file: Path) -> Iterator[None]:
    place = str(file).replace("'", "''")
    warehouse.execute(f"ATTACH '{place}' AS {_ATTACHED} (READ_ONLY)")
    try:
        yield
    finally:
        warehouse.execute(f"DETACH {_ATTACHED}")
