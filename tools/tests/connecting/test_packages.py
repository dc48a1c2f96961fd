"""With `host: connector_sdk` the connection is of a package: uploaded once, replaced where it differs, its id never lost."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import pytest
from connected_team import SECRETS, Team, shown
from fake_fivetran import Made
from killing import Killed, Killing
from requests.adapters import HTTPAdapter

from tools.locked.deploying import deploy_package
from tools.repository.errors import RepositoryError

MADE = [
    "POST connector-sdk/packages",
    "POST connections",
    "POST connections/made_1/test",
    "PATCH connections/made_1",
]


@pytest.fixture
def archive(team: Team) -> Path:
    """A zip, and acme declared as a package."""
    team.declare("host: connector_sdk", "python_version: '3.12'")
    return zipped(team, "first")


def zipped(team: Team, text: str) -> Path:
    """A package with that text in it."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as made:
        made.writestr(zipfile.ZipInfo("connector.py"), text)
    file = team.root / "acme.zip"
    file.write_bytes(content.getvalue())
    return file


def connected(team: Team, archive: Path) -> Made:
    """In one go."""
    team.connect("--secrets", team.secrets(), "--yes", "--package", str(archive))
    return team.fivetran.only()


def test_a_package_is_uploaded_and_connected(
    team: Team, archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Always with the Python; Google isn't asked, and a package without a form has no setup test."""
    made = connected(team, archive)
    assert team.fivetran.writes() == MADE
    assert team.fivetran.packages == {"package_1": archive.read_bytes()}
    assert {key: made.config[key] for key in ("schema", "package_id", "python_version")} == {
        "schema": "acme_export",
        "package_id": "package_1",
        "python_version": "3.12",
    }
    assert (made.service, made.secrets, made.paused) == ("connector_sdk", SECRETS, False)
    assert team.google.calls == []
    text = shown(capsys)
    assert "acme.zip, sha256 " in text
    assert "setup test of made_1: Fivetran has none for it" in text
    team.fivetran.calls.clear()
    connected(team, archive)
    team.connect("--package", "package_1")
    assert team.fivetran.writes() == []


def test_a_new_connection_gets_this_clones_package_an_existing_one_keeps_its_own(
    team: Team, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is live later is deploying's, which has its own rules."""
    monkeypatch.setattr(deploy_package, "package", lambda *_: archive)
    team.connect("--secrets", team.secrets(), "--yes")
    assert team.fivetran.packages == {"package_1": archive.read_bytes()}
    zipped(team, "second")
    team.fivetran.calls.clear()
    team.connect("--secrets", team.secrets())
    assert team.fivetran.writes() == []


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("number", range(1, 7))
def test_a_killed_run_uploads_nothing_twice(team: Team, archive: Path, number: int, after: bool) -> None:
    """Look, list packages, upload, create, test, unpause: ended at any, the next run makes one package and one connection."""
    team.session.mount("http://", Killing(number, after=after))
    with pytest.raises(Killed):
        connected(team, archive)
    team.session.mount("http://", HTTPAdapter())
    made = connected(team, archive)
    assert list(team.fivetran.packages) == ["package_1"]
    assert (made.config["package_id"], made.setup_state, made.paused) == ("package_1", "connected", False)


def test_a_lost_answer_to_an_upload_makes_no_second_package(team: Team, archive: Path) -> None:
    """It is found by its hash, on whatever page."""
    team.fivetran.packages["other"] = b"PK other"
    team.fivetran.fail("POST", "packages", 502, carried_out=True)
    made = connected(team, archive)
    assert list(team.fivetran.packages) == ["other", made.config["package_id"]]


@pytest.mark.parametrize(
    ("method", "status", "expected"),
    [
        ("POST", 500, "whether the package was uploaded isn't known; the same command looks"),
        ("POST", 413, "acme: nothing was changed"),
        ("GET", 500, "acme: nothing was changed"),
    ],
)
def test_an_upload_that_fails_says_what_is_known(
    team: Team, archive: Path, method: str, status: int, expected: str
) -> None:
    """A refusal changes nothing, nor does a look; a server that fails may have kept it."""
    team.fivetran.fail(method, "connector-sdk/packages", status, times=4)
    with pytest.raises(RepositoryError, match=re.escape(expected)) as raised:
        connected(team, archive)
    assert ("(tried 4 times)" in str(raised.value)) is (status == 500)
    team.fivetran.failures.clear()
    made = connected(team, archive)
    assert (list(team.fivetran.packages), made.paused) == (["package_1"], False)


def test_an_upload_whose_fate_nobody_can_look_up_is_not_said_to_be_none(team: Team, archive: Path) -> None:
    """It arrived, its answer was lost, and then the list couldn't be read."""
    team.fivetran.fail("POST", "connector-sdk/packages", 502, carried_out=True)
    look = "GET /v1/connector-sdk/packages"
    team.session.hooks["response"] = [
        lambda answer, **_: (
            team.fivetran.fail("GET", "packages", 500, times=4) if answer.status_code == 502 else None
        )
    ]
    with pytest.raises(RepositoryError, match=f"{look}: made to fail") as raised:
        connected(team, archive)
    assert "whether the package was uploaded isn't known" in str(raised.value)
    team.session.hooks["response"] = []
    connected(team, archive)
    assert list(team.fivetran.packages) == ["package_1"]


def test_a_package_with_the_same_content_is_not_taken_from_another_connection(
    team: Team, archive: Path
) -> None:
    """One connection a package: a second deployment of the same connector uploads its own."""
    connected(team, archive)
    team.declare("host: connector_sdk", "python_version: '3.12'", "schema: acme_again")
    team.connect("--secrets", team.secrets(), "--yes", "--package", str(archive))
    used = [one.config["package_id"] for one in team.fivetran.connections.values()]
    assert used == ["package_1", "package_2"]


def test_another_content_is_shown_asked_about_and_replaced(
    team: Team, archive: Path, answers: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The package and the connection stay the same; without an own file the content is nobody's question."""
    made = connected(team, archive)
    other = zipped(team, "second")
    team.fivetran.calls.clear()
    answers += ["n", "y"]
    with pytest.raises(RepositoryError, match="not done"):
        team.connect("--package", str(other))
    assert team.fivetran.writes() == []
    team.connect("--package", str(other))
    assert team.fivetran.writes() == [
        "PATCH connector-sdk/packages/package_1",
        "POST connections/made_1/test",
    ]
    assert team.fivetran.packages == {"package_1": other.read_bytes()}
    assert made.config["package_id"] == "package_1"
    assert "package package_1: sha256 " in shown(capsys)


def test_another_python_is_a_change(team: Team, archive: Path) -> None:
    """Fivetran shows it, so it is compared."""
    made = connected(team, archive)
    team.declare("host: connector_sdk", "python_version: '3.13'")
    team.connect("--package", "package_1", "--yes")
    assert made.config["python_version"] == "3.13"


@pytest.mark.parametrize(
    ("lines", "options", "expected"),
    [
        (
            ["host: connector_sdk"],
            [],
            "acme is a plain function",
        ),
        (["host: connector_sdk"], ["--package", "no.zip"], "no.zip: No such file"),
        (["host: connector_sdk"], ["--package", "deploy.zip"], "deploy.zip: this isn't a zip"),
        (
            ["host: connector_sdk"],
            ["--trigger", "https://a.example"],
            "--trigger means nothing with `host: connector_sdk`",
        ),
        (["host: connector_sdk"], ["--package", "nobodys"], "Package 'nobodys' does not exist"),
        ([], ["--package", "package_1"], "--package means nothing with `host: function`"),
    ],
)
def test_what_is_no_package(
    team: Team, lines: list[str], options: list[str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One message, and nothing made."""
    team.declare(*lines)
    monkeypatch.chdir(team.root)
    (team.root / "deploy.zip").write_text("text")
    with pytest.raises(RepositoryError, match=expected):
        team.connect("--secrets", team.secrets(), "--yes", *options)
    assert team.fivetran.connections == {}
