"""What mozilla/fivetran-connectors' Bugzilla connector got wrong, each by its number in docs/ancestor.md.

A test here fails if its defect is built in again; what the connector does beside that is in the other files.
"""

from __future__ import annotations

import ast
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from bugs import COLUMNS, PRODUCTS, arrived, bug, change, product, rename_component, visible
from worn_out_server import worn_out

from fivetran_emulator.contract import Trial, Trials, faults
from fivetran_emulator.contract.lab.connection import Connection, Exchange, Sync
from fivetran_emulator.practice import Source


def complete(connection: Connection) -> Sync:
    """A sync that has to end well."""
    sync = connection.sync()
    assert sync.complete, sync.exchanges[-1].error
    return sync


def refusal(connection: Connection) -> str:
    """The message with which a sync fails that somebody has to change the secrets for."""
    last = connection.sync().exchanges[-1]
    assert last.failed
    assert last.reply.json["errorType"] == "configuration"
    return last.error


def with_secrets(trial: Trial, **secrets: object) -> Trial:
    """The trial, its connection made with some secrets replaced."""
    trial.connection = trial.connect(**secrets)
    return trial


def asked(trial: Trial, path: str) -> list[dict[str, list[str]]]:
    """The queries of all requests to a path."""
    return [parse_qs(request.query) for request in trial.source.requests if request.path == path]


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Sets the time zone of the function's process."""

    def enter(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield enter
    monkeypatch.undo()
    time.tzset()


def test_defect_01_the_first_bug_is_sent(trial: Trial) -> None:
    """The bug with the lowest id, and all others."""
    complete(trial.connection)
    assert arrived(trial)[0]["id"] == 2
    assert arrived(trial) == visible(trial)


def test_defect_02_a_first_sync_asks_once_for_each_page(trial: Trial) -> None:
    """A call and a handful of requests, not one call for each bug; a page's last second is all that comes twice."""
    trial = with_secrets(trial, bug_limit="100")
    sync = complete(trial.connection)
    assert len(sync.exchanges) == 1
    assert len(asked(trial, "/rest/bug")) <= 6
    assert sync.rows["bugs"] == len(visible(trial))


def test_defect_03_each_sync_begins_at_its_first_page(trial: Trial) -> None:
    """However many pages the sync before it had, what changed since arrives in the next one."""
    trial = with_secrets(trial, bug_limit="10")
    complete(trial.connection)
    change(trial, *range(10, 30))
    complete(trial.connection)
    assert arrived(trial) == visible(trial)
    assert "at" not in trial.connection.state["tables"]["bugs"]


def test_defect_04_many_small_syncs_lose_nothing(trial: Trial) -> None:
    """Six syncs of one page each, five changes before each of them."""
    trial = with_secrets(trial, bug_limit="1000")
    for day in range(1, 7):
        change(trial, *range(day * 5, day * 5 + 5), at=f"2026-07-{day:02}T00:00:00Z")
        complete(trial.connection)
        assert arrived(trial) == visible(trial)


@pytest.mark.parametrize("limit", ["7", "100", "1000", 100])
def test_defect_05_a_limit_may_be_typed_as_text(trial: Trial, limit: object) -> None:
    """Fivetran's form knows nothing but text."""
    trial = with_secrets(trial, bug_limit=limit)
    complete(trial.connection)
    assert arrived(trial) == visible(trial)


@pytest.mark.parametrize("cap", [7, 25, 100])
def test_defect_06_a_short_page_is_not_the_last_one(trial: Trial, cap: int) -> None:
    """A Bugzilla gives no more than its max_search_results, also where sixty bugs share a second."""
    trial = with_secrets(trial, bug_limit="1000")
    trial.cap(cap)
    complete(trial.connection)
    assert arrived(trial) == visible(trial)


def test_defect_07_the_mark_is_the_newest_change_seen_not_the_clock(trial: Trial) -> None:
    """So a change during the sync, to a bug that was read already, comes with the next one."""
    trial = with_secrets(trial, bug_limit="100")
    newest = max(row["last_change_time"] for row in visible(trial))
    trial.source.before = lambda number: change(trial, 4, at=newest) if number == 5 else None
    complete(trial.connection)
    assert trial.connection.state["tables"]["bugs"]["mark"] == newest
    trial.heal()
    complete(trial.connection)
    assert arrived(trial) == visible(trial)


@pytest.mark.parametrize("name", ["Asia/Tokyo", "America/Los_Angeles"])
def test_defect_08_no_local_time_is_taken_for_utc(
    trial: Trial, zone: Callable[[str], None], name: str
) -> None:
    """Neither the function's nor the source's, which stands eight hours behind UTC."""
    zone(name)
    complete(trial.connection)
    change(trial, *range(10, 20), at="2026-06-22T06:25:00Z")
    assert complete(trial.connection).rows["bugs"] == 10 + 60 - 2, (
        "sixty within the lookback, two of them changed"
    )
    assert arrived(trial) == visible(trial)
    times = [text for query in asked(trial, "/rest/bug") for text in query.get("last_change_time", [])]
    assert times[0] == "2019-01-01T00:00:00Z", "max_date"
    assert all(text.endswith("Z") for text in times)


def test_defect_09_addresses_do_not_grow_with_the_number_of_components(trial: Trial) -> None:
    """A product with 400 of them is asked for by its own name; servers refuse lines beyond 8 KB."""
    widgets = product(trial, "Widgets")
    first = widgets["components"][0]
    components = [
        {**first, "id": 100 + number, "name": f"Component {number:03} of many"} for number in range(400)
    ]
    trial.rows["products"].put({**widgets, "components": components})
    complete(trial.connection)
    assert len(arrived(trial, "components")) == 405
    assert max(len(request.query) for request in trial.source.requests) < 1_000


FAULTS = {
    "503": faults.status(503),
    "429 with Retry-After": faults.status(429, retry_after="1"),
    "reset": faults.reset,
    "cut body": faults.cut_body,
    "HTML": faults.html,
    "broken JSON": faults.text('{"bugs": [{"id": 1'),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_defect_10_a_request_that_fails_once_fails_no_sync(new_trial: Trials, fault: str) -> None:
    """Whichever request it is; it is sent again, and what a table had already sent is kept."""
    for number in range(1, 7):
        trial = with_secrets(new_trial(), bug_limit="100")
        trial.at(number, FAULTS[fault])
        sync = complete(trial.connection)
        assert len(sync.exchanges) == 1 or fault == "HTML", "a login page is not asked for twice"
        assert arrived(trial) == visible(trial), f"request {number}"


def test_defect_10_a_server_that_drops_every_other_connection_is_read_to_the_end(trial: Trial) -> None:
    """As stock mod_perl does, whose children die after two requests on a connection that was kept alive."""
    assert isinstance(trial.practice.source, Source)
    with worn_out(trial.practice.source, requests=2) as url:
        trial = with_secrets(trial, url=url, bug_limit="25")
        sync = complete(trial.connection)
    assert arrived(trial) == visible(trial)
    assert report(sync.exchanges[-1])["retries"] >= 5


def test_defect_11_a_source_that_hangs_ends_in_an_answer(trial: Trial) -> None:
    """Within the function's time-out, here Google's 60 seconds, and without making it the user's mistake."""
    trial.where(lambda asked: asked.request.path == "/rest/bug", faults.hang)
    last = trial.connection.sync().exchanges[-1]
    assert last.reply.json["errorType"] == "transient"
    assert last.seconds <= 60


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no secrets": ({"secrets": None}, "api_key is missing"),
    "secrets that are no object": ({"secrets": "practice-key"}, "not a JSON object"),
    "no key": ({"secrets": {"url": "http://127.0.0.1", "products": "[]"}}, "api_key is missing"),
    "a state that is a list": ({"state": []}, "not an object"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_defect_12_what_is_wrong_with_a_request_is_said(trial: Trial, wrong: str) -> None:
    """In a sentence that Fivetran can show."""
    members, expected = WRONG[wrong]
    reply = trial.connection.call(**members).reply
    assert reply.status == 500
    assert expected in reply.json["errorMessage"]


def test_defect_12_a_wrong_key_is_reported_in_bugzillas_own_words(trial: Trial) -> None:
    """Which it says with a 400, as of any other mistake; once for all tables, without JSON, without the key."""
    message = refusal(trial.connect(api_key="wrong-key", reconcile=True))
    assert (
        message.count("The API key you specified is invalid. Please check that you typed it correctly.") == 1
    )
    assert "{" not in message
    assert len(message) < 250
    assert "wrong-key" not in message


def test_defect_12_a_state_of_null_is_a_first_sync(trial: Trial) -> None:
    """Fivetran's documentation asks authors to survive it."""
    assert trial.connection.call(state=None).rows()


def test_defect_13_unknown_products_cost_no_others_their_bugs(trial: Trial) -> None:
    """All of them are named in one message, those of another case too, once the bugs of the known are there."""
    trial = with_secrets(trial, products=["Widgets", "Nope", "gadgets", "Invisible"])
    message = refusal(trial.connection)
    assert "Invisible, Nope, gadgets" in message
    assert "Widgets" not in message
    assert arrived(trial) == visible(trial, ("Widgets",))


@pytest.mark.parametrize("products", [[], "[]"])
def test_defect_14_no_products_do_not_mean_all_of_them(trial: Trial, products: object) -> None:
    """An empty list is refused before anything is asked."""
    assert "products is empty" in refusal(trial.connect(products=products))
    assert not trial.source.requests


def test_defect_15_what_was_read_is_not_read_again_in_the_same_sync(new_trial: Trials) -> None:
    """Products are asked for once in each call, for all tables, and sent once, however many calls the bugs take."""
    trial = with_secrets(new_trial(answer_bytes=12_000), bug_limit="20")
    sync = complete(trial.connection)
    assert len(sync.exchanges) > 5
    assert len(asked(trial, "/rest/product")) == len(sync.exchanges)
    assert (sync.rows["products"], sync.rows["components"]) == (4, 8)


def test_defect_16_a_renamed_component_stays_one_row(trial: Trial) -> None:
    """And two of the same name are distinguished by their product."""
    complete(trial.connection)
    rename_component(trial, "Widgets", "API", "API v2")
    complete(trial.connection)
    rows = arrived(trial, "components")
    assert [row["name"] for row in rows if row["id"] == 2] == ["API v2"]
    assert [row["product"] for row in rows if row["name"] == "Docs"] == ["Widgets", "Gadgets"]


def test_defect_17_bugs_that_were_moved_away_or_made_private_are_deleted(trial: Trial) -> None:
    """After two listings without them, and no other bug with them; Bugzilla itself does not tell."""
    trial = with_secrets(trial, reconcile="true")
    complete(trial.connection)
    change(trial, 10, product="Elsewhere")
    change(trial, 11, groups=["core-security"])
    complete(trial.connection)
    assert {10, 11} < {row["id"] for row in arrived(trial)}
    complete(trial.connection)
    assert arrived(trial) == visible(trial)


def test_defect_17_products_and_components_that_disappear_are_deleted(trial: Trial) -> None:
    """A component after two listings without it."""
    complete(trial.connection)
    gadgets = product(trial, "Gadgets")
    trial.rows["products"].put({**gadgets, "components": gadgets["components"][:1]})
    complete(trial.connection)
    complete(trial.connection)
    assert [row["id"] for row in arrived(trial, "components")] == [2, 3, 4, 5, 8, 9]


def test_defect_18_only_the_columns_of_the_table_are_asked_for(trial: Trial) -> None:
    """Half the bytes and half the server's time; what Bugzilla adds unasked is not sent on."""
    complete(trial.connection)
    wanted = {frozenset(query["include_fields"][0].split(",")) for query in asked(trial, "/rest/bug")}
    assert wanted == {frozenset(COLUMNS)}
    assert {frozenset(row) for row in arrived(trial)} == {frozenset(COLUMNS)}


def test_defect_19_the_setup_test_sends_no_rows(trial: Trial) -> None:
    """It ends, and leaves the state as it is."""
    body = trial.connection.call(setup_test=True).answer
    assert not body.get("insert")
    assert (body["hasMore"], body["state"]) == (False, {})


@pytest.mark.parametrize("ending", ["", "/", "/rest", "/rest/"])
def test_defect_20_an_address_may_end_with_or_without_rest(trial: Trial, ending: str) -> None:
    """With or without a slash, too."""
    url = str(trial.connection.secrets["url"]).removesuffix("/rest/") + ending
    trial = with_secrets(trial, url=url)
    complete(trial.connection)
    assert arrived(trial) == visible(trial)


def test_defect_21_every_test_here_can_fail() -> None:
    """Each asserts something about a value that the code under test has made."""
    trees = [ast.parse(file.read_text()) for file in Path(__file__).parent.glob("test_*.py")]
    functions = [node for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef)]
    tests = [function for function in functions if function.name.startswith("test_")]
    assert len(tests) > 21
    assert not [test.name for test in tests if not any(map(asserts_something, ast.walk(test)))]


def asserts_something(node: ast.AST) -> bool:
    """Whether it is an assertion that is not about constants only."""
    return isinstance(node, ast.Assert) and any(isinstance(part, ast.Name) for part in ast.walk(node.test))


def test_its_state_is_replaced_by_one_full_pass(trial: Trial) -> None:
    """`since_id` and `offset` skip nothing: what they had skipped arrives, and one line in the log tells of it."""
    trial.connection.state = {"offset": 197, "since_id": "2026-11-22T06-26-13Z"}
    sync = complete(trial.connection)
    assert arrived(trial) == visible(trial)
    assert [line["message"] for line in warnings(sync)] == [
        "The state was written by this connector's predecessor (offset, since_id); every table is read from the start."
    ]


def test_its_secrets_are_understood(trial: Trial) -> None:
    """As its README gives them: all text but the products, an address with /rest/, a day to begin with."""
    trial = with_secrets(trial, bug_limit="1000", max_date="2026-06-01", products=list(PRODUCTS))
    complete(trial.connection)
    assert arrived(trial) == [row for row in visible(trial) if row["last_change_time"] >= "2026-06-01"]
    assert bug(trial, 5)["id"] in [row["id"] for row in arrived(trial)]


def report(exchange: Exchange) -> dict[str, Any]:
    """What the function tells of a call."""
    report: dict[str, Any] = json.loads(exchange.reply.headers["X-Connector-Invocation"])
    return report


def warnings(sync: Sync) -> list[dict[str, Any]]:
    """The warnings in the function's log."""
    lines = [json.loads(line) for exchange in sync.exchanges for line in exchange.reply.logs.splitlines()]
    return [line for line in lines if line["severity"] == "WARNING"]
