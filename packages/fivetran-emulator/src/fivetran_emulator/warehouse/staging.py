"""Rows of an answer into a temporary table with columns of known types.

A newcomer would let DuckDB find out the types. It reads from_json leniently: what does not fit becomes NULL without a
word, a member given twice counts once, `userName` and `username` are one. Types are therefore decided before, on decoded
values, members get plain names, and the strict reader refuses what still does not fit.
"""

# ruff: noqa: S608 - every identifier in the SQL is quoted or our own, every value is a parameter

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb
import msgspec

from fivetran_emulator.protocol.answer import Row
from fivetran_emulator.warehouse.columns import Kind
from fivetran_emulator.warehouse.database import quoted

__all__ = ["ORDINAL", "stage", "temporary"]

ORDINAL = "_fivetran_ordinal"
"""The staged column with a row's place in the answer, from 0; a function's own column cannot have such a name."""

_CHUNK = 8_192


def stage(
    warehouse: duckdb.DuckDBPyConnection,
    name: str,
    rows: Sequence[Row],
    columns: Mapping[str, tuple[str, Kind]],
) -> None:
    """Make the temporary table `name` of `rows`; in SQL it is `temporary(name)`.

    `columns` gives for each member of a row the column it becomes and that column's kind; members not named there are
    left out, members a row does not have are NULL.
    """
    kinds = [kind for _, kind in columns.values()]
    types = {"o": "BIGINT"} | {f"c{i}": _read_as(kind) for i, kind in enumerate(kinds)}
    typed = [f"{quoted(column)} {kind.sql}" for column, kind in columns.values()]
    warehouse.execute(
        f"CREATE OR REPLACE TEMP TABLE {temporary(name)} ({', '.join([f'{ORDINAL} BIGINT', *typed])})"
    )
    structure = msgspec.json.encode(types).decode()
    insert = f"""INSERT INTO {temporary(name)} SELECT unnest(from_json_strict(line, '{structure}'))
        FROM (SELECT unnest($1::VARCHAR[])::JSON AS line)"""
    for start in range(0, len(rows), _CHUNK):
        warehouse.execute(insert, [_lines(rows[start : start + _CHUNK], start, list(columns), kinds)])


def temporary(name: str) -> str:
    """The SQL name of our temporary table `name`: with its catalogue, so that no table of a user's is meant by it."""
    return quoted("temp", "main", name)


def _read_as(kind: Kind) -> str:
    """The type a member is read as. DuckDB reads numbers inside JSON as doubles, so nested values come as their own text."""
    return "VARCHAR" if kind is Kind.JSON else kind.sql


def _lines(rows: Sequence[Row], start: int, members: Sequence[str], kinds: Sequence[Kind]) -> list[str]:
    """Each row as JSON text with the members `o`, `c0`, `c1`...: the strict reader wants all of them in every row."""
    places = [(f"c{i}", member) for i, member in enumerate(members)]
    nested = [f"c{i}" for i, kind in enumerate(kinds) if kind is Kind.JSON]
    lines = []
    for ordinal, row in enumerate(rows, start):
        line: dict[str, object] = {"o": ordinal} | {place: row.get(member) for place, member in places}
        for place in nested:
            if line[place] is not None:
                line[place] = _NESTED.encode(line[place]).decode()
        lines.append(_FLAT.encode(line).decode())
    return lines


_FLAT = msgspec.json.Encoder(decimal_format="string")
"""A Decimal goes as text, which DuckDB reads digit for digit into a DECIMAL and into a text."""

_NESTED = msgspec.json.Encoder(decimal_format="number")
