from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tools.environments.interpreters import RUNNING, Interpreter, find, running


@pytest.fixture(autouse=True)
def no_pythons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with nothing but a shell on PATH, and no pyenv."""
    monkeypatch.setenv("PATH", os.defpath)
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "no-pyenv"))


def program(path: Path, version: str, *, implementation: str = "cpython", status: int = 0) -> Path:
    """A program that answers as a Python would."""
    path.parent.mkdir(parents=True, exist_ok=True)
    answer = f'["{implementation}", "{version} (main)", "{path.parent.parent}"]'
    path.write_text(f"#!/bin/sh\necho '{answer}'\nexit {status}\n", "utf-8")
    path.chmod(0o755)
    return path


def put_on_path(monkeypatch: pytest.MonkeyPatch, *folders: Path) -> None:
    """Before everything else."""
    monkeypatch.setenv("PATH", os.pathsep.join([*map(str, folders), os.environ["PATH"]]))


def test_the_running_python_is_found_without_a_search() -> None:
    """Its environments stay where they were, whatever else is on PATH."""
    assert find(RUNNING) == running() == Interpreter(Path(sys.executable), sys.version, sys.base_prefix)
    assert running().version == RUNNING


def test_a_python_that_nobody_has_is_none() -> None:
    """And not an error: what that means is the caller's to say."""
    assert find("3.99") is None


def test_a_python_on_path_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first that runs and is what its name says."""
    program(tmp_path / "broken/bin/python3.99", "3.99.0", status=127)
    program(tmp_path / "other/bin/python3.99", "3.98.2")
    program(tmp_path / "pypy/bin/python3.99", "3.99.0", implementation="pypy")
    good = program(tmp_path / "good/bin/python3.99", "3.99.7")
    put_on_path(monkeypatch, *(tmp_path / name / "bin" for name in ("broken", "other", "pypy", "good")))
    found = find("3.99")
    assert found == Interpreter(good, "3.99.7 (main)", str(tmp_path / "good"))
    assert found.version == "3.99"


@pytest.mark.parametrize("by", ["variable", "shims"])
def test_pyenvs_newest_is_found_though_its_shim_doesnt_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    """A shim fails where pyenv isn't set to the version; what it stands for is there nevertheless."""
    root = tmp_path / "pyenv"
    for version in ("3.99.9", "3.99.10"):
        program(root / "versions" / version / "bin/python3.99", version)
    if by == "variable":
        monkeypatch.setenv("PYENV_ROOT", str(root))
    else:
        program(root / "shims/python3.99", "", status=127)
        put_on_path(monkeypatch, root / "shims")
    found = find("3.99")
    assert found is not None
    assert found.says == "3.99.10 (main)"
