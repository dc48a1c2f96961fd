"""C55: random histories. Changes at the source, faults and budgets in any order, and the warehouse equals the source.

A history is a list of plain steps made from a seed, so a failure is reproduced from its seed alone, and the steps are left
out one by one until only those remain that matter.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

from fivetran_emulator.contract.check import check
from fivetran_emulator.contract.checks.changing import leaves, settle
from fivetran_emulator.contract.checks.instants import instant
from fivetran_emulator.contract.checks.protocol import first_key_twice
from fivetran_emulator.contract.checks.state import MOST_STATE_BYTES
from fivetran_emulator.contract.checks.steps import Step, Steps, history
from fivetran_emulator.contract.connection import Connection
from fivetran_emulator.contract.memory_warehouse import MemoryWarehouse, differences
from fivetran_emulator.contract.subject import Subject
from fivetran_emulator.contract.violation import NotRun, Violation

__all__ = ["CHECKS", "replay", "seeds", "shrunk"]

_USUAL = "3"
_MAX_QUIET = 6
"""One ends what was begun, one reads again, two miss a key, two bring back what was found again."""


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


def replay(subject: Subject, steps: Sequence[Step]) -> str:
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
        gone = {
            table: deleted.get(table) if any(deleted.values()) else () for table in run.subject.keeps_deleted
        }
        may_stay = {
            table: None if (keys := gone.get(table, ())) is None else {*keys, *run.stale.get(table, ())}
            for table in {*gone, *run.stale}
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
        if (size := len(json.dumps(state))) > MOST_STATE_BYTES:
            yield f"the state of answer {number} has {size} bytes"
        if exchange.failed or exchange.has_more:
            continue
        for place, value in leaves(state):
            if (moment := instant(value)) is None:
                continue
            if moment < marks.setdefault(place, moment):
                yield f"{place} moved back from {marks[place]} to {moment} in answer {number}"
            marks[place] = moment


def shrunk(subject: Subject, steps: Sequence[Step]) -> list[Step]:
    """The history without the steps that do not matter: of what is left, none can be left out."""
    kept = list(steps)
    for place in reversed(range(len(kept))):
        fewer = kept[:place] + kept[place + 1 :]
        if replay(subject, fewer):
            kept = fewer
    # A step may matter only for one that stood before it, and that may be gone now.
    return kept if len(kept) == len(steps) else shrunk(subject, kept)


def _chosen() -> range:
    try:
        return seeds(os.environ.get("CONTRACT_SEEDS") or _USUAL)
    except ValueError as error:
        raise Violation(
            str(error), expected="such a number or range", cause="the environment of this run"
        ) from None


@check("C55", "any history ends with the source's rows", risk="lose rows when several things happen in a row")
def random_histories(subject: Subject) -> None:
    """Whatever changes and fails in whatever order, for however many syncs, a few quiet ones bring the source's rows."""
    if not subject.trial().living(subject.clean.warehouse):
        raise NotRun("the practice source has no table that can be changed and found again in the warehouse")
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
            "from fivetran_emulator.contract.checks.histories import replay",
            "from fivetran_emulator.contract.checks.steps import Step",
            f"print(replay(test_contract.subject, {list(steps)!r}))",
        ]
    )


CHECKS = [random_histories]
