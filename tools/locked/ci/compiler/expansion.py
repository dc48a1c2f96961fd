"""Jobs with everything filled in: parameters, executors, commands within commands, conditions.

What CircleCI runs is a list of its own steps in an image; this is how it gets there from what is written. Knows what we
render and what integration into it could need; of orbs it knows none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tools.locked.ci.compiler.conditions import holds
from tools.locked.ci.compiler.parameters import bound, check_declared, sample, scope_of
from tools.locked.ci.compiler.placeholders import Report, filled

RUN_KEYS = {
    "name", "command", "shell", "environment", "background", "working_directory", "no_output_timeout", "when",
    "max_auto_reruns", "auto_rerun_delay",
}  # fmt: skip
STEPS = {
    "checkout", "run", "save_cache", "restore_cache", "store_artifacts", "store_test_results",
    "persist_to_workspace", "attach_workspace", "add_ssh_keys", "setup_remote_docker",
}  # fmt: skip
ALONE = {"checkout", "add_ssh_keys", "setup_remote_docker"}
"""Steps that can be nothing but their name."""

HOSTS = ("docker", "machine", "macos")


@dataclass
class ExpandedJob:
    """A job as it would run: where, with which variables, and CircleCI's own steps in order."""

    host: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    steps: list[dict[str, Any]] = field(default_factory=list)


class Expander:
    """Expands the jobs of one configuration for one pipeline; `scope` are the pipeline's values by name."""

    def __init__(self, config: Mapping[str, Any], scope: Mapping[str, Any], report: Report) -> None:
        self.commands: Mapping[str, Any] = config.get("commands") or {}
        self.executors: Mapping[str, Any] = config.get("executors") or {}
        self.jobs: Mapping[str, Any] = config.get("jobs") or {}
        self.scope, self.report = scope, report

    def check_definitions(self) -> None:
        """Look into every command, executor and job, called by somebody or not."""
        kinds = (("command", self.commands), ("executor", self.executors), ("job", self.jobs))
        for kind, definitions in kinds:
            for name, definition in definitions.items():
                check_declared(f"{kind} {name}", definition.get("parameters") or {}, self.report)
        for name, definition in self.commands.items():
            scope = self._samples(definition)
            list(self.steps(f"command {name}", definition.get("steps", ()), scope, (name,)))
        for name, definition in self.jobs.items():
            self.job(name, {key: sample(kind) for key, kind in (definition.get("parameters") or {}).items()})

    def job(self, name: str, given: Mapping[str, Any], where: str = "") -> ExpandedJob:
        """A job with `given` as its parameters; `where` is the workflow's entry that calls it."""
        definition = self.jobs[name]
        at = f"job {name}"
        values = bound(where or at, definition.get("parameters") or {}, given, self.report)
        scope = scope_of(values, self.scope)
        found = self._host(at, definition, scope)
        found.environment |= filled(definition.get("environment") or {}, scope, at, self.report)
        if not definition.get("steps"):
            self.report(f"{at}: it has no steps")
        found.steps = list(self.steps(at, definition.get("steps") or (), scope))
        return found

    def steps(
        self, where: str, steps: Any, scope: Mapping[str, Any], within: tuple[str, ...] = ()
    ) -> Iterator[dict[str, Any]]:
        """CircleCI's own steps that `steps` come to. `within` are the commands around them."""
        if not isinstance(steps, list | tuple):
            self.report(f"{where}: steps are a list, not {steps!r}")
            return
        for step in steps:
            name, given = (step, {}) if isinstance(step, str) else next(iter(step.items()))
            yield from self._step(f"{where}: step {name}", name, given, isinstance(step, str), scope, within)

    def _step(
        self,
        where: str,
        name: str,
        given: Any,
        alone: bool,
        scope: Mapping[str, Any],
        within: tuple[str, ...],
    ) -> Iterator[dict[str, Any]]:
        if name in {"when", "unless"}:
            yield from self._conditional(where, name, given or {}, scope, within)
        elif name == "steps":
            yield from self.steps(where, filled(given, scope, where, self.report), scope, within)
        elif name in STEPS:
            yield {name: self._own(where, name, filled(given, scope, where, self.report), alone)}
        elif name in within:
            self.report(f"{where}: the command calls itself, in the end")
        elif name in self.commands:
            yield from self._command(where, name, filled(given or {}, scope, where, self.report), within)
        else:
            self.report(f"{where} is neither CircleCI's nor a command")

    def _command(
        self, where: str, name: str, given: Mapping[str, Any], within: tuple[str, ...]
    ) -> Iterator[dict[str, Any]]:
        definition = self.commands[name]
        values = bound(where, definition.get("parameters") or {}, given, self.report)
        scope = scope_of(values, self.scope)
        yield from self.steps(f"command {name}", definition.get("steps") or (), scope, (*within, name))

    def _conditional(
        self,
        where: str,
        name: str,
        given: Mapping[str, Any],
        scope: Mapping[str, Any],
        within: tuple[str, ...],
    ) -> Iterator[dict[str, Any]]:
        condition = filled(given.get("condition"), scope, where, self.report)
        inner = list(self.steps(where, given.get("steps", ()), scope, within))
        if holds(condition, scope, where, self.report) is (name == "when"):
            yield from inner

    def _own(self, where: str, name: str, given: Any, alone: bool) -> dict[str, Any]:
        if alone and name not in ALONE:
            self.report(f"{where} says nothing of what to do")
        if name != "run":
            return dict(given or {})
        options = {"command": given} if isinstance(given, str) else dict(given or {})
        if not isinstance(options.get("command"), str) or not options["command"].strip():
            self.report(f"{where} has no command")
        for key in options.keys() - RUN_KEYS:
            self.report(f"{where}: run knows no {key}")
        return options

    def _host(self, where: str, definition: Mapping[str, Any], scope: Mapping[str, Any]) -> ExpandedJob:
        own = {key: filled(definition[key], scope, where, self.report) for key in HOSTS if key in definition}
        named = filled(definition.get("executor"), scope, where, self.report)
        if named is None and not own:
            self.report(f"{where}: it names no executor, docker, machine or macos")
        found = self._executor(where, named) if named is not None else ExpandedJob()
        for key in ("resource_class", "shell", "working_directory"):
            if key in definition:
                own[key] = filled(definition[key], scope, where, self.report)
        found.host |= own
        return found

    def _executor(self, where: str, named: Any) -> ExpandedJob:
        options = {"name": named} if isinstance(named, str) else dict(named)
        name = options.pop("name", None)
        if name not in self.executors:
            self.report(f"{where}: executor {name} isn't defined")
            return ExpandedJob()
        definition = self.executors[name]
        at = f"executor {name}"
        scope = scope_of(
            bound(f"{where}: {at}", definition.get("parameters") or {}, options, self.report), self.scope
        )
        content = {key: value for key, value in definition.items() if key != "parameters"}
        host = filled(content, scope, at, self.report)
        return ExpandedJob(host, dict(host.pop("environment", None) or {}))

    def _samples(self, definition: Mapping[str, Any]) -> dict[str, Any]:
        declared = definition.get("parameters") or {}
        return scope_of({name: sample(kind) for name, kind in declared.items()}, self.scope)
