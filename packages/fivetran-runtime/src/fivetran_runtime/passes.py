"""A pass: one complete reading of a table, over as many invocations as it takes.

Rows count only once the `At` after them, or the end, has made their unit whole; then they, the position and the
largest cursor move together. What an invocation leaves unfinished it goes on with under the same `since`, so an
unsorted source resumes, ties are safe, and a row that changes during the pass is found by the next one.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any

import msgspec

from fivetran_runtime import cursors
from fivetran_runtime.batch import Batch, Operation
from fivetran_runtime.budget import MB, Budget, OutOfBudget
from fivetran_runtime.encoding import encode, encode_row
from fivetran_runtime.errors import DefectError, StateError
from fivetran_runtime.missing import Missing
from fivetran_runtime.records import At, Delete, Row
from fivetran_runtime.state import TableState
from fivetran_runtime.tables import Table


class Pass:
    """One table's pass in one invocation.

    Args:
        table: the table.
        state: its part of the state; moved on as units become whole.
        batch: where whole units go.
        budget: when to stop.
        floor: where a first pass starts, as the author gave it.
    """

    def __init__(
        self, table: Table, state: TableState, *, batch: Batch, budget: Budget, floor: Any = None
    ) -> None:
        self.table = table
        self._state = state
        self._batch = batch
        self._budget = budget
        self._floor = floor
        self._missing = Missing(table, state) if table.on_missing == "delete" else None
        self._unit = Batch()
        self._since: Any = None
        self._seen: Any = None
        self._known_columns: set[tuple[str, tuple[str, ...]]] = set()
        self._unit_start = budget.elapsed()
        self._largest_unit = 0
        self._slowest_unit = 0.0

    def run(self, client: Any) -> str | None:
        """Read on until the table ends or the budget does.

        Returns:
            None when the pass is complete, else why it was cut: "bytes", "time", "wait", "memory".

        Raises:
            OutOfBudget: the budget ended between two Ats; whole units are kept.
            DefectError: a row or a unit that cannot be sent; whole units are kept.
            Exception: whatever the table function raised; whole units are kept.
        """
        try:
            return self._read(iter(self.table.read(client, **self._arguments())))
        finally:
            if self._missing:
                self._missing.pause()

    def _read(self, items: Iterator[Any]) -> str | None:
        try:
            for item in items:
                if type(item) is not At:
                    self._add(item)
                elif cut := self._commit_at(item):
                    return cut
        finally:
            if isinstance(items, Generator):
                items.close()
        self._complete()
        return None

    # -- where the pass starts ------------------------------------------------------------------------------

    def _arguments(self) -> dict[str, Any]:
        position = self._resume_position()
        if self.table.kind is None:
            return position
        if self._state.at is None:
            self._since = self._open()
        else:
            self._since = self._cursor("since", self._state.since)
            self._seen = self._cursor("seen", self._state.seen)
        return {"since": self._since, **position}

    def _open(self) -> Any:
        """The `since` of a new pass: the mark less the lookback, not before the floor."""
        mark = self._cursor("mark", self._state.mark)
        floor = (
            None
            if self._floor is None
            else self._parse(self._floor, lambda: f"Table {self.table.name}, floor")
        )
        if mark is None:
            return floor
        start = cursors.minus(mark, self.table.lookback)
        return start if floor is None else max(start, floor)

    def _resume_position(self) -> dict[str, Any]:
        stored = self._state.at or {}
        try:
            return {name: _restored(value, self.table.parameters[name]) for name, value in stored.items()}
        except (KeyError, msgspec.ValidationError):
            # Another release named or typed the position otherwise: begin the pass again, under the same since.
            return {}

    def _cursor(self, member: str, value: object) -> Any:
        if value is None:
            return None
        try:
            return self._kind().parse(value)
        except ValueError as error:
            message = f"The state's {member} of table {self.table.name} is {value!r}, which {error}."
            raise StateError(
                message, hint="Patch it, or remove it to read the table from the start."
            ) from None

    def _kind(self) -> cursors.Kind:
        if self.table.kind is None:
            raise DefectError(f"Table {self.table.name} has no cursor.")
        return self.table.kind

    # -- what the table yields ------------------------------------------------------------------------------

    def _add(self, item: object) -> None:
        if isinstance(item, dict):
            self._insert(self.table.name, item)
            if self.table.kind is not None:
                self._see(item)
        elif isinstance(item, Row):
            self._insert(item.table, item.columns)
        elif isinstance(item, Delete):
            self._delete(item)
        else:
            what = "a list: yield from it" if isinstance(item, list) else f"a {type(item).__name__}"
            message = f"Table {self.table.name} yielded {what}; it may yield dicts, Row, Delete and At."
            raise DefectError(message)

    def _insert(self, name: str, columns: Mapping[str, Any]) -> None:
        key = self._key(name, columns)
        encoded = encode_row(columns, lambda: _at_key(name, key))
        self._check_columns(name, key, tuple(columns))
        if len(encoded) > self._budget.row_bytes:
            message = f"{_at_key(name, key)}: the row takes {len(encoded) / MB:.1f} MB"
            limit = f"an answer holds {self._budget.row_bytes / MB:.1f} MB of rows."
            raise DefectError(f"{message}; {limit}", hint="Leave columns out or cut them.")
        self._put(name, key, Operation(False, encoded))

    def _check_columns(self, name: str, key: bytes, columns: tuple[str, ...]) -> None:
        if (name, columns) in self._known_columns:
            return
        for column in columns:
            if column.startswith("_fivetran_") or not column:
                message = f"{_at_key(name, key)}: the column name {column!r} cannot be used"
                raise DefectError(f"{message}; _fivetran_ is Fivetran's own prefix.", hint="Rename it.")
        self._known_columns.add((name, columns))

    def _delete(self, item: Delete) -> None:
        name = item.table or self.table.name
        key = self._key(name, item.key)
        if extra := sorted(set(item.key) - set(self.table.keys[name])):
            raise DefectError(f"Table {name}: a Delete names {', '.join(extra)}, which are not of the key.")
        self._put(name, key, Operation(True, encode_row(item.key, lambda: _at_key(name, key))))

    def _key(self, name: str, columns: Mapping[str, Any]) -> bytes:
        if name not in self.table.keys:
            message = f"Table {self.table.name} yielded a row of {name}, which is not among its children."
            raise DefectError(message, hint=f"Declare it: children={{{name!r}: [...key columns...]}}.")
        values = {column: columns.get(column) for column in self.table.keys[name]}
        for column, value in values.items():
            if value is None or isinstance(value, dict | list | tuple):
                what = "nothing" if value is None else f"a {type(value).__name__}"
                raise DefectError(
                    f"Table {name}: a row has {what} in its key column {column}. {_described(columns)}"
                )
        return encode_row(values, lambda: f"Table {name}, key {values!r}")

    def _put(self, name: str, key: bytes, operation: Operation) -> None:
        self._unit.put(name, key, operation)
        if self._batch.bytes + self._unit.bytes <= self._budget.row_bytes:
            return
        if self._batch:
            raise OutOfBudget("bytes", "the answer is full")
        message = f"Table {self.table.name}: {self._unit.bytes / MB:.1f} MB came without an At between them"
        limit = f"an answer holds {self._budget.row_bytes / MB:.1f} MB of rows."
        raise DefectError(f"{message}; {limit}", hint="Yield At(...) more often.")

    def _see(self, row: Mapping[str, Any]) -> None:
        column = self.table.cursor or ""
        if column not in row:
            raise DefectError(
                f"Table {self.table.name}: a row has no {column}, its cursor. {_described(row)}"
            )
        if row[column] is None:
            return  # never changed, as many sources say it: nothing to move the mark to
        value = self._parse(
            row[column], lambda: f"{_at_key(self.table.name, self._key(self.table.name, row))}, {column}"
        )
        if self._seen is None or value > self._seen:
            self._seen = value

    def _parse(self, value: object, where: Callable[[], str]) -> Any:
        try:
            return self._kind().parse(value)
        except ValueError as error:
            raise DefectError(f"{where()}: {value!r} {error}.") from None

    # -- when a unit is whole -------------------------------------------------------------------------------

    def _position(self, at: At) -> dict[str, Any]:
        unknown = sorted(set(at.position) - set(self.table.parameters))
        if unknown:
            known = ", ".join(self.table.parameters) or "none"
            message = f"Table {self.table.name} yielded {at!r}; its parameters are: {known}."
            raise DefectError(message, hint="Name them with defaults in the function's signature.")
        try:
            return msgspec.json.decode(encode(at.position))  # type: ignore[no-any-return]
        except (TypeError, UnicodeEncodeError):
            raise DefectError(f"Table {self.table.name} yielded {at!r}, which is not JSON.") from None

    def _commit(self) -> int | str | None:
        """Take the open unit into the answer; gives the largest cursor so far, as the state holds it."""
        self._batch.take(self._unit)
        if self._missing:
            self._missing.note(self._unit)
        self._largest_unit = max(self._largest_unit, self._unit.bytes)
        self._slowest_unit = max(self._slowest_unit, self._budget.elapsed() - self._unit_start)
        self._unit, self._unit_start = Batch(), self._budget.elapsed()
        return None if self._seen is None else self._kind().dump(self._seen)

    def _complete(self) -> None:
        """End the pass: what it has seen becomes the mark, which never moves back."""
        if self._missing:
            self._delete_gone(self._missing)
        seen = self._commit()
        if self._missing:
            self._missing.settle()
        mark = self._cursor("mark", self._state.mark) if self.table.kind else None
        if seen is not None and (mark is None or self._seen > mark):
            self._state.mark = seen
        self._state.close_pass()

    def _delete_gone(self, missing: Missing) -> None:
        missing.note(self._unit)
        for key in missing.gone():
            self._put(self.table.name, key, Operation(True, key))

    def _commit_at(self, at: At) -> str | None:
        position, seen = self._position(at), self._commit()
        self._state.at, self._state.seen = position, seen
        self._state.since = None if self._since is None else self._kind().dump(self._since)
        return self._budget.cut_before(
            used_bytes=self._batch.bytes, unit_bytes=self._largest_unit, unit_seconds=self._slowest_unit
        )


def _restored(value: Any, annotation: Any) -> Any:
    """A position's value as its annotation says: dates and instants come back from their text."""
    if annotation is inspect.Parameter.empty:
        return value
    try:
        return msgspec.convert(value, annotation)
    except TypeError:
        return value  # an annotation that only type checkers understand


def _at_key(table: str, key: bytes) -> str:
    values = msgspec.json.decode(key)
    return f"Table {table}, key {', '.join(f'{name}={value!r}' for name, value in values.items())}"


def _described(columns: Mapping[str, Any]) -> str:
    return f"Its columns are: {', '.join(map(str, columns)) or 'none'}."
