from __future__ import annotations

import pytest
from small_repository import DEV, add_project, writer

from tools.repository.model import Repository


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A small repository with the connector acme and the environment dev; its deploy.yaml is replaced by each example."""
    root = tmp_path_factory.mktemp("shared")
    write = writer(root)
    write("pyproject.toml", DEV)
    add_project(write, "connectors/acme", "connector_acme", name="fivetran-connector-acme")
    return Repository(root)
