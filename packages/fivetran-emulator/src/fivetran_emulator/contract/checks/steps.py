"""What may happen to a connection and its source, as steps that are plain data, and how each is done.

A history is a list of steps. A step says no more than what and about where, so that leaving one out leaves the others what
they were: `place` is a row and `request` a request to the source, both taken modulo how many there are.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from fivetran_emulator.contract.checks.changing import move, settle
from fivetran_emulator.contract.checks.expiring import positions_of
from fivetran_emulator.contract.checks.failing_parts import FAILURES
from fivetran_emulator.contract.checks.wrong_keys import with_wrong_keys
from fivetran_emulator.contract.connection import Exchange
from fivetran_emulator.contract.faults import Asked, Fault, cut_body, hang, kill, reset, slow, status
from fivetran_emulator.contract.living_tables import LivingTable
from fivetran_emulator.contract.memory_warehouse import Key
from fivetran_emulator.contract.subject import Subject
from fivetran_emulator.contract.trial import Trial
from fivetran_emulator.contract.violation import NotRun
from fivetran_emulator.contract.virtual_time import NOON

__all__ = ["Step", "Steps", "history"]

_FAULTS: Mapping[str, Fault] = {
    "500": status(500),
    "503": status(503),
    "a wait too long": status(429, retry_after="600"),
    "reset": reset,
    "cut body": cut_body,
    "hang": hang,
    "kill": kill,
}
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


def history(seed: int, length: int = 8) -> list[Step]:
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
        for _ in range(length)
    ]


@dataclass
class Steps:
    """A trial in the middle of a history.

    `deleted` are by table the rows that are gone, by their keys; `stale` the keys of rows that were gone when the state
    was lost, and that nothing tells of any more.
    """

    subject: Subject
    trial: Trial
    deleted: dict[str, dict[Key, dict[str, object]]] = field(default_factory=dict)
    stale: dict[str, set[Key]] = field(default_factory=dict)
    forgotten: bool = False
    replaced: set[int] = field(default_factory=set)
    """Before which calls the state was replaced by another: a mark may be smaller from there on."""

    def take(self, step: Step) -> None:
        """Do what the step says."""
        calls = len(self.trial.connection.exchanges)
        self._take(step)
        self._note_stale(self.trial.connection.exchanges[calls:])

    def _take(self, step: Step) -> None:
        if step.what in _CHANGES:
            for table in self.trial.living(self.subject.clean.warehouse):
                self._change(step, table)
            return
        if step.what in _TURNS:
            self._turn(step.what)
            return
        sync = _SYNCS.get(step.what) or partial(_with_fault, fault=_FAULTS[step.what])
        connection = self.trial.connection
        secrets, usual, start = connection.secrets, connection.most_calls, self.trial.time.start
        connection.most_calls = _MAX_CALLS
        for time in range(step.times):
            if time:
                self._take(Step("touch", step.place + time))
            sync(self, step)
            self.trial.heal()
            self.trial.limits.clear()
        connection.secrets, connection.most_calls, self.trial.time.start = secrets, usual, start

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
        self.forgotten = True
        self.replaced.add(len(connection.exchanges))

    def _note_stale(self, calls: Sequence[Exchange]) -> None:
        """Until a sync is complete no state has the keys by which a delete would be found."""
        if not self.forgotten:
            return
        there = self.trial.fresh().tables
        for name, rows in self.trial.connection.warehouse.tables.items():
            self.stale.setdefault(name, set()).update(rows.keys() - there.get(name, {}).keys())
        self.forgotten = not calls or calls[-1].failed or calls[-1].has_more

    def _change(self, step: Step, table: LivingTable) -> None:
        rows = [row for row in table.rows() if table.lives(row)]
        if len(rows) < _FEWEST_ROWS:
            return
        row, gone = rows[step.place % len(rows)], self.deleted.setdefault(table.name, {})
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
            gone[table.key_of(row)] = row
        elif gone:
            key, old = gone.popitem()
            table.source.put(table.touched(old, mark=f"again {key}"))


def _state_of_a_release(subject: Subject) -> Any:
    """The state that the oldest recorded release left of this very source; None without one. Looked for once.

    One that was recorded of other rows is another matter: then every key that it has is missing at once, which is a question
    (C61) and no reason to delete.
    """
    if not hasattr(subject, "_release_state"):
        found = next((one.state for one in subject.releases if _is_of_this_source(subject, one.state)), None)
        subject._release_state = found  # type: ignore[attr-defined]  # noqa: SLF001 - computed once for all histories
    return subject._release_state  # type: ignore[attr-defined]  # noqa: SLF001


def _is_of_this_source(subject: Subject, state: Any) -> bool:
    trial = subject.trial()
    connection = trial.connection
    connection.state, connection.warehouse = copy.deepcopy(state), copy.deepcopy(subject.clean.warehouse)
    deleted = {}
    for table in trial.living(connection.warehouse):
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
    before = {table.name: table.rows() for table in steps.trial.living(steps.subject.clean.warehouse)}

    def change(asked: int) -> None:
        if asked == number:
            move(steps.subject, steps.trial, gone)

    gone: dict[str, list[Key]] = {}
    steps.trial.source.before = change
    steps.trial.connection.sync()
    for table in steps.trial.living(steps.subject.clean.warehouse):
        rows = {table.key_of(row): row for row in before[table.name]}
        steps.deleted.setdefault(table.name, {}).update({key: rows[key] for key in gone.get(table.name, ())})


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

    def fault(asked: Asked) -> Fault | None:
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
