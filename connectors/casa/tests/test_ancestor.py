"""What mozilla/fivetran-connectors' CASA connector got wrong, each by its number in docs/ancestor.md.

A test here fails if its defect is built in again. Defect 1 has none: Biztera cannot be asked for changes only.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from listed import arrived, at_source
from werkzeug.wrappers import Response

from fivetran_emulator.contract import Trial, Trials, faults
from fivetran_emulator.contract.lab.connection import Connection, Sync
from fivetran_emulator.contract.lab.faults import Ask, PendingRequest


def complete(connection: Connection) -> Sync:
    """A sync that has to end well."""
    sync = connection.sync()
    assert sync.complete, sync.exchanges[-1].error
    return sync


def test_defect_02_deleted_rows_are_deleted(trial: Trial) -> None:
    """After the second complete listing without them."""
    complete(trial.connection)
    trial.rows["users"].remove(5)
    trial.rows["projects"].remove(7)
    complete(trial.connection)
    assert len(arrived(trial)["users"]) == len(at_source(trial)["users"]) + 1
    complete(trial.connection)
    assert arrived(trial) == at_source(trial)


@pytest.mark.parametrize("cap", [1, 7, 10, 50])
def test_defect_03_a_short_page_is_not_the_last_one(trial: Trial, cap: int) -> None:
    """Not even one as short as the overlap of pages."""
    trial.cap(cap)
    complete(trial.connection)
    assert arrived(trial) == at_source(trial)


@pytest.mark.parametrize("number", range(1, 8))
def test_defect_04_a_user_deleted_between_two_pages_hides_no_other(trial: Trial, number: int) -> None:
    """Whichever request the deletion comes before; and the deleted one goes as others do."""
    trial.source.before = lambda now: trial.rows["users"].remove(3) if now == number else None
    complete(trial.connection)
    there = {row["id"] for row in arrived(trial)["users"]}
    assert there >= {row["id"] for row in at_source(trial)["users"]}
    for _ in trial.quiet(trial.connection, 2):
        pass
    assert arrived(trial) == at_source(trial)


@pytest.mark.parametrize("ending", [None, {}, False, ""])
def test_defect_05_an_empty_next_page_is_the_end(trial: Trial, ending: object) -> None:
    """However the source says that there is none; the last page's projects arrive."""

    def spoilt(_asked: PendingRequest, ask: Ask) -> Response:
        body = ask().json
        assert isinstance(body, dict)
        body["metadata"].setdefault("nextPage", ending)
        return Response(json.dumps(body), content_type="application/json")

    trial.where(lambda asked: asked.request.path == "/projects", spoilt)
    complete(trial.connection)
    assert arrived(trial) == at_source(trial)


def test_defect_06_a_dead_bookmark_is_not_sent_for_ever(trial: Trial) -> None:
    """Between two calls the project it names was deleted: the listing begins again, by itself."""
    state = {"version": 1, "connector": "casa", "tables": {"projects": {"at": {"bookmark": 100}}}}
    trial.rows["projects"].remove(100)
    trial.connection.state = state
    complete(trial.connection)
    assert arrived(trial) == at_source(trial)


def test_defect_07_a_bookmark_that_does_not_move_ends_the_sync(trial: Trial) -> None:
    """With a message after the second such page, not with the same hundred projects for hours."""

    def first_page(asked: PendingRequest, ask: Ask) -> Response:
        asked.request.environ["QUERY_STRING"] = "limit=100"
        return ask()

    trial.where(lambda asked: asked.request.path == "/projects", first_page)
    sync = trial.connection.sync()
    assert not sync.endless
    assert "the id for the next page is the one that was just used" in sync.exchanges[-1].error
    assert len([request for request in trial.source.requests if request.path == "/projects"]) <= 4
    assert arrived(trial)["users"] == at_source(trial)["users"]


FAULTS = {
    "503": faults.status(503),
    "429 with Retry-After": faults.status(429, retry_after="1"),
    "reset": faults.reset,
    "cut body": faults.cut_body,
    "HTML": faults.html,
    "broken JSON": faults.text('[{"id": 1'),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_defect_08_a_request_that_fails_once_fails_no_sync(new_trial: Trials, fault: str) -> None:
    """Whichever request it is; it is sent again, and what a table had already sent is kept."""
    for number in range(1, 8):
        trial = new_trial()
        trial.at(number, FAULTS[fault])
        sync = complete(trial.connection)
        assert len(sync.exchanges) == 1 or fault == "HTML", "a login page is not asked for twice"
        assert arrived(trial) == at_source(trial), f"request {number}"


@pytest.mark.parametrize("path", ["/projects", "/users"])
def test_defect_09_a_source_that_hangs_ends_in_an_answer(trial: Trial, path: str) -> None:
    """Within the function's time-out, here Google's 60 seconds."""
    trial.where(lambda asked: asked.request.path == path, faults.hang)
    last = trial.connection.sync().exchanges[-1]
    assert last.reply.json["errorType"] == "transient"
    assert last.seconds <= 60


def test_defect_10_each_call_leaves_a_line_in_the_log(new_trial: Trials) -> None:
    """With what was read and what it took."""
    trial = new_trial(answer_bytes=20_000)
    sync = complete(trial.connection)
    lines = [json.loads(line) for exchange in sync.exchanges for line in exchange.reply.logs.splitlines()]
    assert [line["severity"] for line in lines] == ["INFO"] * len(sync.exchanges)
    assert sum(line["rows"].get("projects", 0) for line in lines) == 250
    assert sum(line["requests"] for line in lines) == len(trial.source.requests)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no secrets": ({"secrets": None}, "access_token is missing"),
    "another key": ({"secrets": {"token": "x"}}, "token is not a key this connector knows"),
    "a state that is a list": ({"state": []}, "not an object"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_defect_11_what_is_wrong_with_a_request_is_said(trial: Trial, wrong: str) -> None:
    """In a sentence that Fivetran can show."""
    members, expected = WRONG[wrong]
    reply = trial.connection.call(**members).reply
    assert reply.status == 500
    assert expected in reply.json["errorMessage"]


@pytest.mark.parametrize("setup_test", [True, False])
def test_defect_11_a_wrong_token_differs_from_an_outage(trial: Trial, setup_test: bool) -> None:
    """The one is for whoever set up the connection, the other passes; the token is in neither message."""
    wrong = trial.connect(access_token="wrong-token").call(setup_test=setup_test)
    assert wrong.reply.json["errorType"] == "configuration"
    assert "wrong-token" not in wrong.reply.body.decode()
    trial.where(lambda _asked: True, faults.status(503))
    assert trial.connection.call(setup_test=setup_test).reply.json["errorType"] == "transient"


def test_defect_11_a_state_of_null_is_a_first_sync(trial: Trial) -> None:
    """Fivetran's documentation asks authors to survive it."""
    assert trial.connection.call(state=None).rows()


def test_defect_11_the_setup_test_sends_no_rows(trial: Trial) -> None:
    """It asks for one user, ends, and leaves the state as it is."""
    body = trial.connection.call(setup_test=True).answer
    assert not body.get("insert")
    assert (body["hasMore"], body["state"]) == (False, {})
    assert len(trial.source.requests) == 1


def test_defect_12_the_address_is_among_the_secrets(trial: Trial) -> None:
    """Every request goes there; the default is Biztera's."""
    complete(trial.connection)
    address = str(trial.connection.secrets["url"])
    assert {f"http://{request.host}" for request in trial.source.requests} == {address}


@pytest.mark.parametrize(
    "state",
    [
        {
            "fetch_more_users": True,
            "fetch_more_projects": False,
            "projects_bookmark": None,
            "users_offset": 100,
        },
        {
            "fetch_more_users": False,
            "fetch_more_projects": True,
            "projects_bookmark": "2025-03-01T08:00:00.000Z",
        },
    ],
)
def test_its_state_is_replaced_by_one_full_pass(trial: Trial, state: dict[str, Any]) -> None:
    """Nothing is skipped, and one line in the log tells of it."""
    trial.connection.state = state
    sync = complete(trial.connection)
    assert arrived(trial) == at_source(trial)
    lines = [json.loads(line) for exchange in sync.exchanges for line in exchange.reply.logs.splitlines()]
    (warning,) = [line["message"] for line in lines if line["severity"] != "INFO"]
    assert "predecessor (fetch_more_projects, fetch_more_users, projects_bookmark" in warning
    assert "every table is read from the start" in warning
