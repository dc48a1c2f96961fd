"""The runtime with one fault each, put to its own histories: each has to be found. `python mutants.py`; 1 if one is not.

Each fault is one that was there while every test was green, named after the promise it breaks.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from unittest import mock

from histories.history import outcome

MAX_SEEDS = 400


@dataclass(frozen=True)
class Mutant:
    """A fault: what it is called after what is promised, where it is, and what stands there instead."""

    promise: str
    where: str
    wrong: Callable[..., Any]


MUTANTS = (
    Mutant(
        "a row that changes while its list is read arrives",
        "fivetran_runtime._sync.high_water.Marks.complete",
        lambda marks, state: setattr(state, "mark", marks._dumped(marks._seen)),
    ),
    Mutant(
        "a filter that is widened brings the old rows",
        "fivetran_runtime._sync.state.TableState.forget_mark",
        lambda _: None,
    ),
    Mutant(
        "a row that was hidden and is shown again arrives",
        "fivetran_runtime._sync.deletes.Missing._ask_again",
        lambda *_: None,
    ),
)


def seed_that_finds(mutant: Mutant) -> int | None:
    """The first history that the fault breaks; None if none does."""
    with mock.patch(mutant.where, mutant.wrong):
        return next((seed for seed in range(1, MAX_SEEDS + 1) if outcome(seed).wrong), None)


def main() -> int:
    """Print which history finds which fault."""
    with multiprocessing.Pool(os.cpu_count()) as pool:
        found = pool.map(_found, range(len(MUTANTS)), chunksize=1)
    for mutant, seed in zip(MUTANTS, found, strict=True):
        print(f"{mutant.promise}: {f'seed {seed}' if seed else 'NOT FOUND'}")
    killed = sum(seed is not None for seed in found)
    print(f"{len(MUTANTS)} mutants of the runtime, killed {killed} ({100 * killed // len(MUTANTS)} %)")
    return 0 if killed == len(MUTANTS) else 1


def _found(number: int) -> int | None:
    return seed_that_finds(MUTANTS[number])


if __name__ == "__main__":
    sys.exit(main())
