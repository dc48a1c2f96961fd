"""The command `sync`: from its options to an exit status, with everything said on the way.

A newcomer would let an exception end the process. Whatever is foreseeable ends in a line of text and a status; a traceback
means a mistake in the emulator. A second Ctrl-C must not break the record of the first, so it is ignored.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO
from urllib.parse import urlsplit

import duckdb
import requests
from rich.console import Console

from fivetran_emulator.clock import Clock
from fivetran_emulator.document import document
from fivetran_emulator.errors import EmulatorError, UsageError
from fivetran_emulator.function import GENERATIONS, Function
from fivetran_emulator.report import SyncReport
from fivetran_emulator.screen import Screen
from fivetran_emulator.secrets import Secrets, read_secrets
from fivetran_emulator.sync import Sync
from fivetran_emulator.warehouse import open_warehouse, refuse_schema

__all__ = ["SyncOptions", "run_sync"]

_INTERRUPTED = 130
_PIPE_WIDTH = 1_000


@dataclass(frozen=True, kw_only=True)
class SyncOptions:
    """What was asked for on the command line."""

    url: str
    secrets: Path | None
    warehouse: Path
    schema: str
    generation: int
    sync_id: str
    json: bool
    quiet: bool


def run_sync(options: SyncOptions) -> int:
    """Sync as `options` say; the exit status."""
    return _Command(options).run()


class _Command:
    """One run of the command. What is known of the sync is kept as it goes, for whatever ends it."""

    def __init__(self, options: SyncOptions) -> None:
        self._options = options
        self._secrets = Secrets()
        self._report: SyncReport | None = None
        self._show(self._secrets)

    def _show(self, secrets: Secrets) -> None:
        quiet = self._options.quiet or self._options.json
        self._secrets = secrets
        self._screen = Screen(_console(sys.stdout), secrets, quiet=quiet)
        self._errors = Screen(_console(sys.stderr), secrets, quiet=quiet)

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
        self._tell(error, status)
        return status

    def _sync(self) -> None:
        _refuse_url(self._options.url)
        refuse_schema(self._options.warehouse, self._options.schema)
        if self._options.secrets is not None:
            self._show(read_secrets(self._options.secrets))
        with open_warehouse(self._options.warehouse) as warehouse, requests.Session() as session:
            sync = self._prepare(warehouse, session)
            self._report = sync.report
            try:
                sync.run()
            except (EmulatorError, KeyboardInterrupt) as error:
                with _interrupts_ignored():
                    sync.give_up(error)
                raise

    def _prepare(self, warehouse: duckdb.DuckDBPyConnection, session: requests.Session) -> Sync:
        clock = Clock()
        limits = GENERATIONS[self._options.generation]
        function = Function(self._options.url, session=session, limits=limits, elapsed=clock.elapsed)
        return Sync(
            function,
            warehouse,
            path=str(self._options.warehouse),
            schema=self._options.schema,
            secrets=self._secrets,
            sync_id=self._options.sync_id,
            clock=clock,
            watcher=self._screen,
        )

    def _tell(self, error: EmulatorError | None, status: int) -> None:
        self._screen.stop_waiting()
        if self._options.json:
            print(document(self._report, error, self._secrets))
        elif error is not None:
            self._errors.failed(self._report, error)
        elif status == _INTERRUPTED:
            self._errors.interrupted(self._report)
        elif self._report is not None:
            self._screen.finished(self._report)


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _console(file: TextIO) -> Console:
    """A console as wide as the terminal, or wide enough for anything in a pipe."""
    console = Console(file=file, highlight=False)
    return console if console.is_terminal else Console(file=file, highlight=False, width=_PIPE_WIDTH)


def _refuse_url(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"--url {url} is no http address", hint="For example: --url http://127.0.0.1:8080")
