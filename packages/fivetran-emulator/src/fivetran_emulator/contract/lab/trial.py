"""One experiment: a fresh practice source behind the fault layer, a clock that stands still, a new connection.

Everything about a trial is decided by its arguments and the practice source's rows, so it can be run again.
"""

from __future__ import annotations

import importlib
import io
import logging
import os
import traceback
import tracemalloc
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from fivetran_emulator.contract.check import Violation
from fivetran_emulator.contract.lab.connection import (
    Connection,
    LabReply,
    MemoryWarehouse,
    Sync,
    accepted_json,
)
from fivetran_emulator.contract.lab.faults import (
    Fault,
    FaultySource,
    PendingRequest,
    SourceRequest,
    asked_values,
)
from fivetran_emulator.contract.lab.network import Killed, Network
from fivetran_emulator.contract.lab.remembered import RememberedSource, SharedPractice, tables_of
from fivetran_emulator.contract.lab.source_tables import SourceTable, source_tables
from fivetran_emulator.contract.lab.virtual_time import VirtualTime
from fivetran_emulator.errors import PracticeError
from fivetran_emulator.practice.rows import Rows
from fivetran_emulator.practice.serving import Practice, load

__all__ = ["Function", "InProcess", "Platform", "Trial", "Trials", "trials_of"]

T = TypeVar("T")


class Trial:
    """A function, a source and Fivetran, with time and faults under control.

    `limits` are the environment a deployment would set, such as FIVETRAN_TIMEOUT_S; `failures` is as for `FaultySource`.
    """

    def __init__(
        self,
        function: Function,
        practice: Practice | SharedPractice,
        *,
        limits: Mapping[str, object] | None = None,
        time: VirtualTime | None = None,
        leave_alone: Collection[str] = (),
        placing: Callable[[], Collection[str]] | None = None,
        failures: list[str] | None = None,
    ) -> None:
        self.function = function
        self.limits = {name: str(value) for name, value in (limits or {}).items()}
        self.time = time or VirtualTime()
        self._remembered = RememberedSource(practice, self.time)
        self.source = FaultySource(self._remembered.answer, lambda: self.time.seconds, failures)
        self.network = Network(self.source, self.time)
        self._leave_alone = leave_alone
        self._placing = placing or (lambda: asked_values(self.source.requests))
        self.connection = self.connect()

    def connect(self, **secrets: Any) -> Connection:
        """A new connection to the same source, with some secrets replaced."""
        return Connection(self._call, {**self._remembered.secrets, **secrets})

    def _call(self, body: Mapping[str, Any]) -> tuple[LabReply, float, list[SourceRequest]]:
        began, asked = self.time.seconds, len(self.source.requests)
        with self.function.within(self.time, self.network):
            reply = self.function.call(body, self.limits)
        if self.network.failure is not None:
            raise self.network.failure
        if self.network.killed:
            reply = LabReply(0, b"", {}, reply.logs, reason=self._why_killed(asked))
        return reply, self.time.seconds - began, self.source.requests[asked:]

    def _why_killed(self, begun: int) -> str:
        """What an endless call did; empty for one that a fault has killed."""
        if not self.network.endless:
            return ""
        asked = self.source.requests[begun:]
        path, times = Counter(one.path for one in asked).most_common(1)[0]
        same = len({(one.query, one.content) for one in asked if one.path == path})
        return (
            f"one call asked the source {len(asked)} times and did not end: {times} of them were for {path},"
            f" {'always the same' if same == 1 else f'{same} different ones'}"
        )

    @property
    def rows(self) -> Mapping[str, Rows]:
        """The source's tables; empty for a source that does not let itself be changed."""
        return tables_of(self.practice)

    @property
    def practice(self) -> Practice:
        """The practice source, of which no other trial sees what this one changes."""
        return self._remembered.own

    def cap(self, rows: int) -> bool:
        """Let pages have at most so many rows; False for a source that cannot."""
        return self._remembered.cap(rows)

    def source_tables(self, warehouse: MemoryWarehouse) -> list[SourceTable]:
        """The tables whose source rows can be changed and found again in the warehouse."""
        rows = {name: rows for name, rows in self.rows.items() if name not in self._leave_alone}
        return source_tables(rows, warehouse, self._placing())

    def ask(self, like: SourceRequest, query: str) -> Any:
        """What the source answers to a request like that with another query, as JSON; None unless with status 200."""
        answer = self._remembered.ask(like, query)
        return accepted_json(answer.get_data()) if answer.status_code == 200 else None

    def at(self, number: int, fault: Fault) -> None:
        """Put a fault at one request to the source, counted from 1 over the whole trial."""
        self.source.fault = lambda asked: fault if asked.number == number else None

    def where(self, matches: Callable[[PendingRequest], bool], fault: Fault) -> None:
        """Put a fault at all requests that match."""
        self.source.fault = lambda asked: fault if matches(asked) else None

    def heal(self) -> None:
        """Take all faults away."""
        self.source.fault = lambda _asked: None
        self.source.before = lambda _number: None

    def fresh(self) -> MemoryWarehouse:
        """What a new connection gets of the source as it is now, in the usual limits: the truth to compare with.

        Raises Violation when its sync does not complete.
        """
        self.heal()
        connection, limits = self.connect(), self.limits
        self.limits = {}
        sync = connection.sync()
        self.limits = limits
        if not sync.complete:
            raise Violation(
                f"a new connection's sync fails: {sync.exchanges[-1].error or 'it does not end'}",
                expected="that it completes: nothing is wrong with the source at that moment",
                cause="a row of a form that the connector does not expect",
            )
        return connection.warehouse

    def quiet(self, connection: Connection, syncs: int) -> Iterator[Sync]:
        """Undisturbed syncs, one after the other."""
        self.heal()
        for _ in range(syncs):
            yield connection.sync()


class Trials:
    """Makes trials of one function, each with the source as practice.py has it, for a connector's own tests.

    The pytest plugin has them as the fixtures `trial` and, for more than one in a test, `new_trial`.
    """

    def __init__(self, main: Callable[..., Any], *, practice: Path) -> None:
        self._function = InProcess(main)
        self._practice = practice

    def __call__(self, source: Callable[..., Any] | None = None, /, **limits: object) -> Trial:
        """A new trial; limits are those of a deployment, such as answer_bytes=20_000.

        `source` is another application in the place of the practice source, opened by the same secrets.
        """
        practice = load(self._practice)
        named = {f"FIVETRAN_{name.upper()}": value for name, value in limits.items()}
        return Trial(self._function, replace(practice, source=source) if source else practice, limits=named)


def trials_of(folder: Path) -> Trials:
    """Those of the connector in a folder: its `main` and its practice.py. PracticeError where there is none or several."""
    modules = [path.parent.name for path in folder.glob("src/connector_*/__init__.py")]
    if len(modules) != 1:
        raise PracticeError(
            f"{folder}: a trial needs src/connector_NAME/__init__.py, once; there is {', '.join(modules) or 'none'}. "
            "Run pytest in a connector's folder, or make Trials(main, practice=...) yourself."
        )
    return Trials(importlib.import_module(modules[0]).main, practice=folder / "practice.py")


# The function under test, called in this process as Google's functions-framework would call it. Functions return dicts, tuples,
# text or Flask responses, and raise; what becomes of each is decided by Flask, so Flask it is.


@dataclass(frozen=True)
class Platform:
    """What a platform does otherwise than Google's functions do, as far as checks are concerned.

    `without` has, by the ids of checks, why they have no meaning there. `answer_seconds` is when an answer ends whatever a deployment
    sets. `names_syncs` is whether a connector gets a sync's id, `only_text` whether all its secrets are text,
    `fractions_as_text` whether those of undeclared columns arrive so, and `attacked_bytes` the memory that a hostile source may
    make it take.
    """

    without: Mapping[str, str] = field(default_factory=dict)
    answer_seconds: float | None = None
    names_syncs: bool = True
    only_text: bool = False
    fractions_as_text: bool = False
    attacked_bytes: int = 300_000_000


class Function(Protocol):
    """Anything that answers Fivetran's POST."""

    @property
    def platform(self) -> Platform:
        """Where it runs."""

    def peak(self, call: Callable[[], T]) -> tuple[T, int]:
        """What a call gives, and how many bytes of memory it has taken at the most."""

    def within(self, time: VirtualTime, network: Network) -> AbstractContextManager[None]:
        """Have this clock and this network where the function runs, for one call."""

    def call(self, body: Mapping[str, Any], environment: Mapping[str, str]) -> LabReply:
        """Send a request; `environment` has the limits a deployment would set."""


class InProcess:
    """A function of this process, `main(request)`."""

    platform: Platform = Platform()

    def __init__(self, main: Callable[..., Any]) -> None:
        from flask import Flask, request  # noqa: PLC0415 - whoever serves a function has it, the emulator need not

        app = Flask("contract")
        app.add_url_rule("/", "main", lambda: main(request), methods=["GET", "POST", "PUT", "DELETE"])
        self._app = app

    @contextmanager
    def within(self, time: VirtualTime, network: Network) -> Iterator[None]:
        """Have them in this process."""
        with time.active(), network.active():
            yield

    def peak(self, call: Callable[[], T]) -> tuple[T, int]:
        """Run it; memory is that of the whole process."""
        tracemalloc.start()
        try:
            return call(), tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    def call(self, body: Mapping[str, Any], environment: Mapping[str, str]) -> LabReply:
        """Post the body with these limits."""
        with _limits(environment), _written() as written:
            try:
                answer = self._app.test_client().post("/", json=body, errors_stream=io.StringIO())
            except Killed:
                return LabReply(0, b"", {}, written.getvalue())
        return LabReply(answer.status_code, answer.get_data(), dict(answer.headers), written.getvalue())


@contextmanager
def _limits(environment: Mapping[str, str]) -> Iterator[None]:
    before = {name: value for name, value in os.environ.items() if name.startswith("FIVETRAN_")}
    _replace(before, environment)
    try:
        yield
    finally:
        _replace(environment, before)


def _replace(old: Mapping[str, str], new: Mapping[str, str]) -> None:
    # mock.patch.dict copies all of the environment, which costs more than a call of a small function.
    for name in old.keys() - new.keys():
        os.environ.pop(name, None)
    os.environ.update(new)


@contextmanager
def _written() -> Iterator[io.StringIO]:
    """All that is printed or logged, tracebacks included."""
    written = io.StringIO()
    handler = _Lines(written)
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        with redirect_stdout(written), redirect_stderr(written):
            yield written
    finally:
        root.removeHandler(handler)


class _Lines(logging.Handler):
    def __init__(self, written: io.StringIO) -> None:
        super().__init__()
        self._written = written

    def emit(self, record: logging.LogRecord) -> None:
        self._written.write(record.getMessage() + "\n")
        if record.exc_info and record.exc_info[0]:
            self._written.write("".join(traceback.format_exception(*record.exc_info)))
