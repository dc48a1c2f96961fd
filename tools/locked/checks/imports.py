"""Who may import whom: read from the source, never by importing.

Imports go one way, connector to runtime to third party. What the functions of everyone stand on can then change
without a connector's code being read, and nothing of the tests or the tools is ever uploaded.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.repository.errors import Problem, at
from tools.repository.model import Repository, python_files

RUNTIME = "fivetran_runtime"
EMULATOR = "fivetran_emulator"
TOOLS = "tools"


@dataclass(frozen=True)
class Import:
    """One import: the module named, and the line."""

    module: str
    line: int

    @property
    def top(self) -> str:
        """The package it comes from."""
        return self.module.split(".")[0]


def imports_of(path: Path) -> Iterator[Import]:
    """Every absolute import in a file, wherever it stands. A file that doesn't parse has none: lint says so."""
    try:
        tree = ast.parse(path.read_text("utf-8"))
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield Import(node.module, node.lineno)


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


def cycle_problems(repository: Repository) -> Iterator[Problem]:
    """Modules of one project that import each other, however long the way round."""
    for project in repository.projects.values():
        source = project.path / "src"
        yield from _cycles(repository.root, {_module(path, source): path for path in python_files(source)})
    tools = {_module(path, repository.root): path for path in python_files(repository.root / TOOLS)}
    yield from _cycles(repository.root, tools)


def _wrong(repository: Repository, path: Path, forbidden: set[str], rule: str) -> Iterator[Problem]:
    for file in python_files(path) if path.exists() else ():
        for one in imports_of(file):
            if one.top in forbidden:
                yield Problem(at(file, repository.root, one.line), f"imports {one.module}; {rule}")


def _module(path: Path, source: Path) -> str:
    parts = path.relative_to(source).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _cycles(root: Path, files: dict[str, Path]) -> Iterator[Problem]:
    """Cycles among modules as loaded: an import under TYPE_CHECKING or inside a function makes none."""
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
    try:
        tree = ast.parse(path.read_text("utf-8"))
    except (SyntaxError, ValueError):
        return
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in files)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                if inner in files:
                    yield inner
                elif node.module in files:
                    yield node.module


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
