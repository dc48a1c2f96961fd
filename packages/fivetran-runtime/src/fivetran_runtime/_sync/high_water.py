"""The next mark: how far a complete pass lets the next one skip.

A row can only be missed for good if it changed while the pass was running, on a page that had been read already: its
cursor is then later than the pass's first read of the source. So the next mark is the largest of three values:
the mark so far, the newest cursor of the complete pass before, and the newest cursor in this pass's first answer from the
source. None of them can be later than that read. The rule needs no clock and no order of rows, and holds for all parents of
a table together. The price is one more reading of what a pass brought: the mark follows one pass behind.

"The first answer" is what was yielded while the pass had been answered once. Where rows come after several answers (a
list of parents before the first parent's rows), or from elsewhere than the runtime's client, nothing counts as first.

A value later than the invocation's start counts for none of the three; a row dated ahead cannot hide what changes
until then. The lookback is taken off when the next pass begins (start.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from fivetran_runtime import cursors
from fivetran_runtime._invocation import logs
from fivetran_runtime._invocation.clock import clock
from fivetran_runtime._invocation.context import Invocation, running
from fivetran_runtime._sync.row_encoder import described, written
from fivetran_runtime._sync.start import Start
from fivetran_runtime._sync.state import TableState
from fivetran_runtime.errors import DefectError
from fivetran_runtime.tables import Table


class Marks:
    """The cursors that one table's pass meets in one invocation.

    Args:
        table: a table with a cursor.
        start: what is known from earlier invocations.
        now: the invocation's start.
        at: names a row in a message.
    """

    def __init__(
        self, table: Table, start: Start, now: datetime, at: Callable[[Mapping[str, Any]], str]
    ) -> None:
        kind = table.require_kind()
        self._table = table
        self._column = table.cursor or ""
        self._parse, self._never = kind.parse, kind.never
        self._latest = kind.latest(now) if kind.latest else None
        self._now, self._at, self._start = now, at, start
        self._seen, self._first = start.seen, start.first
        self._invocation: Invocation = running()
        self._answers_before = self._invocation.distinct_requests
        self._is_first_answer = start.opens
        self._last: Any = None
        self._said: set[str] = set()

    def begin(self) -> None:
        """The source is read from the open pass's position, or again from its beginning."""
        self._last = None

    def see(self, row: Mapping[str, Any]) -> None:
        """Take note of a row of the table.

        Raises:
            DefectError: it has no cursor, one that is none, or one that is out of the declared order.
        """
        try:
            value = self._parse(row[self._column])
        except (KeyError, ValueError) as error:
            self._cannot_parse(row, error)
            return
        if self._latest is not None and value > self._latest:
            self._see_later(row, value)
            return
        if self._table.in_order:
            self._require_order(row, value)
        if self._seen is None or value > self._seen:
            self._seen = value
        if self._is_first_answer:
            self._see_first(value)

    def _see_first(self, value: Any) -> None:
        answers = self._invocation.distinct_requests - self._answers_before
        if answers == 1:
            self._first = value if self._first is None else max(self._first, value)
        self._is_first_answer = answers <= 1

    def _cannot_parse(self, row: Mapping[str, Any], error: Exception) -> None:
        name = self._table.name
        if isinstance(error, KeyError):
            raise DefectError(
                f"Table {name}: a row has no {self._column}, its cursor. {described(row)}"
            ) from None
        value = row[self._column]
        if value is not None:
            raise DefectError(f"{self._at(row)}, {self._column}: {written(value)} {error}.") from None
        found = "The listing finds it." if self._table.listing else "Only listing= would find it."
        self._warn(
            "null",
            f"{self._at(row)}: {self._column} is null. A row that gets its first {self._column} later than"
            f" its first pass is not asked for until then. {found}",
        )

    def _see_later(self, row: Mapping[str, Any], value: Any) -> None:
        """The row is sent, but a mark in the future would hide every change until then."""
        if cursors.is_far_beyond(self._table.require_kind(), value, clock().now()):
            text = f"{self._at(row)}: {self._column} is {written(row[self._column])}, in the future"
            self._warn("later", f"{text}; it does not move the mark.")

    def _require_order(self, row: Mapping[str, Any], value: Any) -> None:
        if self._last is not None and value < self._last:
            text = f"{self._at(row)}: {self._column} is {written(row[self._column])}, earlier than the row before it"
            hint = "in_order= promises the order of the cursor: sort by it, or leave in_order out."
            raise DefectError(f"{text}.", hint=hint)
        self._last = value

    def _warn(self, what: str, text: str) -> None:
        """Once a call: such rows rarely come alone."""
        if what not in self._said:
            self._said.add(what)
            logs.emit("WARNING", text, table=self._table.name)

    def pause(self, state: TableState) -> None:
        """Write down what the open pass has met."""
        state.seen, state.first = self._dumped(self._seen), self._dumped(self._first)
        state.since = self._dumped(self._start.since)

    def complete(self, state: TableState) -> None:
        """The pass is complete: move the mark."""
        counted = [self._start.mark, self._start.newest, self._first]
        if self._table.in_order:
            counted.append(self._seen)
        known = [value for value in counted if value is not None and value != self._never]
        mark = max(known, default=None)
        newest = self._seen if self._seen not in (None, self._never) else None
        state.mark = self._dumped(mark)
        state.newest = self._dumped(
            newest if mark is None or (newest is not None and newest > mark) else None
        )
        self._tell_times(mark)

    def _tell_times(self, mark: Any) -> None:
        if mark is not None and cursors.looks_like_a_later_time(self._table.require_kind(), mark, self._now):
            text = f"Table {self._table.name}: if {self._column} is a time, its mark {mark} is in the future"
            self._warn("time", f'{text}; epoch="seconds" or epoch="milliseconds" says that it is one.')

    def _dumped(self, value: Any) -> int | str | None:
        return None if value is None else self._table.require_kind().dump(value)
