"""deploy.yaml and the environments of pyproject.toml: what runs where, read strictly.

Three lines make a deployment; everything else has a default. Every mistake of the file comes out at once, with
its line, because a mistake that only Google finds costs a deploy.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from tools.repository.errors import Problem, RepositoryError, at, run_as_command
from tools.repository.limits import LONGEST, MEMORY_STEPS, MOST_MEMORY, RUNTIMES, Limits
from tools.repository.model import Repository, read_toml
from tools.repository.names import name_problem, unknown

FILE = "deploy.yaml"
DEFAULT_TIMEOUT = 540
"""Seconds: all that the first generation grants; a function that needs less isn't billed for more."""

DEFAULT_MEMORY = 1024
"""MB: answers of 10 MB are built in memory, and with memory comes the processor's share."""

AUTHS = ("oidc", "key")


@dataclass(frozen=True)
class Environment:
    """Where deployments go: a Google project and region, and the CircleCI context with the right to deploy there.

    `auth` is `oidc` (CircleCI's identity token, no key anywhere) or `key` (a service account's key in the context);
    `service_account`, if given, is who the functions run as.
    """

    name: str
    project: str
    region: str
    context: str
    auth: str = "oidc"
    service_account: str | None = None


@dataclass(frozen=True)
class Deployment:
    """One function: a connector in an environment, with its limits, Python version and line in deploy.yaml."""

    function: str
    connector: str
    environment: str
    limits: Limits
    runtime: str
    line: int


def environments(repository: Repository) -> Mapping[str, Environment]:
    """The environments by name. RepositoryError lists every key that is missing, unknown or of the wrong type."""
    where = "pyproject.toml"
    tables = (
        read_toml(repository.root / where)
        .get("tool", {})
        .get("fivetran-connectors", {})
        .get("environments", {})
    )
    fields = {"project": True, "region": True, "context": True, "auth": False, "service_account": False}
    problems: list[Problem] = []
    found = {}
    for name, table in tables.items():
        shown = f"{where}: [tool.fivetran-connectors.environments.{name}]"
        wrong = [f"`{key}` is missing" for key, needed in fields.items() if needed and key not in table]
        wrong += [f"what is `{key}`?{_nearest(key, fields)}" for key in table if key not in fields]
        wrong += [f"`{key}` must be text" for key, value in table.items() if not isinstance(value, str)]
        if table.get("auth", "oidc") not in AUTHS:
            wrong.append(f"`auth` is one of {', '.join(AUTHS)}")
        problems += [Problem(shown, what) for what in wrong]
        if not wrong:
            found[name] = Environment(name, **table)
    if problems:
        raise RepositoryError(problems)
    return found


def deployments(repository: Repository) -> Mapping[str, Deployment]:
    """The deployments by function, in the file's order. RepositoryError lists every mistake with its line."""
    path = repository.root / FILE
    known = environments(repository)
    found: dict[str, Deployment] = {}
    problems: list[Problem] = []
    for function, (line, options) in _groups(path, repository.root).items():
        reader = _Reader(function, line, options, at(path, repository.root))
        one = reader.deployment(repository, known)
        problems += reader.problems
        if not reader.problems:
            found[function] = one
    if problems:
        raise RepositoryError(problems)
    return found


def deployment(repository: Repository, function: str) -> Deployment:
    """The deployment of `function`; RepositoryError with the nearest match and the list if there is none."""
    found = deployments(repository)
    if function not in found:
        raise unknown("function in deploy.yaml", function, found)
    return found[function]


def limits_of(repository: Repository, connector: str) -> Limits:
    """The limits `connector` runs under: of the function of its name, else its first, else Google's defaults."""
    mine = [one for one in deployments(repository).values() if one.connector == connector]
    mine.sort(key=lambda one: one.function != connector)
    return mine[0].limits if mine else Limits()


@dataclass(frozen=True)
class _Option:
    """An option's value with its line."""

    value: Any
    line: int


class _Reader:
    """Reads one group; gathers its problems instead of stopping at the first."""

    OPTIONS = ("connector", "environment", "generation", "timeout", "memory", "runtime")

    def __init__(self, function: str, line: int, options: Mapping[str, _Option], where: str) -> None:
        self.function, self.line, self.options, self.where = function, line, options, where
        self.problems: list[Problem] = []

    def deployment(self, repository: Repository, known: Mapping[str, Environment]) -> Deployment:
        """The deployment; worthless if there are problems."""
        if wrong := name_problem(self.function):
            self._problem(self.line, wrong.replace("a connector", "a function"))
        for key, option in self.options.items():
            if key not in self.OPTIONS:
                self._problem(option.line, f"what is `{key}`?{_nearest(key, self.OPTIONS)}")
        connector = self._one_of("connector", repository.connectors)
        environment = self._one_of("environment", known)
        generation = self._read("generation", 1, lambda value: _whole(value) and value in LONGEST, "1 or 2")
        return Deployment(
            self.function,
            connector,
            environment,
            self._limits(generation),
            self._runtime(generation),
            self.line,
        )

    def _limits(self, generation: int) -> Limits:
        longest, most = LONGEST[generation], MOST_MEMORY[generation]
        timeout = self._read(
            "timeout", DEFAULT_TIMEOUT, lambda value: _whole(value) and 1 <= value <= longest,
            f"whole seconds from 1 to {longest} in generation {generation}",
        )  # fmt: skip
        steps = ", ".join(map(str, MEMORY_STEPS))
        memory = self._read(
            "memory", DEFAULT_MEMORY,
            lambda value: _whole(value) and (value in MEMORY_STEPS if generation == 1 else 128 <= value <= most),
            f"MB: one of {steps}" if generation == 1 else f"whole MB from 128 to {most}",
        )  # fmt: skip
        return Limits(generation, timeout, memory)

    def _runtime(self, generation: int) -> str:
        offered = RUNTIMES[generation]
        words = f"one of {', '.join(offered)} in generation {generation}"
        return str(self._read("runtime", offered[-1], lambda value: value in offered, words))

    def _one_of(self, key: str, known: Mapping[str, object]) -> str:
        option = self.options.get(key)
        if option is None:
            self._problem(self.line, f"`{key}` is missing")
            return ""
        if str(option.value) not in known:
            listed = f" There are: {', '.join(known)}" if known else ""
            self._problem(
                option.line,
                f"{key} `{option.value}` doesn't exist.{_nearest(str(option.value), known)}{listed}",
            )
        return str(option.value)

    def _read(self, key: str, default: Any, accepts: Callable[[Any], bool], words: str) -> Any:
        option = self.options.get(key)
        if option is None:
            return default
        if accepts(option.value):
            return option.value
        self._problem(option.line, f"{key} must be {words}, not `{option.value}`")
        return default

    def _problem(self, line: int, what: str) -> None:
        self.problems.append(Problem(f"{self.where}:{line}: {self.function}", what))


def _groups(path: Path, root: Path) -> dict[str, tuple[int, dict[str, _Option]]]:
    """The file's groups: line and options by function. Works on YAML's nodes, which know lines and repeated keys."""
    where = at(path, root)
    try:
        document = yaml.compose(path.read_text("utf-8"), Loader=yaml.SafeLoader)
    except OSError as error:
        raise RepositoryError(f"{where}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise RepositoryError(f"{where}: not YAML: {error}") from error
    if document is None:
        return {}
    found: dict[str, tuple[int, dict[str, _Option]]] = {}
    problems: list[Problem] = []
    for function, line, node in _entries(document, where, problems):
        options = {
            key: _Option(_value(value), at_line) for key, at_line, value in _entries(node, where, problems)
        }
        found[function] = (line, options)
    if problems:
        raise RepositoryError(problems)
    return found


def _entries(node: yaml.Node, where: str, problems: list[Problem]) -> Iterator[tuple[str, int, yaml.Node]]:
    if not isinstance(node, yaml.MappingNode):
        problems.append(
            Problem(f"{where}:{node.start_mark.line + 1}", "here `name: value` lines are expected")
        )
        return
    seen: dict[str, int] = {}
    for key_node, value in node.value:
        key, line = str(_value(key_node)), key_node.start_mark.line + 1
        if key in seen:
            problems.append(
                Problem(f"{where}:{line}", f"`{key}` stands here a second time, first on line {seen[key]}")
            )
            continue
        seen[key] = line
        yield key, line, value


def _value(node: yaml.Node) -> Any:
    loader = yaml.SafeLoader("")
    return loader.construct_object(node, deep=True)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _nearest(word: str, known: Any) -> str:
    nearest = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" Did you mean `{nearest[0]}`?" if nearest else ""


def main(arguments: list[str]) -> int:
    """Print a connector's limits as JSON, for a session that has no YAML: `python -m tools.locked.deploying.deployments CONNECTOR`."""
    limits = limits_of(Repository(Path.cwd()), arguments[0])
    print(json.dumps({"generation": limits.generation, "timeout": limits.timeout, "memory": limits.memory}))
    return 0


if __name__ == "__main__":
    run_as_command(main)
