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


def _id(row: dict[str, Any]) -> str:
    return str(row["id"])
