"""What `nox -s "tests(casa)"` takes beside the tests themselves, when nothing has to be installed any more."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

from tools.locked.benchmarks.comparisons import Pairs
from tools.repository.errors import RepositoryError

SECOND_RUN = "second run of the tests"
"""What its pairs are called in the report: seconds of the whole command, and those that pytest counts as its own."""

_COMMAND = ("nox", "-s", "tests(casa)")
_OWN = re.compile(r"^=+ .*\b(?:passed|failed)\b.* in ([0-9.]+)s(?: \([0-9:]+\))? =+$", re.MULTILINE)
"""Pytest's last line."""


def second_run(root: Path, rounds: int = 3) -> Pairs:
    """The pairs of so many runs after a first one. RepositoryError if one fails."""
    _run(root)
    return [_run(root) for _ in range(rounds)]


def _run(root: Path) -> tuple[float, float]:
    began = time.monotonic()
    done = subprocess.run(_COMMAND, cwd=root, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - began
    if done.returncode:
        raise RepositoryError(f"{' '.join(_COMMAND)} failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return seconds, own_seconds(done.stdout)


def own_seconds(shown: str) -> float:
    """The seconds in the last line of pytest's output, all of them where it ran several times. RepositoryError if there are none."""
    found = [float(seconds) for seconds in _OWN.findall(shown)]
    if not found:
        raise RepositoryError("the tests of casa ended without pytest's last line")
    return sum(found)
