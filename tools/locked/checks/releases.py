"""What changed since main, and what that does to the versions: read from files, at the merge base and now.

A connector's version is what is deployed by: content that changes under one version never arrives. And who relies on a
column or a key is warned by a major version alone (before 1.0 by a minor one).
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version

from tools.locked.checks.merge_base import MergeBase
from tools.repository.errors import Problem, at
from tools.repository.model import Project, Repository

VERSION = re.compile(r'^__version__(?:: \w+)? = "([^"]+)"', re.MULTILINE)

RECORD = "tests/released.json"
"""What a connector's released versions promised; written by `nox -s tests -- NAME -k C35 --write-released`."""


def version_problems(repository: Repository) -> Iterator[Problem]:
    """Every connector whose shipped content differs from main's while its version doesn't, or goes back."""
    base = MergeBase.of(repository.root)
    for project in repository.connectors.values():
        if not base.changed_under(project.path):
            continue
        before, now = _version(base.text(project.init_file)), _version(_read(project.init_file))
        changed = _changed_content(base, project)
        if before is None or now is None or not (changed or now < before):
            continue
        where = at(project.init_file, repository.root)
        if now < before:
            yield Problem(where, f"the version goes back from {before} to {now}", "give it a later one")
        elif now == before:
            what = f"{', '.join(changed)} changed since main, and the version is still {now}: it would not be deployed"
            yield Problem(where, what, f"run `nox -s bump -- {project.name} patch`, or minor, or major")


def promise_problems(repository: Repository) -> Iterator[Problem]:
    """Every key, table or column that main's record promises and today's record doesn't, without a major version."""
    base = MergeBase.of(repository.root)
    for project in repository.connectors.values():
        file = project.path / RECORD
        if at(file, repository.root) not in base.paths:
            continue
        before, now = _newest(base.text(file)), _newest(_read(file))
        if before is None:
            continue
        where = at(file, repository.root)
        if now is None:
            yield Problem(where, f"it no longer says what {before.version} promised", "take main's file back")
        elif now.version.release[: _major(before)] == before.version.release[: _major(before)]:
            fix = f"run `nox -s bump -- {project.name} {'major' if before.version.major else 'minor'}`"
            broken = _broken(before.tables, now.tables)
            yield from (Problem(where, f"{what} since {before.version}", fix) for what in broken)


@dataclass(frozen=True)
class _Release:
    version: Version
    tables: Mapping[str, Any]


def _newest(text: str | None) -> _Release | None:
    """The record's newest release; None where there is none that can be read: C35 says what is wrong with the file."""
    try:
        releases = [
            _Release(Version(one["version"]), one["tables"]) for one in json.loads(text or "")["releases"]
        ]
    except (ValueError, KeyError, TypeError, InvalidVersion):
        return None
    return max(releases, key=lambda one: one.version, default=None)


def _major(release: _Release) -> int:
    """How many numbers of a version say what it is compatible with: the first, before 1.0 the first two."""
    return 1 if release.version.major else 2


def _broken(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for table, promised in sorted(before.items()):
        kept = now.get(table)
        if kept is None:
            yield f"table {table} is missing"
            continue
        if kept["key"] != promised["key"]:
            yield f"the key of {table} is {', '.join(kept['key'])}, and was {', '.join(promised['key'])},"
        lost = sorted(set(promised["columns"]) - set(kept["columns"]))
        yield from (f"column {table}.{column} is missing" for column in lost)


def _changed_content(base: MergeBase, project: Project) -> list[str]:
    """What of a connector's shipped content differs: paths within it, `dependencies` for those of its pyproject.toml."""
    changed = [
        Path(path).relative_to(project.path.relative_to(base.root)).as_posix()
        for path in base.changed_under(project.path / "src")
    ]
    lock = project.path / "requirements.txt"
    if _pins(base.text(lock)) != _pins(_read(lock)):
        changed.append(lock.name)
    if _dependencies(base.text(project.pyproject_file)) != _dependencies(_read(project.pyproject_file)):
        changed.append("dependencies")
    return changed


def _pins(text: str | None) -> list[str]:
    """A lock without its comments: its header changes with the runtime's requirements, and nothing else need."""
    return [line for line in (text or "").splitlines() if line and not line.lstrip().startswith("#")]


def _dependencies(text: str | None) -> Any:
    try:
        return sorted(tomllib.loads(text or "").get("project", {}).get("dependencies", ()))
    except tomllib.TOMLDecodeError:
        return None


def _version(text: str | None) -> Version | None:
    """The version that a module says it has; None if it says none, which is said by the check `folders`."""
    found = VERSION.search(text or "")
    try:
        return Version(found[1]) if found else None
    except InvalidVersion:
        return None


def _read(path: Path) -> str | None:
    return path.read_text("utf-8") if path.is_file() else None
