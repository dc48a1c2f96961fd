"""What deploy.yaml says of one connector, asked by sessions that run without a YAML parser."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tools.environments.virtual_environments import tools_environment
from tools.repository.errors import RepositoryError
from tools.repository.limits import Limits
from tools.repository.model import Repository

FILE = "deploy.yaml"


@dataclass(frozen=True)
class Deployed:
    """The limits a connector runs under, and the Python versions it is deployed on, such as `3.12`; none if it isn't."""

    limits: Limits
    pythons: tuple[str, ...] = ()


def deployed(repository: Repository, connector: str) -> Deployed:
    """How `connector` is deployed. RepositoryError for an unknown connector or a mistake in deploy.yaml.

    Reading YAML needs the tools' environment; a connector that the file doesn't mention needs neither.
    """
    repository.connector(connector)
    file = repository.root / FILE
    content = file.read_bytes() if file.is_file() else b""
    if connector.encode() not in content:
        return Deployed(Limits())
    python = str(tools_environment(repository).prepare().python)
    answer = _answers(repository.root, python, content).get(connector)
    return Deployed(Limits(**answer["limits"]), tuple(answer["pythons"])) if answer else Deployed(Limits())


@cache
def _answers(root: Path, python: str, content: bytes) -> dict[str, Any]:  # noqa: ARG001 - asked again for other content
    """What the file says of every connector it deploys; asked once, not once for each of 300."""
    command = [python, "-m", "tools.locked.declared.deployments"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RepositoryError(done.stderr.strip())
    answers: dict[str, Any] = json.loads(done.stdout)
    return answers
