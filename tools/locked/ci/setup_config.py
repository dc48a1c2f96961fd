"""The configuration that CircleCI starts with: one small job that finds out what has changed, and continues with that.

https://circleci.com/docs/guides/orchestrate/dynamic-config/
"""

from __future__ import annotations

from typing import Any

from tools.locked.ci import steps
from tools.locked.ci.changes import MAIN

JOB = "set-up"
OUTPUT = "build/ci"
CONTINUATION = ".circleci/continue.yml"

CHOOSE = (
    f"git fetch --quiet origin +refs/heads/{MAIN}:refs/remotes/origin/{MAIN} || true\n"
    f"mkdir -p {OUTPUT}\n"
    f'if ! nox -s affected -- --select {OUTPUT} --branch="$CIRCLE_BRANCH"'
    ' --base-revision="<< pipeline.git.base_revision >>"'
    ' --everything="<< pipeline.parameters.everything >>"; then\n'
    f'  echo "What the change touches is not known: everything runs." | tee {OUTPUT}/affected.txt\n'
    f"  cp {CONTINUATION} {OUTPUT}/continue.yml\n"
    "fi\n"
)

CONTINUE = f"python3 -m tools.locked.ci.continuation {OUTPUT}/continue.yml\n"


def setup_config() -> dict[str, Any]:
    """The configuration as data; it depends on nothing in the repository."""
    job = steps.job(
        steps.SMALL,
        [
            "prepare",
            steps.run("Choose what runs", CHOOSE),
            {"store_artifacts": {"path": OUTPUT, "destination": "continued"}},
            steps.run("Continue with it", CONTINUE),
        ],
    )
    return {
        "version": 2.1,
        "setup": True,
        "parameters": steps.pipeline_parameters(),
        "executors": steps.executors(),
        "commands": {"prepare": steps.prepare()},
        "jobs": {JOB: job},
        "workflows": {JOB: {"jobs": [JOB]}},
    }
