"""Virtual environments: made from hashed locks and local folders, shared by the sessions, kept while nothing changed.

They are made here and not by nox because one session may need two (`sync`), and many sessions the same one.
Third-party distributions come from locks only, with `--no-deps --require-hashes`; this repository's own come
from their folders only. So no index is ever asked for a name of ours.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from tools.environments.interpreters import RUNNING, Interpreter, running
from tools.environments.uv import find_uv
from tools.repository.errors import RepositoryError, at
from tools.repository.examples import EXAMPLES
from tools.repository.model import Project, Repository

STAMP = "made-from"

AIRFLOW = "airflow"
"""The dependency groups `airflow-2` and `airflow-3`, locked as one subject: `nox -s lock -- airflow`."""

BENCHMARKS = "benchmarks"
"""The dependency groups `benchmark-PEER`, locked as one subject: `nox -s lock -- benchmarks`."""

CONNECTOR_SDK = "connector-sdk"
"""The dependency group with Fivetran's Connector SDK: `nox -s lock -- connector-sdk`."""


@dataclass(frozen=True)
class VirtualEnvironment:
    """A virtual environment to be had at `path`: what `locks` pin, then the folders in `editables`.

    What `beneath` pins is installed before, and gives way where `locks` pin it, too. `interpreter` is the Python it is made with, unless given the one that runs this.
    """

    path: Path
    locks: tuple[Path, ...]
    editables: tuple[Path, ...] = ()
    beneath: tuple[Path, ...] = ()
    lock_command: str = "nox -s lock"
    interpreter: Interpreter = field(default_factory=running)

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.script("python")

    def script(self, name: str) -> Path:
        """One of its console scripts."""
        return self.path / "bin" / name

    def is_current(self) -> bool:
        """Whether it stands, made from just these locks and folders with just this Python."""
        stamp = self.path / STAMP
        return self.python.exists() and stamp.is_file() and stamp.read_text("utf-8") == self._stamp()

    def prepare(self) -> VirtualEnvironment:
        """Make it if it isn't current. Safe beside another process that wants the same one.

        Raises RepositoryError if a lock is missing, if the folder belongs to something else, or with the
        installer's own words if an installation fails.
        """
        if self.is_current():
            return self
        for lock in (*self.beneath, *self.locks):
            if not lock.is_file():
                raise RepositoryError(f"{lock}: this lock is missing; run `{self.lock_command}`")
        with _alone(self.path):
            if not self.is_current():
                print(f"installing {self.path.name}'s environment, once ...", file=sys.stderr, flush=True)
                self._make()
        return self

    def _make(self) -> None:
        if self.path.exists():
            if not (self.path / STAMP).exists():
                raise RepositoryError(f"{self.path}: this wasn't made by nox; move it away, then try again")
            shutil.rmtree(self.path)
        self.path.mkdir(parents=True)
        stamp = self.path / STAMP
        stamp.write_text("unfinished\n", "utf-8")
        installer = _create(self)
        for pinned in filter(None, (self.beneath, self.locks)):
            locks = [argument for lock in pinned for argument in ("-r", str(lock))]
            _run([*installer, "--no-deps", "--require-hashes", *locks])
        folders = [argument for path in self.editables for argument in ("-e", str(path))]
        if folders:
            _run([*installer, "--no-deps", "--no-build-isolation", *folders])
        stamp.write_text(self._stamp(), "utf-8")

    def _stamp(self) -> str:
        digest = hashlib.sha256(f"{self.interpreter.says}\n{self.interpreter.prefix}\n{self.path}\n".encode())
        for path in [*self.beneath, *self.locks, *(folder / "pyproject.toml" for folder in self.editables)]:
            digest.update(f"{path}\n".encode())
            digest.update(path.read_bytes() if path.is_file() else b"missing")
        return digest.hexdigest() + "\n"


def project_environment(
    repository: Repository, project: Project, interpreter: Interpreter | None = None
) -> VirtualEnvironment:
    """A project's own: its test lock, its local packages and itself, all editable; one for each Python it is tested on."""
    local = repository.local_dependencies(project, test=True)
    interpreter = interpreter or running()
    # A name has no dot, so `acme-3.12` is never another connector's.
    suffix = "" if interpreter.version == RUNNING else f"-{interpreter.version}"
    return VirtualEnvironment(
        path=_home(repository) / f"{project.name}{suffix}",
        locks=(project.path / "requirements-test.txt",),
        editables=(*(package.path for package in local), project.path),
        lock_command=f"nox -s lock -- {project.name}",
        interpreter=interpreter,
    )


def tools_environment(repository: Repository) -> VirtualEnvironment:
    """The tools' own; they run from the repository's root, so nothing of ours is installed in it."""
    return VirtualEnvironment(
        path=_home(repository) / "tools", locks=(tools_lock(repository),), lock_command="nox -s lock -- tools"
    )


def development_environment(repository: Repository) -> VirtualEnvironment:
    """`.venv`, for editors and shells: the tools and every package at once; their locks agree with one another."""
    packages = list(repository.packages.values())
    return VirtualEnvironment(
        path=repository.root / ".venv",
        locks=(tools_lock(repository), *(package.path / "requirements-test.txt" for package in packages)),
        editables=tuple(package.path for package in packages),
    )


def examples_environment(repository: Repository) -> VirtualEnvironment:
    """What the examples run in: every package and what tests it, whose locks agree with one another."""
    packages = list(repository.packages.values())
    return VirtualEnvironment(
        path=_home(repository) / EXAMPLES,
        locks=tuple(package.path / "requirements-test.txt" for package in packages),
        editables=tuple(package.path for package in packages),
    )


def tools_lock(repository: Repository) -> Path:
    """The lock of the tools' environment."""
    return repository.root / "tools" / "requirements.txt"


def airflow_locks(repository: Repository) -> dict[str, Path]:
    """The lock of each Airflow that the example DAGs are run on, by its dependency group: `airflow-2`, `airflow-3`."""
    groups = repository.pyproject.get("dependency-groups", {})
    names = sorted(name for name in groups if name.startswith(f"{AIRFLOW}-"))
    folder = repository.root / "tools" / AIRFLOW
    return {name: folder / f"requirements-{name.removeprefix(f'{AIRFLOW}-')}.txt" for name in names}


def airflow_environments(repository: Repository) -> dict[str, VirtualEnvironment]:
    """An environment for each of them; they share nothing with the tools' or a connector's."""
    return {
        name: VirtualEnvironment(
            path=_home(repository) / name, locks=(lock,), lock_command=f"nox -s lock -- {AIRFLOW}"
        )
        for name, lock in airflow_locks(repository).items()
    }


def benchmark_locks(repository: Repository) -> dict[str, Path]:
    """The lock of each environment that `nox -s bench` compares with, by its dependency group: `benchmark-dlt`."""
    groups = repository.pyproject.get("dependency-groups", {})
    names = sorted(name for name in groups if name.startswith("benchmark-"))
    folder = repository.root / BENCHMARKS
    return {
        name: folder / name.removeprefix("benchmark-").replace("-", "_") / "requirements.txt"
        for name in names
    }


def benchmark_environments(repository: Repository) -> dict[str, VirtualEnvironment]:
    """An environment for each of them; a peer's libraries are never beside ours or another's."""
    return {
        name: VirtualEnvironment(
            path=_home(repository) / name, locks=(lock,), lock_command=f"nox -s lock -- {BENCHMARKS}"
        )
        for name, lock in benchmark_locks(repository).items()
    }


def connector_sdk_lock(repository: Repository) -> Path:
    """The lock of Fivetran's Connector SDK."""
    return repository.root / "tools" / "requirements-connector-sdk.txt"


def connector_sdk_environment(repository: Repository, project: Project) -> VirtualEnvironment:
    """A connector's own with the Connector SDK beneath, as Fivetran installs it beneath a connector's requirements."""
    own = project_environment(repository, project)
    return replace(
        own,
        path=own.path.with_name(f"{own.path.name}-{CONNECTOR_SDK}"),
        beneath=(connector_sdk_lock(repository),),
        lock_command=f"nox -s lock -- {project.name} {CONNECTOR_SDK}",
    )


def nox_lock(repository: Repository) -> Path:
    """The lock of what CI's jobs install first: nox and uv."""
    return repository.root / "tools" / "requirements-nox.txt"


def _home(repository: Repository) -> Path:
    return repository.root / ".nox" / "environments"


def _create(environment: VirtualEnvironment) -> list[str]:
    """Make the empty environment; the installer's command line that goes on with what to install."""
    python, base = str(environment.python), str(environment.interpreter.program)
    if uv := find_uv():
        _run([uv, "venv", "--quiet", "--allow-existing", "--python", base, str(environment.path)])
        return [uv, "pip", "install", "--quiet", "--python", python]
    _run([base, "-m", "venv", str(environment.path)])
    return [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        shown = " ".join(at(Path(word), Path.cwd()) if os.sep in word else word for word in command)
        raise RepositoryError(f"Installing failed (exit {done.returncode}): {shown}\n{said}")


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold off other processes that would make environments beside `path`, until done."""
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)
