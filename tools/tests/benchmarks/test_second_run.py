from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tools.locked.benchmarks.second_run import SECOND_RUN, own_seconds
from tools.locked.benchmarks.targets import targets
from tools.repository.errors import RepositoryError


@pytest.mark.parametrize("body", ["pass", "import warnings; warnings.warn('old', stacklevel=1)"])
def test_the_seconds_are_those_of_pytests_own_last_line(tmp_path: Path, body: str) -> None:
    """Read from what pytest really prints, with warnings or without; of several runs, one a Python, their sum."""
    (tmp_path / "test_it.py").write_text(f"import time\ndef test_it():\n    time.sleep(0.3)\n    {body}\n")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(tmp_path)]
    shown = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert 0.3 <= own_seconds(shown) < 60
    assert own_seconds(shown * 2) == pytest.approx(2 * own_seconds(shown))


def test_a_run_without_a_last_line_is_no_measure() -> None:
    """It would count as 0 s of tests, and all of it as the command's."""
    with pytest.raises(RepositoryError, match="without pytest's last line"):
        own_seconds("nox > Session tests(casa) was successful.\n")


@pytest.mark.parametrize(("own", "met"), [(9.0, True), (7.5, False)])
def test_the_rest_is_judged_in_seconds(own: float, *, met: bool) -> None:
    """The median of the differences, and none where it was not measured."""
    judged = targets([], {SECOND_RUN: [(10.0, own), (10.0, own), (100.0, 0.0)]})[-1]
    assert (judged.number, judged.met) == ("9", met)
    assert targets([], {})[-1].measured == "not measured"
