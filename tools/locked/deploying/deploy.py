"""Deploys one function: stages its bundle, then runs gcloud with arguments made from deploy.yaml.

A new function is made private. An existing one keeps whoever may call it now: who may is Google's to remember, and
taking it away would stop a running connection.
"""

from __future__ import annotations

import argparse
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tools.locked.deploying.bundle import stage
from tools.locked.deploying.deployments import Deployment, deployment
from tools.locked.deploying.environments import Environment, environments
from tools.repository.errors import RepositoryError, at, run_as_command
from tools.repository.model import Repository


@dataclass(frozen=True)
class Release:
    """What is deployed: the connector's version and the commit (`-dirty` if files differ from it), as labels."""

    version: str
    commit: str


def gcloud_command(
    one: Deployment, target: Environment, release: Release, source: Path, *, new: bool
) -> list[str]:
    """The whole argument list. Depends on nothing but its arguments."""
    limits = one.limits
    variables = ",".join(f"{name}={value}" for name, value in {**one.env, **limits.variables()}.items())
    labels = {"connector": one.connector, "version": release.version, "commit": release.commit}
    return [
        "gcloud", "functions", "deploy", one.function,
        f"--project={target.project}", f"--region={one.region}",
        "--gen2" if limits.generation == 2 else "--no-gen2",
        f"--runtime={one.runtime}", "--entry-point=main", "--trigger-http", f"--source={source}",
        f"--timeout={limits.timeout}s", f"--memory={limits.memory}MB",
        f"--update-env-vars={variables}",
        "--update-labels=" + ",".join(f"{key}={label(value)}" for key, value in labels.items()),
        f"--max-instances={one.max_instances}",
        *([f"--service-account={one.service_account}"] if one.service_account else []),
        *(["--no-allow-unauthenticated"] if new else []),
        "--quiet",
    ]  # fmt: skip


def label(text: str) -> str:
    """Text as a label's value may be: lower case, digits, `-` and `_`, at most 63."""
    return re.sub(r"[^a-z0-9_-]", "-", text.lower())[:63]


def release_of(repository: Repository, one: Deployment) -> Release:
    """The connector's version, and the commit the tree is at."""
    version = repository.connector(one.connector).version
    commit = _git(repository.root, "rev-parse", "HEAD") or "unknown"
    dirty = "-dirty" if _git(repository.root, "status", "--porcelain") else ""
    return Release(version, f"{commit[:40]}{dirty}")


def is_new(one: Deployment, target: Environment) -> bool:
    """Whether Google knows no such function yet. RepositoryError with gcloud's words if it can't be asked."""
    command = [
        "gcloud",
        "functions",
        "describe",
        one.function,
        f"--project={target.project}",
        f"--region={one.region}",
    ]
    done = subprocess.run([*command, "--format=value(name)"], capture_output=True, text=True, check=False)
    if done.returncode and not re.search(r"NOT_FOUND|404|not found", done.stderr, re.IGNORECASE):
        raise RepositoryError(f"gcloud can't tell whether {one.function} exists:\n{done.stderr.strip()}")
    return done.returncode != 0


def main(arguments: list[str]) -> int:
    """Deploy the function named; with `--dry-run` stage it and print the command that would run."""
    parser = argparse.ArgumentParser(prog="python -m tools.locked.deploying.deploy")
    parser.add_argument("function")
    parser.add_argument("--dry-run", action="store_true")
    options = parser.parse_args(arguments)
    repository = Repository(Path.cwd())
    one = deployment(repository, options.function)
    target = environments(repository)[one.environment]
    source = at(stage(repository, one), repository.root)
    release = release_of(repository, one)
    if options.dry_run:
        print(shlex.join(gcloud_command(one, target, release, Path(source), new=True)))
        print("(as for a new function; --no-allow-unauthenticated is left out for one that exists)")
        return 0
    if shutil.which("gcloud") is None:
        raise RepositoryError("gcloud isn't on this machine: https://cloud.google.com/sdk/docs/install")
    command = gcloud_command(one, target, release, Path(source), new=is_new(one, target))
    print(shlex.join(command), flush=True)
    return subprocess.run(command, check=False).returncode


def _git(root: Path, *arguments: str) -> str:
    if shutil.which("git") is None:
        return ""
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


if __name__ == "__main__":
    run_as_command(main)
