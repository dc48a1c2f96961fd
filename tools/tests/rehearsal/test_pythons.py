from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.locked.rehearsal.pythons import find_python, version_of
from tools.repository.errors import RepositoryError

RUNTIME = f"python3{sys.version_info[1]}"
"""The runtime of the Python that runs this."""


def test_a_python_holds_nothing_but_pip(tmp_path: Path) -> None:
    """Whatever a person has installed for it: an undeclared import is found as Google would find it."""
    python = find_python(RUNTIME, tmp_path)
    assert python is not None
    done = subprocess.run(
        [str(python.program), "-m", "pip", "list", "--format=json", "--disable-pip-version-check"],
        env={"PATH": os.defpath, "PIP_CONFIG_FILE": os.devnull, **python.variables(tmp_path / "layer")},
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert [one["name"] for one in json.loads(done.stdout)] == ["pip"]
    assert python.version.startswith(version_of(RUNTIME))


def test_a_python_that_is_not_here_is_none(tmp_path: Path) -> None:
    """Not the nearest one instead."""
    assert find_python("python399", tmp_path) is None


@pytest.mark.parametrize("runtime", ["nodejs22", "python27", "python3"])
def test_a_runtime_that_is_no_python_3_is_refused(runtime: str) -> None:
    """In words."""
    with pytest.raises(RepositoryError, match="Python 3"):
        version_of(runtime)
