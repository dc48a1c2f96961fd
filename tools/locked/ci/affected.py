"""What a change touches: whose tests run, which functions are deployed, and why. CI starts nothing else.

A pure function of the changed paths and what the repository holds. What isn't known to touch less touches everything.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from tools.environments.virtual_environments import BENCHMARKS
from tools.locked.ci.changes import MAIN, Changes, changes_since
from tools.locked.declared import deployments
from tools.repository.errors import run_as_command
from tools.repository.examples import EXAMPLES
from tools.repository.model import TOOLS, Repository

RUNTIME = "fivetran-runtime"
"""The package that ships inside every function."""

REHEARSAL = "rehearse"
"""The job that installs and serves bundles as Google does."""

RENDERED = (".circleci/config.yml", ".circleci/continue.yml")
"""Made from the rest, which `check` compares; so a change of theirs alone touches nothing."""

ROOT_PAGES = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE")


@dataclass(frozen=True)
class Model:
    """What the repository holds, as far as a change can touch it.

    `stands_on` are the packages under each connector and package, its tests included; `connector_of` the connector
    of each function in deploy.yaml.
    """

    connectors: frozenset[str]
    packages: frozenset[str]
    stands_on: Mapping[str, frozenset[str]]
    connector_of: Mapping[str, str]
    has_examples: bool = False

    @property
    def subjects(self) -> list[str]:
        """Everything that has tests, the tools last."""
        own = [EXAMPLES] if self.has_examples else []
        return [*sorted(self.connectors), *sorted(self.packages), *own, TOOLS]


@dataclass
class Affected:
    """A reason for each subject whose tests run, each function that is deployed, and the rehearsal.

    `everything` is the reason why nothing was left out, if so. `since` is what the change was compared with.
    """

    since: str
    everything: str | None = None
    subjects: dict[str, str] = field(default_factory=dict)
    functions: dict[str, str] = field(default_factory=dict)
    rehearsal: str | None = None

    def lines(self) -> Iterator[str]:
        """A line a name, each with its reason."""
        yield f"compared: {self.since}" + (f"; everything runs: {self.everything}" if self.everything else "")
        yield from (f"test    {name}: {reason}" for name, reason in self.subjects.items())
        yield from (f"deploy  {name}: {reason}" for name, reason in self.functions.items())
        if self.rehearsal:
            yield f"{REHEARSAL}: {self.rehearsal}"
        if not (self.subjects or self.functions):
            yield "nothing but the check of the whole repository"


def model_of(repository: Repository) -> Model:
    """The repository as it stands. RepositoryError if it, deploy.yaml or pyproject.toml is wrong."""
    return Model(
        connectors=frozenset(repository.connectors),
        packages=frozenset(repository.packages),
        stands_on={
            name: frozenset(package.name for package in repository.local_dependencies(project, test=True))
            for name, project in repository.projects.items()
        },
        connector_of={name: one.connector for name, one in deployments.deployments(repository).items()},
        has_examples=repository.has_examples,
    )


def affected(changes: Changes, model: Model, *, everything: str | None = None) -> Affected:
    """What `changes` touch in `model`; `everything` is a reason to leave nothing out whatever they are."""
    reason = everything or (changes.since if changes.paths is None else None)
    found = Affected(changes.since, reason)
    if reason:
        _all(found, model, reason)
        return found
    for path in sorted(changes.paths or ()):
        _one(found, model, path)
    _functions(found, model, changes.functions)
    found.subjects = {name: found.subjects[name] for name in model.subjects if name in found.subjects}
    return found


def _one(found: Affected, model: Model, path: str) -> None:
    """What one changed path touches."""
    folder, _, rest = path.partition("/")
    name, _, inner = rest.partition("/")
    if path in RENDERED or path == deployments.FILE:
        return
    if folder == "docs" or path in ROOT_PAGES:
        _documentation(found, model, path)
    elif folder == "connectors" and inner:
        _connector(found, model, name, path)
    elif folder == "packages" and inner and name in model.packages:
        _package(found, model, name, path)
    elif folder == EXAMPLES and rest:
        _examples(found, model, path)
    elif folder == BENCHMARKS:
        found.subjects.setdefault(TOOLS, f"its tests and types cover it, and {path} has changed")
    elif path.startswith((f"{TOOLS}/tests/", f"{TOOLS}/template/")):
        found.subjects.setdefault(TOOLS, f"{path} has changed")
        found.rehearsal = found.rehearsal or f"{path} has changed"
    elif folder == TOOLS:
        _tests_of_all(found, model, f"{path} has changed")
        found.rehearsal = found.rehearsal or f"{path} has changed"
    else:
        _all(found, model, f"{path} has changed")


def _documentation(found: Affected, model: Model, path: str) -> None:
    """The tests of the tools and of the packages hold the pages to what they say."""
    for name in [*sorted(model.packages), TOOLS]:
        found.subjects.setdefault(name, f"its tests read the documentation, and {path} has changed")


def _connector(found: Affected, model: Model, name: str, path: str) -> None:
    if PurePosixPath(path).name == "README.md":
        found.subjects.setdefault(TOOLS, f"its tests read every README, and {path} has changed")
    if name not in model.connectors:
        return  # it was deleted: there is nothing left to test
    found.subjects[name] = f"{path} has changed"
    for function, connector in model.connector_of.items():
        if connector == name:
            found.functions.setdefault(function, f"{path} has changed")


def _package(found: Affected, model: Model, name: str, path: str) -> None:
    found.subjects[name] = f"{path} has changed"
    for other, packages in model.stands_on.items():
        if name in packages:
            found.subjects.setdefault(other, f"it stands on {name}, and {path} has changed")
    if model.has_examples:
        found.subjects.setdefault(EXAMPLES, f"the examples stand on {name}, and {path} has changed")
    found.subjects.setdefault(TOOLS, f"its tests run connectors on {name}, and {path} has changed")
    if name == RUNTIME:
        found.rehearsal = found.rehearsal or f"{path} has changed"


def _examples(found: Affected, model: Model, path: str) -> None:
    """Their own tests, and the tools', which hold the page that lists them; none of them is deployed."""
    for name in ([EXAMPLES] if model.has_examples else []) + [TOOLS]:
        found.subjects.setdefault(name, f"{path} has changed")


def _functions(found: Affected, model: Model, changed: frozenset[str] | None) -> None:
    """What deploy.yaml's own changes touch: the functions and their connectors."""
    if changed is None:
        _all(found, model, f"{deployments.FILE} can't be compared with what it was")
        return
    for function in sorted(changed & model.connector_of.keys()):
        reason = f"{function} in {deployments.FILE} has changed"
        found.functions.setdefault(function, reason)
        found.subjects.setdefault(model.connector_of[function], reason)


def _tests_of_all(found: Affected, model: Model, reason: str) -> None:
    for name in model.subjects:
        found.subjects.setdefault(name, reason)


def _all(found: Affected, model: Model, reason: str) -> None:
    found.everything = found.everything or reason
    _tests_of_all(found, model, reason)
    for function in model.connector_of:
        found.functions.setdefault(function, reason)
    found.rehearsal = found.rehearsal or reason


def main(arguments: list[str]) -> int:
    """Print what has been touched since a revision, as lines or as JSON."""
    parser = argparse.ArgumentParser(prog="nox -s affected --")
    parser.add_argument("--base", default=f"origin/{MAIN}", metavar="REV")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    repository = Repository(Path.cwd())
    found = affected(changes_since(repository.root, options.base), model_of(repository))
    print(json.dumps(vars(found), indent=2) if options.json else "\n".join(found.lines()))
    return 0


if __name__ == "__main__":
    run_as_command(main)
