"""What is in the warehouse, read back as what was sent."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb

_OWN = ("_fivetran_synced", "_fivetran_batch", "_fivetran_index", "_fivetran_deleted")


def read_tables(path: Path) -> dict[str, list[tuple[dict[str, tuple[str, object]], bool]]]:
    """Every table's rows: for each column its type and the stored value, and whether the row is flagged as deleted."""
    with duckdb.connect(path) as warehouse:
        names = warehouse.execute(
            "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main'"
        ).fetchall()
        return {name: _rows(warehouse, name) for (name,) in names}


def _rows(
    warehouse: duckdb.DuckDBPyConnection, table: str
) -> list[tuple[dict[str, tuple[str, object]], bool]]:
    types = dict(
        warehouse.execute(
            "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = $1 AND schema_name = 'main'",
            [table],
        ).fetchall()
    )
    order = "_fivetran_batch, _fivetran_index" if "_fivetran_batch" in types else "ALL"
    found = warehouse.execute(f'SELECT * FROM main."{table}" ORDER BY {order}')  # noqa: S608 - our own names
    columns = [name for name, *_ in found.description]
    rows = []
    for values in found.fetchall():
        row = dict(zip(columns, values, strict=True))
        own = {name: (types[name], value) for name, value in row.items() if name not in _OWN}
        rows.append((own, bool(row.get("_fivetran_deleted"))))
    return rows


def is_exactly(sent: object, type_: str, stored: object) -> bool:
    """Whether `stored`, in a column of this type, is the value `sent`, of the same kind and not rounded."""
    if sent is None or stored is None:
        return sent is stored
    if type_ == "JSON":
        read = json.loads(str(stored))
        return _same(sent, read) or _as_text(sent, read)
    if type_ == "VARCHAR" and not isinstance(sent, str):
        return _as_text(sent, stored)
    if type_ == "DOUBLE":
        return isinstance(sent, int | float) and not isinstance(sent, bool) and stored == sent
    return _same(sent, stored)


def _as_text(sent: object, stored: object) -> bool:
    """A number or boolean that shared a column with text is text: it stays so when the column becomes JSON later."""
    return isinstance(sent, int | float) and isinstance(stored, str) and _same(sent, json.loads(stored))


def _same(one: object, other: object) -> bool:
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)
    both_numbers = isinstance(one, int | float) and isinstance(other, int | float)
    same_kind = isinstance(one, bool) is isinstance(other, bool) and (
        both_numbers or type(one) is type(other)
    )
    return same_kind and one == other
