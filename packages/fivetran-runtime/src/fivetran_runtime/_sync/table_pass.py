"""A pass: one complete reading of a table, over as many invocations as it takes.

Rows count only once the `At` after them, or the end, has made their unit whole; then they, the position and the
cursors that were met move together. What an invocation leaves unfinished it goes on with under the same `since`, so an
unsorted source resumes, ties are safe, and a row that changes during the pass is found by the next one (high_water.py).

A unit that is larger than an answer, such as a page of long texts, is sent in parts: the state keeps the position and
how many of its rows were sent, and the next call asks for the unit again and passes these over. The key of the row that
is to come says whether it is still the same; if it is not, the unit is sent from its beginning.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import suppress
from hashlib import blake2b
from typing import Any

from fivetran_runtime._encoding import encode
from fivetran_runtime._invocation import logs
from fivetran_runtime._invocation.budget import Budget, OutOfBudget
from fivetran_runtime._scope import embedded_name
from fivetran_runtime._sync.batch import Batch
from fivetran_runtime._sync.closing import close
from fivetran_runtime._sync.deletes import Missing
from fivetran_runtime._sync.high_water import Marks
from fivetran_runtime._sync.keys import Key
from fivetran_runtime._sync.positions import stored
from fivetran_runtime._sync.row_encoder import Writer
from fivetran_runtime._sync.start import Terms, start
from fivetran_runtime._sync.state import TableState
from fivetran_runtime.errors import ConfigurationError, DefectError
from fivetran_runtime.operations import At, Row
from fivetran_runtime.tables import Fetch, Table

_STALE = frozenset({400, 404, 410, 422})
"""What sources answer to a position they no longer know: an expired token, a row that is gone."""


class _UnitChangedError(Exception):
    """What follows the rows of a unit that were sent is not what followed them in the last call."""


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
        self._in_unit = 0
        """How many rows and deletes of the open unit were read."""
        self._sent = state.sent
        """How many of them are still to be passed over."""
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
        except _UnitChangedError:
            self._send_unit_again()
            return self._read(client, self._start.position)

    def _is_stale(self, refused: ConfigurationError) -> bool:
        resumed = bool(self._start.position) and not self._committed
        return resumed and refused.status in _STALE and self._may_restart

    def _restart(self, refused: ConfigurationError) -> None:
        self.restarted = True
        self._sent = 0
        message = f"Table {self._table.name}: the source no longer knows where the last call stopped"
        logs.emit("WARNING", f"{message}; the pass begins again. {refused}", table=self._table.name)

    def _send_unit_again(self) -> None:
        """The rows that were sent in parts came in another order, or others with them."""
        name = self._table.name
        message = (
            f"Table {name}: rows that take more than one answer came otherwise when they were asked for again"
        )
        if not self._may_restart:
            hint = "Sort them; or ask for smaller pages, or yield At(...) more often, so that an answer holds what is between."
            raise DefectError(f"{message}, and again.", hint=hint)
        self.restarted = True
        self._sent = self._state.sent = 0
        logs.emit("WARNING", f"{message}; they are sent from the last At on.", table=name)

    def _read(self, client: Any, position: Mapping[str, Any]) -> str | None:
        since = {} if self._table.kind is None else {"since": self._start.since}
        if self._missing and self._start.opens and self._start.whole:
            self._missing.try_all()
        self._unit, self._in_unit = Batch(), 0
        if self._marks:
            self._marks.begin()
        items = iter(self._table.read(client, **since, **position))
        try:
            if cut := self._consume(items):
                return cut
        finally:
            if isinstance(items, Generator):
                close(items, f"Table {self._table.name}")
        return self._complete()

    def _consume(self, items: Iterator[Any]) -> str | None:
        name, write = self._table.name, self._write
        see = self._marks.see if self._marks else None
        for item in items:
            if type(item) is At:
                if cut := self._commit_at(item):
                    return cut
                continue
            if self._sent and self._was_sent(item):
                continue
            if cut := write(item):
                return cut
            if see is not None:
                if isinstance(item, dict):
                    see(item)
                elif isinstance(item, Row) and item.table == name:
                    see(item.columns)
        return None

    def _write(self, item: object) -> str | None:
        """Take a row or a delete into the open unit; why the call ends here, if it does."""
        self._writer.write(item, self._unit)
        if self._batch.bytes + self._unit.bytes <= self._budget.row_bytes:
            self._in_unit += 1
            return None
        if self._batch:
            raise OutOfBudget("bytes", "the answer is full")
        return self._commit_part(item)

    def _commit_part(self, following: object) -> str:
        """The open unit is larger than an answer: send what came before this row."""
        if not self._in_unit:
            message = f"Table {self._table.name}: a row takes {self._unit.bytes:,} bytes"
            limit = f"an answer holds {self._budget.row_bytes:,} bytes of rows."
            raise DefectError(f"{message}; {limit}", hint="Leave columns out or cut them.")
        name, key = self._writer.identity(following)
        self._unit.drop(name, key)
        position, sent = self._state.at or {}, self._in_unit
        self._commit()
        self._open(position)
        self._state.sent, self._state.following = sent, _digest(name, key)
        text = f"Table {self._table.name}: {sent} rows and more came without an At between them, which is more than an answer holds"
        hint = "the next call asks for them again and goes on behind these. Smaller pages, or At(...) more often, are quicker."
        logs.emit("WARNING", f"{text}; {hint}", table=self._table.name)
        return "bytes"

    def _was_sent(self, item: object) -> bool:
        """Whether an earlier call has sent this row of the unit.

        Raises:
            _UnitChangedError: the row behind them is another one than it was.
        """
        if self._in_unit < self._sent:
            self._in_unit += 1
            return True
        if _digest(*self._writer.identity(item)) != self._state.following:
            raise _UnitChangedError
        self._sent = 0
        return False

    def _commit_at(self, at: At) -> str | None:
        position = self._checked(at)
        self._commit()
        self._open(position)
        return self._cut()

    def _open(self, position: dict[str, Any]) -> None:
        """Write down where the open pass goes on."""
        state = self._state
        state.at, state.sent, state.following = position, 0, None
        state.declared, state.place, state.embeds = self._table.declared, self._terms.place, self._embeds
        if self._marks:
            self._marks.pause(state)

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
            _UnitChangedError: the unit ends before the rows that were sent of it.
        """
        if self._budget.stopped is not None:
            raise self._budget.stopped
        if self._sent:
            raise _UnitChangedError
        if self.digest is not None:
            self.digest += self._unit.digest()
        self._take(self._unit)
        self._largest_unit = max(self._largest_unit, self._unit.bytes)
        self._slowest_unit = max(self._slowest_unit, self._budget.elapsed() - self._unit_start)
        self._unit, self._in_unit = Batch(), 0
        self._unit_start, self._committed = self._budget.elapsed(), True

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

    _asks_for_one = False

    def _read(self, client: Any, position: Mapping[str, Any]) -> str | None:
        missing, fetch = self._missing, self._table.fetch
        if missing is None or fetch is None or missing.fetches_too_many:
            return None
        for keys in missing.to_fetch(FETCHED_AT_ONCE):
            self._fetch(client, fetch, missing, keys)
            if cut := self._cut():
                return cut
        return None

    def _fetch(self, client: Any, fetch: Fetch, missing: Missing, keys: list[Key]) -> None:
        """Take the rows of some keys into the answer, in halves where it does not hold all of them."""
        self._unit, self._in_unit, self._asks_for_one = Batch(), 0, len(keys) == 1
        values = [tuple(missing.columns(key).values()) for key in keys]
        rows: Iterable[Any] = fetch(client, [value[0] if len(value) == 1 else value for value in values])
        if any(self._write(item) for item in rows):
            half = len(keys) // 2
            self._fetch(client, fetch, missing, keys[:half])
            self._fetch(client, fetch, missing, keys[half:])
            return
        self._commit()
        missing.fetched(keys)

    def _commit_part(self, _: object) -> str:
        """The rows of the keys that were asked for are larger than an answer."""
        if self._asks_for_one:
            message = f"Table {self._table.name}: the rows that fetch= brings for one key take {self._unit.bytes:,} bytes"
            limit = f"an answer holds {self._budget.row_bytes:,} bytes of rows."
            raise DefectError(f"{message}; {limit}", hint="Leave columns out or cut them.")
        return "bytes"


def _digest(name: str, key: Key) -> str:
    """A name for a row that takes the same room for every key."""
    return blake2b(encode([name, key]), digest_size=8).hexdigest()
