"""What a table may look like: made, given columns, widened; and what of an answer the connection's settings keep out of it.

DuckDB takes changes of a table's shape and of its rows in one transaction, in that order only; and a column is widened
once for an answer, not once for every row that does not fit.

Sources: "Connection schema config" and "Type locking matrix" of Fivetran's documentation, see `docs/protocol.md`.
"""

# ruff: noqa: S608 - every identifier in the SQL is quoted or our own, every value is a parameter

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import duckdb
import msgspec

from fivetran_emulator.errors import Finding
from fivetran_emulator.protocol.answer import Row
from fivetran_emulator.protocol.rules import Rules
from fivetran_emulator.warehouse.columns import ColumnKind, fits_decimal, kind_of, wider
from fivetran_emulator.warehouse.database import quoted, table_sql
from fivetran_emulator.warehouse.ledger import LoadedTable, timestamp
from fivetran_emulator.warehouse.merge import BATCH, DELETED, INDEX, SYNCED
from fivetran_emulator.warehouse.row_checks import TableOfAnswer

__all__ = ["add_soft_delete", "admit", "create", "fit", "flag_unseen", "lock", "unseen_rows"]


def create(
    warehouse: duckdb.DuckDBPyConnection, schema: str, part: TableOfAnswer, columns: Mapping[str, ColumnKind]
) -> LoadedTable:
    """Make the table of `part` with `columns` and Fivetran's own."""
    own = [f"{quoted(name)} {kind.sql}" for name, kind in columns.items()]
    keyless = [] if part.key else [f"{BATCH} BIGINT", f"{INDEX} BIGINT"]
    typed = ", ".join([*own, *keyless, f"{SYNCED} TIMESTAMP"])
    warehouse.execute(f"CREATE TABLE {table_sql(warehouse, schema, part.name)} ({typed})")
    return LoadedTable(name=part.name, source=part.source, key=part.key, columns=dict(columns))


def fit(
    warehouse: duckdb.DuckDBPyConnection, schema: str, table: LoadedTable, columns: Mapping[str, ColumnKind]
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


def _widen(
    warehouse: duckdb.DuckDBPyConnection, sql: str, name: str, had: ColumnKind, now: ColumnKind
) -> None:
    column = quoted(name)
    text = f"CAST({column} AS VARCHAR)"
    if had is ColumnKind.DECIMAL:  # which pads with zeros that nobody sent
        text = f"rtrim(rtrim({text}, '0'), '.')"
    value = {
        ColumnKind.JSON: f"to_json({column})",
        ColumnKind.TEXT: text,
        ColumnKind.DECIMAL: f"CAST({text} AS {now.sql})",
    }.get(now, f"CAST({column} AS {now.sql})")
    if (had, now) == (ColumnKind.DECIMAL, ColumnKind.JSON):
        value = f"CAST({text} AS JSON)"
    using = f"CASE WHEN {column} IS NULL THEN NULL ELSE {value} END"
    warehouse.execute(f"ALTER TABLE {sql} ALTER COLUMN {column} TYPE {now.sql} USING {using}")


def _widened(column: str, had: ColumnKind, seen: ColumnKind, now: ColumnKind) -> Finding:
    text = f"column {column} was {had.sql} and became {now.sql}: this answer has {seen.value} in it"
    return Finding("column-widened", text, "Send one type in a column, in every row of every sync.")


# Schema-change handling: Fivetran goes on without a new table or column that is not let in, and says nothing; here at least
# a warning does.


def admit(
    parts: Sequence[TableOfAnswer], settled: Mapping[str, LoadedTable] | None, rules: Rules
) -> tuple[list[TableOfAnswer], list[Finding]]:
    """The parts of an answer that may be loaded, without what is new. `settled` are the tables after the first sync."""
    if settled is None or rules.schema_changes == "allow-all":
        return list(parts), []
    known = [part for part in parts if part.name in settled]
    findings = [_blocked_table(part) for part in parts if part.name not in settled and part.insert]
    if rules.schema_changes == "allow-columns":
        return known, findings
    admitted = [_without_new_columns(part, settled[part.name]) for part in known]
    findings += [
        _blocked_column(part, name)
        for part in known
        for name in part.columns.values()
        if name not in settled[part.name].columns
    ]
    return admitted, findings


def _without_new_columns(part: TableOfAnswer, table: LoadedTable) -> TableOfAnswer:
    columns = {member: name for member, name in part.columns.items() if name in table.columns}
    return replace(part, columns=columns)


def _blocked_table(part: TableOfAnswer) -> Finding:
    text = f"table {part.source} is new and blocked: its rows were left out"
    return Finding("table-blocked", text, "Schema changes are blocked for this connection.")


def _blocked_column(part: TableOfAnswer, name: str) -> Finding:
    text = f"column {part.name}.{name} is new and blocked: its values were left out"
    return Finding("column-blocked", text, "Schema changes are blocked for this connection.")


# Type lock: after the first sync a column keeps its type, and a value that does not fit becomes NULL. Numbers and booleans
# convert among themselves and from text, text and JSON take everything; nothing is rounded, so `1.5` does not fit an
# integer column. Keys are exempt.


def lock(part: TableOfAnswer, settled: LoadedTable) -> tuple[TableOfAnswer, list[Finding]]:
    """`part` with the values of each settled column made to fit it; a column with values that did not is a finding."""
    locked = {
        member: settled.columns[name]
        for member, name in part.columns.items()
        if name in settled.columns and name not in part.key
    }
    misfits = {member: kind for member, kind in locked.items() if not _fits(part.unknown, member, kind)}
    if not misfits:
        return part, []
    rows = [_converted(row, misfits) for row in part.unknown]
    findings = [
        _nulled(f"{part.name}.{part.columns[member]}", kind, lost)
        for member, kind in misfits.items()
        if (lost := _lost(part.unknown, rows, member))
    ]
    return replace(part, insert=rows), findings


def _fitted(value: object, kind: ColumnKind) -> object:
    """`value` as a column of `kind` can hold it, None when it cannot."""
    if kind is ColumnKind.JSON or value is None:
        return value
    if kind is ColumnKind.TEXT:
        return value if isinstance(value, str) else _TEXT.encode(value).decode()
    number = _number(value)
    return None if number is None else _NUMBERS.get(kind, _integer)(number)


def _fits(rows: Sequence[Row], member: str, kind: ColumnKind) -> bool:
    seen = kind_of([row.get(member) for row in rows])
    return seen is None or wider(kind, seen).sql == kind.sql


def _converted(row: Row, misfits: Mapping[str, ColumnKind]) -> Row:
    return row | {member: _fitted(row[member], kind) for member, kind in misfits.items() if member in row}


_TEXT = msgspec.json.Encoder(decimal_format="number")
_NUMBER = msgspec.json.Decoder(float_hook=Decimal)


def _number(value: object) -> int | float | Decimal | bool | None:
    """A number or boolean, also when it is written as text."""
    if isinstance(value, str):
        with suppress(msgspec.DecodeError):
            value = _NUMBER.decode(value.strip().lower())
    return value if isinstance(value, int | float | Decimal) else None


def _boolean(number: float | Decimal) -> bool | None:
    return bool(number) if number in (0, 1) else None


def _double(number: float | Decimal) -> float | None:
    with suppress(OverflowError):
        return float(number) if float(number) == number else None
    return None


def _integer(number: float | Decimal) -> int | None:
    whole = int(number)
    return whole if whole == number and -(2**63) <= whole < 2**63 else None


def _huge_integer(number: float | Decimal) -> int | None:
    whole = int(number)
    return whole if whole == number and abs(whole) < 2**127 else None


def _decimal(number: float | Decimal) -> float | Decimal | None:
    return number if fits_decimal(number) else None


_NUMBERS: dict[ColumnKind, Callable[[float | Decimal], object]] = {
    ColumnKind.BOOLEAN: _boolean,
    ColumnKind.SHORT_DOUBLE: _double,
    ColumnKind.DOUBLE: _double,
    ColumnKind.DECIMAL: _decimal,
    ColumnKind.HUGE_INTEGER: _huge_integer,
}


def _lost(before: Sequence[Row], after: Sequence[Row], member: str) -> int:
    return sum(
        was.get(member) is not None and row.get(member) is None
        for was, row in zip(before, after, strict=True)
    )


def _nulled(column: str, kind: ColumnKind, lost: int) -> Finding:
    text = f"column {column} is locked as {kind.sql}: {lost} values did not fit and became NULL"
    return Finding("value-locked", text, "Send one type in a column, in every row of every sync.")


# Rows that were not sent again: every row that was sent has a new `_fivetran_synced`, also one that was unchanged, so the
# others are those with an older one.


def unseen_rows(
    warehouse: duckdb.DuckDBPyConnection, schema: str, table: LoadedTable, since: datetime
) -> int:
    """How many rows of `table` were last sent before `since` (UTC) and are not flagged as deleted."""
    found = warehouse.execute(
        f"SELECT count(*) FROM {table_sql(warehouse, schema, table.name)} WHERE {_unseen(table)}",
        [timestamp(since)],
    ).fetchone()
    return int(found[0]) if found else 0


def flag_unseen(
    warehouse: duckdb.DuckDBPyConnection, schema: str, table: LoadedTable, since: datetime, at: datetime
) -> LoadedTable:
    """Flag those rows as deleted; the table as it is now. `_fivetran_synced` moves on, as with any soft delete."""
    if not table.soft_delete:
        table = add_soft_delete(warehouse, schema, table)
    sql = f"UPDATE {table_sql(warehouse, schema, table.name)} SET {DELETED} = true, {SYNCED} = $2 WHERE {_unseen(table)}"
    warehouse.execute(sql, [timestamp(since), timestamp(at)])
    return table


def _unseen(table: LoadedTable) -> str:
    undeleted = f" AND NOT coalesce({DELETED}, false)" if table.soft_delete else ""
    return f"{SYNCED} < $1{undeleted}"
