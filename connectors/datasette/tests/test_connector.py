from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from datasette.utils import tilde_decode  # type: ignore[import-untyped]
from functions_framework import create_app

from connector_datasette import quoted
from fivetran_emulator.contract import Trial
from fivetran_emulator.contract.lab.connection import Connection, MemoryWarehouse
from fivetran_emulator.practice import serving
from fivetran_emulator.practice.serving import load

ROWS = {"airlines": 3, "airports": 2, "planes": 2, "weather": 10, "flights": 30, "remarks": 3}


def refusal(connection: Connection) -> str:
    """The message with which a sync fails that somebody has to change the secrets for."""
    last = connection.sync().exchanges[-1]
    assert last.failed
    assert last.reply.json["errorType"] == "configuration"
    return last.error


def test_google_serves_it_as_it_is(tmp_path: Path) -> None:
    """The functions framework finds `main`, and a whole sync goes through it."""
    practice = load(Path(__file__).parents[1] / "practice.py")
    (tmp_path / "main.py").write_text("from connector_datasette import main\n")
    client = create_app("main", str(tmp_path / "main.py")).test_client()
    warehouse, more = MemoryWarehouse(), True
    state: dict[str, Any] = {}
    with serving(practice.source) as url:
        while more:
            answer: Any = client.post("/", json={"state": state, "secrets": practice.secrets_at(url)}).json
            warehouse.load(answer)
            state, more = answer["state"], answer["hasMore"]
    assert {table: len(rows) for table, rows in warehouse.tables.items()} == ROWS


def test_every_published_table_arrives_with_its_key(trial: Trial) -> None:
    """Without a primary key it is the rowid; the tables of a search index, which Datasette hides, are left out."""
    sync = trial.connection.sync()
    assert sync.rows == ROWS
    assert trial.connection.warehouse.keys["flights"] == ("time_hour", "carrier", "flight")
    assert trial.connection.warehouse.keys["remarks"] == ("rowid",)


def test_a_later_sync_reads_a_table_with_a_cursor_from_the_day_before_its_mark(trial: Trial) -> None:
    """Two of five days of flights; the others are listed in full. The mark is one sync behind what was read."""
    trial.connection.sync()
    trial.connection.sync()
    rows = trial.connection.sync().rows
    assert (rows["flights"], rows["airlines"]) == (12, 3)


def test_only_the_configured_tables_are_read(trial: Trial) -> None:
    """In the order in which they are configured."""
    connection = trial.connect(tables='["planes", "airlines"]', cursors={})
    assert list(connection.sync().rows.items()) == [("planes", 2), ("airlines", 3)]


def test_tables_and_cursors_that_are_not_there_are_reported_at_once(trial: Trial) -> None:
    """With what there is."""
    wrong = {"tables": ["planes", "nope"], "cursors": {"flights": "when", "never": "day"}}
    message = refusal(trial.connect(**wrong))
    assert "nope, never, flights.when" in message
    assert "weather" in message


def test_an_unknown_database_is_a_mistake_in_the_secrets(trial: Trial) -> None:
    """Not an outage, and not an empty sync."""
    assert "404" in refusal(trial.connect(database="nope"))


def test_the_setup_test_brings_no_rows(trial: Trial) -> None:
    """It asks for the list of tables only."""
    answer = trial.connection.call(setup_test=True).answer
    assert answer["hasMore"] is False
    assert not answer.get("insert")
    assert len(trial.source.requests) == 1


@pytest.mark.parametrize("name", ["plain_name-1", "a/b", "50% of", "ünï.cøde", "~tilde", "a+b"])
def test_names_are_written_as_datasette_reads_them(name: str) -> None:
    """Whatever a table is called, its address leads to it."""
    assert tilde_decode(quoted(name)) == name
