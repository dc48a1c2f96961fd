"""Tables that the practice source has none of, from a real Datasette: names and keys that have to be quoted, times in several zones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from databases import Publisher

from fivetran_emulator.contract import Trials, faults

SCHEMA = """
create table pairs (a integer, b text, primary key (a, b));
create table bare (word text);
create table "odd name/%" (id integer primary key, changed text);
"""
WORDS = ["a", "é", "漢", "~", "%", ",", "/", " ", "", "a,b"]
MOMENTS = [
    "2026-01-01T00:00:00Z",
    None,
    "2026-01-01T09:30:00+09:00",
    "2026-01-01T00:00:00-08:00",
    "2026-01-01T00:00:00Z",
    "2026-03-05T12:00:00Z",
]
ROWS: dict[str, Any] = {
    "pairs": sorted((number % 3 - 1, word) for number, word in enumerate(WORDS)),
    "bare": [(word,) for word in [*WORDS, *WORDS[:3]]],
    '"odd name/%"': list(enumerate(MOMENTS)),
}


@pytest.mark.parametrize("page", [1, 3])
@pytest.mark.parametrize("fails", [2, 5, 9])
def test_every_row_of_an_odd_table_arrives(new_trial: Trials, tmp_path: Path, page: int, fails: int) -> None:
    """Although a request fails, an answer is lost, and each answer holds a page: the second sync has it all."""
    publisher = Publisher()
    publisher.publish(tmp_path / "odd.db", SCHEMA, ROWS, page=page)
    trial = new_trial(publisher, answer_bytes=1_000 + 120 * page)
    trial.connection = trial.connect(database="odd", cursors={"odd name/%": "changed"})
    trial.source.fault = lambda asked: faults.status(503) if asked.number == fails else None
    trial.connection.sync(lose=lambda number: number == 2)
    trial.heal()
    assert trial.connection.sync().complete
    tables = trial.connection.warehouse.tables
    assert {table: len(tables[table.strip('"')]) for table in ROWS} == {
        table: len(rows) for table, rows in ROWS.items()
    }
    assert {(row["a"], row["b"]) for row in tables["pairs"].values()} == set(ROWS["pairs"])
