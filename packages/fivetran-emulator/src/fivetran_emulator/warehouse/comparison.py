"""Two readings of one source compared: the rows of two schemas, or the keys of a sync and of a second reading.

Tables without a key are left out: they may differ.
"""

# ruff: noqa: S608 - every identifier in the SQL is quoted or our own, every value is a parameter

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import duckdb

from fivetran_emulator.errors import Finding
from fivetran_emulator.warehouse.columns import ColumnKind
from fivetran_emulator.warehouse.database import quoted, table_sql
from fivetran_emulator.warehouse.ledger import Ledger, LoadedTable
from fivetran_emulator.warehouse.merge import DELETED

__all__ = ["differences", "key_differences"]

_EXAMPLES = 3
_TEXTS = (ColumnKind.TEXT, ColumnKind.JSON)


def differences(warehouse: duckdb.DuckDBPyConnection, one: str, other: str) -> list[str]:
    """A sentence for each keyed table whose rows differ between two schemas; nothing when they are the same.

    Fivetran's own columns and the order of columns do not count.
    """
    first, second = Ledger(warehouse, one).tables(), Ledger(warehouse, other).tables()
    keyed = sorted(name for name, table in (first | second).items() if table.key)
    return [
        difference
        for name in keyed
        if (difference := _row_difference(warehouse, (one, first.get(name)), (other, second.get(name))))
    ]


def _row_difference(
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


@dataclass(frozen=True, kw_only=True)
class _Side:
    """A table in one of the two readings: its SQL name, and what is known of it."""

    sql: str
    table: LoadedTable

    def keys(self, kinds: Mapping[str, ColumnKind]) -> str:
        """A query for the keys of its rows; as text where the other reading has another type for them."""
        columns = [
            f"CAST({quoted(name)} AS VARCHAR)" if self._is_other(name, kinds) else quoted(name)
            for name in self.table.key
        ]
        alive = f" WHERE NOT coalesce({DELETED}, false)" if self.table.soft_delete else ""
        return f"SELECT {', '.join(columns)} FROM {self.sql}{alive}"

    def _is_other(self, name: str, kinds: Mapping[str, ColumnKind]) -> bool:
        mine, other = self.table.columns[name], kinds[name]
        return mine is not other and (mine in _TEXTS or other in _TEXTS)


def key_differences(
    warehouse: duckdb.DuckDBPyConnection,
    schema: str,
    tables: Mapping[str, LoadedTable],
    second: Mapping[str, LoadedTable],
    attached: str,
) -> Iterator[Finding]:
    """A finding for each keyed table of `schema` whose keys differ from those in the file that is attached by that name.

    `tables` and `second` are the tables of each, by name.
    """
    for name in sorted(tables.keys() | second.keys()):
        here, there = tables.get(name), second.get(name)
        if not all(table.key for table in (here, there) if table is not None):
            continue
        one = _Side(sql=table_sql(warehouse, schema, name), table=here) if here else None
        other = _Side(sql=quoted(attached, schema, name), table=there) if there else None
        yield from _key_difference(warehouse, name, one, other)


def _key_difference(
    warehouse: duckdb.DuckDBPyConnection, name: str, here: _Side | None, there: _Side | None
) -> Iterator[Finding]:
    if here is not None and there is not None and here.table.key != there.table.key:
        keys = f"{', '.join(here.table.key)} here, {', '.join(there.table.key)} in the second reading"
        yield Finding("verify-key", f"table {name} has two keys: {keys}", "Declare one key for good.")
        return
    ours = here.keys((there or here).table.columns) if here else ""
    theirs = there.keys((here or there).table.columns) if there else ""
    counts = f"{_count(warehouse, ours):,} rows here, {_count(warehouse, theirs):,} there"
    if alone := _only_in(warehouse, theirs, ours):
        text = f"table {name}: missing in the warehouse, found by the second reading: {alone}; {counts}"
        hint = "The sync lost them, or they are younger than it: the next sync with --verify shows which."
        yield Finding("verify-missing", text, hint)
    if alone := _only_in(warehouse, ours, theirs):
        text = f"table {name}: in the warehouse, not found by the second reading: {alone}; {counts}"
        hint = "They were deleted in the source, and the function does not notice that; or a reading leaves rows out."
        yield Finding("verify-extra", text, hint)


def _only_in(warehouse: duckdb.DuckDBPyConnection, keys: str, others: str) -> str:
    """How many keys one reading has alone, with a few of them; empty where there is none."""
    if not keys:
        return ""
    keys_alone = f"{keys} EXCEPT {others}" if others else keys
    if not (rows := _count(warehouse, keys_alone)):
        return ""
    found = warehouse.execute(f"SELECT * FROM ({keys_alone}) ORDER BY ALL LIMIT {_EXAMPLES}").fetchall()
    examples = "; ".join(", ".join(map(str, key)) for key in found)
    return f"{rows:,} {'key' if rows == 1 else 'keys'} ({examples}{'; ...' if rows > len(found) else ''})"


def _count(warehouse: duckdb.DuckDBPyConnection, sql: str) -> int:
    found = warehouse.execute(f"SELECT count(*) FROM ({sql})").fetchone() if sql else None
    return int(found[0]) if found else 0
