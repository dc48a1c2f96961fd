"""Locks: every third-party distribution pinned and hashed, one set for what ships and one for what tests it.

A lock's second line is the digest of what it was made from, so that a lock older than its pyproject.toml is found
without a network. Packages of this repository are in no lock: they are installed from their folders only.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tools.environments.uv import find_uv
from tools.environments.virtual_environments import (
    AIRFLOW,
    BENCHMARKS,
    CONNECTOR_SDK,
    airflow_locks,
    benchmark_locks,
    connector_sdk_lock,
    nox_lock,
    tools_environment,
    tools_lock,
)
from tools.repository.errors import Problem, RepositoryError, at
from tools.repository.examples import EXAMPLES
from tools.repository.model import TOOLS, Project, Repository, group, requirement_name
from tools.repository.names import normalized

PYTHON = "3.11"
"""The oldest Python a lock serves; `--universal` adds markers for newer ones."""

FOLDERS = "folders"
"""The root's dependency group that every test environment needs to install the repository's own folders."""

NOX = "nox"
"""The root's dependency group of what CI installs first."""

DIGEST = re.compile(r"^# Inputs: (sha256:[0-9a-f]{64})$", re.MULTILINE)


@dataclass(frozen=True)
class Lock:
    """One lock file: whose it is, what uv is asked for, and the `inputs` that decide what it should hold.

    `constraint` is a lock this one must agree with; it is made first.
    """

    file: Path
    subject: str
    folder: Path
    request: tuple[str, ...]
    inputs: Mapping[str, Any]
    constraint: Path | None = None

    @property
    def command(self) -> str:
        """The command that makes it."""
        return f"nox -s lock -- {self.subject}"

    def digest(self) -> str:
        """The digest of its inputs as they are now, the lock it must agree with among them."""
        pins = (
            _pins(self.constraint.read_text("utf-8")) if self.constraint and self.constraint.is_file() else ""
        )
        document = json.dumps({**self.inputs, "python": PYTHON, "constraint": pins}, sort_keys=True)
        return "sha256:" + hashlib.sha256(document.encode()).hexdigest()

    def header(self, root: Path) -> str:
        """Its first two lines."""
        source = at(self.folder / "pyproject.toml", root)
        return f"# Made by `{self.command}` from {source}; don't edit.\n# Inputs: {self.digest()}\n"

    def problems(self, root: Path) -> Iterator[Problem]:
        """Whether it is missing or older than its inputs. Needs no network."""
        where = at(self.file, root)
        if not self.file.is_file():
            yield Problem(where, "this lock is missing", f"run `{self.command}`")
        elif (found := DIGEST.search(self.file.read_text("utf-8"))) is None or found[1] != self.digest():
            source = at(self.folder / "pyproject.toml", root)
            yield Problem(
                where,
                f"this lock was made from another {source} (or a package's under it)",
                f"run `{self.command}`",
            )


def locks_of(repository: Repository, subject: str) -> list[Lock]:
    """The locks of a project or the tools, in the order they are made. RepositoryError for an unknown name."""
    if subject == TOOLS:
        return [_group_lock(repository, TOOLS, tools_lock(repository)), *_nox_locks(repository)]
    if subject in (AIRFLOW, BENCHMARKS):
        files = airflow_locks(repository) if subject == AIRFLOW else benchmark_locks(repository)
        return [_group_lock(repository, name, file, subject=subject) for name, file in files.items()]
    if subject == CONNECTOR_SDK:
        return [_sdk_lock(repository)] if group(repository.pyproject, CONNECTOR_SDK) else []
    project = repository.project(subject)
    if project.kind == "package":
        return [_project_lock(repository, project, test=True, constraint=tools_lock(repository))]
    return connector_locks(repository, project)


def connector_locks(repository: Repository, project: Project) -> list[Lock]:
    """The two locks of a connector, wherever its folder is: what ships, and what tests it."""
    ships = project.path / "requirements.txt"
    return [
        _project_lock(repository, project, test=False, constraint=None),
        _project_lock(repository, project, test=True, constraint=ships),
    ]


def all_locks(repository: Repository) -> list[Lock]:
    """Every lock of the repository: the tools' first, which the packages' must agree with (they share `.venv`)."""
    subjects = [TOOLS, AIRFLOW, BENCHMARKS, CONNECTOR_SDK, *repository.packages, *repository.connectors]
    return [lock for subject in subjects for lock in locks_of(repository, subject)]


def source_problems(repository: Repository, subject: str) -> list[Problem]:
    """Each package of this repository that a project requires without saying that its folder is where it is from.

    uv asks every index for such a name, and a higher version there, anybody's, is taken for ours.
    """
    if subject in (TOOLS, AIRFLOW, BENCHMARKS, CONNECTOR_SDK, EXAMPLES):
        return []
    project = repository.project(subject)
    asked = {normalized(requirement_name(text)) for text in project.requirements(test=True)}
    where = at(project.pyproject_file, repository.root)
    return [
        Problem(
            where,
            f"{package.distribution} is of this repository, and nothing says so: an index would be asked for it",
            f'add to [tool.uv.sources]: {package.distribution} = {{ path = "{_way(project, package)}", editable = true }}',
        )
        for package in repository.local_dependencies(project, test=True)
        if package.distribution in asked and not _is_from(project, package)
    ]


def _is_from(project: Project, package: Project) -> bool:
    sources = project.pyproject.get("tool", {}).get("uv", {}).get("sources", {})
    paths = [
        source.get("path") for name, source in sources.items() if normalized(name) == package.distribution
    ]
    return bool(paths) and all(
        path and (project.path / path).resolve() == package.path.resolve() for path in paths
    )


def _way(project: Project, package: Project) -> str:
    return Path(os.path.relpath(package.path, project.path)).as_posix()


def lock(repository: Repository, subjects: list[str], *, upgrade: bool = False, check: bool = False) -> None:
    """Make the locks of `subjects`, of everything if empty, keeping pins that still fit unless `upgrade`.

    With `check` nothing is written. Raises RepositoryError with the difference and the command if a file would
    change, with uv's words if there is no solution or no index, or if an index would be asked for a package of ours.
    """
    wanted = [lock for name in subjects for lock in locks_of(repository, name)] or all_locks(repository)
    if unsaid := [problem for one in wanted for problem in source_problems(repository, one.subject)]:
        raise RepositoryError(dict.fromkeys(unsaid))
    stale: list[str] = []
    for one in wanted:
        before = one.file.read_text("utf-8") if one.file.is_file() else ""
        after = one.header(repository.root) + compiled(repository, one, upgrade=upgrade)
        shown = at(one.file, repository.root)
        if before == after:
            print(f"{shown}: current")
        elif check:
            changes = difflib.unified_diff(
                before.splitlines(True), after.splitlines(True), shown, "as it should be"
            )
            stale.append(f"{''.join(changes)}{shown} isn't current; run `{one.command}`")
        else:
            one.file.write_text(after, "utf-8")
            print(f"{shown}: {'made' if not before else 'changed'}")
    if stale:
        raise RepositoryError("\n".join(stale))


def compiled(repository: Repository, lock: Lock, *, upgrade: bool = False) -> str:
    """What uv resolves a lock to, without our header. RepositoryError if it can't."""
    uv = find_uv(tools_environment(repository).script("uv"))
    if uv is None:
        raise RepositoryError('Locks are made by uv, which isn\'t here: pip install "nox[uv]"')
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "lock.txt"
        if lock.file.is_file():
            output.write_bytes(lock.file.read_bytes())  # its pins are kept where they still fit
        command = [uv, "pip", "compile", *_request(repository, lock), "-o", str(output)]
        command += ["--upgrade"] if upgrade else []
        done = subprocess.run(command, cwd=lock.folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RepositoryError(
                f"{at(lock.file, repository.root)}: uv found no solution:\n{done.stderr.strip()}"
            )
        return _without_exclusions(output.read_text("utf-8"))


def _request(repository: Repository, lock: Lock) -> Iterator[str]:
    """What uv is asked to resolve, and how the answer is to look."""
    yield from ("--quiet", "--universal", f"--python-version={PYTHON}", "--generate-hashes", "--no-header")
    yield from lock.request
    if lock.constraint and lock.constraint.is_file():
        yield from ("-c", os.path.relpath(lock.constraint, lock.folder))
    yield from (f"--no-emit-package={package.distribution}" for package in repository.packages.values())


def _project_lock(repository: Repository, project: Project, *, test: bool, constraint: Path | None) -> Lock:
    local = repository.local_dependencies(project, test=test)
    return Lock(
        file=project.path / ("requirements-test.txt" if test else "requirements.txt"),
        subject=project.name,
        folder=project.path,
        request=("pyproject.toml", *(_test_request(repository, project) if test else ())),
        inputs={
            "requires": sorted(
                project.requirements(test=test) + (_folder_requirements(repository) if test else [])
            ),
            "requires-python": project.pyproject.get("project", {}).get("requires-python", ""),
            "local": {
                package.name: sorted(
                    package.requirements(test=False) + repository.extra_requirements(project, package)
                )
                for package in local
            },
            "uv": {
                key: value
                for key, value in project.pyproject.get("tool", {}).get("uv", {}).items()
                if key != "sources"
            },
        },
        constraint=constraint,
    )


def _group_lock(repository: Repository, name: str, file: Path, *, subject: str = "") -> Lock:
    """The lock of one of the root's dependency groups."""
    return Lock(
        file=file,
        subject=subject or name,
        folder=repository.root,
        request=(f"--group={name}",),
        inputs={"requires": sorted(group(repository.pyproject, name))},
    )


def _sdk_lock(repository: Repository) -> Lock:
    """The lock of Fivetran's Connector SDK: only what its group names, since the SDK asks for more than serving needs."""
    lock = _group_lock(repository, CONNECTOR_SDK, connector_sdk_lock(repository))
    return replace(lock, request=(*lock.request, "--no-deps"))


def _nox_locks(repository: Repository) -> list[Lock]:
    """The lock of what CI installs first, where the repository has such a group; it agrees with the tools' lock."""
    if not group(repository.pyproject, NOX):
        return []
    alone = _group_lock(repository, NOX, nox_lock(repository), subject=TOOLS)
    return [replace(alone, constraint=tools_lock(repository))]


def _test_request(repository: Repository, project: Project) -> list[str]:
    root = os.path.relpath(repository.root / "pyproject.toml", project.path)
    own = ["--group=test"] if "test" in project.pyproject.get("dependency-groups", {}) else []
    return ["--all-extras", *own, f"--group={root}:{FOLDERS}"]


def _folder_requirements(repository: Repository) -> list[str]:
    return group(repository.pyproject, FOLDERS)


def _pins(text: str) -> str:
    """A lock without its comments, which say who asked and not what is installed."""
    return "".join(line for line in text.splitlines(True) if not line.lstrip().startswith("#"))


def _without_exclusions(text: str) -> str:
    """Without uv's closing list of the packages left out: they are left out of every lock."""
    return text.split("\n# The following packages were excluded", maxsplit=1)[0].rstrip() + "\n"
