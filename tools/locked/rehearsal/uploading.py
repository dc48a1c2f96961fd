"""The upload of a rehearsal: the real gcloud deploys to the fake of Google, and what arrived is compared with the bundle."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.locked.declared.deployments import Deployment
from tools.locked.declared.environments import environments
from tools.locked.deploying.bundle import files_of
from tools.locked.deploying.deploy_one import release_of
from tools.locked.deploying.gcloud import upload_command
from tools.locked.rehearsal.functions import LiveFunction
from tools.locked.rehearsal.google import FakeGoogle
from tools.repository.errors import Problem, RepositoryError
from tools.repository.model import Repository


def deploy_command(repository: Repository, one: Deployment, folder: Path) -> list[str]:
    """The gcloud command of a first deploy of this bundle, as `nox -s deploy` runs it."""
    target = environments(repository)[one.environment]
    return upload_command(one, target, release_of(repository, one, folder), folder)


def variables_of(command: Sequence[str]) -> dict[str, str]:
    """The environment variables that a gcloud command sets: in a file, or with commas between them."""
    found: dict[str, str] = {}
    for word in command:
        option, _, value = word.partition("=")
        if option == "--env-vars-file":
            found |= json.loads(Path(value).read_text("utf-8"))
        elif option in ("--update-env-vars", "--set-env-vars"):
            found |= dict(pair.split("=", 1) for pair in value.split(",") if pair)
    return found


def run_gcloud(google: FakeGoogle, command: Sequence[str]) -> str:
    """Run a gcloud command against the fake; what it printed. RepositoryError with its own words if it fails."""
    environment = {**os.environ, **google.environment()}
    done = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RepositoryError(f"gcloud (exit {done.returncode}) says:\n{done.stderr.strip()}")
    return done.stdout


def gcloud_version(google: FakeGoogle) -> str:
    """Which gcloud it was, by what it calls itself in its requests."""
    agents = (call.headers.get("user-agent", "") for call in google.calls)
    found = (re.search(r"gcloud/([\d.]+)", agent) for agent in agents)
    return next((version[1] for version in found if version), "of an unknown version")


def compare(live: LiveFunction, folder: Path) -> Mapping[str, bytes]:
    """The uploaded zip's files, if they are the bundle's, name by name and byte by byte; RepositoryError if not."""
    members = live.members
    arrived = {name: hashlib.sha256(content).hexdigest() for name, content in members.items()}
    bundled = files_of(folder)
    problems = [
        Problem(name, "in the bundle, but not in the upload") for name in bundled.keys() - arrived.keys()
    ]
    problems += [
        Problem(name, "in the upload, but not in the bundle") for name in arrived.keys() - bundled.keys()
    ]
    problems += [
        Problem(name, "uploaded with other bytes than the bundle's")
        for name in bundled.keys() & arrived.keys()
        if bundled[name] != arrived[name]
    ]
    if problems:
        raise RepositoryError(sorted(problems))
    return members
