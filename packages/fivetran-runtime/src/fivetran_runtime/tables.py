"""What a table is: a generator function and what its author declares about it.

The function's signature is the declaration of its state: first the client, then `since` when the table has a
cursor, then keyword parameters with defaults, which *are* the durable position.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from fivetran_runtime import cursors
from fivetran_runtime.errors import DeclarationError

Read = Callable[..., Iterable[Any]]
"""A table function: client, `since`, position -> dicts, Rows, Deletes and Ats."""

OnMissing = Literal["keep", "delete"] | Callable[[Any], Literal["keep", "delete"]]
"""What becomes of rows that complete passes no longer find."""

_EMPTY = inspect.Parameter.empty


@dataclass(frozen=True, init=False)
class Table:
    """A table of the destination and how to read it.

    Args:
        name: the table's name in the destination.
        read: the table function.
        key: the primary key's column, or columns.
        cursor: the column that says when a row last changed; `since` then gets the mark of the last complete
            pass, less the lookback, and its annotation (int, date or datetime) says what the column holds.
        lookback: how far before the mark to read again, for rows that were committed late: a timedelta, or an
            int for an integer cursor.
        floor: where the first sync starts; a value of the cursor's kind, or a function of the configuration.
            Without it the first `since` is None.
        children: child tables that this function also yields, name to key.
        on_missing: "delete" deletes rows that two complete passes in a row have not found, as long as the keys
            compress to less than 512 KB together; or a function of the configuration that gives "keep" or "delete".
        listing: for on_missing="delete" with a cursor, whose passes are never complete: a table function that
            yields at least the key columns of all rows there are. They are compared, not sent.

    Raises:
        DeclarationError: the declaration does not fit together; names the table and says how to mend it.
    """

    name: str
    read: Read
    key: tuple[str, ...]
    cursor: str | None
    kind: cursors.Kind | None
    lookback: cursors.Lookback | None
    floor: Any
    children: Mapping[str, tuple[str, ...]]
    on_missing: OnMissing
    listing: Read | None
    only_keys: bool
    """Whether this is another table's listing: its rows are compared, not sent."""
    parameters: Mapping[str, Any] = field(repr=False)
    """The position's parameters: name to annotation, or `inspect.Parameter.empty`."""

    def __init__(
        self,
        name: str,
        read: Read,
        *,
        key: str | Sequence[str],
        cursor: str | None = None,
        lookback: cursors.Lookback | None = None,
        floor: Any = None,
        children: Mapping[str, str | Sequence[str]] | None = None,
        on_missing: OnMissing = "keep",
        listing: Read | None = None,
        only_keys: bool = False,
    ) -> None:
        signature = _Signature(name, read)
        values = {
            "name": name,
            "read": read,
            "key": _columns(key),
            "cursor": cursor,
            "kind": signature.cursor_kind(),
            "lookback": lookback,
            "floor": floor,
            "children": {child: _columns(columns) for child, columns in (children or {}).items()},
            "on_missing": on_missing,
            "listing": listing,
            "only_keys": only_keys,
            "parameters": signature.position(),
        }
        for attribute, value in values.items():
            object.__setattr__(self, attribute, value)
        if problems := list(_problems(self)):
            raise DeclarationError(f"Table {name}: {'; '.join(problems)}.")

    @property
    def keys(self) -> dict[str, tuple[str, ...]]:
        """The key of the table itself and of each child."""
        return {self.name: self.key, **self.children}

    def require_kind(self) -> cursors.Kind:
        """The cursor's kind; only for tables that have one."""
        if self.kind is None:
            raise DeclarationError(f"Table {self.name} has no cursor.")
        return self.kind

    def deletes_missing(self, config: Any) -> bool:
        """Whether rows that are no longer found are deleted under this configuration."""
        chosen = self.on_missing(config) if callable(self.on_missing) else self.on_missing
        return chosen == "delete"

    def listing_table(self) -> Table | None:
        """The listing of this table's keys, as a table that is read before it."""
        if self.listing is None:
            return None
        return Table(self.name, self.listing, key=self.key, on_missing=self.on_missing, only_keys=True)


def _columns(key: str | Sequence[str]) -> tuple[str, ...]:
    return (key,) if isinstance(key, str) else tuple(key)


def _problems(table: Table) -> Iterable[str]:
    for name, key in table.keys.items():
        if not key or len(set(key)) < len(key) or not all(key):
            yield f"the key of {name} must name at least one column, each once"
    if table.name in table.children:
        yield "a child has the table's own name"
    if table.cursor and not table.kind:
        yield 'cursor= needs a parameter "since", annotated int, date or datetime'
    if table.kind and not table.cursor:
        yield 'a parameter "since" needs cursor=, the column it is compared with'
    if table.lookback is not None and not (table.kind and isinstance(table.lookback, table.kind.lookback)):
        yield "lookback= needs a cursor, and is a timedelta, or an int for an integer cursor"
    if table.floor is not None and not table.cursor:
        yield "floor= needs a cursor"
    yield from _deletion_problems(table)


def _deletion_problems(table: Table) -> Iterable[str]:
    if table.on_missing not in ("keep", "delete") and not callable(table.on_missing):
        yield 'on_missing= is "keep", "delete" or a function of the configuration'
    if table.listing is not None and (table.on_missing == "keep" or not table.cursor):
        yield 'listing= is for a table with a cursor and on_missing="delete"'
    if table.on_missing != "keep" and table.cursor and table.listing is None:
        yield 'on_missing="delete" with a cursor needs listing=, since its passes bring only what changed'
    if table.on_missing != "keep" and table.children:
        yield 'on_missing="delete" says nothing about children: yield Delete(...) for them, or make them tables'


class _Signature:
    def __init__(self, table: str, read: Read) -> None:
        self._table = table
        self._globals = getattr(read, "__globals__", {})
        parameters = list(inspect.signature(read).parameters.values())
        if not parameters:
            raise DeclarationError(f"Table {table}: its function takes the client as its first parameter.")
        self._parameters = {parameter.name: parameter for parameter in parameters[1:]}

    def cursor_kind(self) -> cursors.Kind | None:
        if "since" not in self._parameters:
            return None
        annotation = self._evaluate(self._parameters["since"].annotation)
        parts = typing.get_args(annotation) if _is_union(annotation) else (annotation,)
        named = [cursors.KINDS.get(part) for part in parts if part is not types.NoneType]
        return named[0] if len(named) == 1 else None

    def position(self) -> dict[str, Any]:
        named = {name: parameter for name, parameter in self._parameters.items() if name != "since"}
        bare = [name for name, parameter in named.items() if parameter.default is _EMPTY]
        if bare:
            message = f"Table {self._table}: a position's parameter needs a default: {', '.join(bare)}."
            raise DeclarationError(message, hint="The default is where a pass starts.")
        return {name: self._evaluate(parameter.annotation) for name, parameter in named.items()}

    def _evaluate(self, annotation: Any) -> Any:
        if not isinstance(annotation, str):
            return annotation
        try:
            return eval(annotation, self._globals)  # noqa: S307 - the connector's own source text
        except NameError:
            return _EMPTY  # imported for type checkers only


def _is_union(annotation: Any) -> bool:
    return typing.get_origin(annotation) in (typing.Union, types.UnionType)
