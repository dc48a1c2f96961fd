"""What Biztera lists and what arrived of it."""

from __future__ import annotations

from typing import Any

from fivetran_emulator.contract import Trial

TABLES = ("projects", "users")


def at_source(trial: Trial) -> dict[str, list[Any]]:
    """The rows of both tables as the source has them, by id."""
    return {table: sorted(trial.rows[table].listed(), key=_id) for table in TABLES}


def arrived(trial: Trial) -> dict[str, list[Any]]:
    """The rows of both tables in the warehouse of the trial's connection, by id."""
    tables = trial.connection.warehouse.tables
    return {table: sorted((dict(row) for row in tables.get(table, {}).values()), key=_id) for table in TABLES}


def list_text_ids(trial: Trial, count: int) -> None:
    """Make the practice source a Biztera whose ids are texts: p00001 ... and u00001 ..., so many of each."""
    for table in TABLES:
        rows = trial.rows[table].listed()
        for row in rows:
            trial.rows[table].remove(row["id"])
        for row in rows[:count]:
            trial.rows[table].put({**row, "id": f"{table[0]}{row['id']:05}"})


def _id(row: dict[str, Any]) -> Any:
    return row["id"]
