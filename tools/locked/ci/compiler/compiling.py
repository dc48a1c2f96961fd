"""A configuration as CircleCI compiles it, and every reason why it wouldn't.

The published schema lets a workflow require a job that doesn't exist, and `circleci config validate` asks CircleCI over
the network. What only CircleCI knows (contexts, images, its limits on an organisation) isn't looked at here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from tools.locked.ci.compiler.expansion import Expander
from tools.locked.ci.compiler.parameters import PIPELINE_TYPES, bound, check_declared
from tools.locked.ci.compiler.workflows import WorkflowJob, runs, workflow_jobs

MAX_BYTES = 8_000_000
"""Of the compiled configuration: https://support.circleci.com/hc/en-us/articles/360045043634."""

PIPELINE: Mapping[str, Any] = {
    "pipeline.id": "5034460f-c7c4-4c43-9457-de07e2029e7b",
    "pipeline.number": 1,
    "pipeline.project.git_url": "https://github.com/example/connectors",
    "pipeline.project.type": "github",
    "pipeline.git.tag": "",
    "pipeline.git.branch": "main",
    "pipeline.git.revision": "0" * 40,
    "pipeline.git.base_revision": "",
    "pipeline.in_setup": False,
    "pipeline.trigger_source": "webhook",
    "pipeline.schedule.name": "",
    "pipeline.schedule.id": "",
}
"""Some pipeline's values: https://circleci.com/docs/guides/orchestrate/pipeline-variables/."""


@dataclass
class Compilation:
    """The jobs of each workflow that runs, and the problems; with a problem the jobs are worth nothing."""

    workflows: dict[str, list[WorkflowJob]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def report(self, problem: str) -> None:
        """Take a problem, once."""
        if problem not in self.problems:
            self.problems.append(problem)

    def job(self, name: str) -> WorkflowJob | None:
        """The job of that name, of whichever workflow."""
        return next((one for jobs in self.workflows.values() for one in jobs if one.name == name), None)

    def started(self) -> list[str]:
        """The jobs that get a container: those with something to run whose filters let them."""
        return [one.name for jobs in self.workflows.values() for one in jobs if one.job and one.runs]


def compiled(config: Mapping[str, Any], values: Mapping[str, Any] | None = None) -> Compilation:
    """The configuration for a pipeline with these values (`pipeline.git.branch`, ...), its parameters by default."""
    found = Compilation()
    declared = config.get("parameters") or {}
    check_declared("pipeline", declared, found.report, PIPELINE_TYPES)
    given = bound("pipeline", declared, {}, found.report)
    own = {f"pipeline.parameters.{name}": value for name, value in given.items()}
    expander = Expander(config, {**PIPELINE, **(values or {}), **own}, found.report)
    expander.check_definitions()
    for name, workflow in (config.get("workflows") or {}).items():
        if name != "version":
            jobs = workflow_jobs(name, workflow, expander)
            found.workflows |= {name: jobs} if runs(name, workflow, expander) else {}
    _check_whole(config, found)
    return found


def idle_jobs(config: Mapping[str, Any]) -> Iterator[str]:
    """Jobs that no workflow calls: fine for CircleCI, and in a whole configuration a mistake."""
    entries = [
        entry for one in config["workflows"].values() if isinstance(one, dict) for entry in one["jobs"]
    ]
    called = {entry if isinstance(entry, str) else next(iter(entry)) for entry in entries}
    yield from (f"job {name} is in no workflow" for name in config.get("jobs", {}) if name not in called)


def _check_whole(config: Mapping[str, Any], found: Compilation) -> None:
    if config.get("version") != 2.1:
        found.report(f"version is {config.get('version')}, not 2.1")
    if not found.workflows:
        found.report("no workflow runs")
    if config.get("setup") and len(found.workflows) != 1:
        found.report("a set-up configuration runs exactly one workflow")
    jobs = [asdict(one) for jobs in found.workflows.values() for one in jobs]
    if (size := len(json.dumps(jobs, default=str))) > MAX_BYTES:
        found.report(f"compiled it has {size / 1e6:.1f} MB, and CircleCI takes {MAX_BYTES / 1e6:.0f}")
