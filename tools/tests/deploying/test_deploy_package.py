"""A package of the Connector SDK is deployed by the rules of functions, as far as one shows what they need."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from connected_team import Team
from fake_fivetran import KEY, SECRET
from generated_repository import git

from tools.locked.declared.deployments import Deployment, deployment
from tools.locked.declared.environments import environments
from tools.locked.deploying import deploy_one, deploy_package, rebuilding
from tools.locked.deploying.decision import Verdict
from tools.locked.deploying.deploy_one import Options, deploy
from tools.locked.deploying.rollback import rollback
from tools.locked.deploying.stale import lagging
from tools.locked.deploying.status import status
from tools.repository.errors import RepositoryError
from tools.repository.model import Repository

Release = Callable[..., bytes]


def zipped(version: str, text: str = "", module: str = "connector_acme") -> bytes:
    """A package whose connector is of that version."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as made:
        made.writestr(zipfile.ZipInfo("connector.py"), "")
        made.writestr(zipfile.ZipInfo(f"{module}/__init__.py"), f'__version__ = "{version}"\n{text}')
    return content.getvalue()


@pytest.fixture
def release(team: Team, monkeypatch: pytest.MonkeyPatch) -> Release:
    """Make this clone's version and package; the account is in the environment, and the tree is fit to deploy from."""

    def packaged(repository: Repository, one: Deployment) -> Path:
        return repository.root / "build" / f"{one.key}.zip"

    def released(version: str, text: str = "") -> bytes:
        init = team.root / "connectors/acme/src/connector_acme/__init__.py"
        init.write_text(f'__version__ = "{version}"\n')
        file = team.root / "build" / "acme.zip"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(zipped(version, text))
        return file.read_bytes()

    monkeypatch.setattr(deploy_package, "package", packaged)
    monkeypatch.setattr(deploy_one, "tree_problems", lambda *_: [])
    monkeypatch.delenv("CI", raising=False)
    for name, value in {"KEY": KEY, "SECRET": SECRET, "URL": team.fivetran.url}.items():
        monkeypatch.setenv(f"FIVETRAN_API_{name}", value)
    team.declare("host: connector_sdk", "python_version: '3.12'")
    return released


@pytest.fixture
def connected(team: Team, release: Release) -> Team:
    """Acme 1.2.0 is connected and live."""
    release("1.2.0")
    team.connected("--package", str(team.root / "build/acme.zip"))
    return team


def deployed(team: Team, **options: Any) -> Verdict:
    """What `nox -s deploy -- acme` does."""
    repository = Repository(team.root)
    return deploy(repository, deployment(repository, "acme"), Options(**options))


def live(team: Team) -> bytes:
    """What the next sync runs: looked at where it arrived."""
    return team.fivetran.packages[team.fivetran.only().config["package_id"]]


def test_another_version_replaces_the_package(
    connected: Team, release: Release, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the same package of the same connection, tested; then there is nothing to do but to ask again."""
    new = release("1.3.0")
    assert deployed(connected) is Verdict.DEPLOY
    assert live(connected) == new
    assert list(connected.fivetran.packages) == ["package_1"]
    assert connected.fivetran.writes() == [
        "PATCH connector-sdk/packages/package_1",
        "POST connections/made_1/test",
    ]
    assert "1.2.0 (sha256 " in capsys.readouterr().out
    connected.fivetran.calls.clear()
    assert deployed(connected) is Verdict.NOTHING
    assert connected.fivetran.writes() == ["POST connections/made_1/test"]


def test_another_content_of_the_same_version_is_reported(connected: Team, release: Release) -> None:
    """A change of the runtime alone deploys nothing; --force does."""
    before, other = live(connected), release("1.2.0", "# another runtime")
    assert deployed(connected) is Verdict.SAME_VERSION
    assert live(connected) == before
    assert deployed(connected, force=True) is Verdict.DEPLOY
    assert live(connected) == other


def test_an_older_version_is_left_alone(connected: Team, release: Release) -> None:
    """Two pipelines may end in the wrong order: 1.10.0 is newer than 1.9.0."""
    release("1.10.0")
    deployed(connected)
    newer = live(connected)
    release("1.9.0")
    assert deployed(connected) is Verdict.NEWER_IS_LIVE
    assert live(connected) == newer


def test_a_setup_test_that_fails_puts_the_package_back(connected: Team, release: Release) -> None:
    """Byte for byte, with the Python it had; the job fails, and says so."""
    before = live(connected)
    broken = release("1.3.0")
    connected.declare("host: connector_sdk", "python_version: '3.13'")
    connected.fivetran.package_tests = lambda content: [
        {"title": "Source", "status": "FAILED" if content == broken else "PASSED", "message": "no answer"}
    ]
    with pytest.raises(
        RepositoryError, match=r"failed its setup test; 1\.2\.0 \(sha256 \w+\) is live again$"
    ):
        deployed(connected, yes=True)
    assert live(connected) == before
    assert connected.fivetran.only().config["python_version"] == "3.12"


def test_a_deploy_killed_before_its_test_is_tested_by_the_next(connected: Team, release: Release) -> None:
    """Nothing differs any more, and what is live doesn't work: that is a red job."""
    connected.fivetran.packages["package_1"] = release("1.3.0")
    connected.fivetran.package_tests = lambda _: [{"title": "Source", "status": "FAILED"}]
    with pytest.raises(
        RepositoryError, match=r"what is live fails its setup test: .*rollback -- acme --to COMMIT"
    ):
        deployed(connected)


def test_another_python_needs_a_yes(
    connected: Team, release: Release, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is shown; without a terminal nothing is changed."""
    connected.declare("host: connector_sdk", "python_version: '3.13'")
    with pytest.raises(RepositoryError, match="--yes"):
        deployed(connected)
    assert "python_version: 3.12 -> 3.13" in capsys.readouterr().out
    assert connected.fivetran.writes() == []
    assert deployed(connected, yes=True) is Verdict.DEPLOY
    assert connected.fivetran.only().config["python_version"] == "3.13"


def test_what_is_no_package_of_this_connector_is_taken_over_by_a_person_only(
    connected: Team, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In CI it is refused: it may be somebody else's."""
    connected.fivetran.packages["package_1"] = zipped("9.0.0", module="connector_other")
    new = release("1.3.0")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(RepositoryError, match="--yes"):
        deployed(connected)
    assert connected.fivetran.writes() == []
    assert deployed(connected, yes=True) is Verdict.DEPLOY
    assert live(connected) == new


def test_without_a_connection_deploying_names_the_command_that_makes_it(
    team: Team, release: Release, capsys: pytest.CaptureFixture[str]
) -> None:
    """A package without one would belong to nobody."""
    release("1.2.0")
    with pytest.raises(RepositoryError, match="acme isn't deployed"):
        deployed(team)
    assert "no connection yet: `nox -s connect -- acme --secrets FILE`" in capsys.readouterr().out
    assert team.fivetran.writes() == []


def test_without_the_account_the_variables_are_named(
    connected: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not a traceback, and Google isn't asked."""
    monkeypatch.delenv("FIVETRAN_API_SECRET")
    with pytest.raises(RepositoryError, match=r"^FIVETRAN_API_SECRET: not in the environment"):
        deployed(connected)


def test_what_lags_is_an_older_version_or_another_python(connected: Team, release: Release) -> None:
    """And Google isn't asked about an environment without functions."""
    assert lagging(Repository(connected.root), "dev") == []
    release("1.2.0", "# another runtime")
    assert lagging(Repository(connected.root), None) == []
    release("1.3.0")
    assert [one.key for one in lagging(Repository(connected.root), "dev")] == ["acme"]
    assert connected.google.calls == []


def test_status_shows_packages_beside_functions(connected: Team, release: Release) -> None:
    """Its version against this clone's, where it runs, and that it isn't connected if so."""
    release("1.3.0")
    repository = Repository(connected.root)
    lines = "\n".join(status(repository, environments(repository)["dev"], today=date(2026, 11, 27)))
    assert "acme                 LAGS                 1.2.0 (sha256 " in lines
    assert "Connector SDK, Python 3.12, the connection made_1" in lines
    connected.fivetran.connections.clear()
    lines = "\n".join(status(repository, environments(repository)["dev"], today=date(2026, 11, 27)))
    assert "acme                 not deployed         no connection yet" in lines


def test_a_rollback_builds_the_commit_that_is_named(
    connected: Team, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a package names none; a person agrees, and the setup test passes."""
    old = live(connected)
    release("1.3.0")
    deployed(connected)
    git(connected.root, "init", "--quiet")
    git(
        connected.root,
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@example.com",
        "commit",
        "--quiet",
        "--allow-empty",
        "-m",
        "old",
    )

    def bundled(_: Repository, old_clone: Repository, key: str) -> str:
        file = old_clone.root / "build" / f"{key}.zip"
        file.parent.mkdir()
        file.write_bytes(old)
        return ""

    monkeypatch.setattr(rebuilding, "run_bundle", bundled)
    repository = Repository(connected.root)
    one = deployment(repository, "acme")
    with pytest.raises(RepositoryError, match=r"doesn't name the release before it: .*--to COMMIT"):
        rollback(repository, one, None, yes=True)
    with pytest.raises(RepositoryError, match="a person's yes"):
        rollback(repository, one, "HEAD", yes=False)
    assert rollback(repository, one, "HEAD", yes=True) == 0
    assert live(connected) == old
    with pytest.raises(RepositoryError, match="nothing to go back to"):
        rollback(repository, one, "HEAD", yes=True)
