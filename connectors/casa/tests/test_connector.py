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


@pytest.fixture
def source() -> Source:
    source = load(Path(__file__).parents[1] / "practice.py").source
    assert isinstance(source, Source)
    return source


@pytest.fixture
def post(tmp_path: Path) -> Post:
    """POST to the function as Google serves it."""
    (tmp_path / "main.py").write_text("from connector_casa import main\n")
    client = create_app("main", str(tmp_path / "main.py")).test_client()
    return lambda **body: client.post("/", json=body)


@dataclass
class Connection:
    """Fivetran's side: secrets, state and the tables by key."""

    post: Post
    secrets: dict[str, Any]
    state: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)

    def sync(self) -> None:
        more = True
        while more:
            answer = self.post(state=self.state, secrets=self.secrets)
            assert answer.status_code == 200, answer.text
            for table, rows in answer.json["insert"].items():
                self.tables.setdefault(table, {}).update({row["id"]: row for row in rows})
            for table, keys in answer.json["delete"].items():
                for key in keys:
                    self.tables[table].pop(key["id"], None)
            self.state, more = answer.json["state"], answer.json["hasMore"]


@pytest.fixture
def connection(source: Source, post: Post) -> Iterator[Connection]:
    with serving(source) as url:
        yield Connection(post, {"access_token": "practice-token", "url": url})


def held(source: Source, table: str) -> dict[str, Any]:
    return {str(row["id"]): row for row in source.tables[table].listed()}


@pytest.mark.parametrize("cap", [None, 50, 7])
def test_every_row_arrives_whatever_the_page_size(
    source: Source, connection: Connection, cap: int | None
) -> None:
    """A page shorter than asked for is not taken for the last one."""
    source.cap = cap
    connection.sync()
    assert connection.tables["projects"] == held(source, "projects")
    assert connection.tables["users"] == held(source, "users")


def test_what_is_deleted_at_the_source_goes_within_two_syncs(source: Source, connection: Connection) -> None:
    """Both complete listings after the deletion have to miss the row."""
    connection.sync()
    source.tables["users"].remove("u00005")
    source.tables["projects"].remove("p00007")
    connection.sync()
    connection.sync()
    assert connection.tables["projects"] == held(source, "projects")
    assert connection.tables["users"] == held(source, "users")


@pytest.mark.parametrize("number", range(1, 8))
def test_a_user_deleted_between_two_pages_hides_no_other(source: Source, post: Post, number: int) -> None:
    """Whichever request the deletion comes before."""
    requests = 0

    def moving(environ: Any, start_response: Any) -> Any:
        nonlocal requests
        requests += 1
        if requests == number:
            source.tables["users"].remove("u00003")
        return source(environ, start_response)

    with serving(moving) as url:
        connection = Connection(post, {"access_token": "practice-token", "url": url})
        connection.sync()
    assert held(source, "users").items() <= connection.tables["users"].items()


def test_a_bookmark_whose_project_is_gone_starts_the_listing_again(
    source: Source, connection: Connection
) -> None:
    """It is not sent again on every retry until somebody resets the connection."""
    connection.state = {
        "version": 1,
        "connector": "casa",
        "tables": {"projects": {"at": {"bookmark": "gone"}}},
    }
    connection.sync()
    assert connection.tables["projects"] == held(source, "projects")


def test_a_connection_of_the_earlier_connector_goes_on(source: Source, connection: Connection) -> None:
    """Its state is replaced; tables, keys and secrets are the same."""
    connection.state = {
        "fetch_more_users": True,
        "fetch_more_projects": True,
        "projects_bookmark": None,
        "users_offset": 0,
    }
    connection.sync()
    assert connection.tables["projects"] == held(source, "projects")


def test_a_wrong_token_is_told_from_an_outage(connection: Connection) -> None:
    """An error for whoever set up the connection, and the token is not in it."""
    answer = connection.post(state={}, secrets={**connection.secrets, "access_token": "wrong-token"})
    assert answer.status_code == 500
    assert answer.json["errorType"] == "configuration"
    assert "wrong-token" not in answer.text


@pytest.mark.parametrize(("token", "status"), [("practice-token", 200), ("wrong-token", 500)])
def test_the_setup_test_asks_for_no_rows(connection: Connection, token: str, status: int) -> None:
    """It tells whether the token is right."""
    answer = connection.post(setup_test=True, secrets={**connection.secrets, "access_token": token})
    assert answer.status_code == status
    assert not answer.json.get("insert")
