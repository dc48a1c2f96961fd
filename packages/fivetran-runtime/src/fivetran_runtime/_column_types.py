"""The types that a table may declare for its columns, for hosts and destinations that have to know them beforehand.

Fivetran finds the types of a function's columns in their values. Fivetran's Connector SDK does so, too, but a fraction whose
column is not declared travels as 32 bits there, and a column of nulls is not made.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

NAMES = {
    "boolean": "true or false",
    "long": "an integer of 64 bits",
    "double": "a fraction of 64 bits",
    "decimal(P, S)": "a number of P digits, S of them behind the point",
    "string": "text",
    "json": "a list, an object, or anything else of JSON",
    "date": "a day, 2026-01-31",
    "datetime": "a day and a time without an offset, 2026-01-31T12:00:00",
    "timestamp": "an instant, 2026-01-31T12:00:00Z",
}
"""What may be declared, and what it is."""

_PLAIN = frozenset(NAMES) - {"decimal(P, S)"}
_DECIMAL = re.compile(r"decimal\((\d+), ?(\d+)\)")
_MAX_DIGITS = 38
"""Of a decimal: those of BigQuery's BIGNUMERIC, Snowflake's and Redshift's DECIMAL that all of these have."""


def decimal_digits(name: str) -> tuple[int, int] | None:
    """How many digits a decimal type has, and how many of them behind the point; None for another type."""
    found = _DECIMAL.fullmatch(name)
    return (int(found[1]), int(found[2])) if found else None


def by_table(columns: Mapping[str, str | Mapping[str, str]], own: str) -> dict[str, dict[str, str]]:
    """The declared columns of a table named `own`, and of its children."""
    tables: dict[str, dict[str, str]] = {own: {}}
    for name, declared in columns.items():
        if isinstance(declared, str):
            tables[own][name] = declared
        else:
            tables[name] = dict(declared)
    return {name: types for name, types in tables.items() if types}


def problems(columns: object, children: Iterable[str]) -> Iterator[str]:
    """What is wrong with the declared columns of a table that has these children."""
    if not isinstance(columns, Mapping) or not all(isinstance(name, str) and name for name in columns):
        yield 'columns= is a dict of columns and their types, such as {"ratio": "double"}'
        return
    there = set(children)
    for name, declared in columns.items():
        if not isinstance(declared, Mapping):
            yield from _type_problems(name, declared)
        elif name not in there:
            yield f"columns= names the table {name}, which is none of its children"
        else:
            for column, kind in declared.items():
                yield from _type_problems(f"{name}.{column}", kind)


def _type_problems(column: str, kind: object) -> Iterator[str]:
    if kind in _PLAIN:
        return
    digits = decimal_digits(kind) if isinstance(kind, str) else None
    if digits is None:
        yield f"columns= gives {column} the type {kind!r}; there are {', '.join(NAMES)}"
    elif not 0 <= digits[1] <= digits[0] <= _MAX_DIGITS or not digits[0]:
        yield f"columns= gives {column} the type {kind!r}; a decimal has 1 to {_MAX_DIGITS} digits, with those behind the point"
