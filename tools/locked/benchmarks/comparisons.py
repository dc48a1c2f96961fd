"""What is no sync: programs of ours that measure two things in turn, of which only the ratio counts."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.locked.benchmarks.results import Spread
from tools.repository.errors import RepositoryError

Pairs = Sequence[tuple[float, float]]
"""Seconds, or bytes, of ours and of what it is compared with, one pair a round."""

PER_ROW, IMPORTS, ANSWERS, GROWTH = "per row", "imports", "answers", "growth"
_PROGRAMS = {PER_ROW: ("per_row",), GROWTH: ("growth",)}
_STARTS = {IMPORTS: ("starts", "imports"), ANSWERS: ("starts", "answers")}
"""Those that take so little time that others' work is seen in each: they take many rounds."""
TABLES, PAGES = "tables in parallel", "pages in parallel"
_WAITING = {TABLES: ("parallel", "tables"), PAGES: ("parallel", "pages")}
"""Those of which waiting for the source is the subject."""


def compared(python: Path, root: Path, url: str, slow: str, *, starts: int) -> dict[str, Pairs]:
    """Each comparison's pairs, measured with a Python that has the runtime, over the source at `url`, or the one that is `slow`.

    `starts` is the number of rounds of those that start a process.

    RepositoryError if one fails.
    """
    programs: list[tuple[str, tuple[str, ...]]] = [
        (name, (*program, url)) for name, program in _PROGRAMS.items()
    ]
    programs += [(name, (*program, str(starts))) for name, program in _STARTS.items()]
    programs += [(name, (*program, slow)) for name, program in _WAITING.items()]
    return {name: _pairs(python, root, program) for name, program in programs}


def _pairs(python: Path, root: Path, program: tuple[str, ...]) -> Pairs:
    module, *arguments = program
    command = [str(python), "-m", f"benchmarks.ours.{module}", *arguments]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RepositoryError(f"{' '.join(command)} failed:\n{done.stderr.strip()}")
    return [(ours, theirs) for ours, theirs in json.loads(done.stdout.splitlines()[-1])]


def ratio(found: Mapping[str, Pairs], name: str) -> Spread | None:
    """How many times the other's ours are; None if it was not measured."""
    pairs = found.get(name)
    return Spread.of([ours / theirs for ours, theirs in pairs]) if pairs else None
