"""What Google says of a function, read from the JSON of both generations' APIs.

A generation 1 function as the first API shows it
(https://cloud.google.com/functions/docs/reference/rest/v1/projects.locations.functions), or any function as the second
does (https://cloud.google.com/functions/docs/reference/rest/v2/projects.locations.functions).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tools.locked.deploying.release import Release
from tools.repository.errors import RepositoryError

MEGABYTES = {"": 1 / 2**20, "k": 1 / 1000, "Ki": 1 / 1024, "M": 1, "Mi": 1, "G": 1000, "Gi": 1024}
"""A memory quantity's units in MB. `M` and `Mi` are one here, as in gcloud, where 1024MB is sent as 1024M."""


@dataclass(frozen=True)
class LiveFunction:
    """A function at Google.

    `path` is `projects/P/locations/R/functions/NAME`, `url` its trigger address, `memory` in MB, `timeout` in seconds,
    `max_instances` None where unlimited. `active` is False while a deploy runs and after one that failed. The
    variables' values may be somebody's secrets: they are never shown.
    """

    path: str
    generation: int
    url: str
    active: bool
    runtime: str
    memory: int
    timeout: int
    max_instances: int | None
    service_account: str
    labels: Mapping[str, str] = field(hash=False)
    variables: Mapping[str, str] = field(hash=False, repr=False)

    @property
    def name(self) -> str:
        """Its name, without project and region."""
        return self.path.rpartition("/")[2]

    @property
    def region(self) -> str:
        """Such as `us-central1`."""
        return self.path.split("/")[3]

    @property
    def release(self) -> Release | None:
        """What these tools deployed there; None if its labels name nothing."""
        return Release.live(self.labels)


def read_function(data: Mapping[str, Any]) -> LiveFunction:
    """The function that an API's JSON shows. RepositoryError if it isn't one."""
    try:
        return _from_second(data) if "environment" in data else _from_first(data)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RepositoryError(f"Google's answer can't be read as a function: {error!r}") from error


def _from_first(data: Mapping[str, Any]) -> LiveFunction:
    return LiveFunction(
        path=data["name"],
        generation=1,
        url=data.get("httpsTrigger", {}).get("url", ""),
        active=data.get("status") == "ACTIVE",
        runtime=data.get("runtime", ""),
        memory=int(data.get("availableMemoryMb", 256)),
        timeout=int(float(str(data.get("timeout", "60s")).removesuffix("s"))),
        max_instances=int(data.get("maxInstances", 0)) or None,
        service_account=data.get("serviceAccountEmail", ""),
        labels=dict(data.get("labels", {})),
        variables=dict(data.get("environmentVariables", {})),
    )


def _from_second(data: Mapping[str, Any]) -> LiveFunction:
    service, build = data.get("serviceConfig", {}), data.get("buildConfig", {})
    return LiveFunction(
        path=data["name"],
        generation={"GEN_1": 1, "GEN_2": 2}[data["environment"]],
        url=data.get("url") or service.get("uri", ""),
        active=data.get("state") == "ACTIVE",
        runtime=build.get("runtime", ""),
        memory=megabytes(service.get("availableMemory", "256M")),
        timeout=int(service.get("timeoutSeconds", 60)),
        max_instances=int(service.get("maxInstanceCount", 0)) or None,
        service_account=service.get("serviceAccountEmail", ""),
        labels=dict(data.get("labels", {})),
        variables=dict(service.get("environmentVariables", {})),
    )


def megabytes(quantity: str) -> int:
    """A Kubernetes quantity such as `512M`, `2Gi` or `0.5Gi` in MB; ValueError if it isn't one."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([A-Za-z]*)", quantity)
    if found is None or found[2] not in MEGABYTES:
        raise ValueError(f"no quantity of memory: {quantity!r}")
    return round(float(found[1]) * MEGABYTES[found[2]])
