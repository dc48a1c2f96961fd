"""Who may import whom: read from the source, never by importing.

Imports go one way, connector to runtime to third party. What the functions of everyone stand on can then change
without a connector's code being read, and nothing of the tests or the tools is ever uploaded.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tools.environments.virtual_environments import BENCHMARKS
from tools.locked.house.modules import Modules, modules_below, way_back
from tools.repository.errors import Problem, at
from tools.repository.imports import Import, imports_of, may_import
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
    rule = f"{BENCHMARKS}/ measures a connector as anyone writes one: {RUNTIME} and third parties' libraries"
    yield from _wrong(repository, repository.root / BENCHMARKS, ours - {RUNTIME}, rule)


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
    """Modules that import each other as they load, however long the way round."""
    sources = [(project.path / "src", project.path / "src") for project in repository.projects.values()]
    for folder, root in (*sources, (repository.root / TOOLS, repository.root)):
        modules = modules_below(folder, root)
        yield from _cycles(repository.root, modules)


def _wrong(repository: Repository, path: Path, forbidden: set[str], rule: str) -> Iterator[Problem]:
    for file in python_files(path) if path.exists() else ():
        for one in imports_of(file) if may_import(file, forbidden) else ():
            if one.top in forbidden:
                yield Problem(at(file, repository.root, one.line), f"imports {one.module}; {rule}")


def _cycles(root: Path, modules: Modules) -> Iterator[Problem]:
    if len(modules.files) < 2:
        return
    edges = modules.loaded_imports()
    reported: set[frozenset[str]] = set()
    for start in sorted(edges):
        way = way_back(start, edges)
        if way and frozenset(way) not in reported:
            reported.add(frozenset(way))
            what = f"modules import each other: {' imports '.join([*way, way[0]])}"
            yield Problem(at(modules.files[start], root), what, "move what both need into a third")
