from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from functions_framework import create_app

from fivetran_emulator.practice import Source, serving
from fivetran_emulator.practice.loading import load

Post = Callable[..., Any]

PRACTICE = load(Path(__file__).parents[1] / "practice.py")
COLUMNS = [
    "id",
    "summary",
    "assigned_to",
    "creation_time",
    "status",
    "last_change_time",
    "creator",
    "product",
    "component",
]
LATER = "2026-07-01T00:00:00Z"


@pytest.fixture
def source() -> Source:
    source = load(Path(__file__).parents[1] / "practice.py").source
    assert isinstance(source, Source)
    return source


@pytest.fixture
def post(tmp_path: Path) -> Post:
    """POST to the function as Google serves it."""
    (tmp_path / "main.py").write_text("from connector_bugzilla import main\n")
    client = create_app("main", str(tmp_path / "main.py")).test_client()
    return lambda **body: client.post("/", json=body)


@dataclass
class Connection:
    """Fivetran's side: secrets, state and the tables by key."""

    post: Post
    secrets: dict[str, Any]
    state: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, dict[Any, Any]] = field(default_factory=dict)
    sent: int = 0
    """Bugs that came in the last sync."""

    def sync(self) -> None:
        self.sent, more = 0, True
        while more:
            answer = self.post(state=self.state, secrets=self.secrets)
            assert answer.status_code == 200, answer.text
            for table, rows in answer.json["insert"].items():
                key = "name" if table == "products" else "id"
                self.tables.setdefault(table, {}).update({row[key]: row for row in rows})
            self.sent += len(answer.json["insert"].get("bugs", []))
            self.state, more = answer.json["state"], answer.json["hasMore"]

    def failure(self, **secrets: Any) -> str:
        """How a sync with some secrets changed fails; tables that can be read are, before it does."""
        answer = self.post(state={}, secrets={**self.secrets, **secrets})
        while answer.status_code == 200:
            assert answer.json["hasMore"], "the sync did not fail"
            answer = self.post(state=answer.json["state"], secrets={**self.secrets, **secrets})
        assert answer.json["errorType"] == "configuration"
        return str(answer.json["errorMessage"])


@pytest.fixture
def connection(source: Source, post: Post) -> Iterator[Connection]:
    with serving(source) as url:
        yield Connection(post, PRACTICE.secrets_at(url))


def visible(source: Source) -> dict[int, Any]:
    """The bugs that the key may see, as the table has them."""
    bugs = [row for row in source.tables["bugs"].listed() if not row["groups"]]
    return {int(str(bug["id"])): {column: bug[column] for column in COLUMNS} for bug in bugs}


def touch(source: Source, number: int, second: str = LATER) -> None:
    bug = next(row for row in source.tables["bugs"].listed() if row["id"] == number)
    source.tables["bugs"].put({**bug, "status": "VERIFIED", "last_change_time": second})


@pytest.mark.parametrize(
    ("cap", "limit"), [(None, "1000"), (None, "100"), (25, "100"), (1, "100"), (None, "7")]
)
def test_every_bug_arrives_whatever_the_page_size(
    source: Source, connection: Connection, cap: int | None, limit: str
) -> None:
    """Also where sixty bugs share a second and a page holds fewer than that."""
    source.cap = cap
    connection.secrets["bug_limit"] = limit
    connection.sync()
    assert connection.tables["bugs"] == visible(source)


def test_products_and_components_arrive(connection: Connection) -> None:
    """Of the configured products only; each component says whose it is, so two of one name are told apart."""
    connection.sync()
    assert sorted(connection.tables["products"]) == sorted(connection.secrets["products"])
    docs = [row["product"] for row in connection.tables["components"].values() if row["name"] == "Docs"]
    assert sorted(docs) == ["Gadgets", "Widgets"]


def test_a_second_sync_brings_what_has_changed(source: Source, connection: Connection) -> None:
    """And, in case a change was committed late, the last ten minutes again."""
    connection.sync()
    touch(source, 8)
    connection.sync()
    assert connection.tables["bugs"] == visible(source)
    assert connection.sent == 61
    connection.sync()
    assert connection.sent == 1


@pytest.mark.parametrize("limit", ["7", "100"])
@pytest.mark.parametrize("number", range(3, 60, 4))
def test_a_bug_that_changes_while_bugs_are_read_hides_no_other(
    source: Source, post: Post, number: int, limit: str
) -> None:
    """Whichever request the change comes before, and be it one of those that share a second."""
    requests = 0

    def moving(environ: Any, start_response: Any) -> Any:
        nonlocal requests
        requests += 1
        if requests == number:
            touch(source, 5)
            touch(source, 2)
        return source(environ, start_response)

    with serving(moving) as url:
        connection = Connection(post, {**PRACTICE.secrets_at(url), "bug_limit": limit})
        connection.sync()
        missing = visible(source).keys() - connection.tables["bugs"].keys()
        assert not missing
        connection.sync()
    assert connection.tables["bugs"] == visible(source)


def test_the_first_sync_goes_back_as_far_as_max_date(source: Source, connection: Connection) -> None:
    """Bugs that changed before are left out."""
    connection.secrets["max_date"] = "2024-01-01"
    connection.sync()
    expected = {key: bug for key, bug in visible(source).items() if bug["last_change_time"] >= "2024-01-01"}
    assert connection.tables["bugs"] == expected


@pytest.mark.parametrize("ending", ["", "/", "/rest", "/rest/"])
def test_the_address_may_be_given_with_or_without_rest(connection: Connection, ending: str) -> None:
    """With or without a slash at the end, too."""
    connection.secrets["url"] = connection.secrets["url"].removesuffix("/rest/") + ending
    answer = connection.post(setup_test=True, secrets=connection.secrets)
    assert answer.status_code == 200, answer.text
    assert not answer.json.get("insert")


def test_secrets_typed_as_text_mean_the_same(source: Source, connection: Connection) -> None:
    """Fivetran's form sends nothing but text."""
    connection.secrets |= {"products": '["Widgets", "Gadgets"]', "bug_limit": "1000"}
    connection.sync()
    expected = {key: bug for key, bug in visible(source).items() if bug["product"] in ("Widgets", "Gadgets")}
    assert connection.tables["bugs"] == expected


def test_unknown_products_are_named_in_one_message(connection: Connection) -> None:
    """Bugzilla itself would say nothing of them; names differ by case as well."""
    message = connection.failure(products=["Widgets", "Nope", "gadgets"])
    assert "Nope, gadgets" in message
    assert "Widgets" not in message


@pytest.mark.parametrize(
    ("secrets", "told"),
    [({"products": []}, "products"), ({"bug_limit": "0"}, "bug_limit"), ({"max_date": "lately"}, "max_date")],
)
def test_secrets_that_bugzilla_would_take_for_everything_are_refused(
    connection: Connection, secrets: dict[str, Any], told: str
) -> None:
    """No products would mean all products, a limit of 0 no limit."""
    assert told in connection.failure(**secrets)


def test_a_wrong_key_is_told_from_an_outage(connection: Connection) -> None:
    """What Bugzilla says of it is in the message, the key is not."""
    message = connection.failure(api_key="wrong-key")
    assert "API key you specified is invalid" in message
    assert "wrong-key" not in message


def test_a_connection_of_the_earlier_connector_goes_on(source: Source, connection: Connection) -> None:
    """Its state is replaced, and every bug read again: it had lost some."""
    connection.state = {"offset": 197, "since_id": "2026-11-22T06-26-13Z"}
    connection.sync()
    assert connection.tables["bugs"] == visible(source)
