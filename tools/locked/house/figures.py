"""The size of the house in figures, each with the most it may be: what grows unnoticed otherwise.

Counted over the packages' sources. A module that one other alone imports is often a part of it; a class name that
stands in two modules makes a reader ask which one is meant. (A practice source's `Offset` is meant to have the name of
the runtime's that it serves.)
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.locked.house.modules import Modules, package_modules
from tools.repository.imports import parsed
from tools.repository.model import Repository, python_files

EMULATOR = "fivetran_emulator"


@dataclass(frozen=True)
class Figure:
    """One of them: what is counted, how many, at most how many where that is limited, and which, to look at."""

    name: str
    value: int
    limit: int | None = None
    which: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}: {self.value:,}" + (f" (at most {self.limit:,})" if self.limit else "")


def figures(repository: Repository) -> Iterator[Figure]:
    """Them, in the order in which `nox -s check` shows them."""
    modules = package_modules(repository)
    emulator = [name for name in modules.files if name.split(".")[0] == EMULATOR]
    yield Figure("modules of the emulator", len(emulator), 89, tuple(emulator))
    once = tuple(imported_once(modules))
    yield Figure("modules imported by one other alone", len(once), 26, once)
    twice = tuple(f"{name} in {' and '.join(where)}" for name, where in repeated_classes(modules).items())
    yield Figure("class names in two modules", len(twice), 12, twice)
    yield Figure("lines of source", sum(map(_lines, modules.files.values())))
    tests = [
        path for package in repository.packages.values() for path in python_files(package.path / "tests")
    ]
    yield Figure("lines of tests", sum(map(_lines, tests)))


def imported_once(modules: Modules) -> Iterator[str]:
    """Modules that exactly one other imports."""
    imports = modules.imports()
    for name in sorted(modules.files):
        if sum(name in imported for imported in imports.values()) == 1:
            yield name


def repeated_classes(modules: Modules) -> Mapping[str, list[str]]:
    """Public and private class names that stand in more than one module, with the modules."""
    found: dict[str, list[str]] = {}
    for module, path in sorted(modules.files.items()):
        tree = parsed(path)
        for node in ast.walk(tree) if tree else ():
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, []).append(module)
    return {name: where for name, where in sorted(found.items()) if len(where) > 1}


def _lines(path: Path) -> int:
    return len(path.read_text("utf-8").splitlines())
