"""A pass: one complete reading of a table, over as many invocations as it takes.

Rows count only once the `At` after them, or the end, has made their unit whole; then they, the position and the
cursors that were met move together. What an invocation leaves unfinished it goes on with under the same `since`, so an
unsorted source resumes, ties are safe, and a row that changes during the pass is found by the next one (high_water.py).
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from fivetran_runtime._encoding import encode
from fivetran_runtime._invocation import logs
from fivetran_runtime._invocation.budget import Budget, OutOfBudget
from fivetran_runtime._scope import embedded_name
from fivetran_runtime._sync.batch import Batch
from fivetran_runtime._sync.deletes import Missing
from fivetran_runtime._sync.high_water import Marks
from fivetran_runtime._sync.keys import Key
from fivetran_runtime._sync.positions import stored
from fivetran_runtime._sync.row_encoder import Writer
from fivetran_runtime._sync.start import Terms, start
from fivetran_runtime._sync.state import TableState
from fivetran_runtime.errors import ConfigurationError, DefectError
from fivetran_runtime.operations import At, Row
from fivetran_runtime.tables import Table

_STALE = frozenset({400, 404, 410, 422})
"""What sources answer to a position they no longer know: an expired token, a row that is gone."""

FETCHED_AT_ONCE = 100
"""Keys that a `fetch=` function gets in one call."""


class Pass:
    """One table's pass in one invocation.

    Args:
        table: the table.
        state: its part of the state; moved on as units become whole.
        batch: where whole units go.
        budget: when to stop.
        terms: what the table is read under.
        missing: for a table whose deletes a listing finds: the keys that the listing compares.
        may_restart: whether the pass may begin again when the source no longer knows its position.

    Attributes:
        restarted: whether it has.
        digest: a number for all that a pass brought, if it began in this invocation; else None.

    Raises:
        DefectError: the floor is not of the cursor's kind.
    """

    def __init__(
        self,
        table: Table,
        state: TableState,
        *,
        batch: Batch,
        budget: Budget,
        terms: Terms,
        missing: Missing | None = None,
        may_restart: bool = True,
        digests: bool = False,
    ) -> None:
        self._table = table
        self._state = state
        self._batch = batch
        self._budget = budget
        self._terms = terms
        self._missing = missing
        self._start = start(table, state, terms)
        self._embeds = state.embeds if terms.embedded is None else embedded_name(terms.embedded)
        self._writer = Writer(table, budget.row_bytes)
        self._marks = self._new_marks() if table.kind else None
        self._unit = Batch()
        self._unit_start = budget.elapsed()
        self._largest_unit = 0
        self._slowest_unit = 0.0
        self._committed = False
        self._may_restart = may_restart
        self.restarted = False
        self.digest = 0 if digests and self._start.opens else None

    def _new_marks(self) -> Marks:
        name = self._table.name
        return Marks(self._table, self._start, self._terms.now, lambda row: self._writer.at(name, row))

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
            cut = self._run(client)
        except BaseException:
            with suppress(Exception):  # the table's own error is the one to be told
                self._pause()
            raise
        self._pause()
        return cut

    def _run(self, client: Any) -> str | None:
        self._budget.stopped = None
        try:
            return self._read(client, self._start.position)
        except ConfigurationError as refused:
            if not self._is_stale(refused):
                raise
            self._restart(refused)
            return self._read(client, {})

    def _is_stale(self, refused: ConfigurationError) -> bool:
        resumed = bool(self._start.position) and not self._committed
        return resumed and refused.status in _STALE and self._may_restart

    def _restart(self, refused: ConfigurationError) -> None:
        self.restarted = True
        message = f"Table {self._table.name}: the source no longer knows where the last call stopped"
        logs.emit("WARNING", f"{message}; the pass begins again. {refused}", table=self._table.name)

    def _read(self, client: Any, position: Mapping[str, Any]) -> str | None:
        since = {} if self._table.kind is None else {"since": self._start.since}
        if self._missing and self._start.opens and self._start.whole:
            self._missing.try_all()
        self._unit = Batch()
        if self._marks:
            self._marks.begin()
        items = iter(self._table.read(client, **since, **position))
        try:
            if cut := self._consume(items):
                return cut
        finally:
            if isinstance(items, Generator):
                items.close()
        return self._complete()

    def _consume(self, items: Iterator[Any]) -> str | None:
        name, write = self._table.name, self._write
        see = self._marks.see if self._marks else None
        for item in items:
            if type(item) is At:
                if cut := self._commit_at(item):
                    return cut
                continue
            write(item)
            if see is not None:
                if isinstance(item, dict):
                    see(item)
                elif isinstance(item, Row) and item.table == name:
                    see(item.columns)
        return None

    def _write(self, item: object) -> None:
        self._writer.write(item, self._unit)
        if self._batch.bytes + self._unit.bytes <= self._budget.row_bytes:
            return
        if self._batch:
            raise OutOfBudget("bytes", "the answer is full")
        message = f"Table {self._table.name}: {self._unit.bytes:,} bytes came without an At between them"
        limit = f"an answer holds {self._budget.row_bytes:,} bytes of rows."
        raise DefectError(f"{message}; {limit}", hint="Yield At(...) more often.")

    def _commit_at(self, at: At) -> str | None:
        position = self._checked(at)
        self._commit()
        self._state.at = position
        self._state.declared = self._table.declared
        self._state.place = self._terms.place
        self._state.embeds = self._embeds
        if self._marks:
            self._marks.pause(self._state)
        return self._cut()

    def _cut(self) -> str | None:
        return self._budget.cut_before(
            used_bytes=self._batch.bytes, unit_bytes=self._largest_unit, unit_seconds=self._slowest_unit
        )

    def _checked(self, at: At) -> dict[str, Any]:
        """The position as it will come back from the state."""
        position = stored(self._table, at)
        self._budget.reserve_position(len(encode(position)))
        return position

    def _commit(self) -> None:
        """The open unit is whole: take it into the answer.

        Raises:
            OutOfBudget: the table's code has caught the end of its budget, so something is missing from the unit.
        """
        if self._budget.stopped is not None:
            raise self._budget.stopped
        if self.digest is not None:
            self.digest += self._unit.digest()
        self._take(self._unit)
        self._largest_unit = max(self._largest_unit, self._unit.bytes)
        self._slowest_unit = max(self._slowest_unit, self._budget.elapsed() - self._unit_start)
        self._unit, self._unit_start, self._committed = Batch(), self._budget.elapsed(), True

    def _take(self, unit: Batch) -> None:
        self._batch.take(unit)
        if self._missing:
            self._missing.learn(unit)

    def _complete(self) -> str | None:
        """End the pass; what it has met moves the mark."""
        self._commit()
        state = self._state
        state.declared = self._table.declared
        if self._marks:
            state.scope = self._terms.scope
            state.embeds = self._embeds
            self._marks.complete(state)
        state.close_pass()
        state.whole = bool(self._missing and self._missing.still_unsent() and self._reads_all())
        return None

    def _reads_all(self) -> bool:
        """Whether unsent keys are brought by a pass from the floor, and not by the author's fetch."""
        return self._table.fetch is None or not self._missing or self._missing.fetches_too_many

    def _pause(self) -> None:
        """End this invocation's part of the pass."""
        if self._missing:
            self._missing.save()


class Listing(Pass):
    """A pass that also finds what is gone: keys that complete passes no longer find are deleted.

    Either the table's own complete reading, or a listing of nothing but keys beside a table with a cursor; the
    latter's rows are not sent.
    """

    def __init__(self, table: Table, state: TableState, *, keys: Missing, **others: Any) -> None:
        super().__init__(table, state, **others)
        self._keys = keys

    def run(self, client: Any) -> str | None:
        """Read on; deletes that did not fit into the last answer come first."""
        if self._keys.gone:
            try:
                return self._send_deletes()
            finally:
                self._pause()
        if self._start.opens:
            self._state.over = 0
        return super().run(client)

    def _take(self, unit: Batch) -> None:
        self._keys.note(unit)
        self._batch.take(unit.only_deletes() if self._table.only_keys else unit)

    def _complete(self) -> str | None:
        super()._complete()
        self._keys.settle()
        return self._send_deletes()

    def _send_deletes(self) -> str | None:
        """Put deletes into the answer, as many as fit."""
        unit = Batch()
        sent: list[Key] = []
        cut = None
        for key in self._keys.gone:
            encoded = encode(self._keys.columns(key))
            if self._batch.bytes + unit.bytes + len(encoded) + 1 > self._budget.row_bytes:
                cut = "bytes"
                break
            unit.put_delete(self._table.name, key, encoded)
            sent.append(key)
        self._batch.take(unit)
        self._keys.sent(sent)
        return cut

    def _pause(self) -> None:
        self._keys.save()


class Fetching(Pass):
    """Asks for the rows of keys that a listing shows and no answer has sent, some at a time."""

    def _read(self, client: Any, position: Mapping[str, Any]) -> str | None:
        missing, fetch = self._missing, self._table.fetch
        if missing is None or fetch is None or missing.fetches_too_many:
            return None
        for keys in missing.to_fetch(FETCHED_AT_ONCE):
            self._unit = Batch()
            values = [tuple(missing.columns(key).values()) for key in keys]
            rows: Iterable[Any] = fetch(client, [value[0] if len(value) == 1 else value for value in values])
            for item in rows:
                self._write(item)
            self._commit()
            missing.fetched(keys)
            if cut := self._cut():
                return cut
        return None
