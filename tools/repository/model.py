"""What the repository holds: its connectors and packages, found in its folders, listed nowhere.

A folder is a connector when it holds the two files that prove it: pyproject.toml and src/connector_NAME/__init__.py.
A folder with one of them isn't skipped: it is an error with its name, for a skipped connector is one nobody tests.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tools.repository.errors import Problem, RepositoryError, at
from tools.repository.examples import EXAMPLES
from tools.repository.names import import_name, name_problem, normalized, unknown

LEFT_BEHIND = {"__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis", ".DS_Store"}
"""What runs leave in a folder whose files were removed, for example on another branch."""

TOOLS = "tools"
"""The subject whose tests are the tools' own."""


@dataclass(frozen=True)
class Project:
    """A connector or a package: a folder with a pyproject.toml, installed and tested on its own.

    `kind` is `connector` or `package`; `name` is the folder's; `module` the package it is imported as.
    """

    name: str
    kind: str
    path: Path
    module: str

    @property
    def pyproject_file(self) -> Path:
        """The project's pyproject.toml."""
        return self.path / "pyproject.toml"

    @cached_property
    def pyproject(self) -> dict[str, Any]:
        """The parsed pyproject.toml; raises RepositoryError naming the file and line if it isn't TOML."""
        return read_toml(self.pyproject_file)

    @property
    def distribution(self) -> str:
        """The normalized name it is installed under."""
        return normalized(str(self.pyproject.get("project", {}).get("name", self.name)))

    @property
    def init_file(self) -> Path:
        """The module that holds `__version__`."""
        return self.path / "src" / self.module / "__init__.py"

    @property
    def version(self) -> str:
        """`__version__` as the file says it; raises RepositoryError if it doesn't."""
        version = version_line(self.init_file.read_text("utf-8"))
        if version is None:
            raise RepositoryError(f'{self.init_file}: no line `__version__ = "0.1.0"`')
        return version

    def requirements(self, *, test: bool) -> list[str]:
        """Its direct requirements as written, of the test environment too if asked: `["requests>=2.31", ...]`."""
        project = self.pyproject.get("project", {})
        found = list(project.get("dependencies", ()))
        if test:
            for extra in project.get("optional-dependencies", {}).values():
                found += extra
            found += [entry for entry in group(self.pyproject, "test") if isinstance(entry, str)]
        return found


@dataclass(frozen=True)
class Repository:
    """The repository at `root`, an absolute path. Looks once; make a new one after changing folders."""

    root: Path

    @cached_property
    def connectors(self) -> Mapping[str, Project]:
        """Connectors by name, sorted. Raises RepositoryError naming every folder that is half a connector."""
        return self._projects("connectors", "connector", import_name)

    @cached_property
    def packages(self) -> Mapping[str, Project]:
        """Packages by name, sorted; the same rules."""
        return self._projects("packages", "package", lambda name: name.replace("-", "_"))

    @cached_property
    def pyproject(self) -> dict[str, Any]:
        """The root's pyproject.toml: settings of the whole repository. RepositoryError if it isn't TOML."""
        return read_toml(self.root / "pyproject.toml")

    @cached_property
    def projects(self) -> Mapping[str, Project]:
        """Everything with a lock and tests of its own. Raises RepositoryError if there is nothing at all."""
        projects = {**self.connectors, **self.packages}
        if not projects:
            raise RepositoryError(f"{self.root}: no folder under connectors/ or packages/ holds a project")
        return projects

    @property
    def subjects(self) -> list[str]:
        """What can be tested: every project, the examples where there are any, and the tools."""
        return [*self.projects, *([EXAMPLES] if self.has_examples else []), TOOLS]

    @property
    def has_examples(self) -> bool:
        """Whether there is a folder of examples."""
        return (self.root / EXAMPLES).is_dir()

    def connector(self, name: str) -> Project:
        """The connector called `name`; RepositoryError with the nearest match and the list if there is none."""
        if name not in self.connectors:
            raise unknown("connector", name, self.connectors)
        return self.connectors[name]

    def project(self, name: str) -> Project:
        """The connector or package called `name`; RepositoryError likewise."""
        if name not in self.projects:
            raise unknown("connector or package", name, self.projects)
        return self.projects[name]

    def local_dependencies(self, project: Project, *, test: bool) -> list[Project]:
        """The packages of this repository that `project` stands on, theirs included, nearest first."""
        found: dict[str, Project] = {}
        waiting = [(project, test)]
        while waiting:
            current, with_tests = waiting.pop(0)
            for text in current.requirements(test=with_tests):
                package = self._by_distribution.get(normalized(requirement_name(text)))
                if package and package != project and package.name not in found:
                    found[package.name] = package
                    waiting.append((package, False))
        return list(found.values())

    def extra_requirements(self, project: Project, package: Project) -> list[str]:
        """What the extras add that `project` asks of a package of ours: `fivetran-runtime[crypto]`."""
        extras = package.pyproject.get("project", {}).get("optional-dependencies", {})
        asked = {
            extra
            for text in project.requirements(test=False)
            if normalized(requirement_name(text)) == package.distribution
            for extra in requirement_extras(text)
        }
        return [text for name, found in extras.items() if normalized(name) in asked for text in found]

    @cached_property
    def _by_distribution(self) -> Mapping[str, Project]:
        return {package.distribution: package for package in self.packages.values()}

    def _projects(self, folder: str, kind: str, module: Any) -> Mapping[str, Project]:
        found: dict[str, Project] = {}
        problems: list[Problem] = []
        for path in _folders(self.root / folder):
            project = Project(path.name, kind, path, module(path.name))
            missing = [file for file in (project.pyproject_file, project.init_file) if not file.is_file()]
            if missing:
                problems.append(self._half(project, missing))
            elif wrong := name_problem(path.name) or self._taken(project):
                problems.append(Problem(at(path, self.root), wrong, "rename the folder and its package"))
            else:
                found[path.name] = project
        if problems:
            raise RepositoryError(problems)
        return found

    def _taken(self, project: Project) -> str | None:
        """Why a connector can't have its name: `nox -s tests -- NAME` would mean two things."""
        if project.name == TOOLS:
            return f"`{TOOLS}` is what the repository's own tools are called"
        if project.name == EXAMPLES:
            return f"`{EXAMPLES}` is what the examples are called"
        if project.kind == "connector" and (self.root / "packages" / project.name).is_dir():
            return f"`{project.name}` is a package's name already"
        return None

    def _half(self, project: Project, missing: list[Path]) -> Problem:
        files = " and ".join(at(path, project.path) for path in missing)
        return Problem(
            at(project.path, self.root),
            f"this folder is half a {project.kind}: it has no {files}",
            "finish it, or remove the folder"
            + ("; `nox -s create` makes whole ones" if project.kind == "connector" else ""),
        )


def version_line(source: str) -> str | None:
    """The version in a module's line `__version__ = "0.1.0"`; None where there is no such line."""
    found = re.search(r'^__version__(?:: \w+)? = "([^"]+)"', source, re.MULTILINE)
    return found[1] if found else None


def group(pyproject: Mapping[str, Any], name: str) -> list[Any]:
    """A dependency group with its `include-group`s unfolded: https://packaging.python.org/specifications/dependency-groups."""
    entries: list[Any] = []
    for entry in pyproject.get("dependency-groups", {}).get(name, ()):
        if isinstance(entry, dict) and "include-group" in entry:
            entries += group(pyproject, entry["include-group"])
        else:
            entries.append(entry)
    return entries


def requirement_name(text: str) -> str:
    """The name a requirement starts with: `requests[socks] >= 2; python_version > "3"` -> `requests`."""
    found = re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)", text)
    return found[1] if found else text


def requirement_extras(text: str) -> list[str]:
    """The extras that a requirement asks for: `requests[socks, security] >= 2` -> `["socks", "security"]`."""
    found = re.match(r"\s*[A-Za-z0-9._-]+\s*\[([^\]]*)\]", text)
    return [normalized(name.strip()) for name in found[1].split(",") if name.strip()] if found else []


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file's content; raises RepositoryError with the file and the parser's words."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise RepositoryError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RepositoryError(f"{path}: not TOML: {error}") from error
    except (ValueError, RecursionError) as error:  # what tomllib lets through
        raise RepositoryError(f"{path}: a number is too long, or brackets are nested too deeply") from error


def python_files(path: Path) -> list[Path]:
    """A file, or a folder's Python files, sorted; without caches, and without the template, which isn't Python yet."""
    found = [path] if path.is_file() else sorted(path.rglob("*.py"))
    return [file for file in found if not {"template", "__pycache__"} & set(file.relative_to(path).parts)]


def _folders(parent: Path) -> Iterator[Path]:
    """The folders that hold something of a person's, sorted by name."""
    if not parent.is_dir():
        return
    for path in sorted(parent.iterdir()):
        if path.is_dir() and not path.name.startswith((".", "_")) and _holds_files(path):
            yield path


def _holds_files(path: Path) -> bool:
    for inner in path.iterdir():
        if inner.name in LEFT_BEHIND or inner.name.endswith(".egg-info"):
            continue
        if inner.is_file() or _holds_files(inner):
            return True
    return False
