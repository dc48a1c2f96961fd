"""The named checks of `nox -s check`: everything generated is current, everything declared is valid.

A check is a function that yields problems; all run, all problems are shown, then it fails. To add one, write it here
with `@check("name")`; the first line of its docstring is the promise that `nox -s check -- --list` shows. One that can't
be made here, such as a comparison with main in a shallow clone, raises NotCheckedError, and that is shown too. What it
yields as text is shown below its line and is no problem.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.environments import locks
from tools.local import connector_sdk
from tools.locked.checks import committed_secrets, imports, pins, releases, shared_facts, template_prose
from tools.locked.checks.merge_base import NotCheckedError
from tools.locked.ci import config as ci_config
from tools.locked.ci.compiler import validity
from tools.locked.declared import deployments
from tools.locked.declared import schema as deploy_schema
from tools.locked.house import api_page, architecture, examples_page, figures
from tools.repository.errors import Problem, RepositoryError, at, run_as_command
from tools.repository.model import Repository, python_files
from tools.repository.names import distribution, unknown

Check = Callable[[Repository], Iterable[Problem | str]]
CHECKS: dict[str, Check] = {}

VAGUE = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"}
"""Names that say nothing about what is inside."""

AUTHOR_FILES = ("README.md", "CHANGELOG.md", "practice.py", "tests")


def check(name: str) -> Callable[[Check], Check]:
    """Register a check under `name`."""

    def register(function: Check) -> Check:
        CHECKS[name] = function
        return function

    return register


@check("folders")
def folders(repository: Repository) -> Iterator[Problem]:
    """Every connector and package is whole, named by the rule, and called the same everywhere."""
    for project in repository.projects.values():
        where = at(project.path, repository.root)
        wanted = AUTHOR_FILES if project.kind == "connector" else ("README.md", "CHANGELOG.md", "tests")
        yield from (
            Problem(where, f"there is no {name}") for name in wanted if not (project.path / name).exists()
        )
        called = distribution(project.name) if project.kind == "connector" else project.name
        if project.distribution != called:
            yield Problem(
                f"{where}/pyproject.toml", f'[project] name is "{project.distribution}", not "{called}"'
            )
        yield from _version_problems(repository, project.init_file)


def _version_problems(repository: Repository, init_file: Path) -> Iterator[Problem]:
    if not re.search(r'^__version__ = "\d+\.\d+\.\d+[^"]*"$', init_file.read_text("utf-8"), re.MULTILINE):
        yield Problem(at(init_file, repository.root), 'there is no line `__version__ = "0.1.0"`')


@check("imports")
def import_directions(repository: Repository) -> Iterator[Problem]:
    """Imports go one way: connector, runtime, third party; none of them round in a circle."""
    yield from imports.direction_problems(repository)
    yield from imports.front_problems(repository)
    yield from imports.cycle_problems(repository)


@check("names")
def module_names(repository: Repository) -> Iterator[Problem]:
    """No module is called utils, helpers, common, base or manager: a name says what is inside."""
    roots = [project.path for project in repository.projects.values()] + [repository.root / "tools"]
    for path in (file for root in roots for file in python_files(root)):
        vague = {path.stem.strip("_"), path.parent.name.strip("_")} & VAGUE
        yield from (
            Problem(at(path, repository.root), f"`{name}` says nothing about what is inside")
            for name in vague
        )


@check("house")
def house_small(repository: Repository) -> Iterator[Problem | str]:
    """The packages have no more modules, and no more that are hard to tell apart, than was agreed."""
    for figure in figures.figures(repository):
        yield str(figure)
        if figure.limit is not None and figure.value > figure.limit:
            yield Problem("packages/", str(figure), f"these are: {', '.join(figure.which)}")


@check("architecture")
def architecture_current(repository: Repository) -> Iterator[Problem]:
    """Each picture of docs/architecture.md is what the imports are now, and each room has one."""
    yield from architecture.problems(repository)


@check("locks")
def locks_current(repository: Repository) -> Iterator[Problem]:
    """Every lock is of today's pyproject.toml, pinned and hashed, and none names a package of ours."""
    for subject in repository.subjects:
        yield from locks.source_problems(repository, subject)
    for lock in locks.all_locks(repository):
        yield from lock.problems(repository.root)
        yield from pins.pin_problems(repository, lock)


@check("deploy.yaml")
def deploy_valid(repository: Repository) -> Iterator[Problem]:
    """Every deployment names a connector and an environment that exist, with options that Google takes."""
    try:
        deployments.deployments(repository)
    except RepositoryError as error:
        yield from error.problems or [Problem("deploy.yaml", str(error))]


@check("hosts")
def hosts_possible(repository: Repository) -> Iterator[Problem]:
    """Each connector can run on the host that deploy.yaml says: a plain function is a function, and nothing else."""
    try:
        every = deployments.deployments(repository).values()
    except RepositoryError:
        return  # deploy.yaml is wrong, which is said by its own check
    for one in every:
        if not one.is_function and not connector_sdk.has_connector(repository.connector(one.connector)):
            yield Problem(
                f"deploy.yaml:{one.line}: {one.key}", connector_sdk.NO_CONNECTOR.format(name=one.connector)
            )


@check("schema")
def schema_current(repository: Repository) -> Iterator[Problem]:
    """The schema that editors check deploy.yaml with is what its options give now."""
    if deploy_schema.stale(repository):
        yield Problem(deploy_schema.FILE, "it isn't current", f"run `{deploy_schema.COMMAND}`")


@check("facts")
def facts_current(repository: Repository) -> Iterator[Problem]:
    """What the emulator shares with the runtime and the tools is what they say now."""
    yield from shared_facts.problems(repository)


@check("api")
def api_current(repository: Repository) -> Iterator[Problem]:
    """The pages docs/api.md and docs/practice.md say what the docstrings of the public names say now."""
    for page in api_page.pages(repository):
        if api_page.is_stale(repository, page):
            yield Problem(page.file, "it isn't current", f"run `{api_page.COMMAND}`")


@check("examples")
def examples_current(repository: Repository) -> Iterator[Problem]:
    """The table in docs/examples.md is of today's examples, none of which is too long."""
    if repository.has_examples:
        yield from examples_page.problems(repository)


@check("ci_config")
def ci_current(repository: Repository) -> Iterator[Problem]:
    """.circleci/ is what `nox -s ci_config` would write now."""
    try:
        difference = ci_config.stale(repository)
    except RepositoryError:
        return  # deploy.yaml is wrong, which is said by its own check
    if difference:
        yield Problem(".circleci/", "it isn't current", "run `nox -s ci_config`")


@check("ci_valid")
def ci_valid(repository: Repository) -> Iterator[Problem]:
    """.circleci/ is valid by CircleCI's published schema, and compiles as CircleCI would compile it."""
    for file in ci_config.FILES:
        path = repository.root / file
        if not path.is_file():
            continue  # the check before this one has said so
        yield from (Problem(file, what) for what in validity.problems(path.read_text("utf-8"), file))


@check("versions")
def versions_raised(repository: Repository) -> Iterator[Problem]:
    """What a connector ships changed since main only if its version did; it never went back."""
    yield from releases.version_problems(repository)


@check("promises")
def promises_kept(repository: Repository) -> Iterator[Problem]:
    """A key, table or column that main's released.json promises is dropped by a major version only."""
    yield from releases.promise_problems(repository)


@check("prose")
def prose_written(repository: Repository) -> Iterator[Problem]:
    """A connector that is deployed has none of the template's own words in its README and CHANGELOG."""
    try:
        yield from template_prose.prose_problems(repository)
    except RepositoryError:
        return  # deploy.yaml is wrong, which is said by its own check


@check("secrets")
def secrets_kept(repository: Repository) -> Iterator[Problem]:
    """No file that git tracks holds what looks like a secret."""
    yield from committed_secrets.secret_problems(repository)


@dataclass(frozen=True)
class Result:
    """What one check has found, or why it couldn't be made."""

    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    not_checked: str = ""

    def __iter__(self) -> Iterator[Problem]:
        """Its problems."""
        return iter(self.problems)

    @property
    def word(self) -> str:
        """It in one word."""
        return "FAIL" if self.problems else "SKIP" if self.not_checked else "ok"


def run(repository: Repository, names: Iterable[str] = ()) -> dict[str, Result]:
    """The results by check, of the checks named or of all. RepositoryError for an unknown name."""
    wanted = list(names) or list(CHECKS)
    for name in wanted:
        if name not in CHECKS:
            raise unknown("check", name, CHECKS)
    return {name: _result(repository, name) for name in wanted}


def _result(repository: Repository, name: str) -> Result:
    try:
        found = list(CHECKS[name](repository))
    except NotCheckedError as why:
        return Result(not_checked=str(why))
    problems = {one for one in found if isinstance(one, Problem)}
    return Result(tuple(sorted(problems)), tuple(one for one in found if isinstance(one, str)))


def promise(name: str) -> str:
    """What a check promises, in one line."""
    return (CHECKS[name].__doc__ or "").splitlines()[0]


def main(arguments: list[str]) -> int:
    """Run the checks named, or all; print each with its promise, then every problem."""
    parser = argparse.ArgumentParser(prog="nox -s check --")
    parser.add_argument("names", metavar="CHECK", nargs="*", help="these alone; all if none")
    parser.add_argument("--list", action="store_true", help="their names, and what each promises")
    options = parser.parse_args(arguments)
    if options.list:
        print("\n".join(f"{name:<12} {promise(name)}" for name in CHECKS))
        return 0
    results = run(Repository(Path.cwd()), options.names)
    for name, result in results.items():
        print(f"{result.word:<5} {name:<12} {promise(name)}")
        notes = [f"not checked: {result.not_checked}"] if result.not_checked else result.notes
        print("".join(f"      {'':<12} {note}\n" for note in notes), end="")
    found = [problem for result in results.values() for problem in result]
    print("".join(f"\n{problem}" for problem in found))
    return 1 if found else 0


if __name__ == "__main__":
    run_as_command(main)
