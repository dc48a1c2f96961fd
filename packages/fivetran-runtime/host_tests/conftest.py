"""What is run in an environment with Fivetran's Connector SDK: `nox -s connector_sdk -- NAME`, for a connector of this repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

HOST_TESTS = Path(__file__).parent


@pytest.fixture(scope="session")
def connector() -> Path:
    """The folder of the connector in whose environment this runs."""
    return Path(os.environ["CONNECTOR"])


@pytest.fixture
def folder(connector: Path, tmp_path: Path) -> Path:
    """A folder with the connector.py that the SDK looks for."""
    module = next((connector / "src").glob("connector_*")).name
    return written(tmp_path, module)


def written(folder: Path, module: str) -> Path:
    """The folder, with a connector.py for a module."""
    text = (
        f'from fivetran_runtime.connector_sdk import connector_of\n\nconnector = connector_of("{module}")\n'
    )
    (folder / "connector.py").write_text(text, "utf-8")
    return folder
