"""Rows for a practice source, made of a schema's types, formats, enums and examples: the same for the same description.

They are Python expressions in which `number` counts the rows, so that practice.py stays a page to read and edit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tools.locked.creating.openapi.columns import Cursor
from tools.locked.creating.openapi.schemas import ABSENT, Schemas, Shape
from tools.locked.creating.openapi.selection import Table
from tools.locked.creating.openapi.words import has_plain_words, one_line, singular, squeezed

ROWS = 30
PARENTS = 12
PARENTS_CHILDREN = 3
CHILDREN = 44
"""Eleven under the first parent, more than a page, and three under each other: when three parents are deleted, fewer than
half of the children are, which is what a table may lose at once without a person's word.
"""
MAX_COLUMNS = 30
MAX_MEMBERS = 6
"""Of an object within a row."""
MAX_DEPTH = 2
MAX_ENUM = 8
FIRST_SECOND = 1_767_225_600
"""2026-01-01 in seconds since 1970: where integer cursors start."""

PLAIN = re.compile(r"[A-Za-z][A-Za-z ,._'-]{0,60}")
"""An example that may be taken as it is: words, and nothing like a credential."""

FORMATS = {
    "date-time": "2026-01-{day}T12:00:00Z",
    "date": "2026-01-{day}",
    "time": "12:00:00",
    "uuid": "00000000-0000-4000-8000-{long}",
    "email": "person{number}@example.com",
    "uri": "https://example.com/{name}/{number}",
    "url": "https://example.com/{name}/{number}",
    "hostname": "host{number}.example.com",
    "ipv4": "192.0.2.{octet}",
    "ipv6": "2001:db8::{number}",
}
"""By a string's format: addresses are those set aside for documentation (RFC 2606, 5737 and 3849)."""

NUMBERS = {
    "day": "{number % 28 + 1:02}",
    "long": "{number:012}",
    "number": "{number}",
    "octet": "{number % 250 + 1}",
}


def row_of(schemas: Schemas, table: Table) -> dict[str, str]:
    """The columns of a table's rows with an expression for each: key and cursor, what is required, then the rest."""
    chosen = _chosen(table)
    values = {name: _value(schemas, table.members[name], name) for name in chosen}
    values[table.key.column] = key_expression(table, "number")
    if table.cursor:
        values[table.cursor.column] = _moment(table.cursor)
    if table.parent:
        values = {table.parent.column: "", **values}
        values[table.parent.column] = key_expression(
            table.parent.table, f"max(1, (number - 6) // {PARENTS_CHILDREN})"
        )
    return {name: value for name, value in values.items() if value}


def count_of(table: Table, tables: Iterable[Table]) -> int:
    """How many rows a table has: parents are fewer, since each costs requests, and none is without children."""
    if table.parent:
        return CHILDREN
    paths = {one.parent.table.listing.path for one in tables if one.parent}
    return PARENTS if table.listing.path in paths else ROWS


def key_expression(table: Table, number: str) -> str:
    """The key of the row with a number."""
    if table.key.kind == "integer":
        return number
    if table.key.format == "uuid":
        return f'f"00000000-0000-4000-8000-{{{number}:012}}"'
    return f'f"{singular(table.name)}-{{{number}:03}}"'


def _chosen(table: Table) -> list[str]:
    """The columns that rows have: not all of hundreds, none that Fivetran's names confuse, nor whose name lint refuses."""
    first = [table.key.column, *([table.cursor.column] if table.cursor else [])]
    required = [name for name in table.members if name in table.listing.item.required]
    names = dict.fromkeys([*first, *required, *table.members])
    seen: dict[str, str] = {}
    for name in names:
        if has_plain_words(name) and name.isprintable() and len(name) < 100:
            seen.setdefault(squeezed(name), name)
    usable = [name for key, name in seen.items() if key and not name.startswith("_fivetran")]
    return usable[:MAX_COLUMNS]


def _moment(cursor: Cursor) -> str:
    if cursor.kind == "date":
        return 'f"2026-01-{number % 28 + 1:02}"'
    if cursor.kind == "datetime":
        return 'f"2026-01-{number % 28 + 1:02}T12:00:00Z"'
    unit = 1000 if cursor.kind == "milliseconds" else 1
    return f"{FIRST_SECOND * unit} + number % 28 * {86_400 * unit}"


def _value(schemas: Schemas, shape: Shape, name: str, depth: int = 0) -> str:
    """An expression of the shape's type; empty for what nothing is known of."""
    enum = [value for value in shape.enum if _is_literal(value)][:MAX_ENUM]
    if enum and shape.kind != "boolean":
        listed = ", ".join(map(ascii, enum))
        return ascii(enum[0]) if len(enum) == 1 else f"[{listed}][number % {len(enum)}]"
    match shape.kind:
        case "boolean":
            return "number % 2 == 0"
        case "integer":
            return _whole(shape)
        case "number":
            return f"number % 100 + {0.5 if (shape.minimum or 0) <= 0 and (shape.maximum or 101) > 100 else shape.minimum or 0.5}"
        case "string":
            return _text(shape, name)
        case "array":
            inner = (
                _value(schemas, schemas.shape(shape.items), singular(name), depth + 1)
                if depth < MAX_DEPTH
                else ""
            )
            return f"[{inner}]"
        case "object":
            return _object(schemas, shape, depth)
    return ""


def _object(schemas: Schemas, shape: Shape, depth: int) -> str:
    members: Iterator[tuple[str, Shape]] = schemas.members(shape)
    if depth >= MAX_DEPTH:
        return "{}"
    values: Mapping[str, str] = {
        name: value
        for name, inner in list(members)[:MAX_MEMBERS]
        if has_plain_words(name) and (value := _value(schemas, inner, name, depth + 1))
    }
    return "{" + ", ".join(f"{name!a}: {value}" for name, value in values.items()) + "}"


def _whole(shape: Shape) -> str:
    low = int(shape.minimum or 0)
    high = int(shape.maximum) if shape.maximum is not None else low + 1000
    return f"number % {max(1, min(high - low, 1000) + 1)}" + (f" + {low}" if low else "")


def _text(shape: Shape, name: str) -> str:
    """A text of the shape's format; else its example, or its name, with the number where nothing forbids that."""
    if shape.format in FORMATS:
        words = FORMATS[shape.format].replace("{name}", _word(name))
        for mark, expression in NUMBERS.items():
            words = words.replace(f"{{{mark}}}", expression)
        return f'f"{words}"' if "{" in words else f'"{words}"'
    example = (
        shape.example if _is_plain_text(shape.example) else one_line(name.replace("_", " ")).capitalize()
    )
    if shape.pattern or (shape.max_length is not None and shape.max_length < len(example) + 5):
        return ascii(str(example)[: shape.max_length] if shape.max_length else example)
    return "f" + ascii(f"{example} \0").replace("{", "{{").replace("}", "}}").replace("\\x00", "{number}")


def _word(name: str) -> str:
    return re.sub(r"[^a-z0-9-]", "", name.lower()) or "item"


def _is_plain_text(value: Any) -> bool:
    return (
        value is not ABSENT
        and isinstance(value, str)
        and bool(PLAIN.fullmatch(value))
        and len(max(value.split(), key=len, default="")) <= 20
        and has_plain_words(value)
    )


def _is_literal(value: Any) -> bool:
    """Whether an enum's value may stand in Python: short, of a plain type, and what lint has nothing against."""
    if isinstance(value, str):
        return len(value) <= 60 and value.isprintable() and has_plain_words(value)
    return isinstance(value, bool | int) and abs(value) < 1e15
