"""The upload of a rehearsal: the real gcloud deploys to the fake of Google, and what arrived is compared with the bundle."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.locked.deploying.bundle import files_of
from tools.locked.rehearsal.functions import LiveFunction
from tools.locked.rehearsal.google import FakeGoogle
from tools.repository.errors import Problem, RepositoryError


def run_gcloud(google: FakeGoogle, command: Sequence[str]) -> str:
    """Run a gcloud command against the fake; what it printed. RepositoryError with its own words if it fails."""
    environment = {**os.environ, **google.environment()}
    done = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RepositoryError(f"gcloud (exit {done.returncode}) says:\n{done.stderr.strip()}")
    return done.stdout


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
