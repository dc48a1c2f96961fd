"""Checks what CircleCI's published schema can't: that every name in the configuration leads somewhere.

The schema lets a workflow require a job that doesn't exist; CircleCI then refuses the whole pipeline. Knows the
features that `ci_config` renders, not all of CircleCI's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

BUILT_IN = {"checkout", "run", "store_test_results", "save_cache", "restore_cache", "store_artifacts"}
JOB_KEYS = {"name", "context", "requires", "filters", "serial-group", "type"}
PLACEHOLDER = re.compile(r"(?<!\\)<<\s*([^>]*?)\s*>>")
LOOSE = re.compile(r"(?<!\\)<<(?![^<>]*>>)")


def reference_problems(config: Mapping[str, Any]) -> Iterator[str]:
    """Every name that leads nowhere, and every name given twice, as a sentence."""
    commands, jobs = config.get("commands", {}), config.get("jobs", {})
    executors = config.get("executors", {})
    for kind, definitions in (("command", commands), ("job", jobs)):
        for name, definition in definitions.items():
            where = f"{kind} {name}"
            yield from _steps(where, definition, commands)
            if kind == "job" and "executor" in definition and definition["executor"] not in executors:
                yield f"{where}: executor {definition['executor']} isn't defined"
    for name, workflow in config.get("workflows", {}).items():
        if name != "version":
            yield from _workflow(f"workflow {name}", workflow, jobs)


def _steps(where: str, definition: Mapping[str, Any], commands: Mapping[str, Any]) -> Iterator[str]:
    declared = set(definition.get("parameters", {}))
    for step in definition.get("steps", ()):
        name, given = (step, {}) if isinstance(step, str) else next(iter(step.items()))
        if name not in BUILT_IN and name not in commands:
            yield f"{where}: step {name} is neither CircleCI's nor a command"
        elif name in commands:
            yield from _arguments(f"{where}: step {name}", given, commands[name].get("parameters", {}))
        yield from _placeholders(where, step, declared)


def _workflow(where: str, workflow: Mapping[str, Any], jobs: Mapping[str, Any]) -> Iterator[str]:
    entries = [
        (entry, {}) if isinstance(entry, str) else next(iter(entry.items())) for entry in workflow["jobs"]
    ]
    names = [options.get("name", job) for job, options in entries]
    yield from (
        f"{where}: two jobs are called {name}" for name in sorted({n for n in names if names.count(n) > 1})
    )
    requires = {
        name: list(options.get("requires", ())) for name, (_, options) in zip(names, entries, strict=True)
    }
    for name, (job, options) in zip(names, entries, strict=True):
        if options.get("type") == "approval":
            continue
        if job not in jobs:
            yield f"{where}: job {job} isn't defined"
            continue
        given = {key: value for key, value in options.items() if key not in JOB_KEYS}
        yield from _arguments(f"{where}: {name}", given, jobs[job].get("parameters", {}))
        yield from (
            f"{where}: {name} requires {other}, which isn't there"
            for other in requires[name]
            if other not in names
        )
        if _reaches(name, name, requires):
            yield f"{where}: {name} requires itself, in the end"
    used = {job for job, _ in entries}
    yield from (f"job {job} is in no workflow" for job in jobs if job not in used)


def _arguments(where: str, given: Mapping[str, Any], declared: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"{where}: there is no parameter {key}" for key in given if key not in declared)
    needed = (key for key, kind in declared.items() if "default" not in kind)
    yield from (f"{where}: parameter {key} is missing" for key in needed if key not in given)


def _placeholders(where: str, value: Any, declared: set[str]) -> Iterator[str]:
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _placeholders(where, inner, declared)
    elif isinstance(value, str):
        for name in PLACEHOLDER.findall(value):
            if not name.startswith("pipeline.") and name not in {f"parameters.{key}" for key in declared}:
                yield f"{where}: << {name} >> isn't declared"
        if LOOSE.search(value):
            yield rf"{where}: a `<<` that isn't a parameter must be written `\<<`"


def _reaches(start: str, goal: str, requires: Mapping[str, list[str]]) -> bool:
    waiting, seen = list(requires.get(start, ())), set()
    while waiting:
        name = waiting.pop()
        if name == goal:
            return True
        if name not in seen:
            seen.add(name)
            waiting += requires.get(name, ())
    return False
