"""The Pythons of this machine, by version: what a function runs on isn't always what nox runs on.

Nothing is downloaded by a search: a Python that is missing is None.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.environments.uv import find_uv

QUESTION = "import json, sys; print(json.dumps([sys.implementation.name, sys.version, sys.base_prefix]))"
RUNNING = f"{sys.version_info[0]}.{sys.version_info[1]}"
"""The version of the Python that runs this, such as `3.11`."""


@dataclass(frozen=True)
class Interpreter:
    """A Python: its program, what it says of itself (`sys.version`), and where it is installed (`sys.base_prefix`)."""

    program: Path
    says: str
    prefix: str

    @property
    def version(self) -> str:
        """Such as `3.12`."""
        return ".".join(self.says.split(".")[:2])


def running() -> Interpreter:
    """The one that runs this."""
    return Interpreter(Path(sys.executable), sys.version, sys.base_prefix)


def find(version: str) -> Interpreter | None:
    """A CPython of `version`, such as `3.12`; None if this machine has none that runs.

    The running one if it is of that version; else the first on PATH, pyenv's newest, one that uv has installed.
    """
    if version == RUNNING:
        return running()
    for program in _candidates(version):
        if (found := _asked(program)) and found.version == version:
            return found
    return None


def install(version: str) -> bool:
    """Have uv install a Python, from where uv has its Pythons; whether it did. What went wrong is uv's to say."""
    uv = find_uv()
    return uv is not None and subprocess.run([uv, "python", "install", version], check=False).returncode == 0


def _candidates(version: str) -> Iterator[Path]:
    name = f"python{version}"
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    yield from (folder / name for folder in folders if (folder / name).is_file())
    # A shim of pyenv's only runs where pyenv is set to that version, but shows where the versions are.
    shims = [folder.parent for folder in folders if folder.name == "shims"]
    for root in dict.fromkeys([Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")), *shims]):
        versions = sorted(root.glob(f"versions/{version}.*"), key=_numbers, reverse=True)
        yield from (folder / "bin" / name for folder in versions)
    if uv := find_uv():
        command = [uv, "python", "find", "--managed-python", "--no-python-downloads", version]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            yield Path(done.stdout.strip())


def _numbers(path: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", path.name)]


def _asked(program: Path) -> Interpreter | None:
    """What a program says it is; None if it doesn't run, or is no CPython."""
    try:
        done = subprocess.run(
            [str(program), "-I", "-c", QUESTION], capture_output=True, text=True, check=False
        )
        implementation, says, prefix = json.loads(done.stdout) if done.returncode == 0 else ("", "", "")
    except (OSError, ValueError):
        return None
    return Interpreter(program, says, prefix) if implementation == "cpython" else None
