"""What CircleCI's jobs are made of: steps and the scripts in them, as data."""

from __future__ import annotations

from typing import Any

from tools.locked.ci.changes import MAIN

IMAGE = "cimg/python:3.11.13"
REQUIREMENTS = "tools/requirements-nox.txt"
"""The lock of what a job installs first: nox and uv."""

SMALL, MEDIUM = "small", "medium"
"""1 processor at 5 credits a minute; 2 at 10: https://circleci.com/docs/guides/execution-managed/resource-class-overview/."""

ON_MAIN = f'pipeline.git.branch == "{MAIN}"'

CHECKOUT = {"checkout": {"method": "full"}}
"""All commits: what has changed is found by comparing, and a bundle is labelled with where it comes from."""

INSTALL_NOX = (
    "python3 -m venv ~/nox\n"
    "~/nox/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes"
    f" -r {REQUIREMENTS}\n"
    'echo \'export PATH="$HOME/nox/bin:$PATH"\' >> "$BASH_ENV"\n'
)

LOG_IN = {
    "oidc": (
        "# https://circleci.com/docs/openid-connect-tokens: the context names the pool, no key is kept anywhere.\n"
        'umask 077 && printf %s "$CIRCLE_OIDC_TOKEN_V2" > ~/oidc-token\n'
        "gcloud iam workload-identity-pools create-cred-config"
        ' "projects/$GCP_PROJECT_ID/locations/global/workloadIdentityPools/$GCP_WIP_ID'
        '/providers/$GCP_WIP_PROVIDER_ID"'
        ' --service-account="$GCP_SERVICE_ACCOUNT_EMAIL" --credential-source-file="$HOME/oidc-token"'
        ' --output-file="$HOME/gcp-credentials.json"\n'
        'gcloud auth login --brief --cred-file="$HOME/gcp-credentials.json"\n'
    ),
    "key": (
        'umask 077 && printf %s "$GCLOUD_SERVICE_KEY" > ~/gcp-key.json\n'
        'gcloud auth activate-service-account --key-file="$HOME/gcp-key.json"\n'
    ),
}


def run(name: str, command: str) -> dict[str, Any]:
    """A step that runs a shell script."""
    return {"run": {"name": name, "command": command}}


def command(description: str, steps: list[Any], parameters: dict[str, Any] | None = None) -> dict[str, Any]:
    """A command: steps under a name."""
    return {"description": description, **_parameters(parameters), "steps": steps}


def job(size: str, steps: list[Any], parameters: dict[str, Any] | None = None) -> dict[str, Any]:
    """A job in our image, on a machine of `size`."""
    return {**_parameters(parameters), "executor": "python", "resource_class": size, "steps": steps}


def text(description: str) -> dict[str, Any]:
    """A parameter that is text."""
    return {"type": "string", "description": description}


def executors() -> dict[str, Any]:
    """The one executor."""
    return {"python": {"docker": [{"image": IMAGE}]}}


def pipeline_parameters() -> dict[str, Any]:
    """The pipeline's parameters, the same in both files: CircleCI refuses a pipeline where they differ."""
    return {
        "everything": {
            "type": "boolean",
            "default": False,
            "description": "Test everything, whatever has changed",
        }
    }


def prepare() -> dict[str, Any]:
    """The command that every job begins with."""
    return command("Check out and install nox", [CHECKOUT, run("Install nox", INSTALL_NOX)])


def _parameters(parameters: dict[str, Any] | None) -> dict[str, Any]:
    return {"parameters": parameters} if parameters else {}
