"""C33: one part of the source fails, for as long as it likes.

What a sync may read must not depend on how the sync before it ended. So the part fails in two syncs in a row, in every
way in which a source fails, with and without a sync_id; the other tables change meanwhile.

C59, C60: a secret that is wrong.

A source that refuses everything with 401 is C45. Here the source is well and the key is not the right one,
which most sources answer with a refusal.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from fivetran_emulator.contract.check import NotRun, Violation, check, counted
from fivetran_emulator.contract.comparing import QUIET_SYNCS, compare, settle, shown, spread
from fivetran_emulator.contract.lab.connection import MemoryWarehouse
from fivetran_emulator.contract.lab.faults import FAILURES
from fivetran_emulator.contract.lab.secret_forms import NONE_MARKED, marked_secrets, with_wrong_keys
from fivetran_emulator.contract.lab.source_tables import Row, SourceTable
from fivetran_emulator.contract.lab.trial import Trial
from fivetran_emulator.contract.subject import PracticeSubject

__all__ = ["CHECKS"]

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
def isolation(subject: PracticeSubject) -> None:
    """While one part of the source fails, syncs fail, the other parts' tables and changes arrive, and then its own do."""
    clean = subject.clean
    paths = sorted({asked.path for exchange in clean.first.exchanges for asked in exchange.asked})
    if len(paths) < 2 or len(clean.warehouse.tables) < 2:
        raise NotRun(
            "the connector makes one table, or asks at one path: nothing else could be harmed, and there is nothing to add"
        )
    parts, whole = _Parts(subject), set[str]()
    others = [how for how in FAILURES if how != "answers HTTP 500" and not _is_met(subject, how)]
    for number, place in enumerate(spread(_MAX_PATHS, len(paths))):
        path = paths[place - 1]
        _trial, others_arrive = parts.arriving(_Failing(path, "answers HTTP 500", sends_id=True))
        whole |= others_arrive
        for turn in range(2 if len(paths) <= len(others) else 1):
            how = others[(number + 2 * turn) % len(others)]
            failing = _Failing(path, how, sends_id=bool((number + turn) % 2))
            parts.require_no_harm(failing, expected=others_arrive)
    if len(paths) <= _MAX_PATHS and (missing := sorted(set(clean.warehouse.tables) - whole)):
        raise Violation(
            f"whichever part of the source fails, {', '.join(missing)} never arrives whole",
            expected="each table arrives while another part fails",
            cause="the first failure ends the call before the other tables are read",
            reproduce=[f"one of {', '.join(paths)} always answers HTTP 500"],
        )


def _is_met(subject: PracticeSubject, how: str) -> bool:
    """Whether the source answers so while it is well: 404 behind the last page, or for a parent that has no rows."""
    met = {asked.status for exchange in subject.clean.first.exchanges for asked in exchange.asked}
    return how.removeprefix("answers HTTP ") in map(str, met)


@dataclass
class _Parts:
    """What the failures of the parts of one source are put to; `truths` are the source's rows by the tables that changed."""

    subject: PracticeSubject
    truths: dict[frozenset[str], MemoryWarehouse] = field(default_factory=dict)

    def arriving(self, failing: _Failing, expected: Collection[str] = ()) -> tuple[Trial, set[str]]:
        """A first sync, and the tables that arrive in it although the path fails. Raises Violation when one has to and does not.

        `expected` are those that do when the path fails in another way.
        """
        trial = self.subject.trial()
        failing.begin(trial)
        trial.connection.max_calls = _MAX_CALLS
        sync = trial.connection.sync()
        here = self._arrived(trial)
        _require_none_missing(
            failing, here, self.subject.clean.warehouse.tables.keys(), expected, complete=sync.complete
        )
        return trial, here

    def require_no_harm(self, failing: _Failing, expected: Collection[str]) -> None:
        """Raise Violation when anything is lost in several syncs during which the path fails, or after them."""
        trial, here = self.arriving(failing, expected)
        touched = _touch(trial.source_tables(self.subject.clean.warehouse), here)
        _require_none_starved(trial, failing, touched)
        self._require_none_lost(trial, failing, frozenset(table.name for table, _row in touched))

    def _arrived(self, trial: Trial) -> set[str]:
        """The tables whose every row is in the warehouse."""
        tables = trial.connection.warehouse.tables
        return {
            name for name, rows in self.subject.clean.warehouse.tables.items() if tables.get(name) == rows
        }

    def _require_none_lost(self, trial: Trial, failing: _Failing, changed: frozenset[str]) -> None:
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


def _require_none_missing(
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
            cause="an exception that is caught and ignored",
            reproduce=[f"{failing} all the time"],
        )


def _touch(tables: Iterable[SourceTable], here: Collection[str]) -> list[tuple[SourceTable, Row]]:
    """A row of each table that has arrived, changed at the source."""
    touched = [(table, table.touched(table.rows()[0])) for table in tables if table.name in here]
    for table, row in touched:
        table.source.put(row)
    return touched


def _require_none_starved(
    trial: Trial, failing: _Failing, touched: Sequence[tuple[SourceTable, Row]]
) -> None:
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


def _has_arrived(trial: Trial, table: SourceTable, row: Row) -> bool:
    column = table.text_column
    arrived = trial.connection.warehouse.tables[table.name].get(table.key_of(row), {})
    return column is None or arrived.get(column) == row[column]


_WRONG_SYNCS = 3
"""One more than the listings after which an inferred delete is sent."""
_REFUSED = 400


def _wrong_secrets(subject: PracticeSubject) -> tuple[dict[str, Any], str]:
    """Secrets that the practice source refuses, and which they are. Raises NotRun when it refuses none."""
    trial = subject.trial()
    secrets = trial.connection.secrets
    marked = marked_secrets(secrets)
    if not marked:
        raise NotRun(NONE_MARKED)
    wrong = with_wrong_keys(secrets)
    trial.connect(**wrong).sync()
    if not any(asked.status >= _REFUSED for asked in trial.source.requests):
        raise NotRun(
            f"practice.py lets everybody in, with any {shown(sorted(marked))}: give its Source what the real one asks for, such as"
            ' access=Bearer("practice-token"), and the same text in `secrets`'
        )
    return wrong, shown(sorted(marked))


@check("C59", "a wrong key fails the setup test", risk="pass the setup test with a wrong key")
def setup_test_needs_the_key(subject: PracticeSubject) -> None:
    """With secrets that the source refuses a setup test is an error with a message."""
    clean = subject.clean
    wrong, names = _wrong_secrets(subject)
    trial = subject.trial()
    tested = trial.connect(**wrong).call(accept=False, setup_test=True)
    if tested.failed and tested.error:
        return
    if not tested.asked and clean.state.get("kept", {}).get("credentials"):
        raise NotRun(
            "the setup test exchanges no token that holds for one exchange; a sync says that it is wrong"
        )
    asked = counted(len(tested.asked), "request")
    raise Violation(
        f"with a wrong {names} the setup test ends in HTTP {tested.reply.status}, after {asked} to the source",
        expected="an error: whoever types the key at Fivetran learns at once that it is wrong",
        cause="a setup test that asks nothing, or nothing that needs the key: let it read one row of a table",
        reproduce=[f'send "setup_test": true with another {names} than the practice source has'],
    )


@check(
    "C60", "a wrong key deletes nothing", risk="delete rows, or succeed without them, when its key is wrong"
)
def wrong_key_deletes_nothing(subject: PracticeSubject) -> None:
    """With a key the source refuses each sync is an error, deletes nothing, and hides nothing from the syncs after it."""
    _clean = subject.clean
    wrong, names = _wrong_secrets(subject)
    trial = subject.trial()
    connection = trial.connection
    connection.sync()
    right, connection.secrets = connection.secrets, {**connection.secrets, **wrong}
    for _ in range(_WRONG_SYNCS):
        sync = connection.sync()
        if sync.complete or any(exchange.rows("delete") for exchange in sync.exchanges):
            raise Violation(
                f"with a wrong {names} a sync is {'a success' if sync.complete else 'one that deletes rows'}",
                expected="an error, and no row deleted",
                cause="a refusal that is taken for an empty list",
                reproduce=[f"a sync, then {_WRONG_SYNCS} with another {names}, which the source refuses"],
            )
    connection.secrets = right
    settle(trial, connection)
    compare(
        subject,
        connection.warehouse,
        subject.clean.warehouse,
        cause="what the refused syncs did not read is taken for read",
        reproduce=[f"a sync, then {_WRONG_SYNCS} with another {names}, then {names} as before"],
    )


CHECKS = [isolation, setup_test_needs_the_key, wrong_key_deletes_nothing]
