"""The Google Cloud CLI: whether it is here, who it is signed in as, and the command that deploys."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tools.locked.declared.deployments import Deployment
from tools.locked.declared.environments import Environment
from tools.locked.deploying.decision import variables_of
from tools.locked.deploying.release import OPTIONAL_LABELS, Release
from tools.repository.errors import RepositoryError


@dataclass(frozen=True)
class SignedIn:
    """Who gcloud is signed in as: the account, an access token of it, and the addresses it uses instead of Google's."""

    account: str
    token: str = field(repr=False)
    endpoints: Mapping[str, str] = field(hash=False)


def signed_in() -> SignedIn:
    """What gcloud is signed in as now. RepositoryError with gcloud's words if it isn't, or isn't here.

    From `gcloud config config-helper`, made for other tools: one process tells token, account and endpoints.
    """
    if shutil.which("gcloud") is None:
        raise RepositoryError("gcloud isn't on this machine: https://cloud.google.com/sdk/docs/install")
    command = ["gcloud", "config", "config-helper", "--format=json", "--min-expiry=30m"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RepositoryError(f"gcloud isn't signed in:\n{done.stderr.strip()}")
    try:
        configured = json.loads(done.stdout)
        properties = configured["configuration"]["properties"]
        endpoints = dict(properties.get("api_endpoint_overrides", {}))
        return SignedIn(_account(properties), configured["credential"]["access_token"], endpoints)
    except (OSError, ValueError, KeyError, TypeError):  # without what was said: the token may be in it
        raise RepositoryError(
            "`gcloud config config-helper --format=json` doesn't tell account and token"
        ) from None


def _account(properties: Mapping[str, Mapping[str, str]]) -> str:
    """Whose the token is: the account impersonated (the last of a chain), that of a key file, or the one signed in."""
    auth = properties.get("auth", {})
    if chain := auth.get("impersonate_service_account"):
        return chain.rpartition(",")[2].strip()
    if file := auth.get("credential_file_override"):
        return str(json.loads(Path(file).read_text("utf-8"))["client_email"])
    return properties["core"]["account"]


@dataclass(frozen=True)
class Upload:
    """What goes to Google: a deployment, where to, the release, the staged folder and the labels to set."""

    one: Deployment
    target: Environment
    release: Release
    source: Path
    labels: Mapping[str, str] = field(hash=False)

    @property
    def variables_file(self) -> Path:
        """Beside the folder, not in it: the function's variables, of which any character may be a part."""
        return self.source.with_name(f"{self.source.name}.variables.yaml")

    def command(self, *, new: bool) -> list[str]:
        """Gcloud's whole argument list. A new function is private; an existing one keeps whoever may call it."""
        one, limits = self.one, self.one.limits
        dropped = [name for name in OPTIONAL_LABELS if name not in self.labels]
        return [
            "gcloud", "functions", "deploy", one.function,
            f"--project={self.target.project}", f"--region={one.region}",
            "--gen2" if limits.generation == 2 else "--no-gen2",
            f"--runtime={one.runtime}", "--entry-point=main", "--trigger-http", f"--source={self.source}",
            f"--timeout={limits.timeout}s", f"--memory={limits.memory}MB", f"--max-instances={one.max_instances}",
            f"--env-vars-file={self.variables_file}",
            "--update-labels=" + ",".join(f"{name}={value}" for name, value in self.labels.items()),
            *([f"--remove-labels={','.join(dropped)}"] if dropped and not new else []),
            *([f"--service-account={one.service_account}"] if one.service_account else []),
            *(["--no-allow-unauthenticated"] if new else []),
            "--quiet",
        ]  # fmt: skip

    def write_variables(self) -> None:
        """Write the variables' file: JSON, which is YAML too, so that no value needs quoting rules."""
        self.variables_file.write_text(
            # Without escapes: to YAML, the two halves of an emoji in JSON are two characters.
            json.dumps(variables_of(self.one, self.release), indent=2, ensure_ascii=False) + "\n",
            "utf-8",
        )


def upload_command(one: Deployment, target: Environment, release: Release, staged: Path) -> list[str]:
    """Gcloud's command for a function that doesn't exist yet; the file of its variables is written beside `staged`."""
    upload = Upload(one, target, release, staged, release.labels())
    upload.write_variables()
    return upload.command(new=True)
