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

import duckdb
import requests

from fivetran_emulator.commands.call_options import function_of, payload_members, require_url, secrets_of
from fivetran_emulator.commands.second_reading import SecondReading
from fivetran_emulator.errors import EmulatorError, UsageError
from fivetran_emulator.protocol.function import GENERATIONS, Sender
from fivetran_emulator.protocol.rules import Rules
from fivetran_emulator.protocol.senders import (
    ComparingSender,
    FaultySender,
    RecordingSender,
    ReplayingSender,
    read_faults,
)
from fivetran_emulator.report.document import document
from fivetran_emulator.report.html import ReportPage, require_report_path
from fivetran_emulator.report.screen import Screen, console_for
from fivetran_emulator.secrets import Secrets
from fivetran_emulator.sync.loop import SyncClock, fixed_clock
from fivetran_emulator.sync.result import SyncResult
from fivetran_emulator.sync.run import SyncPlan, SyncRun
from fivetran_emulator.warehouse.database import open_warehouse, require_schema
from fivetran_emulator.warehouse.ledger import syncs_begun

__all__ = ["run_sync"]

_DIFFERS = 1
_PAUSED = 4
_INTERRUPTED = 130


def run_sync(options: argparse.Namespace) -> int:
    """Sync as `options` say (`cli.py` names them); the exit status."""
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
        second = SecondReading(function, secrets=self._secrets, rules=self._rules, members=members)
        found = second.compare(warehouse, report)
        report.findings.add(*found)
        self._differs = bool(found)

    def _validate(self) -> None:
        options = self._options
        if options.url is not None:
            require_url(options.url)
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
