"""A pass: one complete reading of a table, over as many invocations as it takes.

Rows count only once the `At` after them, or the end, has made their unit whole; then they, the position and the
largest cursor move together. What an invocation leaves unfinished it goes on with under the same `since`, so an
unsorted source resumes, ties are safe, and a row that changes during the pass is found by the next one.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from typing import Any

import msgspec

from fivetran_runtime import cursors, logs
from fivetran_runtime.batch import Batch, Operation
from fivetran_runtime.budget import Budget, OutOfBudget
from fivetran_runtime.clock import clock
from fivetran_runtime.encoding import encode
from fivetran_runtime.errors import ConfigurationError, DefectError
from fivetran_runtime.missing import Missing
from fivetran_runtime.records import At
from fivetran_runtime.resuming import cursor, start
from fivetran_runtime.rows import Writer, at_key, described, parsed
from fivetran_runtime.state import TableState
from fivetran_runtime.tables import Table

_STALE = frozenset({400, 404, 410, 422})
"""What sources answer to a position they no longer know: an expired token, a row that is gone."""
_MOST_RESTARTS = 3


class Pass:
    """One table's pass in one invocation.

    Args:
        table: the table.
        state: its part of the state; moved on as units become whole.
        batch: where whole units go.
        budget: when to stop.
        floor: where a first pass starts, as the author gave it.
        missing: for a table whose deletes a listing finds: the keys that the listing compares.

    Raises:
        StateError: the state cannot be read.
        DefectError: the floor is not of the cursor's kind.
    """

    def __init__(
        self,
        table: Table,
        state: TableState,
        *,
        batch: Batch,
        budget: Budget,
        floor: Any = None,
        missing: Missing | None = None,
    ) -> None:
        self._table = table
        self._state = state
        self._batch = batch
        self._budget = budget
        self._missing = missing
        self._start = start(table, state, floor)
        self._seen = self._start.seen
        self._writer = Writer(table, budget.row_bytes)
        self._unit = Batch()
        self._unit_start = budget.elapsed()
        self._largest_unit = 0
        self._slowest_unit = 0.0
        self._committed = False
        self._now = clock().now()
        self._told_future = False

    def run(self, client: Any) -> str | None:
        """Read on until the table ends or the budget does.

        Returns:
            None when the pass is complete, else why it was cut: "bytes", "time" or "memory".

        Raises:
            OutOfBudget: the budget ended between two Ats; whole units are kept.
            DefectError: a row or a unit that cannot be sent; whole units are kept.
            Exception: whatever the table function raised; whole units are kept.
        """
        try:
            return self._read(client, self._start.position)
        except ConfigurationError as refused:
            if not self._may_restart(refused):
                raise
            self._tell_restart(refused)
            return self._read(client, {})
        finally:
            self._pause()

    def _may_restart(self, refused: ConfigurationError) -> bool:
        resumed = bool(self._start.position) and not self._committed
        return resumed and refused.status in _STALE and self._state.restarts < _MOST_RESTARTS

    def _read(self, client: Any, position: Mapping[str, Any]) -> str | None:
        since = {} if self._table.kind is None else {"since": self._start.since}
        self._unit = Batch()
        items = iter(self._table.read(client, **since, **position))
        try:
            if cut := self._consume(items):
                return cut
        finally:
            if isinstance(items, Generator):
                items.close()
        self._complete()
        return None

    def _consume(self, items: Iterator[Any]) -> str | None:
        for item in items:
            if type(item) is At:
                if cut := self._commit_at(item):
                    return cut
            else:
                self._put(*self._writer.write(item))
                if self._table.kind is not None and isinstance(item, dict):
                    self._see(item)
        return None

    def _tell_restart(self, refused: ConfigurationError) -> None:
        self._state.restarts += 1
        message = f"Table {self._table.name}: the source no longer knows where the last call stopped"
        logs.emit("WARNING", f"{message}; the pass begins again. {refused}", table=self._table.name)

    def _put(self, name: str, key: bytes, operation: Operation) -> None:
        self._unit.put(name, key, operation)
        if self._batch.bytes + self._unit.bytes <= self._budget.row_bytes:
            return
        if self._batch:
            raise OutOfBudget("bytes", "the answer is full")
        message = f"Table {self._table.name}: {self._unit.bytes:,} bytes came without an At between them"
        limit = f"an answer holds {self._budget.row_bytes:,} bytes of rows."
        raise DefectError(f"{message}; {limit}", hint="Yield At(...) more often.")

    def _see(self, row: Mapping[str, Any]) -> None:
        table, column = self._table, self._table.cursor or ""
        if column not in row:
            raise DefectError(f"Table {table.name}: a row has no {column}, its cursor. {described(row)}")
        if row[column] is None:
            return  # never changed, as many sources say it: nothing to move the mark to
        value = parsed(
            table, row[column], lambda: f"{at_key(table.name, self._writer.key(table.name, row))}, {column}"
        )
        if cursors.is_beyond(table.require_kind(), value, self._now):
            self._tell_future(row)
        elif self._seen is None or value > self._seen:
            self._seen = value

    def _tell_future(self, row: Mapping[str, Any]) -> None:
        """Once per pass: the row is sent, but a mark in the future would hide every change until then."""
        if self._told_future:
            return
        self._told_future = True
        key = at_key(self._table.name, self._writer.key(self._table.name, row))
        message = f"{key}: {self._table.cursor} is {row[self._table.cursor or '']!r}, in the future"
        logs.emit("WARNING", f"{message}; it does not move the mark.", table=self._table.name)

    def _commit_at(self, at: At) -> str | None:
        position = self._checked(at)
        self._commit()
        self._state.at = position
        self._state.seen, self._state.since = self._dumped(self._seen), self._dumped(self._start.since)
        return self._budget.cut_before(
            used_bytes=self._batch.bytes, unit_bytes=self._largest_unit, unit_seconds=self._slowest_unit
        )

    def _checked(self, at: At) -> dict[str, Any]:
        """The position as it will come back from the state."""
        if unknown := sorted(set(at.position) - set(self._table.parameters)):
            known = ", ".join(self._table.parameters) or "none"
            message = f"Table {self._table.name} yielded {at!r}; its parameters are: {known}, not {', '.join(unknown)}."
            raise DefectError(message, hint="Name them with defaults in the function's signature.")
        try:
            position: dict[str, Any] = msgspec.json.decode(encode(at.position))
        except (TypeError, UnicodeEncodeError):
            raise DefectError(f"Table {self._table.name} yielded {at!r}, which is not JSON.") from None
        return position

    def _commit(self) -> None:
        """The open unit is whole: take it into the answer."""
        self._take(self._unit)
        self._largest_unit = max(self._largest_unit, self._unit.bytes)
        self._slowest_unit = max(self._slowest_unit, self._budget.elapsed() - self._unit_start)
        self._unit, self._unit_start, self._committed = Batch(), self._budget.elapsed(), True

    def _take(self, unit: Batch) -> None:
        self._batch.take(unit)
        if self._missing:
            self._missing.learn(unit)

    def _complete(self) -> None:
        """End the pass: what it has seen becomes the mark, which never moves back."""
        self._commit()
        mark = cursor(self._table, self._state, "mark") if self._table.kind else None
        if self._seen is not None and (mark is None or self._seen > mark):
            self._state.mark = self._dumped(self._seen)
        self._state.close_pass()

    def _pause(self) -> None:
        """End this invocation's part of the pass."""
        if self._missing:
            self._missing.remember()

    def _dumped(self, value: Any) -> int | str | None:
        return None if value is None else self._table.require_kind().dump(value)


class Listing(Pass):
    """A pass that also finds what is gone: keys that complete passes no longer find are deleted.

    Either the table's own complete reading, or a listing of nothing but keys beside a table with a cursor; the
    latter's rows are not sent.
    """

    def __init__(self, table: Table, state: TableState, *, batch: Batch, budget: Budget) -> None:
        super().__init__(table, state, batch=batch, budget=budget)
        self._keys = Missing(table, state)

    def _take(self, unit: Batch) -> None:
        self._keys.note(unit)
        self._batch.take(unit.only_deletes() if self._table.only_keys else unit)

    def _complete(self) -> None:
        self._keys.note(self._unit)
        for key in self._keys.gone():
            self._put(self._table.name, key, Operation(True, key))
        super()._complete()
        self._keys.settle()

    def _pause(self) -> None:
        self._keys.pause()
