"""What is run in an environment with Fivetran's Connector SDK: `nox -s connector_sdk -- NAME`, for a connector of this repository."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from fivetran_emulator.connector_sdk.served import LoadedConnector

HOST_TESTS = Path(__file__).parent


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --whole."""
    parser.addoption("--whole", action="store_true", help="longer histories, and more of them")


@pytest.fixture(scope="session")
def whole(pytestconfig: pytest.Config) -> bool:
    """Whether everything is wanted, however long it takes."""
    return bool(pytestconfig.getoption("whole"))


@pytest.fixture(scope="session")
def connector() -> Path:
    """The folder of the connector in whose environment this runs."""
    return Path(os.environ["CONNECTOR"])


@pytest.fixture(scope="session")
def folder(connector: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the connector.py that the SDK looks for."""
    module = next((connector / "src").glob("connector_*")).name
    return written(tmp_path_factory.mktemp("connector"), module)


@pytest.fixture(scope="session")
def loaded(folder: Path) -> Iterator[LoadedConnector]:
    """The connector, loaded once: each of its servers is a fork."""
    one = LoadedConnector(folder)
    yield one
    one.close()


def written(folder: Path, module: str) -> Path:
    """The folder, with a connector.py for a module."""
    text = (
        f'from fivetran_runtime.connector_sdk import connector_of\n\nconnector = connector_of("{module}")\n'
    )
    (folder / "connector.py").write_text(text, "utf-8")
    return folder
