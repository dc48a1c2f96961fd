"""Faults put back: each edit of a project's tests/faults.toml is made in a copy of its source, and its tests have to fail.

    [[fault]]
    promise = "a column may have any name"
    row = "M1"
    file = "src/acme/merge.py"
    was = "t.rowid"
    becomes = "rowid"
    tests = ["tests/test_merge.py::test_a_column_may_have_any_name"]

The copy stands before the project's own source on PYTHONPATH, so that processes which a test starts have the fault too. Data and
no code: a project's environment needs nothing for it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import tomllib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from pathlib import Path

from tools.repository.errors import RepositoryError

__all__ = ["FAULTS", "Fault", "put_back", "read_faults", "require_placed"]

FAULTS = "tests/faults.toml"
_SECONDS = 900
"""More than all of these tests take on a busy machine; a test that hangs has not said what is wrong."""
_FAILED, _PASSED, _HANGS = 1, 0, -1
"""What pytest exits with; anything else says nothing of the fault."""
_SHOWN = 2_000
_ENVIRONMENT = {"PYTEST_ADDOPTS": "", "PYTEST_TIMEOUT": "0", "PYTHONDONTWRITEBYTECODE": "1"}


@dataclass(frozen=True)
class Fault:
    """An edit that breaks a promise, and the tests that have to notice."""

    promise: str
    file: str
    was: str
    becomes: str
    tests: tuple[str, ...]
    row: str = field(default="")
    """Where the fault was first described."""

    @property
    def name(self) -> str:
        """How a report calls it."""
        return f"{self.row} {self.promise}".strip()


def read_faults(project: Path) -> list[Fault]:
    """The faults of a project; none where it has no list. RepositoryError for a list that is not one."""
    path = project / FAULTS
    if not path.is_file():
        return []
    names = {one.name for one in fields(Fault)}
    try:
        listed = tomllib.loads(path.read_text("utf-8"))["fault"]
        return [Fault(**{**one, "tests": tuple(one["tests"])}) for one in listed]
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise RepositoryError(
            f"{path}: {error}; it has [[fault]] tables of {', '.join(sorted(names))}"
        ) from None


def require_placed(project: Path, faults: Sequence[Fault]) -> None:
    """RepositoryError that names each fault whose code is not in its file exactly once."""
    if lost := [reported for fault in faults if (reported := _misplaced(project, fault))]:
        raise RepositoryError("\n".join(lost))


def _misplaced(project: Path, fault: Fault) -> str:
    path = project / fault.file
    times = path.read_text("utf-8").count(fault.was) if path.is_file() else None
    if times == 1:
        return ""
    seen = "there is no such file" if times is None else f"`was` stands there {times} times"
    return f"{project / FAULTS}: {fault.name}: {fault.file}: {seen}; say where the code is now that keeps the promise"


def put_back(project: Path, python: Path, faults: Sequence[Fault]) -> list[str]:
    """What is wrong after each fault was put back: those that no test notices, tests that fail without any.

    `python` runs the project's tests. Prints a line for each fault.
    """
    require_placed(project, faults)
    asked = sorted({test for fault in faults for test in fault.tests})
    code, said = _pytest(project, python, asked)
    if code != _PASSED:
        return [f"without a fault the tests of {project.name}'s {FAULTS} do not pass (exit {code}):\n{said}"]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return [
            reported
            for reported in pool.map(lambda fault: _outlived(project, python, fault), faults)
            if reported
        ]


def _outlived(project: Path, python: Path, fault: Fault) -> str:
    """Why a fault is not noticed; nothing when it is."""
    with tempfile.TemporaryDirectory() as folder:
        source = shutil.copytree(
            project / "src", Path(folder) / "src", ignore=shutil.ignore_patterns("__pycache__")
        )
        edited = Path(folder) / fault.file
        edited.write_text(edited.read_text("utf-8").replace(fault.was, fault.becomes), "utf-8")
        code, _said = _pytest(project, python, fault.tests, before=source)
    print(f"{'found' if code == _FAILED else 'NOT FOUND'}  {fault.name}", flush=True)
    if code == _FAILED:
        return ""
    seen = "pass all the same" if code == _PASSED else f"could not be run (exit {code})"
    return f"{project.name}: {fault.name}: its tests {seen}: {' '.join(fault.tests)}"


def _pytest(project: Path, python: Path, tests: Sequence[str], before: Path | None = None) -> tuple[int, str]:
    """Pytest's exit status over some tests, and the end of what it said, with a folder of source before the project's own."""
    environment = {**os.environ, **_ENVIRONMENT, **({"PYTHONPATH": str(before)} if before else {})}
    command = [str(python), "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    try:
        done = subprocess.run(
            command,
            cwd=project,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return _HANGS, f"not over after {_SECONDS} s"
    return done.returncode, done.stdout[-_SHOWN:]
