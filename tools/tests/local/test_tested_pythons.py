from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from small_repository import Write

from tools.environments.interpreters import RUNNING, Interpreter, running
from tools.environments.virtual_environments import VirtualEnvironment
from tools.local import tested_pythons as choosing
from tools.local import testing
from tools.local.deployed import Deployed
from tools.local.tested_pythons import Pythons, environments_of, pythons_to_test, resolved
from tools.local.testing import run_tests
from tools.repository.errors import RepositoryError
from tools.repository.limits import Limits
from tools.repository.model import Repository

OTHER = Interpreter(Path(sys.executable), "3.98.1 (main)", sys.base_prefix)
"""A Python that isn't here, in name."""


@pytest.fixture(autouse=True)
def this_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every environment is the one that these tests run in; making others takes an index."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(VirtualEnvironment, "prepare", lambda self: replace(self, path=Path(sys.prefix)))


@pytest.fixture
def tested(small: Repository, write: Write) -> Repository:
    """A connector whose one test leaves a line each time it runs, then passes."""
    write("connectors/acme/README.md", "# acme\n")
    write(
        "connectors/acme/tests/test_it.py",
        "def test_it():\n    with open('runs', 'a', encoding='utf-8') as file:\n        file.write('ran\\n')\n",
    )
    return small


@pytest.fixture
def pytest_exits(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[Path]]:
    """Have pytest exit at once with a status; the folders it was run in. Starting it takes a second each time."""

    def exits(status: int) -> list[Path]:
        folders: list[Path] = []

        def foreground(command: Sequence[str], *, cwd: Path) -> int:
            folders.append(cwd)
            return status

        monkeypatch.setattr(testing, "foreground", foreground)
        return folders

    return exits


def deployed_on(
    monkeypatch: pytest.MonkeyPatch, *versions: str, here: tuple[Interpreter, ...] = ()
) -> list[str]:
    """Have deploy.yaml say that the connector runs on `versions`, of which `here` are on this machine.

    Returns the versions that are installed later on.
    """
    installed: list[str] = []
    monkeypatch.setattr(choosing, "deployed", lambda *_: Deployed(Limits(), versions))
    monkeypatch.setattr(
        choosing, "find", lambda version: next((one for one in here if one.version == version), None)
    )
    monkeypatch.setattr(choosing, "install", installed.append)
    monkeypatch.setattr(choosing, "resolved", lambda *_: "Its lock installs there.")
    return installed


def test_a_connector_that_nothing_deploys_is_tested_on_the_python_of_nox(small: Repository) -> None:
    """So is a package; no deploy.yaml is asked about it."""
    for subject in ("other-one", "fivetran-runtime"):
        pythons = pythons_to_test(small, subject)
        (environment,) = environments_of(small, subject, pythons)
        assert (pythons.here, pythons.missing) == ((), ())
        assert environment.path == small.root / ".nox/environments" / subject


def test_each_deployed_python_has_an_environment_of_its_own(
    small: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside the one that the other sessions use, which is only used for tests if it is deployed."""
    deployed_on(monkeypatch, RUNNING, "3.98", here=(running(), OTHER))
    environments = environments_of(small, "acme", pythons_to_test(small, "acme"))
    assert [one.path.name for one in environments] == ["acme", "acme-3.98"]
    assert [one.interpreter for one in environments] == [running(), OTHER]
    deployed_on(monkeypatch, "3.98", here=(OTHER,))
    (environment,) = environments_of(small, "acme", pythons_to_test(small, "acme"))
    assert environment.path.name == "acme-3.98"


def test_tests_run_on_each_deployed_python(tested: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one session, which is one job of CI."""
    deployed_on(monkeypatch, RUNNING, "3.98", here=(running(), OTHER))
    run_tests(tested, "acme")
    assert (tested.connector("acme").path / "runs").read_text("utf-8") == "ran\nran\n"


def test_a_failure_on_one_python_doesnt_hide_the_other(
    tested: Repository, monkeypatch: pytest.MonkeyPatch, pytest_exits: Callable[[int], list[Path]]
) -> None:
    """Both are run, and both are named."""
    pytest_exits(1)
    deployed_on(monkeypatch, RUNNING, "3.98", here=(running(), OTHER))
    with pytest.raises(RepositoryError) as raised:
        run_tests(tested, "acme")
    assert str(raised.value).splitlines() == [
        f"tests of acme failed on Python {RUNNING} (exit 1)",
        "tests of acme failed on Python 3.98 (exit 1)",
    ]


def test_a_missing_python_is_said(
    tested: Repository,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    pytest_exits: Callable[[int], list[Path]],
) -> None:
    """After the tests, with the command that brings it; something runs rather than nothing."""
    folders = pytest_exits(0)
    installed = deployed_on(monkeypatch, "3.13")
    run_tests(tested, "acme")
    assert (len(folders), installed) == (1, [])
    assert capfd.readouterr().err == (
        "NOT RUN: acme is deployed on Python 3.13, which this machine lacks, so its tests didn't run on it. "
        f"They ran on {RUNNING} instead. `uv python install 3.13` brings it.\n    Its lock installs there.\n"
    )


def test_under_ci_a_missing_python_is_installed_or_fails(
    tested: Repository, monkeypatch: pytest.MonkeyPatch, pytest_exits: Callable[[int], list[Path]]
) -> None:
    """A green job has tested what is deployed."""
    monkeypatch.setenv("CI", "true")
    folders = pytest_exits(0)
    installed = deployed_on(monkeypatch, RUNNING, "3.13", here=(running(),))
    with pytest.raises(
        RepositoryError, match=r"^acme isn't tested on Python 3\.13, which it is deployed on$"
    ):
        run_tests(tested, "acme")
    assert (installed, len(folders)) == (["3.13"], 1)


def test_a_python_newer_than_those_taken_by_itself_is_reported_as_not_run(
    tested: Repository,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    pytest_exits: Callable[[int], list[Path]],
) -> None:
    """Python 3.14 is deployed only where somebody asks for it, and knows from this line what they have."""
    monkeypatch.setenv("CI", "true")
    pytest_exits(0)
    deployed_on(monkeypatch, "3.12", "3.14", here=(replace(OTHER, says="3.12.1 (main)"),))
    run_tests(tested, "acme")
    assert "NOT RUN: acme is deployed on Python 3.14" in capfd.readouterr().err


@pytest.mark.index
@pytest.mark.connector("casa")
def test_a_lock_is_resolved_for_a_python_that_isnt_here(whole: Repository) -> None:
    """By uv, from what the index says, without building anything."""
    assert resolved(whole.connector("casa"), "3.14") == (
        "Its lock installs there, by uv's dry run, without building anything."
    )


@pytest.mark.index
def test_a_lock_that_cant_be_installed_fails(small: Repository, write: Write) -> None:
    """A distribution without a wheel for that Python would have to be built by Google."""
    write("connectors/acme/requirements.txt", f"psycopg2==2.9.9 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(RepositoryError, match=r"3\.14, and its lock can't be installed there(?s:.)*psycopg2"):
        resolved(small.connector("acme"), "3.14")


@pytest.mark.parametrize(
    "variables",
    [{"UV_OFFLINE": "1"}, {"UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple", "UV_HTTP_RETRIES": "0"}],
)
def test_an_index_that_doesnt_answer_is_no_failure(
    small: Repository,
    write: Write,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
) -> None:
    """Nothing is known then, and that is said."""
    for name, value in {**variables, "UV_CACHE_DIR": str(tmp_path / "cache")}.items():
        monkeypatch.setenv(name, value)
    write("connectors/acme/requirements.txt", f"requests==2.34.2 --hash=sha256:{'0' * 64}\n")
    assert "couldn't be found out" in resolved(small.connector("acme"), "3.14")


def test_no_pythons_are_chosen_for_what_isnt_deployed() -> None:
    """The one that runs nox stands in."""
    assert Pythons(()).to_run == (running(),)
