"""The shape of a table in the warehouse: made, given columns, widened, so that the rows to come fit.

A newcomer would do this while loading. DuckDB takes changes of a table's shape and of its rows in one transaction, in
that order only; and a column is widened once for an answer, not once for every row that does not fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import duckdb

from fivetran_emulator.protocol.findings import Finding
from fivetran_emulator.warehouse.columns import Kind, wider
from fivetran_emulator.warehouse.database import quoted, table_sql
from fivetran_emulator.warehouse.ledger import LoadedTable
from fivetran_emulator.warehouse.merge import BATCH, DELETED, INDEX, SYNCED
from fivetran_emulator.warehouse.row_checks import TableOfAnswer

__all__ = ["add_soft_delete", "create", "fit"]


def create(
    warehouse: duckdb.DuckDBPyConnection, schema: str, part: TableOfAnswer, columns: Mapping[str, Kind]
) -> LoadedTable:
    """Make the table of `part` with `columns` and Fivetran's own."""
    own = [f"{quoted(name)} {kind.sql}" for name, kind in columns.items()]
    keyless = [] if part.key else [f"{BATCH} BIGINT", f"{INDEX} BIGINT"]
    typed = ", ".join([*own, *keyless, f"{SYNCED} TIMESTAMP"])
    warehouse.execute(f"CREATE TABLE {table_sql(warehouse, schema, part.name)} ({typed})")
    return LoadedTable(name=part.name, source=part.source, key=part.key, columns=dict(columns))


def fit(
    warehouse: duckdb.DuckDBPyConnection, schema: str, table: LoadedTable, columns: Mapping[str, Kind]
) -> tuple[LoadedTable, list[Finding]]:
    """Add and widen what `columns`, those of the rows to come, need; each widened column is a finding."""
    kinds, findings = dict(table.columns), []
    sql = table_sql(warehouse, schema, table.name)
    for name, seen in columns.items():
        had = kinds.get(name)
        kinds[name] = seen if had is None else wider(had, seen)
        if had is None:
            warehouse.execute(f"ALTER TABLE {sql} ADD COLUMN {quoted(name)} {seen.sql}")
        elif kinds[name].sql != had.sql:
            _widen(warehouse, sql, name, had, kinds[name])
            findings.append(_widened(f"{table.name}.{name}", had, seen, kinds[name]))
    return replace(table, columns=kinds), findings


def add_soft_delete(warehouse: duckdb.DuckDBPyConnection, schema: str, table: LoadedTable) -> LoadedTable:
    """Give the table its flag for deleted rows; the rows that are there are not deleted."""
    sql = table_sql(warehouse, schema, table.name)
    warehouse.execute(f"ALTER TABLE {sql} ADD COLUMN {DELETED} BOOLEAN DEFAULT false")
    return replace(table, soft_delete=True)


def _widen(warehouse: duckdb.DuckDBPyConnection, sql: str, name: str, had: Kind, now: Kind) -> None:
    column = quoted(name)
    text = f"CAST({column} AS VARCHAR)"
    if had is Kind.DECIMAL:  # which pads with zeros that nobody sent
        text = f"rtrim(rtrim({text}, '0'), '.')"
    value = {
        Kind.JSON: f"to_json({column})",
        Kind.TEXT: text,
        Kind.DECIMAL: f"CAST({text} AS {now.sql})",
    }.get(now, f"CAST({column} AS {now.sql})")
    if (had, now) == (Kind.DECIMAL, Kind.JSON):
        value = f"CAST({text} AS JSON)"
    using = f"CASE WHEN {column} IS NULL THEN NULL ELSE {value} END"
    warehouse.execute(f"ALTER TABLE {sql} ALTER COLUMN {column} TYPE {now.sql} USING {using}")


def _widened(column: str, had: Kind, seen: Kind, now: Kind) -> Finding:
    text = f"column {column} was {had.sql} and became {now.sql}: this answer has {seen.value} in it"
    return Finding("column-widened", text, "Send one type in a column, in every row of every sync.")
