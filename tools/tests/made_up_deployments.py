"""Deployments, releases and live functions that the tests of deploying make up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tools.locked.declared.deployments import Deployment
from tools.locked.declared.environments import Environment
from tools.locked.deploying.live import LiveFunction
from tools.locked.deploying.release import Release
from tools.repository.limits import Limits

DEV = Environment("dev", "dev-project", "us-central1", "context")
OLD = Release("acme", "0.1.0", "a" * 40, "1" * 40)
NEW = Release("acme", "0.2.0", "b" * 40, "2" * 40)


def deployment(generation: int = 1, **fields: Any) -> Deployment:
    """`acme` in `dev`, as three lines of deploy.yaml give it."""
    limits = Limits(generation, 540, 1024)
    one = Deployment("acme", "acme", "acme", "dev", limits, "python312", 1, "us-central1")
    return replace(one, **fields)


def live(release: Release | None = OLD, generation: int = 1, **fields: Any) -> LiveFunction:
    """What `deployment` looks like once it is live with this release."""
    one = deployment(generation)
    labels = {"deployment-tool": "cli-gcloud", **(release.labels() if release else {})}
    function = LiveFunction(
        path="projects/dev-project/locations/us-central1/functions/acme",
        generation=generation,
        url="https://us-central1-dev-project.cloudfunctions.net/acme",
        active=True,
        runtime="python312",
        memory=1024,
        timeout=540,
        max_instances=1,
        service_account="dev-project@appspot.gserviceaccount.com",
        labels={**labels, **fields.pop("labels", {})},
        variables={**one.limits.variables(), **(release.variables() if release else {})},
    )
    return replace(function, **fields)
