"""Status, pause, sync, re-sync and state of a connection that exists."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from connected_team import Team, shown

from tools.repository.errors import RepositoryError


def kept_states(team: Team) -> list[Path]:
    """The files of states that were replaced."""
    return sorted((team.root / "build").glob("acme-state-*.json"))


ACTIONS = ["--status", "--pause", "--sync", "--resync", "--state"]


@pytest.mark.parametrize("action", ACTIONS)
def test_without_a_connection_there_is_one_message(team: Team, action: str) -> None:
    """With the command that makes it; Google isn't asked."""
    with pytest.raises(
        RepositoryError, match="acme: no connection has the schema acme_export in the group decent_dropsy"
    ):
        team.connect(action)
    assert team.fivetran.writes() == []
    assert team.google.calls == []


def test_the_status_is_fivetrans(team: Team, capsys: pytest.CaptureFixture[str]) -> None:
    """Setup, sync, when it last ended well and not, and what Fivetran wants done."""
    made = team.connected()
    team.function.token = "another"
    team.connect("--sync")
    shown(capsys)
    team.connect("--status")
    text = shown(capsys)
    for words in (
        "acme: the connection made_1 (google_cloud_function), schema acme_export, group decent_dropsy",
        "paused: no; schedule: auto",
        "setup: connected; sync: scheduled",
        f"last success: {made.succeeded_at}; last failure: {made.failed_at}",
        "The function answered 500",
    ):
        assert words in text


def test_a_pause_happens_once(team: Team, capsys: pytest.CaptureFixture[str]) -> None:
    """And is taken back by --unpause alone."""
    made = team.connected()
    team.connect("--pause")
    team.connect("--pause")
    assert team.fivetran.writes() == ["PATCH connections/made_1"]
    assert made.paused
    assert "made_1 is paused already" in shown(capsys)
    team.connect("--unpause", "--yes")
    assert not made.paused


def test_a_sync_calls_the_function(team: Team, capsys: pytest.CaptureFixture[str]) -> None:
    """It goes on from the state."""
    team.connected()
    before = len(team.function.bodies)
    team.connect("--sync")
    assert [body["state"] for body in team.function.bodies[before:]] == [{"page": 2}]
    assert "Sync has been successfully triggered; --status shows how it ends" in shown(capsys)


@pytest.mark.parametrize("action", ["--sync", "--resync"])
def test_nothing_starts_on_a_paused_connection(team: Team, action: str) -> None:
    """Fivetran would only store it."""
    team.connected()
    team.fivetran.only().paused = True
    with pytest.raises(
        RepositoryError, match=r"made_1 is paused, so nothing would start: .*--unpause` first"
    ):
        team.connect(action, "--yes")
    assert team.fivetran.writes() == []


def test_a_re_sync_is_asked_about_and_reads_everything(team: Team, answers: list[str]) -> None:
    """It may cost a night, and rows that are paid for."""
    made = team.connected()
    made.rows.clear()
    answers += ["n", "y"]
    with pytest.raises(RepositoryError, match="not done"):
        team.connect("--resync")
    assert team.fivetran.writes() == []
    team.connect("--resync")
    assert len(made.rows["tickets"]) == 4


def test_a_re_sync_whose_answer_is_lost_is_not_asked_twice(team: Team) -> None:
    """Everything would be read twice."""
    team.connected()
    team.fivetran.fail("POST", "resync", 502, carried_out=True)
    with pytest.raises(RepositoryError, match="502"):
        team.connect("--resync", "--yes")
    assert team.fivetran.writes() == ["POST connections/made_1/resync"]


def test_the_state_is_printed_as_json(team: Team, capsys: pytest.CaptureFixture[str]) -> None:
    """To be kept, changed and set again."""
    team.declare("schedule: airflow")
    team.connected()
    with pytest.raises(RepositoryError, match="made_1 has no state yet; its first sync makes one"):
        team.connect("--state")
    team.fivetran.only().state = {"page": 2}
    shown(capsys)
    team.connect("--state")
    assert json.loads(shown(capsys)) == {"page": 2}


def test_a_state_is_set_on_a_paused_connection(
    team: Team, answers: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Shown and asked about first, the one before kept; a second time there is nothing to do."""
    made = team.connected()
    made.paused = True
    file = team.root / "state.json"
    file.write_text('{"page": 1}')
    answers += ["n", "y"]
    with pytest.raises(RepositoryError, match="not done"):
        team.connect("--state", "--set", str(file))
    assert made.state == {"page": 2}
    team.connect("--state", "--set", str(file))
    assert made.state == {"page": 1}
    (kept,) = kept_states(team)
    assert json.loads(kept.read_text()) == {"page": 2}
    assert "page: 2 -> 1" in shown(capsys)
    team.connect("--state", "--set", str(file))
    assert team.fivetran.writes() == ["PATCH connections/made_1/state"]
    team.connect("--unpause", "--yes")
    team.connect("--sync")
    assert team.function.bodies[-1]["state"] == {"page": 1}


def test_every_state_that_is_replaced_is_kept_for_its_owner_alone(team: Team) -> None:
    """Two in one second, too; none where it isn't replaced, for want of a yes."""
    made = team.connected()
    made.paused = True
    file = team.root / "state.json"
    file.write_text('{"page": 7}')
    with pytest.raises(RepositoryError, match="needs a person's yes"):
        team.connect("--state", "--set", str(file))
    assert kept_states(team) == []
    for page in (0, 1):
        file.write_text(json.dumps({"page": page}))
        team.connect("--state", "--set", str(file), "--yes")
    assert sorted(one.read_text() for one in kept_states(team)) == [
        '{\n  "page": 0\n}\n',
        '{\n  "page": 2\n}\n',
    ]
    assert {one.stat().st_mode & 0o777 for one in kept_states(team)} == {0o600}


def test_a_state_the_runtime_would_refuse_is_not_sent(team: Team) -> None:
    """A connector with the runtime has an object of tables; what a plain function keeps is its own."""
    team.connected().paused = True
    file = team.root / "state.json"
    file.write_text('{"tables": ["tickets"]}')
    team.connect("--state", "--set", str(file), "--yes")
    team.fivetran.calls.clear()
    team.describe("")
    file.write_text('{"tables": []}')
    with pytest.raises(RepositoryError, match=r"state.json: `tables` is an object"):
        team.connect("--state", "--set", str(file), "--yes")
    assert team.fivetran.calls == []


def test_a_state_is_set_before_the_first_sync_too(team: Team, capsys: pytest.CaptureFixture[str]) -> None:
    """As a connection that moves needs it."""
    team.declare("schedule: airflow")
    made = team.connected()
    file = team.root / "state.json"
    file.write_text("{}")
    team.connect("--state", "--set", str(file), "--yes")
    assert made.state == {}
    assert "an empty state: the next sync reads everything again" in shown(capsys)


def test_where_fivetran_takes_no_state_before_a_first_sync_the_way_out_is_said(team: Team) -> None:
    """Its description leaves open whether it does."""
    team.connect("--secrets", team.secrets(), "--yes", "--paused")
    team.fivetran.fail("PATCH", "state", 400, "The connection has no state yet")
    file = team.root / "state.json"
    file.write_text('{"page": 1}')
    with pytest.raises(
        RepositoryError, match=r"no state yet\n.*before a first sync Fivetran may take no state: --unpause"
    ):
        team.connect("--state", "--set", str(file), "--yes")


def test_a_re_sync_that_forgets_tokens_says_so(team: Team, capsys: pytest.CaptureFixture[str]) -> None:
    """The refresh token in the secrets may be void by then."""
    team.connected().state = {"kept": {"credentials": {}}, "page": 2}
    with pytest.raises(RepositoryError, match="--yes"):
        team.connect("--resync")
    assert "its state keeps tokens: put a new refresh token into the secrets first" in shown(capsys)


@pytest.mark.parametrize(
    ("paused", "syncing", "content", "expected"),
    [
        (False, False, "{}", "made_1 is not paused, and a sync would overwrite the state: .*--pause"),
        (True, True, "{}", "made_1 is syncing, and a sync would overwrite the state"),
        (True, False, "[]", "state.json: a state is an object of JSON"),
        (True, False, "{", "state.json:1: this isn't JSON"),
        (True, False, '{"a": NaN}', "state.json: NaN isn't JSON"),
        (True, False, '{"a": [-Infinity]}', "state.json: -Infinity isn't JSON"),
        (True, False, '{"a": 1e999}', "state.json: a number is too large"),
        (True, False, '{"a": ' + "[" * 99_999, "state.json: this isn't JSON"),
        (True, False, None, "state.json: No such file"),
    ],
)
def test_a_state_that_would_be_lost_or_is_none(
    team: Team, paused: bool, syncing: bool, content: str | None, expected: str
) -> None:
    """Nothing is sent."""
    made = team.connected()
    made.paused, made.sync_state = paused, "syncing" if syncing else "scheduled"
    file = team.root / "state.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(RepositoryError, match=expected):
        team.connect("--state", "--set", str(file), "--yes")
    assert team.fivetran.writes() == []
