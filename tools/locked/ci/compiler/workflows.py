"""A workflow's jobs: which there are, what each waits for, and whether that can ever come.

https://circleci.com/docs/reference/configuration-reference/#jobs-in-workflow
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from tools.locked.ci.compiler.conditions import holds
from tools.locked.ci.compiler.expansion import ExpandedJob, Expander
from tools.locked.ci.compiler.placeholders import filled

OPTIONS = {
    "name", "context", "requires", "filters", "serial-group", "type", "matrix", "pre-steps", "post-steps",
}  # fmt: skip
STATUSES = {"success", "failed", "canceled", "unauthorized", "not_run", "terminal"}
MAX_SERIAL_GROUP = 512


@dataclass
class WorkflowJob:
    """One job of a workflow. `runs` tells whether its filters let it; an approval has nothing to run."""

    name: str
    options: dict[str, Any]
    runs: bool = True
    requires: list[str] = field(default_factory=list)
    job: ExpandedJob | None = None


def workflow_jobs(name: str, workflow: Mapping[str, Any], expander: Expander) -> list[WorkflowJob]:
    """The jobs that a workflow comes to, in its order."""
    where = f"workflow {name}"
    found: list[WorkflowJob] = []
    aliases: dict[str, list[str]] = {}
    for entry in workflow.get("jobs") or ():
        job, options = (entry, {}) if isinstance(entry, str) else next(iter(entry.items()))
        made = list(_entry(where, str(job), dict(options or {}), expander))
        matrix = (options or {}).get("matrix") or {}
        if matrix:
            aliases[str(matrix.get("alias", job))] = [one.name for one in made]
        found += made
    if not found:
        expander.report(f"{where}: it has no jobs")
    _check_names(where, found, expander)
    _connect(where, found, aliases, expander)
    return found


def runs(name: str, workflow: Mapping[str, Any], expander: Expander) -> bool:
    """Whether the workflow's own condition lets it run."""
    where = f"workflow {name}"
    return all(
        holds(
            filled(workflow[word], expander.scope, where, expander.report),
            expander.scope,
            where,
            expander.report,
        )
        is (word == "when")
        for word in ("when", "unless")
        if word in workflow
    )


def _entry(where: str, job: str, options: dict[str, Any], expander: Expander) -> Iterator[WorkflowJob]:
    matrix = options.pop("matrix", None)
    if matrix is None:
        yield _one(where, job, options, expander.scope, expander)
        return
    names = list(matrix.get("parameters") or {})
    excluded = matrix.get("exclude") or []
    for values in product(*(matrix["parameters"][name] for name in names)):
        given = dict(zip(names, values, strict=True))
        if given in excluded:
            continue
        scope = {**expander.scope, **{f"matrix.{name}": value for name, value in given.items()}}
        named = {"name": "-".join([job, *map(str, values)]), **options, **given}
        yield _one(where, job, named, scope, expander)


def _one(
    where: str, job: str, options: dict[str, Any], scope: Mapping[str, Any], expander: Expander
) -> WorkflowJob:
    given = filled(options, scope, f"{where}: {options.get('name', job)}", expander.report)
    name = str(given.get("name", job))
    at = f"{where}: {name}"
    passed = _filters(at, given.get("filters"), expander)
    found = WorkflowJob(name, {key: given[key] for key in given if key in OPTIONS}, passed)
    if len(str(given.get("serial-group", ""))) > MAX_SERIAL_GROUP:
        expander.report(f"{at}: its serial-group is longer than {MAX_SERIAL_GROUP} characters")
    if given.get("type") == "approval":
        return found
    if given.get("type") is not None:
        expander.report(f"{at}: {given['type']} is no type of job")
    if job not in expander.jobs:
        expander.report(f"{where}: job {job} isn't defined")
        return found
    found.job = expander.job(job, {key: given[key] for key in given if key not in OPTIONS}, at)
    before, after = (
        list(expander.steps(at, given.get(key) or (), scope)) for key in ("pre-steps", "post-steps")
    )
    found.job.steps = [*before, *found.job.steps, *after]
    return found


def _filters(where: str, filters: Any, expander: Expander) -> bool:
    if not isinstance(filters, str):
        return True  # the older mappings: CircleCI's schema knows their shape
    return holds(filters, expander.scope, where, expander.report)


def _check_names(where: str, found: list[WorkflowJob], expander: Expander) -> None:
    seen: set[str] = set()
    for one in found:
        if one.name in seen:
            expander.report(f"{where}: two jobs are called {one.name}")
        seen.add(one.name)


def _connect(
    where: str, found: list[WorkflowJob], aliases: Mapping[str, list[str]], expander: Expander
) -> None:
    by_name = {one.name: one for one in found}
    for one in found:
        for needed in one.options.get("requires") or ():
            name = _needed(f"{where}: {one.name}", needed, expander)
            if name in aliases:
                one.requires += aliases[name]
            elif name in by_name:
                one.requires.append(name)
            else:
                expander.report(f"{where}: {one.name} requires {name}, which isn't there")
    for name in _in_circles(by_name):
        expander.report(f"{where}: {name} requires itself, in the end")


def _needed(where: str, needed: Any, expander: Expander) -> str:
    """The job's name in one entry of `requires`: a name, or a name with the statuses that will do."""
    if isinstance(needed, str):
        return needed
    [(name, statuses)] = needed.items()
    for status in [statuses] if isinstance(statuses, str) else statuses:
        if status not in STATUSES:
            expander.report(f"{where}: {status} is no status of a job")
    return str(name)


def _in_circles(jobs: Mapping[str, WorkflowJob]) -> list[str]:
    """The jobs that can never start: take away those that wait for nothing until no more can be taken."""
    waiting = {name: set(one.requires) for name, one in jobs.items()}
    while ready := [name for name, needed in waiting.items() if not needed & waiting.keys()]:
        for name in ready:
            del waiting[name]
    return list(waiting)
