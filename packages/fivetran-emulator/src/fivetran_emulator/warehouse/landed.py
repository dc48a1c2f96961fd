"""What is in the warehouse: its tables, past syncs, and whether two schemas hold the same rows.

What was loaded as which column and when is known to the ledger; DuckDB's catalogue adds the types that columns have now.
"""

# ruff: noqa: S608 - every identifier in the SQL is quoted or our own, every value is a parameter

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb

from fivetran_emulator.warehouse.database import LEDGER_SCHEMA, quoted, table_sql
from fivetran_emulator.warehouse.ledger import Ledger, LoadedTable
from fivetran_emulator.warehouse.merge import SYNCED

__all__ = ["LandedTable", "differences", "landed_tables", "past_syncs"]


@dataclass(frozen=True)
class LandedTable:
    """A table in the warehouse: its key, rows, SQL types by column, and when a row was last synced (UTC, ISO 8601)."""

    name: str
    key: tuple[str, ...]
    rows: int
    columns: Mapping[str, str]
    last_synced: str | None


def landed_tables(warehouse: duckdb.DuckDBPyConnection, schema: str) -> list[LandedTable]:
    """Every table of the connection `schema`, sorted by name."""
    return [_landed(warehouse, schema, table) for table in Ledger(warehouse, schema).tables().values()]


def past_syncs(warehouse: duckdb.DuckDBPyConnection, schema: str, last: int) -> list[dict[str, object]]:
    """The `last` syncs of the connection with their invocations and warnings, oldest first, as plain data."""
    syncs = _records(
        warehouse,
        f"""SELECT sync_id, outcome, url, strftime(started_at, '%Y-%m-%dT%H:%M:%SZ') AS started_at,
            round(epoch(ended_at) - epoch(started_at), 1) AS seconds, error
        FROM (SELECT *, rowid AS place FROM {LEDGER_SCHEMA}.syncs WHERE connection = $1 ORDER BY place DESC LIMIT $2)
        ORDER BY place""",
        schema,
        last,
    )
    for sync in syncs:
        sync["invocations"] = _records(
            warehouse,
            f"""SELECT number, has_more, cut, row_count AS rows, delete_count AS deletes, bytes, seconds
            FROM {LEDGER_SCHEMA}.invocations WHERE connection = $1 AND sync_id = $2 ORDER BY number""",
            schema,
            sync["sync_id"],
        )
        sync["warnings"] = _records(
            warehouse,
            f"SELECT code, text, hint, times FROM {LEDGER_SCHEMA}.warnings WHERE connection = $1 AND sync_id = $2",
            schema,
            sync["sync_id"],
        )
    return syncs


def differences(warehouse: duckdb.DuckDBPyConnection, one: str, other: str) -> list[str]:
    """A sentence for each keyed table whose rows differ between two schemas; nothing when they are the same.

    Fivetran's own columns and the order of columns do not count. Tables without a key are left out: they may differ.
    """
    first, second = Ledger(warehouse, one).tables(), Ledger(warehouse, other).tables()
    keyed = sorted(name for name, table in (first | second).items() if table.key)
    return [
        difference
        for name in keyed
        if (difference := _difference(warehouse, (one, first.get(name)), (other, second.get(name))))
    ]


def _landed(warehouse: duckdb.DuckDBPyConnection, schema: str, table: LoadedTable) -> LandedTable:
    sql = table_sql(warehouse, schema, table.name)
    types = warehouse.execute(f"SELECT column_name, column_type FROM (DESCRIBE {sql})").fetchall()
    found = warehouse.execute(
        f"SELECT count(*), strftime(max({SYNCED}), '%Y-%m-%dT%H:%M:%SZ') FROM {sql}"
    ).fetchone()
    rows, last = found or (0, None)
    return LandedTable(table.name, table.key, int(rows), dict(types), last)


def _difference(
    warehouse: duckdb.DuckDBPyConnection,
    one: tuple[str, LoadedTable | None],
    other: tuple[str, LoadedTable | None],
) -> str:
    (schema, table), (schema_2, table_2) = one, other
    if table is None or table_2 is None:
        there, name = (schema, table) if table else (schema_2, table_2)
        return f"table {name.name if name else ''} is in {there} only"
    if table.columns != table_2.columns and set(table.columns) != set(table_2.columns):
        odd = sorted(set(table.columns) ^ set(table_2.columns))
        return f"table {table.name}: not both have the column {', '.join(odd)}"
    columns = ", ".join(quoted(name) for name in table.columns)
    rows = [
        f"SELECT {columns} FROM {table_sql(warehouse, schema, table.name)}" for schema in (schema, schema_2)
    ]
    counts = [_count(warehouse, f"{a} EXCEPT ALL {b}") for a, b in (rows, rows[::-1])]
    if not any(counts):
        return ""
    return f"table {table.name}: {counts[0]} rows are in {schema} only, {counts[1]} in {schema_2} only"


def _count(warehouse: duckdb.DuckDBPyConnection, sql: str) -> int:
    found = warehouse.execute(f"SELECT count(*) FROM ({sql})").fetchone()
    return int(found[0]) if found else 0


def _records(warehouse: duckdb.DuckDBPyConnection, sql: str, *values: object) -> list[dict[str, object]]:
    found = warehouse.execute(sql, list(values))
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
