"""C55: random histories. Changes at the source, faults and budgets in any order, and the warehouse equals the source.

A history is a list of plain steps made from a seed, so a failure is reproduced from its seed alone, and the steps are left
out one by one until only those remain that matter.
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from dataclasses import dataclass

from fivetran_emulator.contract.check import check
from fivetran_emulator.contract.checks.changing import QUIET_SYNCS, settle
from fivetran_emulator.contract.faults import Fault, cut_body, reset, status
from fivetran_emulator.contract.memory_warehouse import Key
from fivetran_emulator.contract.subject import Subject
from fivetran_emulator.contract.trial import Trial
from fivetran_emulator.contract.violation import NotRun, Violation

__all__ = ["CHECKS", "Step", "history", "replay", "seeds", "shrunk"]

_USUAL = "4"


def seeds(chosen: str) -> range:
    """The seeds that CONTRACT_SEEDS chooses: `10000` for the first ten thousand, `5001-10000` for some of them.

    Raises ValueError for anything else.
    """
    first, dash, last = chosen.partition("-")
    if not (first.isdigit() and (last.isdigit() or not dash)):
        raise ValueError(
            f"CONTRACT_SEEDS is {chosen!r}; it is a number such as 10000, or a range such as 1-500"
        )
    return range(int(first), int(last) + 1) if dash else range(1, int(first) + 1)


_FAULTS: dict[str, Fault] = {"500": status(500), "503": status(503), "reset": reset, "cut body": cut_body}
_CHANGES = ("touch", "delete", "add", "make again")


@dataclass(frozen=True)
class Step:
    """One thing that happens: `what`, to the row at `place` (taken modulo their number), before a request or between syncs."""

    what: str
    place: int = 0
    request: int = 0


def history(seed: int, length: int = 8) -> list[Step]:
    """The steps of a seed."""
    chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
    steps = []
    for _ in range(length):
        what = chance.choice([*_CHANGES, *_CHANGES, "sync", "sync", "lose", *_FAULTS])
        steps.append(Step(what, chance.randrange(1000), chance.randrange(1, 9)))
    return steps


@dataclass
class _Run:
    """A history in the middle."""

    subject: Subject
    trial: Trial
    deleted: dict[str, dict[Key, dict[str, object]]]

    def take(self, step: Step) -> None:
        connection = self.trial.connection
        begun = len(self.trial.source.requests)
        if step.what in _CHANGES:
            self._change(step)
        elif step.what == "lose":
            connection.sync(lose=lambda number: number == 1)
        else:
            if fault := _FAULTS.get(step.what):
                self.trial.at(begun + step.request, fault)
            connection.sync()
            self.trial.heal()

    def _change(self, step: Step) -> None:
        for table in self.trial.living(self.subject.clean.warehouse):
            rows = [row for row in table.rows() if table.lives(row)]
            if len(rows) < 3:
                continue
            row = rows[step.place % len(rows)]
            gone = self.deleted.setdefault(table.name, {})
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


def replay(subject: Subject, steps: Sequence[Step]) -> str:
    """What is wrong at the end of a history; nothing when the warehouse equals the source."""
    trial = subject.trial()
    trial.connection.sync()
    run = _Run(subject, trial, {})
    for step in steps:
        run.take(step)
    trial.heal()
    if trial.connection.exchanges[-1].has_more:
        trial.connection.sync()
    settle(trial, trial.connection, QUIET_SYNCS)
    deleted = {table: list(keys) for table, keys in run.deleted.items()}
    found = subject.differences(trial.connection.warehouse, trial.fresh(), deleted=deleted)
    return "; ".join(map(str, found))


def shrunk(subject: Subject, steps: Sequence[Step]) -> list[Step]:
    """The history without the steps that do not matter: of what is left, none can be left out."""
    kept = list(steps)
    for place in reversed(range(len(kept))):
        fewer = kept[:place] + kept[place + 1 :]
        if replay(subject, fewer):
            kept = fewer
    # A step may matter only for one that stood before it, and that may be gone now.
    return kept if len(kept) == len(steps) else shrunk(subject, kept)


@check("C55", "any history ends with the source's rows")
def random_histories(subject: Subject) -> None:
    """Whatever changes and fails in whatever order, after two quiet syncs the warehouse equals the source."""
    if not subject.trial().living(subject.clean.warehouse):
        raise NotRun("the practice source has no table that can be changed and found again in the warehouse")
    for seed in seeds(os.environ.get("CONTRACT_SEEDS", _USUAL)):
        steps = history(seed)
        if wrong := replay(subject, steps):
            few = shrunk(subject, steps)
            raise Violation(
                replay(subject, few) or wrong,
                expected="the warehouse equals the source",
                cause="see the steps; each is something that happens in production",
                reproduce=[f"seed {seed}, shrunk:", *script(few)],
            )


def script(steps: Sequence[Step]) -> list[str]:
    """A history as Python that can be run: paste it into the connector's test_contract.py."""
    return [
        "from fivetran_emulator.contract.checks.histories import Step, replay",
        f"print(replay(test_contract.subject, {list(steps)!r}))",
    ]


CHECKS = [random_histories]
