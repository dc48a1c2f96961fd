"""Who may import whom: read from the source, never by importing.

Imports go one way, connector to runtime to third party. What the functions of everyone stand on can then change
without a connector's code being read, and nothing of the tests or the tools is ever uploaded.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tools.repository.errors import Problem, at
from tools.repository.imports import Import, imports_of, loaded_imports_of, may_import
from tools.repository.model import Repository, python_files

RUNTIME = "fivetran_runtime"
EMULATOR = "fivetran_emulator"
TOOLS = "tools"

FRONT = ("repository", "environments", "local")
"""The tools' folders that the noxfile imports. What runs in the Python that has nox, where nothing else of ours or anyone's may be installed."""

COMPANIONS = {"noxfile.py": {"nox"}, f"{TOOLS}/environments/uv.py": {"uv"}}
"""The files among them that import a third party's package: nox, and the uv that may have come with it."""


def direction_problems(repository: Repository) -> Iterator[Problem]:
    """Every import that goes the wrong way, with the rule it breaks."""
    ours = {project.module for project in repository.projects.values()} | {TOOLS}
    for project in repository.projects.values():
        shipped = {project.module, RUNTIME} if project.kind == "connector" else {project.module}
        rule = f"{project.name}'s src/ may import " + (
            f"{RUNTIME} and " if project.kind == "connector" else ""
        )
        yield from _wrong(
            repository, project.path / "src", ours - shipped, f"{rule}its own requirements only"
        )
        beside = shipped | {EMULATOR, RUNTIME}
        for path in (project.path / "tests", project.path / "practice.py"):
            rule = f"{project.name}'s tests and practice source may import itself and the two packages"
            yield from _wrong(repository, path, ours - beside, rule)
    yield from _wrong(
        repository, repository.root / TOOLS, ours - {TOOLS}, "tools/ reads files and imports none of them"
    )


def front_problems(repository: Repository) -> Iterator[Problem]:
    """Every import that the sessions' own code can't rely on: only the standard library is there for sure."""
    tools = [repository.root / TOOLS / name for name in FRONT]
    paths = [path for path in (repository.root / "noxfile.py", *tools) if path.exists()]
    for file in (file for path in paths for file in python_files(path)):
        where = at(file, repository.root)
        allowed = {*sys.stdlib_module_names, *COMPANIONS.get(where, ())}
        for one in imports_of(file):
            if one.top == TOOLS and not set(_folders(one)) <= set(FRONT):
                what = f"imports {one.module}, and what that needs isn't installed where this runs"
                yield Problem(f"{where}:{one.line}", what, "run it with the noxfile's `run_tool`")
            elif one.top != TOOLS and one.top not in allowed:
                what = (
                    f"imports {one.module}; before any environment is made there is only the standard library"
                )
                yield Problem(f"{where}:{one.line}", what, f"move it to {TOOLS}/locked/")


def _folders(one: Import) -> Sequence[str]:
    """The tools' folders that an import of theirs reaches into."""
    return one.module.split(".")[1:2] or one.names


def cycle_problems(repository: Repository) -> Iterator[Problem]:
    """Modules of one project that import each other, however long the way round."""
    for project in repository.projects.values():
        source = project.path / "src"
        yield from _cycles(repository.root, {_module(path, source): path for path in python_files(source)})
    tools = {_module(path, repository.root): path for path in python_files(repository.root / TOOLS)}
    yield from _cycles(repository.root, tools)


def _wrong(repository: Repository, path: Path, forbidden: set[str], rule: str) -> Iterator[Problem]:
    for file in python_files(path) if path.exists() else ():
        for one in imports_of(file) if may_import(file, forbidden) else ():
            if one.top in forbidden:
                yield Problem(at(file, repository.root, one.line), f"imports {one.module}; {rule}")


def _module(path: Path, source: Path) -> str:
    parts = path.relative_to(source).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _cycles(root: Path, files: dict[str, Path]) -> Iterator[Problem]:
    """Cycles among modules as loaded: an import under TYPE_CHECKING or inside a function makes none."""
    if len(files) < 2:
        return
    edges = {name: set(_loaded(path, files)) - {name} for name, path in files.items()}
    reported: set[frozenset[str]] = set()
    for start in sorted(edges):
        way = _way_back(start, edges)
        if way and frozenset(way) not in reported:
            reported.add(frozenset(way))
            what = " imports ".join([*way, way[0]])
            yield Problem(
                at(files[start], root),
                f"modules import each other: {what}",
                "move what both need into a third",
            )


def _loaded(path: Path, files: dict[str, Path]) -> Iterator[str]:
    for one in loaded_imports_of(path):
        inner = [f"{one.module}.{name}" for name in one.names if f"{one.module}.{name}" in files]
        yield from inner
        if one.module in files and len(inner) < max(len(one.names), 1):
            yield one.module


def _way_back(start: str, edges: dict[str, set[str]]) -> list[str]:
    """The shortest way from a module back to itself; empty if there is none."""
    waiting: list[list[str]] = [[start]]
    seen: set[str] = set()
    while waiting:
        way = waiting.pop(0)
        for following in sorted(edges.get(way[-1], ())):
            if following == start:
                return way
            if following not in seen:
                seen.add(following)
                waiting.append([*way, following])
    return []
