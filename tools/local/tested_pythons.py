"""Which Pythons a subject's tests run on: those that its functions run on, else the one that runs nox.

A Python that this machine lacks is said and never skipped in silence. Under CI it is installed, and if that fails the
tests fail; except one newer than those that deploy.yaml takes by itself, which is only resolved and reported as not run.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tools.environments.interpreters import Interpreter, find, install, running
from tools.environments.uv import find_uv
from tools.environments.virtual_environments import (
    VirtualEnvironment,
    examples_environment,
    project_environment,
    tools_environment,
)
from tools.local.deployed import deployed
from tools.repository.errors import RepositoryError
from tools.repository.examples import EXAMPLES
from tools.repository.limits import DEFAULT_RUNTIME, python_version
from tools.repository.model import TOOLS, Project, Repository

CAN_BE_TESTED = [python_version(runtime) for runtime in DEFAULT_RUNTIME.values()]
NO_SOLUTION = 1
"""What uv exits with when a lock can't be installed; with 2 when no index answers."""

OFFLINE = "the network was disabled"
"""What uv says where it was forbidden to ask an index; it exits with 1 then, too."""


@dataclass(frozen=True)
class Pythons:
    """The Pythons a subject is deployed on, if it is: those that are here, and the versions that are `missing`."""

    here: tuple[Interpreter, ...]
    missing: tuple[str, ...] = ()

    @property
    def to_run(self) -> tuple[Interpreter, ...]:
        """What its tests run on: those that are here, or, rather than nothing, the one that runs nox."""
        return self.here or (running(),)


def pythons_to_test(repository: Repository, subject: str) -> Pythons:
    """The Pythons of a connector, a package or the tools; only a connector is deployed."""
    if subject not in repository.connectors:
        return Pythons(())
    found = {version: _found(version) for version in deployed(repository, subject).pythons}
    return Pythons(
        tuple(one for one in found.values() if one), tuple(name for name, one in found.items() if one is None)
    )


def environments_of(repository: Repository, subject: str, pythons: Pythons) -> list[VirtualEnvironment]:
    """The environments a subject is tested in, one for each Python, not made yet."""
    if subject == TOOLS:
        return [tools_environment(repository)]
    if subject == EXAMPLES:
        return [examples_environment(repository)]
    project = repository.project(subject)
    return [project_environment(repository, project, python) for python in pythons.to_run]


def not_run(project: Project, pythons: Pythons) -> Iterator[str]:
    """What has to be said of the Pythons that are missing, one text for each.

    Raises RepositoryError if a connector can't be installed on one of them.
    """
    instead = "" if pythons.here else f" They ran on {running().version} instead."
    for version in pythons.missing:
        yield (
            f"NOT RUN: {project.name} is deployed on Python {version}, which this machine lacks, so its tests "
            f"didn't run on it.{instead} `uv python install {version}` brings it.\n    {resolved(project, version)}"
        )


def failing(missing: Sequence[str]) -> list[str]:
    """Those of the Pythons missing that fail the tests: under CI, where each that can be tested has to be there."""
    return [version for version in missing if version in CAN_BE_TESTED] if os.environ.get("CI") else []


def resolved(project: Project, version: str) -> str:
    """Whether what ships could be installed on a Python that isn't here, without building anything, in a sentence.

    RepositoryError with uv's words if it can't.
    """
    uv = find_uv()
    if uv is None:
        return 'Whether its lock installs there isn\'t known without uv: pip install "nox[uv]"'
    with tempfile.TemporaryDirectory() as nowhere:
        command = [
            uv, "pip", "install", "--dry-run", f"--python-version={version}", "--only-binary=:all:", "--require-hashes",
            f"--target={nowhere}", "-r", "requirements.txt",
        ]  # fmt: skip
        done = subprocess.run(command, cwd=project.path, capture_output=True, text=True, check=False)
    if done.returncode == NO_SOLUTION and OFFLINE not in done.stderr:
        raise RepositoryError(
            f"{project.name} is deployed on Python {version}, and its lock can't be installed there "
            f"without building:\n{done.stderr.strip()}"
        )
    if done.returncode:
        return f"Whether its lock installs there couldn't be found out:\n{done.stderr.strip()}"
    return "Its lock installs there, by uv's dry run, without building anything."


def _found(version: str) -> Interpreter | None:
    """The Python of this machine; under CI it is installed if need be."""
    interpreter = find(version)
    if interpreter is None and os.environ.get("CI"):
        print(f"installing Python {version}: `uv python install {version}`", flush=True)
        install(version)
        interpreter = find(version)
    return interpreter
