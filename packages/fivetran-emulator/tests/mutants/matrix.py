"""The kill matrix: every mutant against every check. `python tests/mutants/matrix.py`; fails under 100 %.

A check is known to work when a mutant made for it fails it; the reference, which is correct, must fail none.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from mutants.kinds import MUTANTS
from mutants.oauth import OAuth
from mutants.reference import Reference
from mutants.small import SMALL
from mutants.wide import Wide

from fivetran_emulator.contract.check import Blocked, Check, NotRun, Violation
from fivetran_emulator.contract.checks import CATALOGUE, named
from fivetran_emulator.contract.lab.trial import InProcess
from fivetran_emulator.contract.subject import PracticeSubject

__all__ = ["outcome", "row", "subject_of"]

CORRECT: tuple[type[Reference], ...] = (Reference, Wide, OAuth, *SMALL)
"""Connectors that no check may fail."""
MARKS = {"violation": "X", "holds": ".", "not run": "-", "error": "!"}


def subject_of(kind: type[Reference]) -> PracticeSubject:
    """A connector of this kind over the mutants' practice source."""
    return PracticeSubject(
        InProcess(kind()),
        kind.practice,
        keeps_deleted=kind.keeps_deleted,
        commits_late={"tickets": timedelta(minutes=4)} if "tickets" in kind.keys else {},
        released=kind.released,
        version="1.1.0",
    )


def outcome(check: Check, subject: PracticeSubject) -> tuple[str, str]:
    """How a check ends: "holds", "violation", "not run" or "error"; and what it says."""
    try:
        check.run(subject)
    except Violation as violation:
        return "violation", str(violation)
    except (Blocked, NotRun) as reason:
        return "not run", str(reason)
    except Exception as error:  # noqa: BLE001 - a check that breaks over a mutant is reported, not raised
        return "error", f"{type(error).__name__}: {error}"
    return "holds", ""


def row(kind: type[Reference]) -> list[str]:
    """A connector's line of the matrix."""
    subject = subject_of(kind)
    return [outcome(check, subject)[0] for check in CATALOGUE]


def main(arguments: Sequence[str]) -> int:
    """Print the matrix; 1 when a mutant lives, a check has no mutant, or the reference fails."""
    kinds: list[type[Reference]] = [*CORRECT, *MUTANTS]
    with ProcessPoolExecutor(int(arguments[0]) if arguments else os.cpu_count()) as pool:
        rows = dict(zip(kinds, pool.map(row, kinds), strict=True))
    _print(rows)
    ids = [check.id for check in CATALOGUE]
    killed = [one for one in MUTANTS if rows[one][ids.index(one.kills)] == "violation"]
    without = sorted(set(ids) - {one.kills for one in killed})
    for one in set(MUTANTS) - set(killed):
        print(f"{one.__name__} lives: {named(one.kills).name} ends with {rows[one][ids.index(one.kills)]!r}")
    if without:
        print(f"no mutant for {', '.join(without)}")
    percent = 100 * len(killed) // len(MUTANTS)
    print(f"{len(ids)} checks, {len(MUTANTS)} mutants, killed {len(killed)} ({percent} %)")
    return 0 if percent == 100 and not without and not any("violation" in rows[one] for one in CORRECT) else 1


def _print(rows: dict[type[Reference], list[str]]) -> None:
    width = max(len(kind.__name__) for kind in rows)
    for place in range(3):
        print(" " * width, " ".join(check.id[place] for check in CATALOGUE))
    for kind, outcomes in rows.items():
        print(kind.__name__.ljust(width), " ".join(MARKS[one] for one in outcomes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
