"""Rows that were not sent again: what a re-sync leaves behind, and what a soft reload flags.

A newcomer would compare the keys. Every row that was sent has been given a new `_fivetran_synced`, also one that was
unchanged, so the rows that were not are those with an older one.
"""

# ruff: noqa: S608 - every identifier in the SQL is quoted or our own, every value is a parameter

from __future__ import annotations

from datetime import datetime

import duckdb

from fivetran_emulator.warehouse.database import table_sql
from fivetran_emulator.warehouse.ledger import LoadedTable
from fivetran_emulator.warehouse.merge import DELETED, SYNCED
from fivetran_emulator.warehouse.shape import add_soft_delete

__all__ = ["flag_unseen", "unseen_rows"]


def unseen_rows(
    warehouse: duckdb.DuckDBPyConnection, schema: str, table: LoadedTable, since: datetime
) -> int:
    """How many rows of `table` were last sent before `since` (UTC) and are not flagged as deleted."""
    found = warehouse.execute(
        f"SELECT count(*) FROM {table_sql(warehouse, schema, table.name)} WHERE {_unseen(table)}",
        [_utc(since)],
    ).fetchone()
    return int(found[0]) if found else 0


def flag_unseen(
    warehouse: duckdb.DuckDBPyConnection, schema: str, table: LoadedTable, since: datetime, at: datetime
) -> LoadedTable:
    """Flag those rows as deleted; the table as it is now. `_fivetran_synced` moves on, as with any soft delete."""
    if not table.soft_delete:
        table = add_soft_delete(warehouse, schema, table)
    sql = f"UPDATE {table_sql(warehouse, schema, table.name)} SET {DELETED} = true, {SYNCED} = $2 WHERE {_unseen(table)}"
    warehouse.execute(sql, [_utc(since), _utc(at)])
    return table


def _unseen(table: LoadedTable) -> str:
    alive = f" AND NOT coalesce({DELETED}, false)" if table.soft_delete else ""
    return f"{SYNCED} < $1{alive}"


def _utc(at: datetime) -> datetime:
    return at.replace(tzinfo=None)
