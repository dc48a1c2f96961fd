"""A connection is made, tested and unpaused; a second run changes nothing, and a killed one is taken up."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from connected_team import GROUP, SECRETS, TOKEN, Team, shown
from killing import Killed, Killing
from requests.adapters import HTTPAdapter

from tools.repository.errors import RepositoryError

MADE = ["POST connections", "POST connections/made_1/test", "PATCH connections/made_1"]


def test_it_is_created_paused_tested_and_only_then_unpaused(
    team: Team, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the service's own shape, after it was shown; the first sync is Fivetran's, and brings the rows."""
    team.connect("--secrets", team.secrets(), "--yes")
    assert team.fivetran.writes() == MADE
    (create,) = [call.body for call in team.fivetran.calls if call.path == "/v1/connections"]
    assert (create["paused"], create["run_setup_tests"], create["schedule_type"]) == (True, False, "auto")
    made = team.fivetran.only()
    assert made.config["function_trigger"] == team.live.url
    assert made.secrets == SECRETS
    assert (made.config["schema"], made.group, made.paused) == ("acme_export", GROUP, False)
    assert len(made.rows["tickets"]) == 4
    assert [bool(body.get("setup_test")) for body in team.function.bodies] == [True, False, False]
    text = shown(capsys)
    for words in (
        "a new connection of the service google_cloud_function",
        "schema: acme_export",
        "secrets: token, url",
    ):
        assert words in text
    assert text.index("schema: acme_export") < text.index("PASSED")
    assert text.rstrip().endswith("acme: connected as made_1; syncs begin by themselves")


@pytest.mark.parametrize("lines", [(), ("schedule: airflow",)])
def test_a_second_run_changes_nothing(
    team: Team, lines: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """With and without the secrets' file: Fivetran is only looked at."""
    team.declare(*lines)
    team.connected()
    before = json.dumps(vars(team.fivetran.only()))
    shown(capsys)
    team.connect("--secrets", team.secrets())  # nobody has to say yes to nothing
    team.connect()
    assert team.fivetran.writes() == []
    assert json.dumps(vars(team.fivetran.only())) == before
    text = shown(capsys)
    assert text.count("acme: nothing to do") == 2
    assert "secrets: as sent from here on" in text
    assert "Fivetran doesn't show whether they were changed since" in text


def test_with_airflow_it_is_manual_and_paused_until_the_first_run(
    team: Team, capsys: pytest.CaptureFixture[str]
) -> None:
    """Tested, though; and once Airflow has unpaused it, connecting doesn't pause it again."""
    team.declare("schedule: airflow")
    made = team.connected()
    assert (made.schedule_type, made.paused, made.setup_state, made.rows) == ("manual", True, "connected", {})
    assert "made_1, paused until Airflow's first run, which needs that ID" in shown(capsys)
    made.paused = False
    team.connect("--yes")
    assert team.fivetran.writes() == []


def test_nothing_is_created_that_nobody_agreed_to(team: Team, answers: list[str]) -> None:
    """Without a terminal --yes is needed; at one, the question is answered."""
    answers += ["n"]
    with pytest.raises(RepositoryError, match="not done\nacme: nothing was changed"):
        team.connect("--secrets", team.secrets())
    assert team.fivetran.writes() == []
    answers += ["y"]
    team.connect("--secrets", team.secrets())
    assert team.fivetran.writes() == MADE


def test_without_a_terminal_a_yes_is_asked_for(team: Team) -> None:
    """And nothing is done meanwhile."""
    with pytest.raises(RepositoryError, match="run it at a terminal, or with --yes"):
        team.connect("--secrets", team.secrets())
    assert team.fivetran.writes() == []


@pytest.mark.parametrize("typed", [EOFError, KeyboardInterrupt])
def test_a_question_that_is_left_is_a_no(
    team: Team,
    typed: type[BaseException],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Ctrl-D and Ctrl-C: nothing is done, and what is said then has a line of its own."""
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", _raising(typed))
    with pytest.raises((RepositoryError, KeyboardInterrupt)) as raised:
        team.connect("--secrets", team.secrets())
    assert team.fivetran.writes() == []
    said = f"{shown(capsys)}{raised.value}"
    assert "[y/N] \n" in said
    assert "nothing was changed" in said


def _raising(error: type[BaseException]) -> Callable[[str], str]:
    def question(text: str) -> str:
        print(text, end="")
        raise error

    return question


REQUESTS = 4
"""Of a first run: look for the schema, create, test, unpause."""


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("number", range(1, REQUESTS + 1))
@pytest.mark.parametrize("lines", [(), ("schedule: airflow",)])
def test_a_run_killed_between_any_two_requests_is_finished_by_the_next(
    team: Team, lines: tuple[str, ...], number: int, after: bool
) -> None:
    """One connection, tested, as an undisturbed run leaves it; a third run has nothing to do."""
    team.declare(*lines)
    team.session.mount("http://", Killing(number, after=after))
    command = ["--secrets", team.secrets(), "--yes"]
    airflow_ends_earlier = bool(lines) and number == REQUESTS
    if airflow_ends_earlier:
        team.connect(*command)
    else:
        with pytest.raises(Killed):
            team.connect(*command)
    team.session.mount("http://", HTTPAdapter())
    team.connect(*command)
    made = team.fivetran.only()
    assert made.secrets == SECRETS
    assert (made.setup_state, made.paused, made.schedule_type) == (
        ("connected", True, "manual") if lines else ("connected", False, "auto")
    )
    team.fivetran.calls.clear()
    team.connect(*command)
    assert team.fivetran.writes() == []


def test_a_killed_run_is_finished_without_the_secrets_too(team: Team) -> None:
    """They went in the request that created it, so that no connection is ever without them."""
    team.session.mount("http://", Killing(2, after=True))
    with pytest.raises(Killed):
        team.connect("--secrets", team.secrets(), "--yes")
    team.session.mount("http://", HTTPAdapter())
    team.fivetran.calls.clear()
    team.connect("--yes")
    assert team.fivetran.writes() == ["POST connections/made_1/test", "PATCH connections/made_1"]
    assert len(team.fivetran.only().rows["tickets"]) == 4


# -- secrets, which Fivetran doesn't show ------------------------------------------------------------------


def test_other_secrets_are_set_only_after_a_question(
    team: Team, answers: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """What changes is shown by key and file; no value, old or new."""
    made = team.connected()
    file = team.secrets("stale.json", url=None, area="a value of the file")
    answers += ["n", "y"]
    with pytest.raises(RepositoryError, match="not done"):
        team.connect("--secrets", file)
    assert team.fivetran.writes() == []
    team.connect("--secrets", file)
    assert made.secrets == {"token": TOKEN, "area": "a value of the file"}
    assert made.config["function_trigger"] == team.live.url
    assert team.fivetran.writes() == ["PATCH connections/made_1", "POST connections/made_1/test"]
    text = shown(capsys)
    assert "a value of the file" not in text
    for words in (
        "stale.json, of 20",
        "secrets, new: area",
        "secrets, dropped: url",
        "secrets: they differ from those sent from here on 20",
    ):
        assert words in text


def test_a_file_that_was_not_sent_from_here_is_not_said_to_be_the_same_or_another(
    team: Team, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another machine's run, or a colleague's: nobody can compare, so it is asked and the reason said."""
    team.connected()
    (team.root / ".nox/connections/acme.json").unlink()
    with pytest.raises(RepositoryError, match="--yes"):
        team.connect("--secrets", team.secrets())
    assert team.fivetran.writes() == []
    text = shown(capsys)
    assert "Fivetran doesn't show the values there, so whether they differ isn't known" in text
    assert "function_trigger: not shown by Fivetran, so not compared" in text
    team.connect()
    assert "function_trigger: not shown by Fivetran; left as it is" in shown(capsys)
    assert team.fivetran.writes() == []


def test_keys_that_somebody_changed_at_fivetran_are_seen(
    team: Team, capsys: pytest.CaptureFixture[str]
) -> None:
    """The keys are shown there, so what was sent from here doesn't count any more."""
    made = team.connected()
    made.config["secrets_list"] = [{"key": "token", "value": "newer"}]
    with pytest.raises(RepositoryError, match="--yes"):
        team.connect("--secrets", team.secrets())
    assert "secrets, new: url" in shown(capsys)
    assert made.secrets == {"token": "newer"}


def test_a_connection_with_its_secrets_in_one_text_keeps_that_form(team: Team) -> None:
    """As those made before 2023 have it; two forms side by side would leave open which one counts."""
    made = team.connected()
    made.config["secrets"] = json.dumps({"token": "old"})
    del made.config["secrets_list"]
    (team.root / ".nox/connections/acme.json").unlink()
    team.connect("--secrets", team.secrets(), "--yes")
    assert "secrets_list" not in made.config
    assert made.secrets == SECRETS


def test_a_function_at_another_address_is_seen_without_its_being_shown(
    team: Team, capsys: pytest.CaptureFixture[str]
) -> None:
    """By what was last sent from here; the secrets stay as they are."""
    made = team.connected()
    team.declare("region: us-east1")
    moved = team.google.deployed("acme", region="us-east1")
    moved.grant(team.fivetran.groups[GROUP].caller)
    with pytest.raises(RepositoryError, match="--yes"):
        team.connect()
    assert "function_trigger: not what was sent from here on 20" in shown(capsys)
    team.connect("--yes")
    assert made.config["function_trigger"] == moved.url
    assert made.secrets == SECRETS
    team.fivetran.calls.clear()
    team.connect("--secrets", team.secrets())
    assert team.fivetran.writes() == []


def test_fingerprints_are_kept_where_git_and_others_do_not_look(team: Team) -> None:
    """And hold no value."""
    team.connected()
    file = team.root / ".nox/connections/acme.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert TOKEN not in file.read_text()
    assert [one.name for one in file.parent.iterdir()] == ["acme.json"]


# -- schedule and pause ------------------------------------------------------------------------------------


def test_a_connection_becomes_airflows(team: Team) -> None:
    """Its schedule alone is changed: what runs goes on, and somebody else's manual stays without a declaration."""
    made = team.connected()
    team.declare("schedule: airflow")
    team.connect("--yes")
    assert (made.schedule_type, made.paused) == ("manual", False)
    team.declare()
    team.fivetran.calls.clear()
    team.connect()
    assert team.fivetran.writes() == []


def test_what_somebody_paused_stays_paused_unless_asked(
    team: Team, capsys: pytest.CaptureFixture[str]
) -> None:
    """It has synced, so it is no half-made one."""
    made = team.connected()
    made.paused = True
    team.connect("--yes")
    assert made.paused
    assert team.fivetran.writes() == []
    assert "paused, and stays so without --unpause" in shown(capsys)
    team.connect("--yes", "--unpause")
    assert "paused: true -> false\n" in shown(capsys), "no setup test is run again"
    assert not made.paused
