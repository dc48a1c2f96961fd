"""The functions that the fake of Google holds: both APIs' view of one, and what Google refuses of it.

A function is kept as the resource of its own generation's API; the second API shows the first generation's functions
too, with `environment: GEN_1`, and the first API doesn't know the second's. Sources:
https://cloud.google.com/functions/docs/reference/rest/v1/projects.locations.functions and .../rest/v2/...
"""

from __future__ import annotations

import copy
import io
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Resource = dict[str, Any]
"""A function as an API's JSON shows it."""

# Google's own rules, written down a second time: a fake that read ours could find none of their mistakes.
OFFERED: Mapping[int, tuple[str, ...]] = {
    1: ("python310", "python311", "python312", "nodejs22"),
    2: ("python310", "python311", "python312", "python313", "python314", "nodejs22"),
}
"""The runtimes of each generation, Python's and one other: https://cloud.google.com/functions/docs/runtime-support."""

MEMORY_STEPS = (128, 256, 512, 1024, 2048, 4096, 8192)
"""MB of the first generation: https://cloud.google.com/functions/docs/configuring/memory."""

LONGEST = {1: 540, 2: 3600}
"""Seconds: https://cloud.google.com/functions/quotas."""

LABEL_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
RESERVED = re.compile(r"X_GOOGLE_.*|GOOGLE_ENTRYPOINT|PORT|FUNCTION_TARGET|FUNCTION_SIGNATURE_TYPE|K_.*")
UNITS = {"": 1, "k": 10**3, "Ki": 2**10, "M": 10**6, "Mi": 2**20, "G": 10**9, "Gi": 2**30}
MISSING_MAIN = (
    "Build failed: missing main.py and GOOGLE_FUNCTION_SOURCE not specified. Either create the function in main.py "
    "or specify GOOGLE_FUNCTION_SOURCE to point to the file that contains the function"
)


@dataclass
class LiveFunction:
    """A function at Google: its generation (1 or 2), its resource, who may call it, and the zip it was built from.

    `policy` is its IAM policy (in generation 2 that of the Cloud Run service below it); `builds` counts the uploads
    that were built, a failed one excluded.
    """

    generation: int
    url: str
    resource: Resource
    policy: Resource = field(default_factory=lambda: {"version": 1, "etag": "BwX=", "bindings": []})
    upload: bytes = field(default=b"", repr=False)
    builds: int = 0

    @property
    def path(self) -> str:
        """`projects/P/locations/R/functions/NAME`."""
        return str(self.resource["name"])

    @property
    def project(self) -> str:
        """The project's id."""
        return self.path.split("/")[1]

    @property
    def region(self) -> str:
        """Such as `us-central1`."""
        return self.path.split("/")[3]

    @property
    def name(self) -> str:
        """The function's name, without project and region."""
        return self.path.split("/")[5]

    @property
    def labels(self) -> dict[str, str]:
        """Its labels, those that gcloud adds among them."""
        return dict(self.resource.get("labels", {}))

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables that the deploy gave it."""
        holder = self.resource if self.generation == 1 else self.resource["serviceConfig"]
        return dict(holder.get("environmentVariables", {}))

    @property
    def runtime(self) -> str:
        """Such as `python312`."""
        holder = self.resource if self.generation == 1 else self.resource["buildConfig"]
        return str(holder["runtime"])

    @property
    def memory(self) -> int:
        """MB."""
        if self.generation == 1:
            return int(self.resource["availableMemoryMb"])
        return megabytes(self.resource["serviceConfig"]["availableMemory"]) or 0

    @property
    def timeout(self) -> int:
        """Seconds."""
        if self.generation == 1:
            return int(float(self.resource["timeout"].rstrip("s")))
        return int(self.resource["serviceConfig"]["timeoutSeconds"])

    @property
    def service_account(self) -> str:
        """Who it runs as."""
        holder = self.resource if self.generation == 1 else self.resource["serviceConfig"]
        return str(holder["serviceAccountEmail"])

    @property
    def members(self) -> dict[str, bytes]:
        """The upload's files by name: what Google builds."""
        return members_of(self.upload)

    @property
    def invoker(self) -> str:
        """The role that lets someone call it."""
        return "roles/cloudfunctions.invoker" if self.generation == 1 else "roles/run.invoker"

    def may_call(self, member: str) -> bool:
        """Whether `allUsers` or `serviceAccount:EMAIL` has the Invoker role."""
        return any(
            member in binding.get("members", ()) and binding["role"] == self.invoker
            for binding in self.policy.get("bindings", ())
        )

    def grant(self, account: str) -> None:
        """Give a service account the Invoker role, as `gcloud functions add-invoker-policy-binding` does."""
        member = account if account == "allUsers" else f"serviceAccount:{account}"
        self.policy.setdefault("bindings", []).append({"role": self.invoker, "members": [member]})

    def in_v2(self) -> Resource:
        """The function as the second API shows it, whatever its generation."""
        if self.generation == 2:
            return copy.deepcopy(self.resource)
        first = self.resource
        service = {
            "availableMemory": f"{self.memory}M",
            "timeoutSeconds": self.timeout,
            "serviceAccountEmail": self.service_account,
            "environmentVariables": self.variables,
            "ingressSettings": first["ingressSettings"],
            "maxInstanceCount": first.get("maxInstances", 0),
            "uri": self.url,
        }
        return {
            "name": self.path,
            "environment": "GEN_1",
            "state": first["status"] if first["status"] == "ACTIVE" else "FAILED",
            "buildConfig": {"runtime": self.runtime, "entryPoint": first.get("entryPoint", self.name)},
            "serviceConfig": service,
            "labels": self.labels,
            "url": self.url,
            "updateTime": first["updateTime"],
        }


def members_of(upload: bytes) -> dict[str, bytes]:
    """A zip's files by name; folders' own entries left out."""
    with zipfile.ZipFile(io.BytesIO(upload)) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}


def build(function: LiveFunction) -> str | None:
    """What Google's builder says of the upload at first sight, or None: that there is a main.py to start from."""
    try:
        names = function.members
    except zipfile.BadZipFile:
        return "Build failed: the source isn't a zip archive"
    return None if "main.py" in names else MISSING_MAIN


def megabytes(quantity: object) -> int | None:
    """A Kubernetes quantity such as `512M` or `2Gi` in whole MB; None if it isn't one."""
    found = re.fullmatch(r"(\d+)([A-Za-z]*)", str(quantity))
    if found is None or found[2] not in UNITS:
        return None
    return int(found[1]) * UNITS[found[2]] // 10**6


def patched(resource: Resource, body: Resource, mask: str) -> Resource:
    """The resource with the fields that the update mask names taken from the body; a field it lacks is cleared."""
    new = copy.deepcopy(resource)
    for path in filter(None, mask.split(",")):
        *parents, last = [_camel(word) for word in path.split(".")]
        target, source = new, body
        for word in parents:
            target, source = target.setdefault(word, {}), source.get(word, {})
        if last in source:
            target[last] = copy.deepcopy(source[last])
        else:
            target.pop(last, None)
    return new


def completed(generation: int, resource: Resource, url: str, moment: str) -> Resource:
    """The resource as the server answers it: what it decides itself, and its defaults for what wasn't asked."""
    return (_completed_v1 if generation == 1 else _completed_v2)(copy.deepcopy(resource), url, moment)


def _completed_v1(resource: Resource, url: str, moment: str) -> Resource:
    project, name = resource["name"].split("/")[1], resource["name"].split("/")[5]
    if "httpsTrigger" in resource:
        resource["httpsTrigger"] = {"securityLevel": "SECURE_ALWAYS", **resource["httpsTrigger"], "url": url}
    defaults = {
        "entryPoint": name,
        "timeout": "60s",
        "availableMemoryMb": 256,
        "serviceAccountEmail": f"{project}@appspot.gserviceaccount.com",
        "ingressSettings": "ALLOW_ALL",
        "dockerRegistry": "ARTIFACT_REGISTRY",
    }
    version = str(int(resource.get("versionId", 0)) + 1)
    return {**defaults, **resource, "status": "ACTIVE", "versionId": version, "updateTime": moment}


def _completed_v2(resource: Resource, url: str, moment: str) -> Resource:
    _, project, _, region, _, name = resource["name"].split("/")
    service_defaults = {
        "availableMemory": "256M",
        "availableCpu": "0.1666",
        "timeoutSeconds": 60,
        "maxInstanceCount": 100,
        "maxInstanceRequestConcurrency": 1,
        "ingressSettings": "ALLOW_ALL",
        "allTrafficOnLatestRevision": True,
        "serviceAccountEmail": f"{NUMBER}-compute@developer.gserviceaccount.com",
    }
    decided = {"service": f"projects/{project}/locations/{region}/services/{name}", "uri": url}
    build_config = {"entryPoint": name, **resource.get("buildConfig", {})}
    return {
        "createTime": moment,
        **resource,
        "buildConfig": build_config,
        "serviceConfig": {**service_defaults, **resource.get("serviceConfig", {}), **decided},
        "environment": "GEN_2",
        "state": "ACTIVE",
        "url": url,
        "updateTime": moment,
    }


NUMBER = "100000000001"
"""The number of every project here."""


def violations(generation: int, resource: Resource) -> Iterator[tuple[str, str]]:
    """What Google refuses of a function: the field, and why."""
    name = resource.get("name", "").rpartition("/")[2]
    if not re.fullmatch(r"[a-zA-Z](?:[a-zA-Z0-9_-]{0,61}[a-zA-Z0-9])?", name):
        yield "name", f"Invalid function name {name!r}"
    for key, value in resource.get("labels", {}).items():
        if not (LABEL_KEY.fullmatch(key) and LABEL_VALUE.fullmatch(value)):
            yield "labels", f"Invalid label {key}={value}"
    yield from (_violations_v1 if generation == 1 else _violations_v2)(resource)


def _violations_v1(resource: Resource) -> Iterator[tuple[str, str]]:
    yield from _runtime(1, resource.get("runtime"), "runtime")
    yield from _variables(resource.get("environmentVariables", {}), "environmentVariables")
    if not ("httpsTrigger" in resource) ^ ("eventTrigger" in resource):
        yield "trigger", "Exactly one of httpsTrigger and eventTrigger must be set"
    if resource.get("availableMemoryMb", 256) not in MEMORY_STEPS:
        yield (
            "availableMemoryMb",
            f"Invalid memory size {resource['availableMemoryMb']}: one of {MEMORY_STEPS}",
        )
    found = re.fullmatch(r"(\d+)s", str(resource.get("timeout", "60s")))
    if found is None or not 1 <= int(found[1]) <= LONGEST[1]:
        yield "timeout", f"Timeout must be between 1s and {LONGEST[1]}s"


def _violations_v2(resource: Resource) -> Iterator[tuple[str, str]]:
    service = resource.get("serviceConfig", {})
    yield from _runtime(2, resource.get("buildConfig", {}).get("runtime"), "build_config.runtime")
    yield from _variables(service.get("environmentVariables", {}), "service_config.environment_variables")
    memory = megabytes(service.get("availableMemory", "256M"))
    if memory is None or not 128 <= memory <= 34360:
        yield "service_config.available_memory", f"Invalid memory {service.get('availableMemory')!r}"
    if not 1 <= int(service.get("timeoutSeconds", 60)) <= LONGEST[2]:
        yield "service_config.timeout_seconds", f"Timeout must be between 1 and {LONGEST[2]} seconds"


def _runtime(generation: int, runtime: str | None, field_name: str) -> Iterator[tuple[str, str]]:
    if runtime is None:
        yield field_name, "Runtime field cannot be empty."
    elif runtime not in OFFERED[generation]:
        yield field_name, f"The runtime {runtime} is not supported in GEN_{generation}"


def _variables(variables: Mapping[str, str], field_name: str) -> Iterator[tuple[str, str]]:
    for key in variables:
        if RESERVED.fullmatch(key):
            yield field_name, f"The environment variable name {key} is reserved by the system"


def _camel(word: str) -> str:
    first, *rest = word.split("_")
    return first + "".join(part.capitalize() for part in rest)


Builder = Callable[[LiveFunction], str | None]
"""What becomes of an upload: None if it builds, else what the failed operation says."""
