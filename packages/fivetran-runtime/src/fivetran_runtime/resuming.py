"""Where a pass starts: at the mark, or where the open one stopped."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import Any

import msgspec

from fivetran_runtime import cursors
from fivetran_runtime.clock import clock
from fivetran_runtime.errors import StateError
from fivetran_runtime.rows import parsed as as_cursor
from fivetran_runtime.state import TableState
from fivetran_runtime.tables import Table


@dataclass(frozen=True)
class Start:
    """What a table function is called with, and the largest cursor its open pass has met.

    Attributes:
        since: None for a table without a cursor, and on a first sync without a floor.
        position: the arguments of the last `At`; empty at the beginning of a pass.
    """

    since: Any = None
    seen: Any = None
    position: dict[str, Any] = field(default_factory=dict)


def start(table: Table, state: TableState, floor: Any) -> Start:
    """Where this invocation begins to read a table.

    Raises:
        StateError: a value of the state cannot be read.
        DefectError: the floor is not of the cursor's kind.
    """
    position = _position(table, state)
    if table.kind is None:
        return Start(position=position)
    if state.at is None:
        return Start(since=_opening(table, state, floor))
    return Start(cursor(table, state, "since"), cursor(table, state, "seen"), position)


def _opening(table: Table, state: TableState, floor: Any) -> Any:
    """The `since` of a new pass: the mark less the lookback, not before the floor."""
    mark = cursor(table, state, "mark")
    if floor is not None:
        floor = as_cursor(table, floor, lambda: f"Table {table.name}, floor")
    if mark is None:
        return floor
    since = cursors.minus(mark, table.lookback)
    return since if floor is None else max(since, floor)


def cursor(table: Table, state: TableState, member: str) -> Any:
    """The state's `mark`, `since` or `seen` as a cursor.

    Raises:
        StateError: it is not one.
    """
    value = getattr(state, member)
    if value is None:
        return None
    kind = table.require_kind()
    hint = "Patch it, or remove it to read the table from the start."
    try:
        parsed = kind.parse(value)
    except ValueError as error:
        message = f"The state's {member} of table {table.name} is {value!r}, which {error}."
        raise StateError(message, hint=hint) from None
    if cursors.is_beyond(kind, parsed, clock().now()):
        message = f"The state's {member} of table {table.name} is {value!r}, which is in the future."
        raise StateError(message, hint=hint)
    return parsed


def _position(table: Table, state: TableState) -> dict[str, Any]:
    try:
        return {name: _typed(value, table.parameters[name]) for name, value in (state.at or {}).items()}
    except (KeyError, msgspec.ValidationError):
        # Another release named or typed the position otherwise: begin the pass again, under the same since.
        return {}


def _typed(value: Any, annotation: Any) -> Any:
    """A position's value as its annotation says: dates and instants come back from their text."""
    if annotation is inspect.Parameter.empty:
        return value
    try:
        return msgspec.convert(value, annotation)
    except TypeError:
        return value  # an annotation that only type checkers understand
