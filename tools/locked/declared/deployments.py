"""deploy.yaml: what runs where, and into which destination, read strictly.

Three lines make a deployment; everything else has a default. Every mistake of the file comes out at once, with
its line, because a mistake that only Google finds costs a deploy.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.locked.declared.deployment_options import (
    DEFAULT_GENERATION,
    DEFAULT_HOST,
    DEFAULT_MEMORY,
    DEFAULT_PYTHON,
    DEFAULT_SCHEDULE,
    DEFAULT_TIMEOUT,
    ENV,
    FORMER,
    GENERATIONS,
    KEY,
    KEYS,
    ONLY_OF_FUNCTIONS,
    ONLY_OF_SDK,
    OPTIONS,
    REQUIRED,
    RESERVED,
    VARIABLE,
    VARIABLE_VALUE,
)
from tools.locked.declared.environments import Environment, environments
from tools.locked.declared.google_rules import MAX_VARIABLES, REGIONS
from tools.locked.declared.strict_yaml import Value, read
from tools.locked.declared.value_rules import refusal, unknown_name
from tools.repository.errors import Problem, RepositoryError, run_as_command
from tools.repository.limits import DEFAULT_RUNTIME, Limits, python_version
from tools.repository.model import Repository
from tools.repository.names import dataset, nearest, respelt, unknown

FILE = "deploy.yaml"
MAX_LISTED = 20
"""Names that a message lists; of 300 connectors the nearest says more."""


@dataclass(frozen=True)
class Deployment:
    """A connector in an environment, as one group of deploy.yaml says: a function, or with another host a package.

    `key` is the group's name, unique in the file; `function` is its name at Google, the same unless `name` says
    otherwise. `line` is where the group starts, `region` and `service_account` are its own or the environment's,
    `env` more environment variables. `host` is `function` (Google's) or `connector_sdk` (Fivetran's), for which
    `python_version` holds and what Google grants doesn't. Its connection loads into the destination of `group`, its own
    or the environment's (empty if neither says one), as `schema` (`NAME_export`); `schedule` is who starts its syncs.
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
    schema: str = ""
    env: Mapping[str, str] = field(default_factory=dict, hash=False)
    host: str = DEFAULT_HOST
    python_version: str = DEFAULT_PYTHON
    group: str = ""
    schedule: str = DEFAULT_SCHEDULE

    def __post_init__(self) -> None:
        if not self.schema:
            object.__setattr__(self, "schema", dataset(self.connector))

    @property
    def is_function(self) -> bool:
        """Whether it runs at Google."""
        return self.host == DEFAULT_HOST

    @property
    def python(self) -> str:
        """The Python it runs on, such as `3.12`."""
        return python_version(self.runtime) if self.is_function else self.python_version


def deployments(repository: Repository) -> Mapping[str, Deployment]:
    """The deployments by their key, in the file's order. RepositoryError lists every mistake with its line."""
    known = environments(repository)
    readers = [
        _Group(key, group, repository.connectors, known) for key, group in _groups(repository.root).items()
    ]
    found = {reader.key: reader.deployment() for reader in readers}
    problems = [problem for reader in readers for problem in sorted(reader.problems)]
    if problems:
        raise RepositoryError(problems)
    if clashes := sorted(_clashes(found.values(), known)):
        raise RepositoryError(clashes)
    return found


def deployment(repository: Repository, key: str) -> Deployment:
    """The deployment called `key`; RepositoryError with the nearest match and the list if there is none."""
    found = deployments(repository)
    if key not in found:
        raise unknown("function in deploy.yaml", key, found)
    return found[key]


def limits_and_pythons(repository: Repository) -> dict[str, dict[str, Any]]:
    """By connector that anything deploys: the `limits` of the function of its name, else of its first, and its `pythons`.

    Those are the Python versions it is deployed on, oldest first: `["3.12"]`.
    """
    return {
        connector: {"limits": vars(mine[0].limits), "pythons": _pythons(mine)}
        for connector, mine in _by_connector(repository).items()
    }


def _pythons(mine: Iterable[Deployment]) -> list[str]:
    versions = {one.python for one in mine}
    return sorted(versions, key=lambda version: tuple(map(int, version.split("."))))


def _by_connector(repository: Repository) -> Mapping[str, list[Deployment]]:
    """The deployments of each connector that has any, the one of its own name first."""
    found: dict[str, list[Deployment]] = {}
    for one in sorted(deployments(repository).values(), key=lambda one: one.key != one.connector):
        found.setdefault(one.connector, []).append(one)
    return found


def _groups(root: Path) -> Mapping[str, Value]:
    """The file's groups by key."""
    try:
        content = (root / FILE).read_bytes()
    except OSError as error:
        raise RepositoryError(f"{FILE}: {error.strerror}") from error
    document = read(content, FILE)
    if document.data is None:
        return {}
    if not isinstance(document.data, dict):
        what = f"a group for each function is expected, `NAME:` and its options indented under it, not {document}"
        raise RepositoryError([Problem(f"{FILE}:{document.line}", what)])
    return document.data


class _Group:
    """Reads one group; gathers its problems instead of stopping at the first."""

    def __init__(
        self, key: str, group: Value, connectors: Iterable[str], known: Mapping[str, Environment]
    ) -> None:
        self.key, self.line, self.connectors, self.known = key, group.line, list(connectors), known
        self.problems: list[Problem] = []
        self.options: Mapping[str, Value] = group.data if isinstance(group.data, dict) else {}
        self.required = REQUIRED if isinstance(group.data, dict) else ()
        if wrong := refusal("a function's name", KEY, Value(key, group.line)):
            suggestion = respelt(key)
            self._problem(self.line, wrong + (f"; try `{suggestion}`" if suggestion else ""))
        if not isinstance(group.data, dict):
            expected = "`connector: NAME` and `environment: NAME`"
            self._problem(self.line, f"{expected} are expected, indented under it, not {group}")

    def deployment(self) -> Deployment:
        """The deployment; worthless if there are problems."""
        self._check_keys()
        connector = self._existing("connector", self.connectors)
        target = self.known.get(self._existing("environment", self.known))
        generation = self._read("generation", DEFAULT_GENERATION, DEFAULT_GENERATION)
        return Deployment(
            key=self.key,
            function=self._read("name", self.key, generation),
            connector=connector,
            environment=target.name if target else "",
            limits=self._limits(generation),
            runtime=self._read("runtime", DEFAULT_RUNTIME[generation], generation),
            line=self.line,
            region=self._region(target, generation),
            max_instances=self._read("max_instances", 1, generation),
            service_account=self._read("service_account", target and target.service_account, generation),
            schema=self._read("schema", "", generation),
            env=self._env(),
            host=self._host(),
            python_version=self._read("python_version", DEFAULT_PYTHON, generation),
            group=self._read("group", target.group if target else "", generation),
            schedule=self._read("schedule", DEFAULT_SCHEDULE, generation),
        )

    def _check_keys(self) -> None:
        for key in self.required:
            if key not in self.options:
                self._problem(self.line, f"{key} is missing")
        for key, value in self.options.items():
            if key in FORMER:
                self._problem(value.line, f"`{key}` is called `{FORMER[key]}` now")
            elif key not in KEYS:
                self._problem(value.line, unknown_name(key, dict.fromkeys(KEYS)))

    def _existing(self, key: str, known: Iterable[str]) -> str:
        """The name of something that exists."""
        value = self.options.get(key)
        if value is None:
            return ""
        if not isinstance(value.data, str):
            self._problem(value.line, f"{key} can't be {value}. It must be a name. {_listed(known)}")
        elif value.data not in known:
            near = nearest(value.data, known)
            self._problem(value.line, f"there is no {key} {value.data!r}.{near} {_listed(known)}")
        return str(value.data)

    def _read(self, key: str, default: Any, generation: int) -> Any:
        value = self.options.get(key)
        if value is None:
            return default
        if wrong := refusal(key, OPTIONS[key].rules[generation], value):
            self._problem(value.line, wrong)
            return default
        return value.data

    @property
    def _is_function(self) -> bool:
        return bool(self.options.get("host", Value(DEFAULT_HOST, self.line)).data == DEFAULT_HOST)

    def _host(self) -> str:
        """The host; options that mean nothing there are problems."""
        host = str(self._read("host", DEFAULT_HOST, DEFAULT_GENERATION))
        others = ONLY_OF_SDK if host == DEFAULT_HOST else ONLY_OF_FUNCTIONS
        for key in others:
            if key in self.options:
                what = f"{key} means nothing with `host: {host}`; leave it out"
                self._problem(self.options[key].line, what)
        return host

    def _limits(self, generation: int) -> Limits:
        timeout = self._read("timeout", DEFAULT_TIMEOUT, generation)
        memory = self._read("memory", DEFAULT_MEMORY, generation)
        return Limits(generation, timeout, memory, origin=f"limits of `{self.key}` in {FILE}")

    def _region(self, target: Environment | None, generation: int) -> str:
        """The region, its own or the environment's; generation 1 isn't in all of them."""
        region = str(self._read("region", target.region if target else "", generation))
        if (
            target
            and self._is_function
            and "region" not in self.options
            and region not in REGIONS[generation]
        ):
            others = ", ".join(REGIONS[generation])
            self._problem(
                self.line,
                f"generation {generation} isn't offered in {region}, the region of {target.name}: write "
                f"`generation: {GENERATIONS[-1]}`, or `region:` with one of {others}",
            )
        return region

    def _env(self) -> Mapping[str, str]:
        value = self.options.get(ENV, Value({}, self.line))
        if not isinstance(value.data, dict):
            self._problem(value.line, f"{ENV} must be `NAME: text` lines, indented under it, not {value}")
            return {}
        for name, variable in value.data.items():
            self._check_variable(name, variable)
        found = {name: str(variable.data) for name, variable in value.data.items()}
        size = sum(len(f"{name}{text}".encode()) for name, text in found.items())
        if size > MAX_VARIABLES:
            self._problem(value.line, f"{ENV} has {size:,} bytes; {MAX_VARIABLES:,} is the most Google takes")
        return found

    def _check_variable(self, name: str, value: Value) -> None:
        if re.fullmatch(RESERVED, name):
            self._problem(value.line, f"{ENV}: {name} is set by Google or by the deploy; choose another name")
        elif wrong := refusal(f"{ENV}: a variable's name", VARIABLE, Value(name, value.line)):
            self._problem(value.line, wrong)
        if wrong := refusal(f"{ENV}: {name}", VARIABLE_VALUE, value):
            self._problem(value.line, wrong)

    def _problem(self, line: int, what: str) -> None:
        key = self.key if KEY.accepts(self.key) else str(Value(self.key, line)).removeprefix("the text ")
        self.problems.append(Problem(f"{FILE}:{line}: {key}", what))


def _clashes(found: Iterable[Deployment], known: Mapping[str, Environment]) -> Iterator[Problem]:
    """Deployments that are one function at Google, or on two hosts one connection at Fivetran."""
    every = list(found)
    yield from _same_functions([one for one in every if one.is_function], known)
    yield from _same_connections(every)


def _same_connections(found: Iterable[Deployment]) -> Iterator[Problem]:
    """Two functions may take turns behind one connection; a package has its own, and a schema is one connection's.

    Where no group is declared yet, those of an environment will be in the same one.
    """
    seen: dict[tuple[str, str], Deployment] = {}
    for one in found:
        where = f"the group {one.group}" if one.group else f"the environment {one.environment}"
        first = seen.setdefault((where, one.schema), one)
        if first is not one and not (first.is_function and one.is_function):
            yield Problem(
                f"{FILE}:{one.line}: {one.key}",
                f"the schema {one.schema} in {where} is that of `{first.key}` on line {first.line}, and "
                "a schema is one connection's: give one of them another `schema`",
            )


def _same_functions(found: Iterable[Deployment], known: Mapping[str, Environment]) -> Iterator[Problem]:
    """Two that are one function at Google, where a name's case makes no difference."""
    seen: dict[tuple[str, str, str], Deployment] = {}
    for one in found:
        project = known[one.environment].project
        first = seen.setdefault((project, one.region, one.function.lower()), one)
        if first is not one:
            yield Problem(
                f"{FILE}:{one.line}: {one.key}",
                f"this is the function {one.function} in {project}, {one.region}, as `{first.key}` on line "
                f"{first.line} is: give one of them another `name`, environment or region",
            )


def _listed(names: Iterable[str]) -> str:
    listed = sorted(names)
    if not listed:
        return "There are none yet."
    more = f" and {len(listed) - MAX_LISTED:,} more" if len(listed) > MAX_LISTED else ""
    return f"There {'are' if len(listed) > 1 else 'is'}: {', '.join(listed[:MAX_LISTED])}{more}"


def main(_: list[str]) -> int:
    """Print the limits and Pythons of each deployed connector as JSON, for a session that has no YAML parser."""
    print(json.dumps(limits_and_pythons(Repository(Path.cwd()))))
    return 0


if __name__ == "__main__":
    run_as_command(main)
