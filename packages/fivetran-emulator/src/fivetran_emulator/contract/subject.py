"""What is tested: a function, its practice source, and what its author declares about the tables.

The undisturbed sync is run once and kept: almost every check compares with it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from fivetran_emulator.contract.check import Blocked, Check, NotRun, Violation
from fivetran_emulator.contract.lab.connection import (
    Connection,
    Difference,
    Exchange,
    Key,
    MemoryWarehouse,
    Sync,
    differences,
)
from fivetran_emulator.contract.lab.faults import asked_values
from fivetran_emulator.contract.lab.remembered import SharedPractice, shared_practice, tables_of
from fivetran_emulator.contract.lab.source_tables import source_tables
from fivetran_emulator.contract.lab.trial import Function, Trial
from fivetran_emulator.contract.lab.virtual_time import VirtualTime
from fivetran_emulator.contract.releases import Release, read
from fivetran_emulator.practice.serving import Practice, load
from fivetran_emulator.protocol.function import reported_invocation

__all__ = [
    "SMALLER_PAGES",
    "Clean",
    "Exemption",
    "NewConnection",
    "PracticeSubject",
    "Subject",
    "answered",
    "two_syncs",
]

SMALLER_PAGES = "whatever size the connector asks for: source.cap = 7"
"""What to write into practice.py; a `size=` there holds only where no size is asked for."""
_ENVELOPE = 600
"""Bytes of an answer beside its rows and its state: the schema, names, what is kept back."""
_ENOUGH_CALLS = 8
"""Calls of a sync that is cut: of more, the checks look at some only."""
_ENOUGH_PAGES, _SMALL_PAGE = (8, 12), 5
"""Pages of a list by which answers can be cut; the second number is for small rows, beside which the rest of an answer is large."""


@dataclass(frozen=True)
class Exemption:
    """A check that a connector may fail for now: its id, why, and the last day on which it may."""

    check: str
    reason: str
    until: date


@dataclass(frozen=True)
class Clean:
    """An undisturbed first sync, and a second one on the unchanged source."""

    connection: Connection
    first: Sync
    second: Sync
    state: Any
    """The state after the first sync."""
    warehouse: MemoryWarehouse
    """The warehouse after the first sync."""


class NewConnection(Protocol):
    """One experiment with a function: at least a new connection to it."""

    @property
    def connection(self) -> Connection:
        """The experiment's connection."""

    def connect(self) -> Connection:
        """One more connection, with an empty state."""


class Subject(Protocol):
    """What is there to look at of any function, wherever it runs: all that a check may ask that can be run remotely."""

    @property
    def clean_or_not(self) -> Clean:
        """Two syncs in a row that nothing disturbs, complete or not."""

    @property
    def clean(self) -> Clean:
        """The same. Raises Blocked when they are of no use, which C09 reports."""

    @property
    def observed(self) -> Sequence[Connection]:
        """The connections by which the form of answers is judged, first the undisturbed one."""

    def trial(self) -> NewConnection:
        """A new experiment."""


def two_syncs(connection: Connection) -> Clean:
    """Two syncs in a row on a new connection."""
    first = connection.sync()
    kept = connection.fork()
    return Clean(connection, first, connection.sync(), kept.state, kept.warehouse)


def answered(subject: Subject) -> list[Exchange]:
    """Every answered call of the connections that were observed, in order."""
    return [
        exchange for connection in subject.observed for exchange in connection.exchanges if exchange.answer
    ]


@dataclass
class PracticeSubject:
    """A connector with its practice source, under test.

    `practice` is the practice source, or the path of a practice.py, which is loaded for each trial. `keeps_deleted` names the
    tables that keep rows deleted at the source, with the reason. `commits_late` says by table how long after its
    timestamp a row may become visible at the source. `leave_alone` names the tables whose rows no check may change, with
    the reason. `selects` says which source rows the secrets select. `released` is the record of what earlier versions
    promised, `version` the present one.
    """

    function: Function
    practice: Callable[[], Practice] | Path
    keeps_deleted: Mapping[str, str] = field(default_factory=dict)
    commits_late: Mapping[str, timedelta | int] = field(default_factory=dict)
    leave_alone: Mapping[str, str] = field(default_factory=dict)
    selects: Callable[[str, Mapping[str, Any]], bool] = lambda _table, _row: True
    exempt: Sequence[Exemption] = ()
    released: Path | None = None
    version: str | None = None
    reports: bool = False
    """Whether checks beyond the protocol are reported and not failed."""
    shown: dict[str, Check] = field(default_factory=dict, repr=False)
    """What was seen by the checks that failed, with the first one that shows it."""
    failures: list[str] = field(default_factory=list, repr=False)
    """A sentence for each exception that practice.py itself has raised so far."""
    found: dict[str, Any] = field(default_factory=dict, repr=False)
    """What a check has found out once for all its runs, by name."""

    def trial(self, *, time: VirtualTime | None = None, **limits: object) -> Trial:
        """A new experiment with a source as practice.py has it."""
        named = {f"FIVETRAN_{name.upper()}": value for name, value in limits.items()}
        return Trial(
            self.function,
            self._shared or self._practice(),
            limits=named,
            time=time,
            leave_alone=self.leave_alone,
            placing=lambda: self.placing,
            failures=self.failures,
        )

    @property
    def _shared(self) -> SharedPractice | None:
        """What the trials after the undisturbed syncs share."""
        return self._alike if "clean_or_not" in vars(self) else None

    @cached_property
    def _alike(self) -> SharedPractice | None:
        connection = self.clean_or_not.connection
        asked = [asked for exchange in connection.exchanges for asked in exchange.asked]
        return shared_practice(self._practice, self._change_some, connection.secrets, asked)

    def _change_some(self, practice: Practice) -> None:
        rows = {name: rows for name, rows in tables_of(practice).items() if name not in self.leave_alone}
        for table in source_tables(rows, self.clean_or_not.warehouse, self.placing):
            there = table.rows()
            table.source.put(table.touched(there[0]))
            table.delete(there[-1])

    def _practice(self) -> Practice:
        return load(self.practice) if isinstance(self.practice, Path) else self.practice()

    @cached_property
    def placing(self) -> frozenset[str]:
        """The values by which the undisturbed syncs asked the source."""
        exchanges = self.clean_or_not.connection.exchanges
        return asked_values(asked for exchange in exchanges for asked in exchange.asked)

    @cached_property
    def clean_or_not(self) -> Clean:
        """The undisturbed syncs, complete or not."""
        return two_syncs(self.trial().connection)

    @property
    def endless(self) -> bool:
        """Whether a call of the undisturbed syncs is known to ask without an end: one more would, too."""
        clean: Clean | None = vars(self).get("clean_or_not")
        return clean is not None and any(
            one.killed and one.reply.reason for one in clean.connection.exchanges
        )

    @cached_property
    def releases(self) -> list[Release]:
        """What earlier versions promised, oldest first. Raises Violation for a record that cannot be read."""
        try:
            return read(self.released) if self.released else []
        except ValueError as error:
            raise Violation(
                str(error),
                expected="the file as --write-released writes it: take it back from git, or record the release again",
                cause="a merge, or an edit by hand",
            ) from None

    def require_known(self, declaration: str, tables: Iterable[str]) -> None:
        """Raise Violation for a declaration about tables that neither the source nor the connector has."""
        known = {*self.clean.warehouse.keys, *self.clean.warehouse.tables, *self.trial().rows}
        if unknown := sorted(set(tables) - known):
            raise Violation(
                f"{declaration} is about {', '.join(unknown)}, which is no table",
                expected=f"one of {', '.join(sorted(known))}",
                cause="a table that has another name by now: correct it in tests/test_contract.py",
            )

    @property
    def clean(self) -> Clean:
        """The undisturbed syncs. Raises Blocked when one of them does not complete, which C09 reports."""
        clean = self.clean_or_not
        if not (clean.first.complete and clean.second.complete and clean.warehouse.tables):
            raise Blocked("the undisturbed sync does not complete; see C09")
        return clean

    def differences(
        self,
        seen: MemoryWarehouse,
        expected: MemoryWarehouse,
        *,
        deleted: Mapping[str, Sequence[Key]] | None = None,
    ) -> list[Difference]:
        """How a warehouse differs from what it should be; rows deleted at the source may stay where that is declared.

        Of a table that the suite cannot find at the source, such as one of child rows, it does not know which those are.
        """
        removed = deleted or {}
        may_stay = {
            table: removed.get(table) if any(removed.values()) else () for table in self.keeps_deleted
        }
        return differences(seen, expected, may_stay=may_stay)

    @cached_property
    def observed(self) -> Sequence[Connection]:
        """Quiet syncs, syncs after changes at the source, and small answers: a form may break in any of them."""
        return [self.clean.connection, self._after_changes(), *self._in_small_answers()]

    def _after_changes(self) -> Connection:
        """Rows touched, removed, added and made again, each followed by a sync."""
        trial = self.trial()
        connection = trial.connection
        connection.sync()
        tables = trial.source_tables(connection.warehouse)
        rows = {table.name: table.rows() for table in tables}
        for table in tables:
            table.source.put(table.touched(rows[table.name][0]))
            table.source.put(table.another(rows[table.name][0]))
            table.delete(rows[table.name][-1])
        connection.sync()
        connection.sync()
        for table in tables:
            table.source.put(table.touched(rows[table.name][-1], mark="again"))
        connection.sync()
        return connection

    def _in_small_answers(self) -> list[Connection]:
        try:
            trial = self.roomy.trial(answer_bytes=self.roomy.smallest_answers)
        except NotRun:
            return []
        trial.connection.sync()
        return [trial.connection]

    @cached_property
    def smallest_answers(self) -> int:
        """The smallest FIVETRAN_ANSWER_BYTES with which the practice source still syncs, and ends as it does without a limit.

        Or one that cuts the sync into so many calls that more of them would show nothing new. With room for a state that grows a little later. Raises NotRun for a function that does not respect it, and for a source
        without enough rows.
        """
        size = self._answered_bytes
        if not self.has_room:
            raise NotRun(
                f"half of the practice rows are {size // 2:,} bytes, and a page with the state may take {self._page_bytes:,}: give"
                f" the tables of practice.py more rows, or smaller pages, {SMALLER_PAGES}"
            )
        half = self.with_answers_of(size // 2)
        if half.complete and len(half.exchanges) == len(self.clean.first.exchanges):
            raise NotRun("the function does not take the size of its answers from FIVETRAN_ANSWER_BYTES")
        if not half.complete:
            raise NotRun("the function cannot answer in halves; see C18")
        fits, fails, calls = size // 2, 256, len(half.exchanges)
        while fits - fails > max(256, size // 16) and calls < _ENOUGH_CALLS:
            middle = (fits + fails) // 2
            if made := self._calls_to_the_same_end(middle):
                fits, calls = middle, made
            else:
                fails = middle
        return min(size // 2, fits + self._state_bytes)

    @cached_property
    def declared_types(self) -> Mapping[str, Mapping[str, str]]:
        """What the function says of its columns, by table, when it is asked for a setup test. NotRun when they are too many."""
        reply = self.trial().connection.call(accept=False, setup_test=True).reply
        report = reported_invocation(reply.headers)
        if report.columns_left_out:
            raise NotRun("the function declares the types of more columns than its setup test can report")
        return report.columns

    @cached_property
    def roomy(self) -> PracticeSubject:
        """The same function with as many rows, in pages so small, that its answers can be cut: with copies where there are too few."""
        if self.has_room:
            return self
        few, many = _ENOUGH_PAGES
        rows = max(map(len, self.trial().rows.values()), default=0)
        copied = self._copied(few, max(_SMALL_PAGE, rows // few))
        return copied if copied.has_room else self._copied(many, _SMALL_PAGE)

    def _copied(self, pages: int, cap: int) -> PracticeSubject:
        return replace(self, practice=lambda: self._with_copies(pages * _SMALL_PAGE, cap), found={})

    @property
    def _answered_bytes(self) -> int:
        return sum(len(exchange.reply.body) for exchange in self.clean.first.exchanges)

    @property
    def _state_bytes(self) -> int:
        exchanges = [*self.clean.first.exchanges, *self.clean.second.exchanges]
        return max(len(json.dumps(exchange.answer.get("state"))) for exchange in exchanges)

    @property
    def _page_bytes(self) -> int:
        """What an answer has to hold at least: a page, whose rows may be longer than at the source, the state and the rest."""
        pages = [len(asked.body) for exchange in self.clean.first.exchanges for asked in exchange.asked]
        return max(pages, default=0) * 3 // 2 + 2 * self._state_bytes + _ENVELOPE

    @cached_property
    def has_room(self) -> bool:
        """Whether half of all rows are more than an answer has to hold at least."""
        return self._answered_bytes // 2 >= self._page_bytes

    def _with_copies(self, enough: int, cap: int) -> Practice:
        practice = self._practice()
        source: Any = practice.source
        rows = {
            name: rows for name, rows in getattr(source, "tables", {}).items() if name not in self.leave_alone
        }
        for table in source_tables(rows, self.clean.warehouse, self.placing):
            there = table.rows()
            for number in range(len(there), enough):
                table.source.put(table.copied(there[number % len(there)], number // len(there)))
        if hasattr(source, "cap"):
            source.cap = cap
        return practice

    def _calls_to_the_same_end(self, size: int) -> int:
        """The calls of a first sync in answers of at most so many bytes; 0 unless it leaves the state of an undisturbed one.

        It need not where an answer holds less than a page: the mark is then older, since the page is asked for again.
        """
        connection = self.trial(answer_bytes=size).connection
        alike = connection.sync().complete and connection.state == self.clean.state
        return len(connection.exchanges) if alike else 0

    def with_answers_of(self, size: int) -> Sync:
        """A first sync in answers of at most so many bytes."""
        return self.trial(answer_bytes=size).connection.sync()
