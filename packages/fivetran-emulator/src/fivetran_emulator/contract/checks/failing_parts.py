"""C33: one part of the source fails, for as long as it likes.

A newcomer would let it fail once. What a sync may read must not depend on how the sync before it ended, so it fails in
two syncs in a row, in every way a source fails, with and without a sync_id, and the other tables change meanwhile.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from fivetran_emulator.contract.check import check
from fivetran_emulator.contract.checks.changing import compare, settle, spread
from fivetran_emulator.contract.faults import Fault, hang, status
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
    whole: set[str] = set()
    others = [how for how in FAILURES if how != "answers HTTP 500"]
    for number, place in enumerate(spread(_MAX_PATHS, len(paths))):
        path = paths[place - 1]
        others_arrive = _refuse_harm(subject, _Failing(path, "answers HTTP 500", sends_id=True))
        whole |= others_arrive
        for turn in range(2 if len(paths) <= len(others) else 1):
            how = others[(number + 2 * turn) % len(others)]
            failing = _Failing(path, how, sends_id=bool((number + turn) % 2))
            _refuse_harm(subject, failing, expected=others_arrive)
    if len(paths) <= _MAX_PATHS and (missing := sorted(set(clean.warehouse.tables) - whole)):
        raise Violation(
            f"whichever part of the source fails, {', '.join(missing)} never arrives whole",
            expected="each table arrives while another part fails",
            cause="the first failure ends the call before the other tables are read",
            reproduce=[f"one of {', '.join(paths)} always answers HTTP 500"],
        )


def _refuse_harm(subject: Subject, failing: _Failing, expected: Collection[str] = ()) -> set[str]:
    """The tables that arrive although the path fails. Raises Violation when something is lost by it.

    `expected` are those that do when the path fails in another way.
    """
    clean = subject.clean
    trial = subject.trial()
    failing.begin(trial)
    trial.connection.most_calls = _MAX_CALLS
    sync = trial.connection.sync()
    warehouse = trial.connection.warehouse
    here = {table for table, rows in clean.warehouse.tables.items() if warehouse.tables.get(table) == rows}
    if starved := sorted(set(expected) - here):
        raise Violation(
            f"while {failing.path} fails, {', '.join(starved)} never arrives",
            expected="the other tables' rows, and then the error",
            cause="the failing table is read first in each call, and takes all its time",
            reproduce=[f"{failing} all the time"],
        )
    if sync.complete and here != set(clean.warehouse.tables):
        raise Violation(
            f"with {failing.path} failing the sync is complete, without {sorted(set(clean.warehouse.tables) - here)}",
            expected="an error, after the other tables have arrived",
            cause="an exception that is caught and forgotten",
            reproduce=[f"{failing} all the time"],
        )
    _refuse_starved(subject, trial, failing, here)
    settle(trial, trial.connection, 2)
    compare(
        subject,
        warehouse,
        trial.fresh(),
        cause="one cursor or flag for several tables: the failing one's rows are taken for sent",
        reproduce=[f"{failing} during three syncs, and is well again in the next two"],
    )
    return here


def _refuse_starved(subject: Subject, trial: Trial, failing: _Failing, tables: Collection[str]) -> None:
    """In the syncs after the first one, too, the other tables' changes arrive."""
    changed = {}
    for table in trial.living(subject.clean.warehouse):
        if table.name in tables:
            row = table.touched(table.rows()[0])
            table.source.put(row)
            changed[table.name] = (table, row)
    for _ in range(2):
        trial.connection.sync()
    for name, (table, row) in changed.items():
        column = table.text_column
        arrived = trial.connection.warehouse.tables[name].get(table.key_of(row), {})
        if column and arrived.get(column) != row[column]:
            raise Violation(
                f"while {failing.path} fails, a change in {name} does not arrive in two syncs, although"
                " all its rows arrived in the first one",
                expected="what a sync reads does not depend on how the one before it ended",
                cause="a guard against endless failures that compares with the sync before, or the failing table is"
                " read first and takes all the time",
                reproduce=[f"{failing} all the time; sync, change a row of {name}, sync twice"],
            )


CHECKS = [isolation]
