"""What can go wrong is one message: what, where, what to do next; no secret in it, and nothing left half made for good."""

from __future__ import annotations

import json
import re
import socket
from typing import Any

import pytest
from connected_team import GROUP, TOKEN, Team, shown
from fake_fivetran import KEY, SECRET, Made
from killing import Killing
from requests.adapters import HTTPAdapter

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
    assert "(tried 4 times)" in said
    begun = team.fivetran.connections != {}
    assert ("done so far: created made_1, paused" in said) is begun
    unclear = UNCLEAR.get((method, path), "") if status == 500 else ""
    assert ("nothing was changed" in said) is not (begun or bool(unclear))
    assert ("isn't known; the same command looks, and goes on from there" in said) is bool(unclear)
    assert unclear in said
    finished(team)


UNCLEAR = {
    ("POST", "connections$"): "whether the connection was created",
    ("PATCH", "connections/"): "tested; whether it was unpaused",
}
"""What nobody knows when a server has failed: a 429 says that nothing was done, and a test changes nothing."""


def test_each_wait_is_announced_and_fivetrans_own_is_kept(
    team: Team, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody sits before a screen that stands still; the lines are no part of a state that is printed."""
    team.connected()
    team.fivetran.fail("GET", "state", 503)
    team.fivetran.fail("GET", "state", 429, wait="60")
    capsys.readouterr()
    team.connect("--state")
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"page": 2}
    assert captured.err.splitlines() == [
        "Fivetran answers 503: trying again in 1 s",
        "Fivetran answers 429: trying again in 60 s",
    ]
    assert team.waited == [1, 60]


@pytest.mark.parametrize("wait", ["61", "86400", "9" * 400])
def test_a_longer_wait_ends_the_run_with_the_time(team: Team, wait: str) -> None:
    """A day can't be waited out here, and trying earlier is what Fivetran asks not to do."""
    team.fivetran.fail("GET", "groups/", 429, wait=wait)
    said = refused(team)
    assert re.search(r"\n    Fivetran asks to wait until 20\d\d-\d\d-\d\d \d\d:\d\d UTC", said)
    assert said.endswith("acme: nothing was changed")
    assert team.waited == []
    finished(team)


@pytest.mark.parametrize("wait", ["", "soon", "Fri, 27 Nov 2026 09:00:00 GMT", "٣", "-1"])
def test_a_wait_that_is_no_number_of_seconds_is_passed_over(team: Team, wait: str) -> None:
    """The usual one is taken."""
    headers = {"Retry-After": wait.encode().decode("latin-1")}
    team.fivetran.answer_with(Answer(429, b"{}", headers), "GET", "groups/")
    finished(team)
    assert team.waited == [WAITS[0]]


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
        (
            Answer(200, b"<html>Sign in</html>"),
            "isn't an object of JSON, so it isn't Fivetran's: look for a proxy on the way",
        ),
        (Answer(200, b"\xff\xfe{"), "isn't an object of JSON"),
        (Answer(200, b"[" * 99_999), "isn't an object of JSON"),
        (Answer(200, b"[]"), "isn't an object of JSON"),
        (Answer(200, b'{"code": "Success"}'), "has no object in `data`, so it isn't Fivetran's"),
        (Answer(200, b'{"data": [1]}'), "has no object in `data`"),
        (Answer(200, b'{"data": {"items": null}}'), "has no list `items`"),
        (Answer(200, b'{"data": {"items": [7]}}'), "has no object in `items`"),
        (Answer(200, b'{"data": {"items": [{"id": 3}]}}'), "has no `service`, `schema`, `paused` in `items`"),
        (
            Answer(200, b'{"data": {"items": [], "next_cursor": "a"}}'),
            "leads to a page that was read already",
        ),
        (
            Answer(302, b"", {"Location": "https://proxy.example"}),
            "The answer 302 to GET /v1/groups/decent_dropsy/connections leads elsewhere, so it isn't Fivetran's",
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


CREATED = {"id": "made_1", "service": "google_cloud_function", "schema": "acme_export", "paused": True}
"""As much of a connection as a message needs."""


@pytest.mark.parametrize(
    ("path", "data", "expected", "unclear"),
    [
        ("connections$", None, "has no object in `data`", "whether the connection was created isn't known"),
        ("connections$", {"id": "a"}, "has no `service`, `schema`, `paused`", "whether the connection was"),
        (
            "/test",
            None,
            "The answer to POST /v1/connections/made_1/test has no object in `data`",
            "paused; the",
        ),
        ("/test", {**CREATED, "setup_tests": {}}, "tests`", "paused; the same command goes on"),
        (
            "/test",
            {**CREATED, "setup_tests": [{}]},
            "has no `title`, `status` in `setup_tests`",
            "paused; the",
        ),
    ],
)
def test_a_success_that_is_not_fivetrans_is_no_success(
    team: Team, path: str, data: Any, expected: str, unclear: str
) -> None:
    """Of a request that makes something it leaves open whether it did; a later run finishes in each case."""
    answer = Answer(200, json.dumps({"code": "Success", "data": data}).encode())
    team.fivetran.answer_with(answer, "POST", path, times=4)
    said = refused(team)
    assert expected in said
    assert unclear in said
    team.fivetran.failures.clear()
    finished(team)


@pytest.mark.parametrize(
    "data",
    [
        CREATED,
        {**CREATED, "config": [], "status": "connected", "setup_tests": None},
        {**CREATED, "status": {"tasks": {}, "warnings": ["late", None, {"code": 4}]}},
    ],
)
def test_members_that_no_step_needs_may_be_missing_or_odd(
    team: Team, data: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """What can be shown is shown."""
    team.connected()
    team.fivetran.answer_with(Answer(200, json.dumps({"data": data}).encode()), "GET", "connections/made_1$")
    team.connect("--status")
    assert "acme: the connection made_1 (google_cloud_function)" in shown(capsys)


@pytest.mark.parametrize(
    ("action", "path", "looks"),
    [
        ("--pause", "made_1$", "--status"),
        ("--sync", "sync", "--status"),
        ("--resync", "resync", "--status"),
        ("--state", "state", "--state"),
    ],
)
def test_an_action_of_which_nobody_knows_whether_it_happened_says_so(
    team: Team, action: str, path: str, looks: str
) -> None:
    """With the command that shows it."""
    made = team.connected()
    file = team.root / "state.json"
    file.write_text("{}")
    made.paused = action == "--state"
    team.fivetran.fail("PATCH", path, 502, times=4)
    team.fivetran.fail("POST", path, 502, times=4)
    said = refused(team, action, "--yes", *(["--set", str(file)] if action == "--state" else []))
    done = action.replace("--state", "--set")
    assert said.endswith(f"acme: whether {done} was carried out isn't known: {looks} shows it")


@pytest.mark.parametrize(
    ("number", "after", "expected"),
    [
        (1, True, "interrupted; nothing was changed"),
        (2, False, "interrupted; whether the connection was created isn't known; the same command looks"),
        (2, True, "interrupted; whether the connection was created isn't known; the same command looks"),
        (3, False, "interrupted; done so far: created made_1, paused; the same command goes on from there"),
        (4, True, "interrupted; done so far: created made_1, paused, tested; whether it was unpaused isn't"),
    ],
)
def test_an_interrupted_run_says_what_it_has_done(
    team: Team, number: int, after: bool, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C while the request is on its way: nobody knows whether it arrived, and that is what is said."""
    team.session.mount("http://", Killing(number, after=after, by=KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        team.connect("--secrets", team.secrets(), "--yes")
    team.session.mount("http://", HTTPAdapter())
    assert expected in shown(capsys)
    finished(team)


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
