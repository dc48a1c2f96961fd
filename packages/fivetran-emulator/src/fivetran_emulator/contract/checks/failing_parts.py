"""C33: one part of the source fails, for as long as it likes.

A newcomer would let it fail once. What a sync may read must not depend on how the sync before it ended, so it fails in
two syncs in a row, in every way a source fails, with and without a sync_id, and the other tables change meanwhile.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from fivetran_emulator.contract.check import check
from fivetran_emulator.contract.checks.changing import QUIET_SYNCS, compare, spread
from fivetran_emulator.contract.faults import Fault, hang, status
from fivetran_emulator.contract.living_tables import LivingTable, Row
from fivetran_emulator.contract.memory_warehouse import MemoryWarehouse
from fivetran_emulator.contract.subject import Subject
from fivetran_emulator.contract.trial import Trial
from fivetran_emulator.contract.violation import NotRun, Violation

__all__ = ["CHECKS", "FAILURES"]

FAILURES: Mapping[str, Fault] = {
    "answers HTTP 500": status(500),
    "answers HTTP 503": status(503),
    "answers HTTP 404": status(404),
    "answers HTTP 429 with Retry-After: 3600": status(429, retry_after="3600"),
    "never answers": hang,
}
_MAX_PATHS = 6
_MAX_CALLS = 30
_FAILING_SYNCS = 2
"""After the first one, until what changed meanwhile has arrived."""


@dataclass(frozen=True)
class _Failing:
    """A path that fails, how, and whether the requests have a sync_id."""

    path: str
    how: str
    sends_id: bool

    def __str__(self) -> str:
        return f"{self.path} {self.how}{'' if self.sends_id else ', and no request has a sync_id'}"

    def begin(self, trial: Trial) -> None:
        trial.connection.sends_id = self.sends_id
        trial.where(lambda asked: asked.request.path == self.path, FAILURES[self.how])


@check("C33", "a table that fails harms no other", risk="lose the other tables when one fails")
def isolation(subject: Subject) -> None:
    """While one part of the source fails, syncs fail, the other parts' tables and changes arrive, and then its own do."""
    clean = subject.clean
    paths = sorted({asked.path for exchange in clean.first.exchanges for asked in exchange.asked})
    if len(paths) < 2 or len(clean.warehouse.tables) < 2:
        raise NotRun("the source has one part only, so nothing could fail on its own")
    parts, whole = _Parts(subject), set[str]()
    others = [how for how in FAILURES if how != "answers HTTP 500"]
    for number, place in enumerate(spread(_MAX_PATHS, len(paths))):
        path = paths[place - 1]
        _trial, others_arrive = parts.arriving(_Failing(path, "answers HTTP 500", sends_id=True))
        whole |= others_arrive
        for turn in range(2 if len(paths) <= len(others) else 1):
            how = others[(number + 2 * turn) % len(others)]
            failing = _Failing(path, how, sends_id=bool((number + turn) % 2))
            parts.refuse_harm(failing, expected=others_arrive)
    if len(paths) <= _MAX_PATHS and (missing := sorted(set(clean.warehouse.tables) - whole)):
        raise Violation(
            f"whichever part of the source fails, {', '.join(missing)} never arrives whole",
            expected="each table arrives while another part fails",
            cause="the first failure ends the call before the other tables are read",
            reproduce=[f"one of {', '.join(paths)} always answers HTTP 500"],
        )


@dataclass
class _Parts:
    """What the failures of the parts of one source are put to; `truths` are the source's rows by the tables that changed."""

    subject: Subject
    truths: dict[frozenset[str], MemoryWarehouse] = field(default_factory=dict)

    def arriving(self, failing: _Failing, expected: Collection[str] = ()) -> tuple[Trial, set[str]]:
        """A first sync, and the tables that arrive in it although the path fails. Raises Violation when one has to and does not.

        `expected` are those that do when the path fails in another way.
        """
        trial = self.subject.trial()
        failing.begin(trial)
        trial.connection.most_calls = _MAX_CALLS
        sync = trial.connection.sync()
        here = self._arrived(trial)
        _refuse_missing(
            failing, here, self.subject.clean.warehouse.tables.keys(), expected, complete=sync.complete
        )
        return trial, here

    def refuse_harm(self, failing: _Failing, expected: Collection[str]) -> None:
        """Raise Violation when anything is lost in several syncs during which the path fails, or after them."""
        trial, here = self.arriving(failing, expected)
        touched = _touch(trial.living(self.subject.clean.warehouse), here)
        _refuse_starved(trial, failing, touched)
        self._refuse_lost(trial, failing, frozenset(table.name for table, _row in touched))

    def _arrived(self, trial: Trial) -> set[str]:
        """The tables whose every row is in the warehouse."""
        tables = trial.connection.warehouse.tables
        return {
            name for name, rows in self.subject.clean.warehouse.tables.items() if tables.get(name) == rows
        }

    def _refuse_lost(self, trial: Trial, failing: _Failing, changed: frozenset[str]) -> None:
        """Once the part is well again, two quiet syncs bring everything; the second only where it is needed."""
        connection = trial.connection
        truth = self.truths.get(changed) or self.truths.setdefault(changed, trial.fresh())
        for _sync in trial.quiet(connection, QUIET_SYNCS):
            if not self.subject.differences(connection.warehouse, truth):
                return
        compare(
            self.subject,
            connection.warehouse,
            truth,
            cause="one cursor or flag for several tables: the failing one's rows are taken for sent",
            reproduce=[f"{failing} for some syncs, and is well again in the next two"],
        )


def _refuse_missing(
    failing: _Failing,
    here: Collection[str],
    tables: Collection[str],
    expected: Collection[str],
    *,
    complete: bool,
) -> None:
    if starved := sorted(set(expected) - set(here)):
        raise Violation(
            f"while {failing.path} fails, {', '.join(starved)} never arrives",
            expected="the other tables' rows, and then the error",
            cause="the failing table is read first in each call, and takes all its time",
            reproduce=[f"{failing} all the time"],
        )
    if complete and (missing := sorted(set(tables) - set(here))):
        raise Violation(
            f"with {failing.path} failing the sync is complete, without {missing}",
            expected="an error, after the other tables have arrived",
            cause="an exception that is caught and forgotten",
            reproduce=[f"{failing} all the time"],
        )


def _touch(tables: Iterable[LivingTable], here: Collection[str]) -> list[tuple[LivingTable, Row]]:
    """A row of each table that has arrived, changed at the source."""
    touched = [(table, table.touched(table.rows()[0])) for table in tables if table.name in here]
    for table, row in touched:
        table.source.put(row)
    return touched


def _refuse_starved(trial: Trial, failing: _Failing, touched: Sequence[tuple[LivingTable, Row]]) -> None:
    """In the syncs after the first one, too, the other tables' changes arrive."""
    missing: list[str] = []
    for _ in range(_FAILING_SYNCS):
        trial.connection.sync()
        missing = [table.name for table, row in touched if not _has_arrived(trial, table, row)]
        if not missing:
            return
    raise Violation(
        f"while {failing.path} fails, a change in {', '.join(missing)} does not arrive in {_FAILING_SYNCS} syncs, although"
        " all its rows arrived in the first one",
        expected="what a sync reads does not depend on how the one before it ended",
        cause="a guard against endless failures that compares with the sync before, or the failing table is"
        " read first and takes all the time",
        reproduce=[
            f"{failing} all the time; sync, change a row of {missing[0]}, sync {_FAILING_SYNCS} times"
        ],
    )


def _has_arrived(trial: Trial, table: LivingTable, row: Row) -> bool:
    column = table.text_column
    arrived = trial.connection.warehouse.tables[table.name].get(table.key_of(row), {})
    return column is None or arrived.get(column) == row[column]


CHECKS = [isolation]
