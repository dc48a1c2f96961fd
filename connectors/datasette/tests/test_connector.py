from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from datasette.utils import tilde_decode  # type: ignore[import-untyped]
from functions_framework import create_app

from connector_datasette import quoted
from fivetran_emulator.practice import serving
from fivetran_emulator.practice.loading import load

Post = Callable[..., Any]


@pytest.fixture
def post(tmp_path: Path) -> Post:
    """POST to the function as Google serves it."""
    (tmp_path / "main.py").write_text("from connector_datasette import main\n")
    client = create_app("main", str(tmp_path / "main.py")).test_client()
    return lambda **body: client.post("/", json=body)


@dataclass
class Connection:
    """Fivetran's side: secrets, state, and how many rows of each table came in the last sync."""

    post: Post
    secrets: dict[str, Any]
    state: dict[str, Any] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    keys: dict[str, list[str]] = field(default_factory=dict)

    def sync(self) -> None:
        self.rows, more = {}, True
        while more:
            answer = self.post(state=self.state, secrets=self.secrets)
            assert answer.status_code == 200, answer.text
            for table, rows in answer.json["insert"].items():
                self.rows[table] = self.rows.get(table, 0) + len(rows)
            self.keys = {table: schema["primary_key"] for table, schema in answer.json["schema"].items()}
            self.state, more = answer.json["state"], answer.json["hasMore"]

    def failure(self, **secrets: Any) -> str:
        """The message for secrets of which some are changed."""
        answer = self.post(state={}, secrets={**self.secrets, **secrets})
        assert (answer.status_code, answer.json["errorType"]) == (500, "configuration"), answer.text
        return str(answer.json["errorMessage"])


@pytest.fixture
def connection(post: Post) -> Iterator[Connection]:
    practice = load(Path(__file__).parents[1] / "practice.py")
    with serving(practice.source) as url:
        yield Connection(post, practice.secrets_at(url))


def test_every_published_table_arrives_with_its_key(connection: Connection) -> None:
    """Without a primary key it is the rowid; hidden tables are left out."""
    connection.sync()
    assert connection.rows == {
        "airlines": 3,
        "airports": 2,
        "planes": 2,
        "weather": 10,
        "flights": 30,
        "remarks": 3,
    }
    assert connection.keys["flights"] == ["time_hour", "carrier", "flight"]
    assert connection.keys["remarks"] == ["rowid"]


def test_a_second_sync_reads_a_table_with_a_cursor_from_the_day_before_its_mark(
    connection: Connection,
) -> None:
    """Two of five days of flights; the others are listed in full."""
    connection.sync()
    connection.sync()
    assert connection.rows["flights"] == 12
    assert connection.rows["airlines"] == 3


def test_only_the_configured_tables_are_read(connection: Connection) -> None:
    """In the order in which they are configured."""
    connection.secrets |= {"tables": '["planes", "airlines"]', "cursors": {}}
    connection.sync()
    assert connection.rows == {"planes": 2, "airlines": 3}


def test_tables_and_cursors_that_are_not_there_are_told_at_once(connection: Connection) -> None:
    """With what there is."""
    message = connection.failure(tables=["planes", "nope"], cursors={"flights": "when", "never": "day"})
    assert "nope, never, flights.when" in message
    assert "weather" in message


def test_an_unknown_database_is_a_mistake_in_the_secrets(connection: Connection) -> None:
    """Not an outage, and not an empty sync."""
    assert "404" in connection.failure(database="nope")


def test_the_setup_test_brings_no_rows(connection: Connection) -> None:
    """It asks for the list of tables only."""
    answer = connection.post(setup_test=True, secrets=connection.secrets)
    assert answer.status_code == 200
    assert not answer.json.get("insert")


@pytest.mark.parametrize("name", ["plain_name-1", "a/b", "50% of", "ünï.cøde", "~tilde", "a+b"])
def test_names_are_written_as_datasette_reads_them(name: str) -> None:
    """Whatever a table is called, its address leads to it."""
    assert tilde_decode(quoted(name)) == name
