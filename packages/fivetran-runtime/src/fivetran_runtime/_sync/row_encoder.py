"""From what a table yields to the operations of an answer: keys, checks, JSON, and names as Fivetran makes them.

Names of tables or columns that become one at Fivetran overwrite each other there.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from functools import partial
from typing import Any

from fivetran_runtime._arguments import kind_of
from fivetran_runtime._encoding import encode_plain, encode_row
from fivetran_runtime._sync.batch import Batch
from fivetran_runtime._sync.keys import Key, part
from fivetran_runtime.errors import DefectError
from fivetran_runtime.operations import Delete, Row
from fivetran_runtime.tables import Table


class Writer:
    """Checks and encodes what one table yields.

    Args:
        table: the table, with its children.
        row_bytes: the largest row that fits into an answer.
    """

    def __init__(self, table: Table, row_bytes: int) -> None:
        self._table = table
        self._keys = table.keys
        self._needs_sets = table.on_missing != "keep"
        self._row_bytes = row_bytes
        self._known_columns: set[tuple[str, ...]] = set()
        self._last_columns: tuple[str, ...] = ()

    def write(self, item: object, batch: Batch) -> None:
        """Put the operation for a dict, a `Row` or a `Delete` into a batch.

        Raises:
            DefectError: it cannot be sent; names table, key and column.
        """
        if isinstance(item, dict):
            self._insert(self._table.name, item, batch)
        elif isinstance(item, Row):
            if type(item) is Row and self._needs_sets and item.table != self._table.name:
                message = f'Table {self._table.name}: on_missing="delete" needs the complete sets of its children, not a Row of {item.table}.'
                raise DefectError(
                    message, hint=f'Yield Children("{item.table}", rows, ...), or declare a table.'
                )
            columns: object = item.columns
            if not isinstance(columns, Mapping):
                message = f"Table {self._table.name} yielded Row({item.table!r}, ...) with {kind_of(columns)} for the columns; it takes a dict."
                raise DefectError(message)
            self._insert(item.table, item.columns, batch)
        elif isinstance(item, Delete):
            self._delete(item, batch)
        else:
            may = "it may yield dicts, Row, Children, Delete, At, Keep and Skip."
            raise DefectError(f"Table {self._table.name} yielded {_no_row(item)}; {may}")

    def _insert(self, name: str, columns: Mapping[str, Any], batch: Batch) -> None:
        key = self.key(name, columns)
        names, encoded = tuple(columns), None
        if type(columns) is dict and (names == self._last_columns or names in self._known_columns):
            self._last_columns = names
            encoded = encode_plain(columns)
        if encoded is None:
            encoded = encode_row(columns, partial(self.at, name, columns))
            if names not in self._known_columns:
                self._check_columns(name, names, columns)
        if len(encoded) > self._row_bytes:
            message = f"{self.at(name, columns)}: the row takes {len(encoded):,} bytes"
            limit = f"an answer holds {self._row_bytes:,} bytes of rows."
            raise DefectError(f"{message}; {limit}", hint="Leave columns out or cut them.")
        batch.put_row(name, key, encoded)

    def _check_columns(self, name: str, names: tuple[str, ...], columns: Mapping[str, Any]) -> None:
        if problems := list(column_problems(names)):
            raise DefectError(
                f"{self.at(name, columns)}: {'; '.join(problems)}.", hint="Rename or leave out."
            )
        self._known_columns.add(names)

    def _delete(self, item: Delete, batch: Batch) -> None:
        name = item.table or self._table.name
        if name not in self._keys:
            message = f"Table {self._table.name} yielded a Delete of {name}, which is not among its children."
            raise DefectError(message, hint=f"Declare it: children={{{name!r}: [...key columns...]}}.")
        if absent := [column for column in self._keys[name] if column not in item.key]:
            message = f"Table {name}: a Delete does not name {', '.join(absent)}, of the key {', '.join(self._keys[name])}."
            raise DefectError(message, hint="It names every column of the key.")
        key = self.key(name, item.key)
        if extra := sorted(set(item.key) - set(self._keys[name])):
            raise DefectError(f"Table {name}: a Delete names {', '.join(extra)}, which are not of the key.")
        columns = {column: item.key[column] for column in self._keys[name]}
        batch.put_delete(name, key, encode_row(columns, partial(self.at, name, columns)))

    def identity(self, item: object) -> tuple[str, Key]:
        """Which row a dict, a `Row` or a `Delete` is about: its table and key.

        Raises:
            DefectError: as `key`.
        """
        if isinstance(item, Delete):
            return (name := item.table or self._table.name), self.key(name, item.key)
        if isinstance(item, Row):
            return item.table, self.key(item.table, item.columns)
        return self._table.name, self.key(self._table.name, item if isinstance(item, dict) else {})

    def key(self, name: str, columns: Mapping[str, Any]) -> Key:
        """The key of a row, as it is compared.

        Raises:
            DefectError: a key column is missing, null or not a single value, or the table is not declared.
        """
        names = self._keys.get(name)
        if names is None:
            message = f"Table {self._table.name} yielded a row of {name}, which is not among its children."
            raise DefectError(message, hint=f"Declare it: children={{{name!r}: [...key columns...]}}.")
        if len(names) > 1:
            return tuple([self._part(name, column, columns.get(column), columns) for column in names])
        value = columns.get(names[0])
        return value if type(value) is int else self._part(name, names[0], value, columns)

    def _part(self, name: str, column: str, value: Any, columns: Mapping[str, Any]) -> int | str:
        if type(value) is str:
            return part(value)
        if value is None or isinstance(value, dict | list | tuple):
            what = "nothing" if value is None else kind_of(value)
            where = f"Table {name}: a row has {what} in its key column {column}."
            raise DefectError(f"{where} {described(columns)}")
        try:
            return part(value)
        except (TypeError, UnicodeEncodeError):
            return str(value)  # the row itself is refused for it, by name

    def at(self, name: str, columns: Mapping[str, Any]) -> str:
        """The table and key of a row, for an error's text."""
        key = ", ".join(f"{column}={written(columns.get(column))}" for column in self._keys[name])
        return f"Table {name}, key {key}"


def written(value: object) -> str:
    """A value for people: a number as the source wrote it."""
    return str(value) if isinstance(value, Decimal) else repr(value)


def _no_row(item: object) -> str:
    """What was yielded in the place of a row."""
    if isinstance(item, list):
        return "a list: yield from it"
    return (
        f"the class {item.__name__}: write {item.__name__}(...)" if isinstance(item, type) else kind_of(item)
    )


def described(columns: Mapping[str, Any]) -> str:
    """Which columns a row has; their values are nobody's business."""
    return f"Its columns are: {', '.join(map(str, columns)) or 'none'}."


# Names: the rule is in docs/protocol.md, "Names". Letters of other scripts stay as they are here: what Fivetran makes of them
# is not known, and a name must not be refused for a guess.

_BORDERS = r"(?<=[a-z])(?=[A-Z])|(?<=\d)(?=\D)|(?<=\D)(?=\d)"
_OWN = "_fivetran_"
"""Names that begin so are Fivetran's."""


def column_name(name: str) -> str:
    """What a column is called at Fivetran: `user_name` for "userName", "User Name" and "user_name"."""
    bare = "".join(one for one in unicodedata.normalize("NFKD", name) if not unicodedata.combining(one))
    return re.sub("_+", "_", re.sub(_BORDERS, "_", re.sub(r"\W", "_", bare))).lower()


def table_name(name: str) -> str:
    """What a table is called at Fivetran: as a column, without underscores before it."""
    return column_name(name).lstrip("_")


def column_problems(columns: Iterable[str]) -> Iterator[str]:
    """What is wrong with the names of a row's columns, each in a sentence."""
    seen: dict[str, str] = {}
    for column in columns:
        name = column_name(column)
        if not name:
            yield f"the column name {column!r} has no letter or digit"
        elif name.startswith(_OWN):
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
