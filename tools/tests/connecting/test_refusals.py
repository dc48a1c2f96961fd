"""What can go wrong is one message: what, where, what to do next; no secret in it, and nothing left half made for good."""

from __future__ import annotations

import re
import socket

import pytest
from connected_team import GROUP, TOKEN, Team, shown
from fake_fivetran import KEY, SECRET, Made

from tools.locked.fivetran import api as fivetran_api
from tools.locked.fivetran.api import WAITS, Account
from tools.locked.rehearsal.exchanges import Answer
from tools.locked.rehearsal.listening import listening
from tools.repository.errors import RepositoryError


def refused(team: Team, *arguments: str, **options: str) -> str:
    """What connecting says, without a secret in it."""
    api = team.api(**options) if options else None
    with pytest.raises(RepositoryError) as raised:
        team.connect(*(arguments or ("--secrets", team.secrets(), "--yes")), api=api)
    text = str(raised.value)
    assert not [secret for secret in (TOKEN, KEY, SECRET) if secret in text]
    return text


def finished(team: Team) -> Made:
    """The connection after the same command again, with nothing in its way."""
    team.connect("--secrets", team.secrets(), "--yes")
    made = team.fivetran.only()
    assert (made.setup_state, made.paused, len(made.rows["tickets"])) == ("connected", False, 4)
    team.fivetran.calls.clear()
    team.connect("--secrets", team.secrets())
    assert team.fivetran.writes() == []
    return made


def test_wrong_keys(team: Team) -> None:
    """The variables are named, their values aren't."""
    said = refused(team, secret="wrong-secret-of-the-api")
    assert "Fivetran answers 401 to GET /v1/groups/decent_dropsy/connections: The API key is invalid" in said
    assert "look at FIVETRAN_API_KEY and FIVETRAN_API_SECRET" in said
    assert said.endswith("acme: nothing was changed")
    assert "wrong-secret-of-the-api" not in said
    finished(team)


def test_keys_that_are_not_there_and_an_address_that_gets_none() -> None:
    """Before anything is asked."""
    with pytest.raises(
        RepositoryError, match=r"^FIVETRAN_API_KEY and FIVETRAN_API_SECRET: not in the environment"
    ):
        Account.of_environment({})
    with pytest.raises(RepositoryError, match=r"^FIVETRAN_API_SECRET: not in the environment"):
        Account.of_environment({"FIVETRAN_API_KEY": "a", "FIVETRAN_API_SECRET": " "})
    given = {"FIVETRAN_API_KEY": "a", "FIVETRAN_API_SECRET": "b"}
    assert Account.of_environment(given).url == "https://api.fivetran.com"
    with pytest.raises(
        RepositoryError, match="FIVETRAN_API_URL: the key is only sent to an https:// address"
    ):
        Account.of_environment({**given, "FIVETRAN_API_URL": "http://api.example"})


def test_a_group_that_is_not_declared(team: Team) -> None:
    """With both places where it can be, and where to take it from."""
    (team.root / "deploy.yaml").write_text("acme:\n  connector: acme\n  environment: dev\n")
    said = refused(team)
    assert said.startswith("deploy.yaml:1: acme: no group says which destination")
    assert 'write `group = "ID"` to the environment dev in pyproject.toml, or `group: ID` here' in said


def test_a_group_that_fivetran_does_not_know(team: Team) -> None:
    """Its line, and Fivetran's words."""
    team.fivetran.groups["projected_sickle"] = team.fivetran.groups.pop(GROUP)
    said = refused(team)
    assert said.startswith(
        "deploy.yaml:1: acme: Fivetran has no group decent_dropsy, or none that this key sees "
        "(Cannot find group with id 'decent_dropsy')"
    )
    assert said.endswith("acme: nothing was changed")


def test_a_paused_group_that_takes_no_connection(team: Team) -> None:
    """In Fivetran's words; when it takes one again, the same command makes it."""
    team.fivetran.groups[GROUP].refuses = "The destination is paused"
    said = refused(team)
    assert "Fivetran answers 400 to POST /v1/connections: The destination is paused" in said
    assert "the group decent_dropsy takes no connection as it is: look at its destination in Fivetran" in said
    assert team.fivetran.connections == {}
    team.fivetran.groups[GROUP].refuses = ""
    finished(team)


def test_a_refusal_that_repeats_a_secret_is_shown_without_it(team: Team) -> None:
    """Fivetran's words are passed on, whatever is in them."""
    team.fivetran.fail("POST", "connections$", 400, f"{TOKEN} of {KEY} can't be taken")
    assert "[hidden] of [hidden] can't be taken" in refused(team)


def test_a_paused_group_that_keeps_its_connections_paused(team: Team) -> None:
    """Fivetran's answer is believed, not its 200."""
    team.fivetran.groups[GROUP].keeps_paused = True
    said = refused(team)
    assert "Fivetran took paused: False and answers paused: True" in said
    assert said.endswith(
        "acme: done so far: created made_1, paused, tested; the same command goes on from there"
    )
    team.fivetran.groups[GROUP].keeps_paused = False
    finished(team)


@pytest.mark.parametrize("hidden", [False, True])
def test_a_schema_that_is_taken(team: Team, hidden: bool) -> None:
    """By another service's connection, or by one that this key can't see, and only Fivetran knows of."""
    config = {"schema": "acme_export"}
    team.fivetran.connections["other"] = Made(
        "other", GROUP, "google_cloud_function" if hidden else "connector_sdk", config, hidden=hidden
    )
    said = refused(team)
    assert said.startswith(
        "deploy.yaml:1: acme: the schema acme_export is taken in the group decent_dropsy, "
    )
    how = (
        "so Fivetran says: Connection with schema 'acme_export' already exists"
        if hidden
        else "by other, a connection of the service connector_sdk"
    )
    assert how in said
    assert "give this one another `schema`" in said
    assert list(team.fivetran.connections) == ["other"]
    team.declare("schema: acme_raw")
    team.connect("--secrets", team.secrets(), "--yes")
    assert team.fivetran.connections["made_2"].setup_state == "connected"


def test_the_same_schema_on_the_second_page_is_found(team: Team) -> None:
    """A group's list comes in pages."""
    team.fivetran.filters = False  # as where a filter isn't known, and is passed over
    team.fivetran.connections["other"] = Made(
        "other", GROUP, "connector_sdk", {"schema": "other", "package_id": "p"}
    )
    team.connect("--secrets", team.secrets(), "--yes")
    team.fivetran.calls.clear()
    team.connect()
    assert team.fivetran.writes() == []
    assert [call.query.get("cursor") for call in team.fivetran.calls][:2] == [None, "1"]


def test_a_function_that_fivetran_may_not_call(team: Team, capsys: pytest.CaptureFixture[str]) -> None:
    """The setup test's own message, and the command that grants the role; paused until it passes."""
    team.live.policy["bindings"].clear()
    said = refused(team)
    assert said.startswith("acme: the setup test failed (Connecting to the function): it stays paused")
    account = team.fivetran.groups[GROUP].caller
    assert f"Fivetran calls it as {account}; if it isn't let in:" in said
    (command,) = re.findall(r"gcloud functions add-invoker-policy-binding .*", said)
    assert command.split()[3:] == [
        "acme",
        "--project=dev-project",
        "--region=us-central1",
        f"--member=serviceAccount:{account}",
    ]
    assert "FAILED     Connecting to the function: The function answered 403" in shown(capsys)
    assert team.fivetran.only().paused
    team.live.grant(account)
    finished(team)


def test_secrets_that_the_source_refuses_are_in_no_message(
    team: Team, capsys: pytest.CaptureFixture[str]
) -> None:
    """Though the function itself repeats them; the next file is set without another connection."""
    with pytest.raises(RepositoryError, match="the setup test failed"):
        team.connect("--secrets", team.secrets("wrong.json", token="a-wrong-token"), "--yes")
    text = shown(capsys)
    assert "The source answered 401 to [hidden]: check token." in text
    assert "a-wrong-token" not in text
    finished(team)


def test_a_connection_that_runs_and_gets_wrong_secrets_is_said_to_run(team: Team) -> None:
    """It isn't paused behind anybody's back."""
    made = team.connected()
    said = refused(team, "--secrets", team.secrets("wrong.json", token="a-wrong-token"), "--yes")
    assert "it isn't paused, and its next sync may fail, too" in said
    assert "done so far: settings changed" in said
    finished(team)
    assert made.secrets["token"] == TOKEN


REQUESTS = [
    ("GET", "groups/"),
    ("POST", "connections$"),
    ("POST", "connections/.*/test"),
    ("PATCH", "connections/"),
]


@pytest.mark.parametrize(("method", "path"), REQUESTS)
@pytest.mark.parametrize("status", [429, 500, 503])
def test_trouble_that_passes_is_waited_out(team: Team, method: str, path: str, status: int) -> None:
    """Any request, a few times, without a second connection; Fivetran's own wait is kept."""
    team.fivetran.fail(method, path, status, times=2, wait="7" if status == 429 else "")
    made = finished(team)
    assert made.id == "made_1"
    assert team.waited == ([7.0, 7.0] if status == 429 else list(WAITS[:2]))


@pytest.mark.parametrize(("method", "path"), REQUESTS)
def test_an_answer_that_is_lost_makes_nothing_twice(team: Team, method: str, path: str) -> None:
    """Carried out, and answered with 502 by something in between: looked for before it is tried again."""
    team.fivetran.fail(method, path, 502, carried_out=True)
    assert finished(team).id == "made_1"


@pytest.mark.parametrize(("method", "path"), REQUESTS)
@pytest.mark.parametrize("status", [429, 500])
def test_trouble_that_stays_is_a_message_and_the_next_run_finishes(
    team: Team, method: str, path: str, status: int
) -> None:
    """With what was done so far."""
    team.fivetran.fail(method, path, status, "made to fail", times=4)
    said = refused(team)
    assert f"Fivetran answers {status} to {method} /v1/" in said
    assert "made to fail" in said
    assert "run it again later" in said
    begun = team.fivetran.connections != {}
    assert ("done so far: created made_1, paused" in said) is begun
    assert ("nothing was changed" in said) is not begun
    finished(team)


def test_a_wait_of_an_hour_is_not_waited_out(team: Team) -> None:
    """At most a minute at a time."""
    team.fivetran.fail("GET", "groups/", 429, wait="3600")
    finished(team)
    assert team.waited == [fivetran_api.MAX_WAIT]


def test_no_network(team: Team) -> None:
    """Nobody listens there."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    said = refused(team, url=url)
    assert said.startswith(
        f"{url} can't be reached (ConnectionError): look at the network, a proxy or a firewall"
    )
    assert said.endswith("acme: nothing was changed")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(200, b"<html>Sign in</html>"), "something that isn't its JSON: is it Fivetran's address?"),
        (Answer(200, b'{"code": "Success"}'), "has no data: is "),
        (
            Answer(302, b"", {"Location": "https://proxy.example"}),
            "which leads elsewhere: is it Fivetran's address?",
        ),
        (
            Answer(404, b"<html>Not here</html>"),
            "Fivetran has no group decent_dropsy, or none that this key sees (404)",
        ),
    ],
)
def test_an_answer_that_is_not_fivetrans(team: Team, answer: Answer, expected: str) -> None:
    """A proxy's page, or another address."""
    with listening(lambda _: answer, []) as port:
        said = refused(team, url=f"http://127.0.0.1:{port}")
    assert expected in said
    assert said.endswith("acme: nothing was changed")


def test_a_function_that_is_not_deployed(team: Team) -> None:
    """There is nothing to connect, and Fivetran isn't asked."""
    team.google.functions.clear()
    assert (
        refused(team)
        == "acme: the function isn't deployed, so there is nothing to connect: `nox -s deploy -- acme` first"
    )
    assert team.fivetran.calls == []


def test_a_new_connection_without_secrets(team: Team) -> None:
    """With the way to say that it needs none."""
    said = refused(team, "--yes")
    assert (
        "a new one needs its secrets: --secrets FILE, an object of JSON ({} if it needs none; connectors/acme/README.md"
        in said
    )


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('{"token": "token-that-nobody-may-see",}', "secrets.json:1: this isn't JSON"),
        ('["token-that-nobody-may-see"]', "secrets.json: an object of the connection's keys is expected"),
        (None, "secrets.json: No such file or directory"),
    ],
)
def test_a_secrets_file_that_is_none(team: Team, content: str | None, expected: str) -> None:
    """Nothing of it is repeated, and nothing asked."""
    file = team.root / "secrets.json"
    if content is not None:
        file.write_text(content)
    assert expected in refused(team, "--secrets", str(file), "--yes")
    assert team.fivetran.calls == []
