"""C55: random histories. Changes at the source, faults and budgets in any order, and the warehouse equals the source.

A history is a list of plain steps made from a seed, so a failure is reproduced from its seed alone, and the steps are left
out one by one until only those remain that matter.
"""

from __future__ import annotations

import copy
import json
import os
import random
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from fivetran_emulator.contract.check import NotRun, Violation, check
from fivetran_emulator.contract.checks.pages import positions_of
from fivetran_emulator.contract.checks.protocol import first_key_twice
from fivetran_emulator.contract.checks.state import MAX_STATE_BYTES
from fivetran_emulator.contract.comparing import leaves, move, require_tables, settle
from fivetran_emulator.contract.lab.connection import Connection, Exchange, Key, MemoryWarehouse, differences
from fivetran_emulator.contract.lab.faults import (
    FAILURES,
    Fault,
    PendingRequest,
    cut_body,
    hang,
    kill,
    reset,
    slow,
    status,
)
from fivetran_emulator.contract.lab.secret_forms import with_wrong_keys
from fivetran_emulator.contract.lab.source_tables import SourceTable
from fivetran_emulator.contract.lab.trial import Trial
from fivetran_emulator.contract.lab.virtual_time import NOON, instant
from fivetran_emulator.contract.subject import PracticeSubject

__all__ = ["CHECKS", "Step", "history", "replay", "seeds", "shrunk"]

_USUAL = "3"
_MAX_QUIET = 6
"""One ends what was begun, one reads again, two miss a key, two bring back what was found again."""


_FAULTS: Mapping[str, Fault] = {
    "500": status(500),
    "503": status(503),
    "a wait too long": status(429, retry_after="600"),
    "reset": reset,
    "cut body": cut_body,
    "hang": hang,
    "kill": kill,
}
_LENGTH = 8
"""Steps of a history."""
_CHANGES = ("touch", "delete", "add", "make again", "date ahead", "no cursor")
_MAX_IN_A_ROW = 3
_MAX_CALLS = 30
"""Of a disturbed sync: what matters is that the next ones go on."""
_AHEAD = 3 * 3600.0
"""More than a clock is ever wrong."""
_FEWEST_ROWS = 3


@dataclass(frozen=True)
class Step:
    """One thing that happens: `what`, to the row at `place`, or in `times` syncs at their n-th `request`."""

    what: str
    place: int = 0
    request: int = 1
    times: int = 1


def history(seed: int) -> list[Step]:
    """The steps of a seed: as many changes as syncs, some of a single fault, some that fail in a row."""
    chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
    kinds = (_CHANGES, tuple(_SYNCS), _CHANGES, tuple(_FAULTS), tuple(_SYNCS), _TURNS)
    return [
        Step(
            chance.choice(chance.choice(kinds)),
            chance.randrange(1000),
            chance.randrange(1, 9),
            chance.choice((1, 1, 2, _MAX_IN_A_ROW)),
        )
        for _ in range(_LENGTH)
    ]


@dataclass
class Steps:
    """A trial in the middle of a history.

    `deleted` are by table the rows that were deleted, by their keys; `stale` the keys of rows that were deleted when the state
    was lost, and that nothing shows any more.
    """

    subject: PracticeSubject
    trial: Trial
    deleted: dict[str, dict[Key, dict[str, object]]] = field(default_factory=dict)
    stale: dict[str, set[Key]] = field(default_factory=dict)
    state_lost: bool = False
    replaced: set[int] = field(default_factory=set)
    """Before which calls the state was replaced by another: a mark may be smaller from there on."""

    def take(self, step: Step) -> None:
        """Do what the step says."""
        calls = len(self.trial.connection.exchanges)
        self._take(step)
        self._note_stale(self.trial.connection.exchanges[calls:])

    def _take(self, step: Step) -> None:
        if step.what in _CHANGES:
            for table in self.trial.source_tables(self.subject.clean.warehouse):
                self._change(step, table)
            return
        if step.what in _TURNS:
            self._turn(step.what)
            return
        sync = _SYNCS.get(step.what) or partial(_with_fault, fault=_FAULTS[step.what])
        connection = self.trial.connection
        secrets, usual, start = connection.secrets, connection.max_calls, self.trial.time.start
        connection.max_calls = _MAX_CALLS
        for time in range(step.times):
            if time:
                self._take(Step("touch", step.place + time))
            sync(self, step)
            self.trial.heal()
            self.trial.limits.clear()
        connection.secrets, connection.max_calls, self.trial.time.start = secrets, usual, start

    def _turn(self, what: str) -> None:
        """What stays so until the history is over, or happens to the connection itself."""
        connection = self.trial.connection
        if what == "no sync_id":
            connection.sends_id = not connection.sends_id
        elif what == "rolled back":
            connection.state = _of_a_newer_release(connection.state)
        elif what == "old release":
            self._replace_state(_state_of_a_release(self.subject) or connection.state)
        else:
            self._replace_state({})

    def _replace_state(self, state: Any) -> None:
        connection = self.trial.connection
        connection.state = copy.deepcopy(state)
        self.state_lost = True
        self.replaced.add(len(connection.exchanges))

    def _note_stale(self, calls: Sequence[Exchange]) -> None:
        """Until a sync is complete no state has the keys by which a delete would be found."""
        if not self.state_lost:
            return
        there = self.trial.fresh().tables
        for name, rows in self.trial.connection.warehouse.tables.items():
            self.stale.setdefault(name, set()).update(rows.keys() - there.get(name, {}).keys())
        self.state_lost = not calls or calls[-1].failed or calls[-1].has_more

    def _change(self, step: Step, table: SourceTable) -> None:
        rows = [row for row in table.rows() if table.lives(row)]
        if len(rows) < _FEWEST_ROWS:
            return
        row, deleted = rows[step.place % len(rows)], self.deleted.setdefault(table.name, {})
        if step.what == "touch":
            table.source.put(table.touched(row))
        elif step.what == "date ahead":
            if (ahead := table.ahead(_AHEAD)) is not None:
                table.source.put({**table.touched(row), str(table.source.cursor): ahead})
        elif step.what == "no cursor":
            if table.has_null_cursors:
                table.source.put({**table.another(row), str(table.source.cursor): None})
        elif step.what == "add":
            table.source.put(table.another(row))
        elif step.what == "delete":
            table.delete(row)
            deleted[table.key_of(row)] = row
        elif deleted:
            key, old = deleted.popitem()
            table.source.put(table.touched(old, mark=f"again {key}"))


def _state_of_a_release(subject: PracticeSubject) -> Any:
    """The state that the oldest recorded release left of this very source; None without one. Looked for once.

    One that was recorded of other rows is another matter: then every key that it has is missing at once, which is a question
    (C61) and no reason to delete.
    """
    if "release state" not in subject.found:
        of_this_source = (one.state for one in subject.releases if _is_of_this_source(subject, one.state))
        subject.found["release state"] = next(of_this_source, None)
    return subject.found["release state"]


def _is_of_this_source(subject: PracticeSubject, state: Any) -> bool:
    trial = subject.trial()
    connection = trial.connection
    connection.state, connection.warehouse = copy.deepcopy(state), copy.deepcopy(subject.clean.warehouse)
    deleted = {}
    for table in trial.source_tables(connection.warehouse):
        row = table.rows()[0]
        deleted[table.name] = [table.key_of(row)]
        table.delete(row)
    settle(trial, connection)
    return not subject.differences(connection.warehouse, trial.fresh(), deleted=deleted)


def _of_a_newer_release(state: Any) -> Any:
    """The state with members that the release which reads it does not know: at its root, and beside every single value."""
    if not isinstance(state, dict) or not state:
        return state
    grown = {name: _beside_values(value) for name, value in state.items()}
    return {**grown, "added_later": {"since": 1}}


def _beside_values(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {name: _beside_values(one) for name, one in value.items()}
    is_record = any(not isinstance(one, dict) for one in inner.values())
    return {**inner, "added_later": 1} if is_record else inner


def _sync(steps: Steps, _step: Step) -> None:
    steps.trial.connection.sync()


def _with_fault(steps: Steps, step: Step, *, fault: Fault) -> None:
    """Once, at one request."""
    steps.trial.at(len(steps.trial.source.requests) + step.request, fault)
    steps.trial.connection.sync()


def _outage(steps: Steps, step: Step) -> None:
    """From one request on the source is down."""
    begun = len(steps.trial.source.requests)
    steps.trial.where(lambda asked: asked.number >= begun + step.request, status(500))
    steps.trial.connection.sync()


def _lose(steps: Steps, step: Step) -> None:
    """An answer is lost on its way to Fivetran; in small answers, so that it need not be the only one."""
    _make_answers_small(steps)
    steps.trial.connection.sync(lose=lambda call: call == step.request)


def _moving(steps: Steps, step: Step) -> None:
    """Before one request of the sync each table changes."""
    number = len(steps.trial.source.requests) + step.request
    before = {table.name: table.rows() for table in steps.trial.source_tables(steps.subject.clean.warehouse)}

    def change(asked: int) -> None:
        if asked == number:
            move(steps.subject, steps.trial, deleted)

    deleted: dict[str, list[Key]] = {}
    steps.trial.source.before = change
    steps.trial.connection.sync()
    for table in steps.trial.source_tables(steps.subject.clean.warehouse):
        rows = {table.key_of(row): row for row in before[table.name]}
        steps.deleted.setdefault(table.name, {}).update(
            {key: rows[key] for key in deleted.get(table.name, ())}
        )


def _small_answers(steps: Steps, _step: Step) -> None:
    _make_answers_small(steps)
    steps.trial.connection.sync()


def _make_answers_small(steps: Steps) -> None:
    try:
        # Rows may have grown since, and a page has to fit.
        steps.trial.limits["FIVETRAN_ANSWER_BYTES"] = str(steps.subject.smallest_answers * 2)
    except NotRun:
        return


def _short_calls(steps: Steps, step: Step) -> None:
    """The time runs out after a few requests, over and over."""
    steps.trial.limits["FIVETRAN_TIMEOUT_S"] = str(8 + step.request)
    steps.trial.where(lambda _asked: True, slow(1))
    steps.trial.connection.sync()


def _part_down(steps: Steps, step: Step) -> None:
    """One path of the source fails, in one of the ways a source fails."""
    clean = steps.subject.clean.first
    paths = sorted({asked.path for exchange in clean.exchanges for asked in exchange.asked})
    path, faults = paths[step.place % len(paths)], list(FAILURES.values())
    steps.trial.where(lambda asked: asked.request.path == path, faults[step.request % len(faults)])
    steps.trial.connection.sync()


def _expired(steps: Steps, _step: Step) -> None:
    """In small answers, and no token lives until the next call."""
    _make_answers_small(steps)
    positions = positions_of(steps.subject)
    calls: dict[str, int] = {}

    def fault(asked: PendingRequest) -> Fault | None:
        path, query = asked.request.path, asked.request.query_string.decode("latin-1")
        call = len(steps.trial.connection.exchanges)
        if calls.get(path) != call and positions.may_expire(path, query):
            return status(400)
        calls[path] = call
        return None

    steps.trial.source.fault = fault
    steps.trial.connection.sync()


def _wrong_key(steps: Steps, _step: Step) -> None:
    """The secrets are wrong."""
    connection = steps.trial.connection
    secrets = connection.secrets
    connection.secrets = with_wrong_keys(secrets)
    connection.sync()
    connection.secrets = secrets


def _wrong_clock(steps: Steps, step: Step) -> None:
    """The function's clock is an hour wrong."""
    steps.trial.time.start = NOON + timedelta(hours=1 if step.request % 2 else -1)
    steps.trial.connection.sync()


_TURNS = ("no sync_id", "state lost", "rolled back", "old release")
_SYNCS: Mapping[str, Callable[[Steps, Step], None]] = {
    "sync": _sync,
    "lose": _lose,
    "outage": _outage,
    "moving": _moving,
    "small answers": _small_answers,
    "short calls": _short_calls,
    "part down": _part_down,
    "expired tokens": _expired,
    "wrong key": _wrong_key,
    "wrong clock": _wrong_clock,
}


def seeds(chosen: str) -> range:
    """The seeds that CONTRACT_SEEDS chooses: `10000` for the first ten thousand, `5001-10000` for some of them.

    Raises ValueError for anything else, and for none at all: a long run of no history would pass.
    """
    found = re.fullmatch(r"(?:(\d+)-)?(\d+)", chosen, re.ASCII)
    chosen_seeds = range(int(found[1] or 1), int(found[2]) + 1) if found else range(0)
    if not chosen_seeds:
        raise ValueError(
            f"CONTRACT_SEEDS is {chosen!r}; it is a number such as 10000, or a range such as 1-500"
        )
    return chosen_seeds


def replay(subject: PracticeSubject, steps: Sequence[Step]) -> str:
    """What is wrong after a history; nothing when the warehouse equals the source and all answers were in order."""
    trial = subject.trial()
    connection = trial.connection
    connection.sync()
    run = Steps(subject, trial)
    for step in steps:
        run.take(step)
    return "; ".join([*_left_wrong(run), *_out_of_order(connection, run.replaced)])


def _left_wrong(run: Steps) -> list[str]:
    """What is wrong after as many quiet syncs as may be needed; nothing as soon as the warehouse equals the source."""
    trial, connection, found = run.trial, run.trial.connection, ["no sync"]
    expected: MemoryWarehouse | None = None
    for _ in range(_MAX_QUIET):
        sync = settle(trial, connection, 1)[0]
        if not sync.complete:
            found = [f"an undisturbed sync fails: {sync.exchanges[-1].error}"]
            continue
        expected = expected or trial.fresh()
        deleted = {table: list(keys) for table, keys in run.deleted.items()}
        kept = {
            table: deleted.get(table) if any(deleted.values()) else () for table in run.subject.keeps_deleted
        }
        may_stay = {
            table: None if (keys := kept.get(table, ())) is None else {*keys, *run.stale.get(table, ())}
            for table in {*kept, *run.stale}
        }
        found = list(map(str, differences(connection.warehouse, expected, may_stay=may_stay)))
        if not found:
            break
    return found


def _out_of_order(connection: Connection, replaced: Collection[int]) -> Iterator[str]:
    """A key twice in an answer, a state too large, a mark that moves back although no other state was put in its place."""
    marks: dict[str, datetime] = {}
    for number, exchange in enumerate(connection.exchanges, 1):
        if number - 1 in replaced:
            marks.clear()
        if twice := first_key_twice(exchange):
            yield f"answer {number} has {twice} twice"
        state = exchange.answer.get("state")
        if (size := len(json.dumps(state))) > MAX_STATE_BYTES:
            yield f"the state of answer {number} has {size} bytes"
        if exchange.failed or exchange.has_more:
            continue
        for place, value in leaves(state):
            if (moment := instant(value)) is None:
                continue
            if moment < marks.setdefault(place, moment):
                yield f"{place} moved back from {marks[place]} to {moment} in answer {number}"
            marks[place] = moment


def shrunk(subject: PracticeSubject, steps: Sequence[Step]) -> list[Step]:
    """The history without the steps that do not matter: of what is left, none can be left out."""
    kept = list(steps)
    for place in reversed(range(len(kept))):
        fewer = kept[:place] + kept[place + 1 :]
        if replay(subject, fewer):
            kept = fewer
    # A step may matter only for one that stood before it, and that may be left out now.
    return kept if len(kept) == len(steps) else shrunk(subject, kept)


def _chosen() -> range:
    try:
        return seeds(os.environ.get("CONTRACT_SEEDS") or _USUAL)
    except ValueError as error:
        raise Violation(
            str(error), expected="such a number or range", cause="the environment of this run"
        ) from None


@check("C55", "any history ends with the source's rows", risk="lose rows when several things happen in a row")
def random_histories(subject: PracticeSubject) -> None:
    """Whatever changes and fails in whatever order, for however many syncs, a few quiet ones bring the source's rows."""
    require_tables(subject, subject.trial())
    for seed in _chosen():
        steps = history(seed)
        if wrong := replay(subject, steps):
            few = shrunk(subject, steps)
            raise Violation(
                replay(subject, few) or wrong,
                expected="the warehouse equals the source",
                cause="see the steps; each is something that happens in production"
                if few
                else "nothing has to happen: two quiet syncs differ from a new connection's; see C24 and C34",
                reproduce=[
                    f"CONTRACT_SEEDS={seed}-{seed}; or in the connector's folder, with its tests' Python:",
                    script(few),
                ],
            )


def script(steps: Sequence[Step]) -> str:
    """A history as one line of Python, to be run in the connector's folder by the Python that runs its tests."""
    return "; ".join(
        [
            "import sys",
            'sys.path[:0] = [".", "tests"]',
            "from test_contract import test_contract",
            "from fivetran_emulator.contract.checks.histories import Step, replay",
            f"print(replay(test_contract.subject, {list(steps)!r}))",
        ]
    )


CHECKS = [random_histories]
