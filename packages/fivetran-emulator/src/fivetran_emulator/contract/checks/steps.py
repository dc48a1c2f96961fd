"""What may happen to a connection and its source, as steps that are plain data, and how each is done.

A history is a list of steps. A step says no more than what and about where, so that leaving one out leaves the others what
they were: `place` is a row and `request` a request to the source, both taken modulo how many there are.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from fivetran_emulator.contract.checks.changing import move
from fivetran_emulator.contract.faults import Fault, cut_body, hang, kill, reset, slow, status
from fivetran_emulator.contract.living_tables import LivingTable
from fivetran_emulator.contract.memory_warehouse import Key
from fivetran_emulator.contract.subject import Subject
from fivetran_emulator.contract.trial import Trial
from fivetran_emulator.contract.violation import NotRun

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
_CHANGES = ("touch", "delete", "add", "make again")
_FEWEST_ROWS = 3


@dataclass(frozen=True)
class Step:
    """One thing that happens: `what`, to the row at `place`, or in a sync at its n-th `request`."""

    what: str
    place: int = 0
    request: int = 1


def history(seed: int, length: int = 8) -> list[Step]:
    """The steps of a seed: as many changes as syncs, and every other sync disturbed by a single fault."""
    chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
    kinds = (_CHANGES, tuple(_SYNCS), _CHANGES, tuple(_FAULTS))
    return [
        Step(chance.choice(chance.choice(kinds)), chance.randrange(1000), chance.randrange(1, 9))
        for _ in range(length)
    ]


@dataclass
class Steps:
    """A trial in the middle of a history. `deleted` are by table the rows that are gone, by their keys."""

    subject: Subject
    trial: Trial
    deleted: dict[str, dict[Key, dict[str, object]]] = field(default_factory=dict)

    def take(self, step: Step) -> None:
        """Do what the step says."""
        if step.what in _CHANGES:
            for table in self.trial.living(self.subject.clean.warehouse):
                self._change(step, table)
            return
        sync = _SYNCS.get(step.what) or partial(_with_fault, fault=_FAULTS[step.what])
        sync(self, step)
        self.trial.heal()
        self.trial.limits.clear()

    def _change(self, step: Step, table: LivingTable) -> None:
        rows = [row for row in table.rows() if table.lives(row)]
        if len(rows) < _FEWEST_ROWS:
            return
        row, gone = rows[step.place % len(rows)], self.deleted.setdefault(table.name, {})
        if step.what == "touch":
            table.source.put(table.touched(row))
        elif step.what == "add":
            table.source.put(table.another(row))
        elif step.what == "delete":
            table.delete(row)
            gone[table.key_of(row)] = row
        elif gone:
            key, old = gone.popitem()
            table.source.put(table.touched(old, mark=f"again {key}"))


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


_SYNCS: Mapping[str, Callable[[Steps, Step], None]] = {
    "sync": _sync,
    "lose": _lose,
    "outage": _outage,
    "moving": _moving,
    "small answers": _small_answers,
    "short calls": _short_calls,
}
