"""The Python that a runtime names, on this machine, with nothing in it but pip: as in Google's image.

An interpreter that a person works with holds packages of theirs, and an undeclared import would find them. So a prefix of
our own stands in for its own (PYTHONHOME): the same standard library, by links, and a site-packages with only pip.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.environments.interpreters import find
from tools.repository.errors import RepositoryError

LEFT_OUT = {"site-packages", "dist-packages", "EXTERNALLY-MANAGED", "__pycache__"}
"""Of a standard library's folder: others' packages, and the note that pip may not install here."""


@dataclass(frozen=True)
class Python:
    """An interpreter: its program, its version such as `3.12.1`, its standard library, and `home`, the bare prefix."""

    program: Path
    version: str
    library: Path
    home: Path

    def variables(self, layer: Path) -> dict[str, str]:
        """What makes it bare, and adds the packages installed in `layer`, as Google's PYTHONUSERBASE does."""
        return {"PYTHONHOME": str(self.home), "PYTHONUSERBASE": str(layer)}


def version_of(runtime: str) -> str:
    """`python312` -> `3.12`. RepositoryError for anything that isn't Python 3."""
    found = re.fullmatch(r"python3(\d+)", runtime)
    if found is None:
        raise RepositoryError(f"{runtime}: this isn't a runtime of Python 3, so it can't be rehearsed")
    return f"3.{found[1]}"


def find_python(runtime: str, homes: Path) -> Python | None:
    """The Python that `runtime` names, made bare under `homes`; None if this machine has none.

    RepositoryError if it has no pip.
    """
    found = find(version_of(runtime))
    if found is None:
        return None
    program = found.program.resolve()  # not a virtual environment's, which would bring its own packages
    version, library = _asked(program)
    where = hashlib.sha256(str(library).encode()).hexdigest()[:8]  # another installation, another home
    python = Python(program, version, library, homes / f"python-{version}-{where}")
    with alone(python.home):
        _make_bare(python)
    return python


def _asked(program: Path) -> tuple[str, Path]:
    """The version and the standard library of an interpreter."""
    question = "import platform, sysconfig; print(platform.python_version(), sysconfig.get_path('stdlib'))"
    command = [str(program), "-I", "-c", question]
    version, _, library = subprocess.run(
        command, capture_output=True, text=True, check=True
    ).stdout.partition(" ")
    return version, Path(library.strip())


def _make_bare(python: Python) -> None:
    """Make the prefix, if it doesn't stand: links to the standard library, and pip."""
    if python.home.exists():
        return
    with tempfile.TemporaryDirectory(dir=python.home.parent) as made:
        home = Path(made) / "home"
        library = home / "lib" / python.library.name
        (library / "site-packages").mkdir(parents=True)
        for path in python.library.iterdir():
            if path.name not in LEFT_OUT:
                (library / path.name).symlink_to(path)
        _provide_pip(python, home, library / "site-packages")
        home.rename(python.home)


def _provide_pip(python: Python, home: Path, packages: Path) -> None:
    """Pip alone: the interpreter's own, by links, or where it has none (Debian's) the one that ensurepip carries."""
    own = python.library / "site-packages"
    if (own / "pip").is_dir():
        for path in [own / "pip", *own.glob("pip-*.dist-info")]:
            (packages / path.name).symlink_to(path)
        return
    environment = {"PATH": os.defpath, "PYTHONHOME": str(home)}
    command = [str(python.program), "-m", "ensurepip", "--default-pip"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RepositoryError(f"{python.program} has no pip to install with:\n{done.stderr.strip()}")


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold off other processes that would make `path` too, until done."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f".{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
