"""A package of the Connector SDK, compared with what Fivetran's own command makes, and run where nothing else is installed."""

from __future__ import annotations

import json
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from tools.environments.interpreters import running
from tools.environments.uv import find_uv
from tools.environments.virtual_environments import (
    VirtualEnvironment,
    connector_sdk_environment,
    connector_sdk_lock,
)
from tools.locked.declared.deployments import deployments
from tools.locked.deploying.package import archive, package, requirements
from tools.repository.errors import RepositoryError
from tools.repository.model import Repository

ROOT = Path(__file__).parents[3]
FORM = "configuration_form.pb"

PACKED_BY_FIVETRAN = """
import sys
from connector import connector
from fivetran_connector_sdk_common.connector_helper import create_package
print(create_package(".", connector.configuration_form_method))
"""

SYNCED = """
import json, sys
from pathlib import Path
from fivetran_emulator.connector_sdk.served import SdkServer
from fivetran_emulator.connector_sdk.function import configuration_of
from fivetran_emulator.practice.serving import load, serving

practice = load(Path(sys.argv[1]))
with serving(practice.source) as url:
    server = SdkServer(Path(sys.argv[2]), python=sys.argv[3])
    configuration = configuration_of(practice.secrets_at(url))
    tables = [table.name for table in server.schema(configuration)]
    operations = list(server.update(configuration, "{}"))
    server.close()
rows = sum(len(one.structured_records.structured_records) for one in operations)
print(json.dumps({"tables": sorted(tables), "rows": rows, "checkpoints": sum(one.HasField("checkpoint") for one in operations)}))
"""


@pytest.fixture(scope="module")
def casa(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Casa's package, and the folder it was unpacked into."""
    repository = Repository(ROOT)
    one = replace(next(iter(deployments(repository).values())), connector="casa", key="casa-package-test")
    made = package(repository, one)
    folder = tmp_path_factory.mktemp("package")
    with zipfile.ZipFile(made) as packed:
        packed.extractall(folder)
    moved = folder.with_suffix(".zip")
    return made.rename(moved), folder


@pytest.mark.index
@pytest.mark.connector("casa")
def test_it_is_what_fivetrans_own_command_makes(casa: tuple[Path, Path]) -> None:
    """Of the same folder, by 2.13.1: the same names, and the same bytes, the form's among them."""
    repository, (made, folder) = Repository(ROOT), casa
    environment = connector_sdk_environment(repository, repository.connector("casa")).prepare()
    (folder / FORM).unlink()
    done = subprocess.run(
        [str(environment.python), "-B", "-c", PACKED_BY_FIVETRAN],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    theirs = folder / done.stdout.splitlines()[-1]
    with zipfile.ZipFile(theirs) as packed, zipfile.ZipFile(made) as ours:
        assert sorted(packed.namelist()) == ours.namelist()
        assert {name: packed.read(name) for name in ours.namelist()} == {
            name: ours.read(name) for name in ours.namelist()
        }


@pytest.mark.index
@pytest.mark.connector("casa")
def test_it_runs_where_only_the_sdk_and_its_requirements_are(casa: tuple[Path, Path], tmp_path: Path) -> None:
    """Unpacked, over gRPC: what it lacked would be noticed by Fivetran's first sync."""
    repository, (_, folder) = Repository(ROOT), casa
    bare = VirtualEnvironment(
        tmp_path / "bare", (connector_sdk_lock(repository),), interpreter=running()
    ).prepare()
    installer = [find_uv() or "uv", "pip", "install", "--quiet", "--python", str(bare.python)]
    subprocess.run([*installer, "-r", str(folder / "requirements.txt")], check=True, capture_output=True)
    client = connector_sdk_environment(repository, repository.connector("casa")).prepare()
    practice = repository.connector("casa").path / "practice.py"
    done = subprocess.run(
        [str(client.python), "-c", SYNCED, str(practice), str(folder), str(bare.python)],
        capture_output=True, text=True, check=True, cwd=tmp_path,
    )  # fmt: skip
    assert json.loads(done.stdout) == {"tables": ["projects", "users"], "rows": 480, "checkpoints": 1}


@pytest.mark.connector("casa")
def test_its_requirements_are_pins_without_what_is_there() -> None:
    """No hash, which Fivetran's tools would break; nothing of a function's host, no `requests`."""
    repository = Repository(ROOT)
    casa = repository.connector("casa")
    pins = requirements(repository, casa, (casa.path / "requirements.txt").read_text("utf-8"))
    names = [pin.split("==")[0] for pin in pins]
    assert "msgspec" in names
    assert not {"requests", "functions-framework", "flask", "gunicorn", "certifi"} & {*names}
    assert not any("--hash" in pin or "\\" in pin for pin in pins)


def test_an_archive_is_the_same_to_the_byte_whatever_the_order() -> None:
    """Sorted, without compression and without the time of day."""
    files = {"b/x.py": b"1", "connector.py": b"2", "a.py": b"3"}
    assert archive(files) == archive(dict(reversed(files.items())))


@pytest.mark.connector("casa")
def test_a_plain_function_has_no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason is said, and nothing is made."""
    repository = Repository(ROOT)
    one = replace(next(iter(deployments(repository).values())), connector="casa", key="casa-package-test")
    monkeypatch.setattr("tools.locked.deploying.package.has_connector", lambda _: False)
    with pytest.raises(RepositoryError, match="casa is a plain function"):
        package(repository, one)
