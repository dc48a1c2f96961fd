from __future__ import annotations

import sys
from pathlib import Path

import pytest
from small_repository import ROOT, Write

from tools.local.faults import FAULTS, put_back, read_faults, require_placed
from tools.repository.errors import RepositoryError
from tools.repository.model import Repository

SUM = "def total(rows):\n    return sum(rows)\n"
TEST = "import subprocess, sys\nfrom sums import total\n\ndef test_total():\n    assert total([1, 2]) == 3\n"
IN_A_PROCESS = (
    "import subprocess, sys\n\ndef test_total():\n"
    "    subprocess.run([sys.executable, '-c', 'import sums; assert sums.total([1, 2]) == 3'], check=True)\n"
)


def listed(becomes: str, test: str = "tests/test_sums.py", was: str = "sum(rows)") -> str:
    return (
        f'[[fault]]\npromise = "all rows count"\nfile = "src/sums.py"\nwas = "{was}"\n'
        f'becomes = "{becomes}"\ntests = ["{test}"]\n'
    )


@pytest.fixture
def project(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose tests are found without an environment of its own."""
    write("src/sums.py", SUM)
    write("tests/test_sums.py", TEST)
    write("tests/test_process.py", IN_A_PROCESS)
    write("pytest.ini", "[pytest]\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "src"))
    return tmp_path


def unnoticed(project: Path) -> list[str]:
    return put_back(project, Path(sys.executable), read_faults(project))


def test_a_fault_that_a_test_notices_is_found(project: Path, write: Write) -> None:
    """In the test's own process and in one that it starts; the source itself stays as it is."""
    write(FAULTS, listed("rows[0]") + listed("rows[0]", "tests/test_process.py"))
    assert unnoticed(project) == []
    assert (project / "src" / "sums.py").read_text() == SUM


def test_a_fault_that_no_test_notices_is_reported(project: Path, write: Write) -> None:
    """With its promise and the tests that should have."""
    write(FAULTS, listed("rows[0] + rows[1]"))
    [reported] = unnoticed(project)
    assert "all rows count: its tests pass all the same: tests/test_sums.py" in reported


def test_a_fault_that_breaks_the_import_is_not_found(project: Path, write: Write) -> None:
    """A test that cannot begin has noticed nothing."""
    write(FAULTS, listed("sum(rows"))
    [reported] = unnoticed(project)
    assert "could not be run" in reported


def test_tests_that_fail_without_a_fault_find_none(project: Path, write: Write) -> None:
    """Else a red test would notice everything."""
    write("tests/test_sums.py", TEST.replace("== 3", "== 4"))
    write(FAULTS, listed("rows[0]"))
    [reported] = unnoticed(project)
    assert "without a fault" in reported


def test_code_that_moved_is_reported_by_its_promise(project: Path, write: Write) -> None:
    """Whoever renames it reads which promise was kept there."""
    write(FAULTS, listed("rows[0]", was="total(rows)") + listed("rows[0]", was="rows"))
    with pytest.raises(RepositoryError, match=r"all rows count: src/sums.py: `was` stands there 2 times"):
        unnoticed(project)


def test_a_list_that_is_none_says_what_it_has(project: Path, write: Write) -> None:
    """Not a traceback."""
    write(FAULTS, '[[fault]]\npromis = "x"\ntests = []\n')
    with pytest.raises(RepositoryError, match=r"faults.toml: .*it has \[\[fault\]\] tables of becomes, file"):
        read_faults(project)


def test_every_fault_of_this_repository_has_its_place() -> None:
    """A renamed function keeps its fault: `nox -s mutants` would tell only later."""
    listed = {project.path: read_faults(project.path) for project in Repository(ROOT).projects.values()}
    assert any(listed.values())
    for path, faults in listed.items():
        require_placed(path, faults)
