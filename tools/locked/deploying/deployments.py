"""deploy.yaml and the environments of pyproject.toml: what runs where, read strictly.

Three lines make a deployment; everything else has a default. Every mistake of the file comes out at once, with
its line, because a mistake that only Google finds costs a deploy.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tools.locked.deploying.environments import Environment, environments
from tools.repository.errors import Problem, RepositoryError, at, run_as_command
from tools.repository.limits import LONGEST, MEMORY_STEPS, MOST_MEMORY, RUNTIMES, Limits
from tools.repository.model import Repository
from tools.repository.names import dataset, name_problem, nearest, unknown

FILE = "deploy.yaml"
DEFAULT_TIMEOUT = 540
"""Seconds: all that the first generation grants; a function that needs less isn't billed for more."""

DEFAULT_MEMORY = 1024
"""MB: answers of 10 MB are built in memory, and with memory comes the processor's share."""


@dataclass(frozen=True)
class Deployment:
    """One function: a connector in an environment, as one group of deploy.yaml says.

    `key` is the group's name, unique in the file; `function` is its name at Google, the same unless `name` says
    otherwise. `line` is where the group starts, `region` and `service_account` are its own or the environment's,
    `dataset` is the destination schema (`NAME_export`), `env` further environment variables.
    """

    key: str
    function: str
    connector: str
    environment: str
    limits: Limits
    runtime: str
    line: int
    region: str
    max_instances: int = 1
    service_account: str | None = None
    dataset: str = ""
    env: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if not self.dataset:
            object.__setattr__(self, "dataset", dataset(self.connector))


def deployments(repository: Repository) -> Mapping[str, Deployment]:
    """The deployments by their key, in the file's order. RepositoryError lists every mistake with its line."""
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


def deployment(repository: Repository, key: str) -> Deployment:
    """The deployment called `key`; RepositoryError with the nearest match and the list if there is none."""
    found = deployments(repository)
    if key not in found:
        raise unknown("function in deploy.yaml", key, found)
    return found[key]


def limits_of(repository: Repository, connector: str) -> Limits:
    """The limits `connector` runs under: of the function of its name, else its first, else Google's defaults."""
    mine = [one for one in deployments(repository).values() if one.connector == connector]
    mine.sort(key=lambda one: one.key != connector)
    return mine[0].limits if mine else Limits()


@dataclass(frozen=True)
class _Option:
    """An option's value with its line."""

    value: Any
    line: int


class _Reader:
    """Reads one group; gathers its problems instead of stopping at the first."""

    OPTIONS = (
        "connector", "environment", "name", "generation", "timeout", "memory", "runtime", "region",
        "max_instances", "service_account", "dataset", "env",
    )  # fmt: skip

    def __init__(self, function: str, line: int, options: Mapping[str, _Option], where: str) -> None:
        self.function, self.line, self.options, self.where = function, line, options, where
        self.problems: list[Problem] = []

    def deployment(self, repository: Repository, known: Mapping[str, Environment]) -> Deployment:
        """The deployment; worthless if there are problems."""
        if wrong := name_problem(self.function):
            self._problem(self.line, wrong.replace("a connector", "a function"))
        for key, option in self.options.items():
            if key not in self.OPTIONS:
                self._problem(option.line, f"what is `{key}`?{nearest(key, self.OPTIONS)}")
        connector = self._one_of("connector", repository.connectors)
        environment = self._one_of("environment", known)
        target = known.get(environment)
        generation = self._read("generation", 1, lambda value: _whole(value) and value in LONGEST, "1 or 2")
        return Deployment(
            key=self.function,
            function=str(self._read("name", self.function, _is_text, "text")),
            connector=connector,
            environment=environment,
            limits=self._limits(generation),
            runtime=self._runtime(generation),
            line=self.line,
            region=self._read("region", target.region if target else "", _is_text, "text"),
            max_instances=self._read(
                "max_instances", 1, lambda value: _whole(value) and value >= 1, "1 or more"
            ),
            service_account=self._read(
                "service_account", target.service_account if target else None, _is_text, "text"
            ),
            dataset=self._read("dataset", "", _is_text, "text"),
            env=self._read("env", {}, lambda value: isinstance(value, dict), "names with values"),
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
                f"{key} `{option.value}` doesn't exist.{nearest(str(option.value), known)}{listed}",
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


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def main(arguments: list[str]) -> int:
    """Print a connector's limits as JSON, for a session that has no YAML: `python -m tools.locked.deploying.deployments CONNECTOR`."""
    limits = limits_of(Repository(Path.cwd()), arguments[0])
    print(json.dumps({"generation": limits.generation, "timeout": limits.timeout, "memory": limits.memory}))
    return 0


if __name__ == "__main__":
    run_as_command(main)
