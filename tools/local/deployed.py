"""What deploy.yaml says of one connector, asked by sessions that run without a YAML parser."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass

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
    if not file.is_file() or connector.encode() not in file.read_bytes():
        return Deployed(Limits())
    python = str(tools_environment(repository).prepare().python)
    command = [python, "-m", "tools.locked.deploying.deployments", connector]
    done = subprocess.run(command, cwd=repository.root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RepositoryError(done.stderr.strip())
    answer = json.loads(done.stdout)
    return Deployed(Limits(**answer["limits"]), tuple(answer["pythons"]))
