"""Renders .circleci/config.yml from what the repository holds: a test job a project, a deploy job a deployment.

The file is committed and compared, not made while CI runs: what will happen is there to be read. It is dumped from
data, never pasted together as text, so no name can break its quoting.
"""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tools.locked.deploying.deployments import Deployment, deployments
from tools.locked.deploying.environments import Environment, environments
from tools.repository.errors import StaleError, run_as_command
from tools.repository.model import TOOLS, Repository

FILE = ".circleci/config.yml"
HEADER = (
    "# Made by `nox -s ci_config` from connectors/, packages/, deploy.yaml and pyproject.toml; don't edit.\n"
)

IMAGE = "cimg/python:3.11"
GCLOUD = "528.0.0"
ON_MAIN = 'pipeline.git.branch == "main"'

RUNTIME = "fivetran-runtime"
"""The package that ships inside every function, so its tests stand before every deploy."""

LOCKS = "/tmp/locks.txt"  # noqa: S108 - on CircleCI's machine, which runs one job
GATHER_LOCKS = f"cat tools/requirements.txt */*/requirements*.txt > {LOCKS}\n"

INSTALL_NOX = (
    'python3 -m venv ~/nox\n~/nox/bin/pip install --quiet "nox[uv]"\n'
    "echo 'export PATH=~/nox/bin:$PATH' >> \"$BASH_ENV\"\n"
)

INSTALL_GCLOUD = (
    "curl --fail --silent --show-error --location "
    f"https://dl.google.com/dl/cloudsdk/channels/rapid/downloads/google-cloud-cli-{GCLOUD}-linux-x86_64.tar.gz"
    " | tar -xz -C ~\n"
    "echo 'export PATH=~/google-cloud-sdk/bin:$PATH' >> \"$BASH_ENV\"\n"
)

LOG_IN_OIDC = (
    "# https://circleci.com/docs/openid-connect-tokens: the context names the pool, no key is kept anywhere.\n"
    'umask 077 && printf %s "$CIRCLE_OIDC_TOKEN_V2" > ~/oidc-token\n'
    "gcloud iam workload-identity-pools create-cred-config"
    ' "projects/$GCP_PROJECT_ID/locations/global/workloadIdentityPools/$GCP_WIP_ID/providers/$GCP_WIP_PROVIDER_ID"'
    ' --service-account="$GCP_SERVICE_ACCOUNT_EMAIL" --credential-source-file="$HOME/oidc-token"'
    ' --output-file="$HOME/gcp-credentials.json"\n'
    'gcloud auth login --brief --cred-file="$HOME/gcp-credentials.json"\n'
)

LOG_IN_KEY = (
    'umask 077 && printf %s "$GCLOUD_SERVICE_KEY" > ~/gcp-key.json\n'
    'gcloud auth activate-service-account --key-file="$HOME/gcp-key.json"\n'
)


def render(repository: Repository) -> str:
    """The file's text. RepositoryError if the repository, deploy.yaml or pyproject.toml is wrong."""
    data = config(list(repository.projects), deployments(repository), environments(repository))
    return HEADER + yaml.dump(data, Dumper=_Dumper, sort_keys=False, width=1000, allow_unicode=True)


def config(
    projects: list[str], functions: Mapping[str, Deployment], targets: Mapping[str, Environment]
) -> dict[str, Any]:
    """The configuration as data. Depends on nothing but its arguments, so equal repositories give equal files."""
    workflow: list[dict[str, Any]] = [{"check": {"name": "check"}}]
    workflow += [{"test": {"name": f"test-{name}", "subject": name}} for name in [*projects, TOOLS]]
    workflow += [_deploy_job(one, targets[one.environment], projects) for one in functions.values()]
    auths = sorted({targets[one.environment].auth for one in functions.values()})
    return {
        "version": 2.1,
        "executors": {"python": {"docker": [{"image": IMAGE}]}},
        "commands": {
            "prepare": _command("Check out and install nox", ["checkout", _run("Install nox", INSTALL_NOX)]),
            "restore-downloads": _restore_downloads(),
            **(
                {
                    "install-gcloud": _command(
                        "Install the Google Cloud CLI", [_run("Install gcloud", INSTALL_GCLOUD)]
                    )
                }
                if auths
                else {}
            ),
            **{f"log-in-{auth}": _log_in(auth) for auth in auths},
        },
        "jobs": {
            "check": _job(
                [
                    "prepare",
                    {"restore-downloads": {"subject": "check"}},
                    _run("Lint, types and checks", "nox -s lint types check"),
                    _keep_downloads("check"),
                ]
            ),
            "test": _test_job(),
            **{f"deploy-{auth}": _deploy_definition(auth) for auth in auths},
        },
        "workflows": {"test-and-deploy": {"jobs": workflow}},
    }


def _test_job() -> dict[str, Any]:
    subject = {"subject": {"type": "string", "description": "A connector, a package or the tools"}}
    steps = [
        "prepare",
        {"restore-downloads": {"subject": "<< parameters.subject >>"}},
        _run("Test << parameters.subject >>", 'nox -s "tests(<< parameters.subject >>)"'),
        {"store_test_results": {"path": ".nox/results"}},
        _keep_downloads("<< parameters.subject >>"),
    ]
    return _job(steps, parameters=subject)


def _deploy_definition(auth: str) -> dict[str, Any]:
    function = {"function": {"type": "string", "description": "A group of deploy.yaml"}}
    deploy = _run("Deploy << parameters.function >>", "nox -s deploy -- << parameters.function >>")
    # No cache here: any branch's job may have written to it, and this is what ships.
    return _job(["prepare", "install-gcloud", f"log-in-{auth}", deploy], parameters=function)


def _deploy_job(one: Deployment, target: Environment, projects: list[str]) -> dict[str, Any]:
    needed = [one.connector, *([RUNTIME] if RUNTIME in projects else [])]
    return {
        f"deploy-{target.auth}": {
            "name": f"deploy-{one.key}",
            "function": one.key,
            "context": target.context,
            "requires": ["check", *(f"test-{name}" for name in needed)],
            "filters": ON_MAIN,
        }
    }


def _restore_downloads() -> dict[str, Any]:
    newest = _downloads("<< parameters.subject >>")
    keys = [newest, newest.partition("{{ checksum")[0]]  # older downloads spare most of the new ones
    steps = [_run("Gather the locks", GATHER_LOCKS), {"restore_cache": {"keys": keys}}]
    subject = {"subject": {"type": "string", "description": "Whose downloads"}}
    return {
        "parameters": subject,
        **_command("Take out what an earlier run downloaded for the same locks", steps),
    }


def _keep_downloads(subject: str) -> dict[str, Any]:
    return {"save_cache": {"key": _downloads(subject), "paths": ["~/.cache/uv", "~/.cache/pip"]}}


def _downloads(subject: str) -> str:
    """The cache's key: environments are never cached, only what they are made from."""
    return f'downloads-1-{{{{ arch }}}}-{subject}-{{{{ checksum "{LOCKS}" }}}}'


def _log_in(auth: str) -> dict[str, Any]:
    script = LOG_IN_OIDC if auth == "oidc" else LOG_IN_KEY
    return _command("Become the deployer", [_run("Log in to Google Cloud", script)])


def _command(description: str, steps: list[Any]) -> dict[str, Any]:
    return {"description": description, "steps": steps}


def _run(name: str, command: str) -> dict[str, Any]:
    return {"run": {"name": name, "command": command}}


def _job(steps: list[Any], *, parameters: dict[str, Any] | None = None) -> dict[str, Any]:
    return {**({"parameters": parameters} if parameters else {}), "executor": "python", "steps": steps}


class _Dumper(yaml.SafeDumper):
    """Dumps scripts as blocks, and repeats what is repeated instead of naming it `&id001`."""

    def ignore_aliases(self, data: Any) -> bool:
        """Always: a reader shouldn't have to jump about."""
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def stale(repository: Repository) -> StaleError | None:
    """How the committed file differs from what the repository gives, with the way out; None if it doesn't."""
    path = repository.root / FILE
    before = path.read_text("utf-8") if path.is_file() else ""
    after = render(repository)
    if before == after:
        return None
    changes = difflib.unified_diff(
        before.splitlines(True), after.splitlines(True), FILE, "as the repository is now"
    )
    return StaleError(f"{''.join(changes)}{FILE} isn't current; run `nox -s ci_config`")


def main(arguments: list[str]) -> int:
    """Write the file, or with `--check` say how it differs and fail."""
    parser = argparse.ArgumentParser(prog="python -m tools.locked.ci.config")
    parser.add_argument("--check", action="store_true")
    repository = Repository(Path.cwd())
    if parser.parse_args(arguments).check:
        if difference := stale(repository):
            raise difference
        print(f"{FILE}: current")
        return 0
    path = repository.root / FILE
    after = render(repository)
    changed = not path.is_file() or path.read_text("utf-8") != after
    path.parent.mkdir(exist_ok=True)
    path.write_text(after, "utf-8")
    print(f"{FILE}: {'changed' if changed else 'current'}")
    return 0


if __name__ == "__main__":
    run_as_command(main)
