from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tools.environments import virtual_environments
from tools.environments.interpreters import RUNNING, Interpreter, find
from tools.environments.locks import lock
from tools.environments.virtual_environments import (
    VirtualEnvironment,
    development_environment,
    project_environment,
)
from tools.repository.errors import RepositoryError
from tools.repository.model import Repository

HASHED = "iniconfig==2.0.0 --hash=sha256:b6a85871a79d2e3b22d2d1b94ac2824226a63c6b741c88f7ae975f18b6778374\n"


@pytest.fixture
def environment(tmp_path: Path) -> VirtualEnvironment:
    """An environment of one small distribution, not made yet."""
    (tmp_path / "lock.txt").write_text(HASHED, "utf-8")
    return VirtualEnvironment(
        tmp_path / "environment", (tmp_path / "lock.txt",), lock_command="nox -s lock -- acme"
    )


def installed(environment: VirtualEnvironment, module: str) -> bool:
    """Whether the environment's Python can import a module."""
    done = subprocess.run([environment.python, "-c", f"import {module}"], capture_output=True, check=False)
    return done.returncode == 0


def test_a_missing_lock_is_reported_with_the_command(environment: VirtualEnvironment) -> None:
    """Nothing is ever installed without a lock."""
    environment.locks[0].unlink()
    with pytest.raises(RepositoryError, match=r"this lock is missing; run `nox -s lock -- acme`"):
        environment.prepare()


def test_a_folder_that_nox_didnt_make_is_left_alone(environment: VirtualEnvironment) -> None:
    """Somebody's own .venv, perhaps the one nox runs from, is not deleted."""
    environment.path.mkdir()
    (environment.path / "precious").touch()
    with pytest.raises(RepositoryError, match="wasn't made by nox; move it away"):
        environment.prepare()
    assert (environment.path / "precious").exists()


@pytest.mark.index
def test_without_uv_pip_makes_it(environment: VirtualEnvironment, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine whose nox came without uv, it is the same environment."""
    monkeypatch.setattr(virtual_environments, "find_uv", lambda: None)
    assert installed(environment.prepare(), "iniconfig")
    assert environment.is_current()


@pytest.mark.index
def test_an_environment_is_made_once_and_again_when_its_lock_changes(environment: VirtualEnvironment) -> None:
    """Nothing is installed while nothing has changed."""
    assert installed(environment.prepare(), "iniconfig")
    (environment.path / "kept").touch()
    assert (environment.prepare().path / "kept").exists()
    environment.locks[0].write_text("# another\n" + HASHED, "utf-8")
    assert not environment.is_current()
    assert not (environment.prepare().path / "kept").exists()


@pytest.mark.index
def test_a_wrong_hash_is_never_installed(environment: VirtualEnvironment) -> None:
    """The installer's own words say so, and the next try starts afresh."""
    environment.locks[0].write_text(HASHED.replace("b6a8", "b6a9"), "utf-8")
    with pytest.raises(RepositoryError, match=r"Installing failed \(exit \d+\):(?s:.)*[Hh]ash"):
        environment.prepare()
    environment.locks[0].write_text(HASHED, "utf-8")
    assert installed(environment.prepare(), "iniconfig")


@pytest.mark.connector("casa")
def test_what_is_ours_comes_from_folders(whole: Repository) -> None:
    """A connector's environment gets the runtime, the emulator and itself in place, from no index."""
    connector = whole.connector("casa")
    folders = {
        path.relative_to(whole.root).as_posix() for path in project_environment(whole, connector).editables
    }
    assert folders == {
        "packages/fivetran-runtime",
        "packages/fivetran-emulator",
        f"connectors/{connector.name}",
    }


def test_the_development_environment_holds_all_packages(whole: Repository) -> None:
    """Their locks agree with the tools', so one environment can."""
    environment = development_environment(whole)
    assert [path.name for path in environment.editables] == list(whole.packages)
    assert len(environment.locks) == 1 + len(whole.packages)


@pytest.mark.index
def test_a_lock_without_a_solution_is_reported_in_uvs_words(small: Repository) -> None:
    """Two requirements that can't both be met are named; nothing is written."""
    path = small.root / "connectors/acme/pyproject.toml"
    path.write_text(
        path.read_text("utf-8").replace('"requests>=2.31"', '"requests>=2.31", "requests<2"'), "utf-8"
    )
    with pytest.raises(RepositoryError, match=r"connectors/acme/requirements\.txt: uv found no solution"):
        lock(Repository(small.root), ["acme"])
    assert not (small.root / "connectors/acme/requirements.txt").exists()


@pytest.mark.index
def test_another_python_makes_another_environment(environment: VirtualEnvironment) -> None:
    """Of its own Python; and it is made again when that Python is replaced, as by a newer patch."""
    found = [python for version in ("3.12", "3.13") if version != RUNNING and (python := find(version))]
    if not found:
        pytest.skip("no Python but the one that runs this is on this machine")
    other = replace(environment, interpreter=found[0])
    assert installed(other.prepare(), "iniconfig")
    says = subprocess.run(
        [other.python, "-c", "import sys; print(sys.version)"], capture_output=True, check=True
    )
    assert says.stdout.decode().strip() == found[0].says
    assert other.is_current()
    assert not environment.is_current()
    assert not replace(
        other, interpreter=replace(found[0], says=f"{found[0].version}.99 (main)")
    ).is_current()
    assert not replace(other, interpreter=replace(found[0], prefix="/elsewhere")).is_current()


def test_the_python_of_nox_has_the_environment_without_a_version(small: Repository) -> None:
    """All sessions share it; another Python's lies beside it, where no connector's name can be."""
    project = small.connector("acme")
    assert project_environment(small, project).path.name == "acme"
    other = Interpreter(Path("python3.99"), "3.99.0 (main)", "/opt/python")
    assert project_environment(small, project, other).path.name == "acme-3.99"
