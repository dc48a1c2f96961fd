"""What Fivetran makes of the names of tables and columns: names that become one overwrite each other there.

The rule is in docs/protocol.md, "Names". Letters of other scripts stay as they are here: what Fivetran makes of them is
not known, and a name must not be refused for a guess.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

_BORDERS = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=\d)(?=\D)|(?<=\D)(?=\d)")
_OWN = "_fivetran_"
"""Names that begin so are Fivetran's."""


def column_name(name: str) -> str:
    """What a column is called at Fivetran: `user_name` for "userName", "User Name" and "user_name"."""
    bare = "".join(one for one in unicodedata.normalize("NFKD", name) if not unicodedata.combining(one))
    return re.sub("_+", "_", _BORDERS.sub("_", re.sub(r"\W", "_", bare))).lower()


def table_name(name: str) -> str:
    """What a table is called at Fivetran: as a column, without underscores before it."""
    return column_name(name).lstrip("_")


def column_problems(columns: Iterable[str]) -> Iterator[str]:
    """What is wrong with the names of a row's columns, each in a sentence."""
    seen: dict[str, str] = {}
    for column in columns:
        name = column_name(column)
        if not name or name.startswith(_OWN):
            yield f"the column name {column!r} cannot be used; {_OWN} is Fivetran's own prefix"
        elif name in seen:
            yield f"the columns {seen[name]!r} and {column!r} are one to Fivetran, {name}"
        seen.setdefault(name, column)


def table_problems(tables: Iterable[str]) -> Iterator[str]:
    """The same for the names of tables."""
    seen: dict[str, str] = {}
    for table in tables:
        name = table_name(table)
        if not name:
            yield f"The table name {table!r} has no letter or digit"
        elif column_name(table).startswith(_OWN):
            yield f"The table name {table!r} cannot be used; {_OWN} is Fivetran's own prefix"
        elif seen.get(name) == table:
            yield f"Two tables are called {table}"
        elif name in seen:
            yield f"The tables {seen[name]!r} and {table!r} are one to Fivetran, {name}"
        seen.setdefault(name, table)
