"""What a person reads at the end of a run of the contract."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
CONTRACT = """
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from mutants.kinds import MarkBeforeRows
from fivetran_emulator.contract import contract_tests
test_contract = contract_tests(MarkBeforeRows(), practice=Path(__file__).with_name("practice.py"))
"""
PRACTICE = """
import sys
sys.path.insert(0, {tests!r})
from mutants.source import practice
source, secrets = practice().source, practice().secrets
"""


@pytest.fixture
def printed(tmp_path: Path) -> str:
    """The output of a connector that loses rows whenever a call dies."""
    (tmp_path / "practice.py").write_text(PRACTICE.format(tests=str(TESTS)))
    (tmp_path / "test_contract.py").write_text(CONTRACT.format(tests=str(TESTS)))
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "-k", "C21 or C35"]
    ran = subprocess.run(
        [*command, str(tmp_path)], capture_output=True, text=True, timeout=100, check=False, cwd=tmp_path
    )
    return ran.stdout


def test_failures_come_before_what_was_not_run(printed: str) -> None:
    """What has to be changed is read first."""
    assert 0 < printed.index("promise:") < printed.index("contract: not run")


def test_a_practice_source_that_cannot_be_read_is_one_error(tmp_path: Path) -> None:
    """Whichever check was chosen: the file, the line and the reason, and no list of what was not run."""
    (tmp_path / "practice.py").write_text("source = (\n")
    (tmp_path / "test_contract.py").write_text(CONTRACT.format(tests=str(TESTS)))
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "-k", "C23"]
    ran = subprocess.run(
        [*command, str(tmp_path)], capture_output=True, text=True, timeout=100, check=False, cwd=tmp_path
    )
    assert ran.returncode == 2
    assert "practice.py:1: SyntaxError: '(' was never closed" in ran.stdout
    assert "Traceback" not in ran.stdout
    assert "not run" not in ran.stdout
    assert "1 error" in ran.stdout
