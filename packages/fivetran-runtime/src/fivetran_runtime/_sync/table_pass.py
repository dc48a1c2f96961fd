"""A pass: one complete reading of a table, over as many invocations as it takes.

Rows count only once the `At` after them, or the end, has made their unit whole; then they, the position and the
cursors that were met move together. What an invocation leaves unfinished it goes on with under the same `since`, so an
unsorted source resumes, ties are safe, and a row that changes during the pass is found by the next one (high_water.py).

A unit that is larger than an answer, such as a page of long texts, is sent in parts. The state keeps the position and
how many of its rows were sent; the next call asks for the unit again and passes these over. The key of the row that
is to come, and the deletes before it, say whether it is still the same; if it is not, the unit is sent from its beginning.
A row that is passed over although it was not sent has changed since, and the next pass finds it; nothing would find a delete.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import suppress
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, cast

import msgspec

from fivetran_runtime._arguments import kind_of
from fivetran_runtime._encoding import encode
from fivetran_runtime._invocation import logs
from fivetran_runtime._invocation.budget import Budget, OutOfBudget, RowClock
from fivetran_runtime._invocation.clock import clock
from fivetran_runtime._invocation.context import running
from fivetran_runtime._scope import embedded_name
from fivetran_runtime._sync.batch import Batch, Deletes, Deletion
from fivetran_runtime._sync.closing import close
from fivetran_runtime._sync.high_water import Marks
from fivetran_runtime._sync.keys import Key
from fivetran_runtime._sync.positions import stored
from fivetran_runtime._sync.row_encoder import Writer
from fivetran_runtime._sync.start import Terms, note_terms, start
from fivetran_runtime._sync.state import TableState
from fivetran_runtime.errors import ConfigurationError, DefectError, ExpiredError
from fivetran_runtime.operations import At, Children, Delete, Keep, Row, Skip
from fivetran_runtime.tables import Table

if TYPE_CHECKING:
    from fivetran_runtime._sync.child_sets import ChildSets
    from fivetran_runtime._sync.kept import KeptValues

_STALE = frozenset({400, 404, 410, 422})
"""What sources answer to a position they no longer know: an expired token, a row that is deleted."""


_INSTRUCTIONS: tuple[type, ...] = (At, Keep, Skip, Children)
"""What a table yields that is no row and no delete."""


Steps = Generator[None, bool | None, str | None]
"""A reading that stops at each `At`, is sent whether other tables had their turn, and ends with why it was cut."""


class CallHasEnded(BaseException):
    """Thrown into a reading that stands at an `At`, to end its part of the call there."""


class _UnitChangedError(Exception):
    """What follows the rows of a unit that were sent is not what followed them in the last call."""


class Pace(msgspec.Struct):
    """How large and how slow the units of a pass have been, in bytes and seconds; the next one may be as much."""

    began: float
    largest: int = 0
    slowest: float = 0.0

    def note(self, size: int, now: float) -> None:
        """A unit has become whole, and the next one begins."""
        self.largest = max(self.largest, size)
        self.slowest = max(self.slowest, now - self.began)
        self.began = now


class Pass:
    """One table's pass in one invocation.

    Args:
        deletes: the table, and how its deletes are inferred.
        state: its part of the state; moved on as units become whole.
        batch: where whole units go.
        budget: when to stop.
        terms: what the table is read under.
        children: the complete sets of its children; None for a table without any.
        may_restart: whether the pass may begin again when the source no longer knows its position.
        may_wait: whether the next invocation has more time for it, so that it need not risk what others have read.
        digests: whether to count up `digest`.

    Attributes:
        restarted: whether it has.
        digest: a number for all that a pass brought, if it began in this invocation; else None.

    Raises:
        DefectError: the floor is not of the cursor's kind.
    """

    def __init__(
        self,
        deletes: Deletes,
        state: TableState,
        *,
        batch: Batch,
        budget: Budget,
        terms: Terms,
        children: ChildSets | None = None,
        may_restart: bool = True,
        may_wait: bool = False,
        digests: bool = False,
    ) -> None:
        self._deletes = deletes
        self._table = table = deletes.table
        self._state = state
        self._batch = batch
        self._budget = budget
        self._terms = terms
        was_begun = _was_begun(table, state)
        self._start = start(table, state, terms)
        self._position = {**self._start.position}
        self._around: dict[str, Any] = {}
        """What every position holds beside what the table yields."""
        self._kept = self._kept_values()
        if was_begun and not (self._position or state.sent):
            deletes.begin_again()
        self._embeds = state.embeds if terms.embedded is None else embedded_name(terms.embedded)
        self._writer = Writer(table, budget.row_bytes)
        self._marks = Marks(table, self._start, terms.now, self._at) if table.kind else None
        self._children = children
        self._instructions = _INSTRUCTIONS if children is None else (*_INSTRUCTIONS, Delete)
        self._unit = Batch()
        self._pace = Pace(budget.worked())
        self._row_clock = RowClock(budget, may_stop=may_wait)
        self._in_unit = 0
        """How many rows and deletes of the open unit were read."""
        self._sent = state.sent
        """How many of them are still to be passed over."""
        self._deletes_in_unit: set[tuple[str, Key]] = set()
        """The deletes among those that were passed over."""
        self._committed = False
        self._may_restart = may_restart
        self.restarted = False
        self.digest = 0 if digests and self._start.opens else None

    def _kept_values(self) -> KeptValues | None:
        table = self._table
        if not table.kept:
            return None
        from fivetran_runtime._sync.kept import KeptValues  # noqa: PLC0415 - most connectors have no such table

        for name in table.kept:
            self._position.pop(name, None)
        return KeptValues(table, self._state, self._deletes, opens=self._start.opens)

    def _at(self, row: Mapping[str, Any]) -> str:
        return self._writer.at(self._table.name, row)

    def run(self, client: Any) -> str | None:
        """Read on until the table ends or the budget does, as `steps` at once."""
        steps = self.steps(client)
        while True:
            try:
                next(steps)
            except StopIteration as ended:
                return cast("str | None", ended.value)

    def steps(self, client: Any) -> Steps:
        """Read on until the table ends or the budget does; stops at each `At` at which the call goes on.

        Returns:
            None when the pass is complete, else why it was cut: "bytes", "time" or "memory".

        Raises:
            OutOfBudget: the budget ended between two Ats; whole units are kept.
            DefectError: a row or a unit that cannot be sent; whole units are kept.
            Exception: whatever the table function raised; whole units are kept.
        """
        try:
            cut = yield from self._run(client)
        except BaseException:
            with suppress(Exception):  # the table's own error is the one to be reported
                self._pause()
            raise
        self._pause()
        return cut

    def _run(self, client: Any) -> Steps:
        if self._deletes.are_pending:
            return self._send_deletes()
        self._budget.stopped = None
        while True:
            try:
                return (yield from self._read(client, self._position))
            except (ConfigurationError, ExpiredError) as refused:
                if not self._begins_again(refused):
                    raise
            except _UnitChangedError:
                self._send_unit_again()

    def _begins_again(self, refused: ConfigurationError | ExpiredError) -> bool:
        """Whether the source no longer knows what it was asked with, and the pass can do without."""
        says_so = isinstance(refused, ExpiredError)
        if not says_so and (refused.status not in _STALE or self._committed):
            return False
        has_kept = self._kept is not None and bool(self._kept.arguments)
        goes_on = self._is_resumed() or (says_so and self._committed)
        if goes_on and self._may_restart and not self.restarted and not (says_so and has_kept):
            self._restart(refused)
            return True
        if self._kept is None or not has_kept:
            return False
        self._kept.drop(refused)
        self._go_back_to({})
        self._deletes.begin(whole=True)
        return True

    def _is_resumed(self) -> bool:
        """Whether the list that is read was asked for from a position in it, which its source may have forgotten."""
        return bool(self._position)

    def _beginning(self) -> dict[str, Any]:
        """Where the reading begins again when the source no longer knows its position."""
        return {}

    def _restart(self, refused: ConfigurationError | ExpiredError) -> None:
        self.restarted = True
        self._go_back_to(self._beginning())
        if not self._position:
            self._deletes.begin_again()
        message = f"Table {self._table.name}: the source no longer knows where the last call stopped"
        logs.emit("WARNING", f"{message}; the pass begins again. {refused}", table=self._table.name)

    def _go_back_to(self, position: dict[str, Any]) -> None:
        """Read on from there; the state too, so that what is sent before the next At counts as what follows there."""
        self._position, self._sent, self._committed = position, 0, False
        state = self._state
        if state.at is not None:
            state.at = position | (self._kept.stored if self._kept else {})
            state.sent, state.following = 0, None

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
        if not self._position:  # what was sent of it is all that was found, and may be there no longer
            self._deletes.begin_again()
        logs.emit("WARNING", f"{message}; they are sent from the last At on.", table=name)

    def _read(self, client: Any, position: Mapping[str, Any]) -> Steps:
        if self._start.opens:
            self._deletes.begin(whole=self._start.whole)
            if self._children is not None:
                self._children.begin(whole=self._start.whole and not (self._kept and self._kept.arguments))
        self._begin_unit()
        if self._marks:
            self._marks.begin()
        return (yield from self._read_all(client, position))

    def _read_all(self, client: Any, position: Mapping[str, Any]) -> Steps:
        """Read the table from a position to its end; why the call ends before that, if it does."""
        arguments = dict(position)
        if self._table.kind is not None:
            arguments["since"] = self._start.since
        if self._kept is not None:
            self._kept.begin(was_sent=self._sent > 0, at_start=not position)
            arguments |= self._kept.arguments
        return (yield from self._read_list(client, arguments)) or self._complete()

    def _begin_unit(self) -> None:
        """Forget what was read of the open unit: it is read from its beginning."""
        self._unit, self._in_unit, self._deletes_in_unit = Batch(), 0, set()
        if self._children is not None:
            self._children.discard()

    def _read_list(self, client: Any, arguments: Mapping[str, Any]) -> Steps:
        """Run the table function to its end; why the call ends before that, if it does."""
        with running().reading(self._takes):
            items = rows_of(self._table, "its function", self._table.read(client, **arguments))
            try:
                return (yield from self._consume(items))
            finally:
                has_ended = getattr(items, "gi_frame", items) is None
                if isinstance(items, Generator) and not has_ended:
                    close(items, f"Table {self._table.name}")

    def _consume(self, items: Iterator[Any]) -> Steps:
        name, write, seconds = self._table.name, self._writer.write, clock().monotonic
        see = self._marks.see if self._marks else None
        unit, room, look_at, instructions = self._unit, self._room(), seconds(), self._instructions
        for item in items:
            if type(item) is not dict and type(item) in instructions:
                if cut := (yield from self._followed(item)):
                    return cut
                unit, room, look_at = self._unit, self._room(), seconds()
                continue
            if seconds() >= look_at:
                look_at = seconds() + self._row_clock.look()
            if self._sent and self._was_sent(item):
                continue
            write(item, unit)
            if unit.bytes > room:
                return self._overflow(item)
            self._in_unit += 1
            if see is not None:
                if isinstance(item, dict):
                    see(item)
                elif isinstance(item, Row) and item.table == name:
                    see(item.columns)
        return None

    def _followed(self, item: At | Keep | Skip | Children | Delete) -> Steps:
        """Do what the table says of its rows, and stop at an `At`."""
        cut = self._follow(item)
        if cut is None and isinstance(item, At) and (yield):
            return self._resumed()
        return cut

    def _follow(self, item: At | Keep | Skip | Children | Delete) -> str | None:
        """Do what the table says of its rows; why the call ends here, if it does."""
        if isinstance(item, At):
            return self._commit_at(item)
        if isinstance(item, Delete):
            return self._delete(item)
        if isinstance(item, Children):
            if self._table.only_keys:
                message = f"Table {self._table.name}: its listing= yielded {item!r}; it yields the keys of the table's own rows."
                raise DefectError(message, hint="Yield Children in the table's function.")
            from fivetran_runtime._sync.child_sets import ChildSets  # noqa: PLC0415 - most connectors have none

            children = self._children or ChildSets(self._table, self._state, int)
            return children.read(item, self._writer, self._take)
        if isinstance(item, Skip):
            message = f"Table {self._table.name} yielded {item!r}, and has no parents= of which one could be skipped."
            raise DefectError(message, hint="Declare parents=, or say warn(...) and go on.")
        self._keep(item)
        return None

    def _delete(self, item: Delete) -> str | None:
        """A row is deleted, and its children with it."""
        own = self._table
        if (
            self._children is not None
            and item.table in (None, own.name)
            and item.key.keys() == {*own.primary_key}
        ):
            _, key = self._writer.identity(item)
            if cut := self._children.delete(key, self._take):
                return cut
        return self._take(item)

    def _take(self, item: object) -> str | None:
        """Take a row or a delete into the open unit; why the call ends here, if it does."""
        self._row_clock.look()
        if self._sent and self._was_sent(item):
            return None
        self._writer.write(item, self._unit)
        if self._unit.bytes > self._room():
            return self._overflow(item)
        self._in_unit += 1
        return None

    def _keep(self, item: Keep) -> None:
        if self._kept is None:
            hint = 'Declare it with keeps="...", the name of a parameter with the default None.'
            raise DefectError(f"Table {self._table.name} yielded {item!r}, and keeps nothing.", hint=hint)
        self._kept.keep(item, is_first=not (self._in_unit or self._committed))

    def _room(self) -> int:
        """How many bytes of rows still fit into the answer."""
        return self._budget.row_bytes - self._batch.bytes

    def _overflow(self, item: object) -> str:
        """The open unit does not fit into the answer; why the call ends here."""
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
        for table, one, operation in self._unit:
            self._note_delete((table, one), is_one=isinstance(operation, Deletion))
        position, sent = self._state.at or {}, self._in_unit
        if self._children is not None:
            self._deletes.expect(self._children.hold_back())
        self._commit()
        self._open(position, in_parts=True)
        self._state.sent, self._state.following = sent, _digest(name, key, self._deletes_in_unit)
        text = f"Table {self._table.name}: {sent} rows and more came without an At between them, which is more than an answer holds"
        hint = "the next call asks for them again and goes on behind these. Smaller pages, or At(...) more often, are quicker."
        logs.emit("WARNING", f"{text}; {hint}", table=self._table.name)
        return "bytes"

    def _was_sent(self, item: object) -> bool:
        """Whether an earlier call has sent this row of the unit.

        Raises:
            _UnitChangedError: the row behind them is another one than it was.
        """
        name, key = self._writer.identity(item)
        if self._in_unit < self._sent:
            self._in_unit += 1
            self._note_delete((name, key), is_one=isinstance(item, Delete))
            return True
        if _digest(name, key, self._deletes_in_unit) != self._state.following:
            raise _UnitChangedError
        self._sent = 0
        return False

    def _note_delete(self, row: tuple[str, Key], *, is_one: bool) -> None:
        """The last word on a row of the open unit that was sent."""
        (self._deletes_in_unit.add if is_one else self._deletes_in_unit.discard)(row)

    def _commit_at(self, at: At) -> str | None:
        position = self._checked(at)
        self._commit()
        self._row_clock.begin_unit()
        self._open(position)
        return self._cut()

    def _open(self, position: dict[str, Any], *, in_parts: bool = False) -> None:
        """Write down where the open pass goes on; `in_parts` if rows behind that place were sent."""
        state = self._state
        if self._kept is not None:
            position = position | self._kept.stored
            self._kept.pause(in_parts=in_parts)
        state.at, state.sent, state.following = position, 0, None
        state.declared, state.embeds = self._table.declared, self._embeds
        state.place = self._terms.place.current if self._terms.place else None
        note_terms(self._table, state, self._terms)
        if self._marks:
            self._marks.pause(state)

    def _resumed(self) -> str | None:
        """Go on where other tables had their turn meanwhile; why the call ends here, if it does."""
        self._row_clock.begin_unit()
        self._pace.began = self._budget.worked()
        return self._cut()

    def _cut(self) -> str | None:
        return self._budget.cut_before(
            used_bytes=self._batch.bytes, unit_bytes=self._pace.largest, unit_seconds=self._pace.slowest
        )

    def _takes(self, size: int, pages: int) -> bool:
        """Whether the call will go on with so many pages behind one of so many bytes, which has just come."""
        pace, ahead = self._pace, 1 + pages
        largest = max(pace.largest, size)
        slowest = max(pace.slowest, self._budget.worked() - pace.began)
        used = self._batch.bytes + self._unit.bytes + largest * pages
        return not self._budget.cut_before(used_bytes=used, unit_bytes=largest, unit_seconds=slowest * ahead)

    def _checked(self, at: At) -> dict[str, Any]:
        """The position as it will come back from the state."""
        position = stored(self._table, at) | self._around
        kept = 0 if self._kept is None else self._kept.bytes
        self._budget.reserve_position(len(encode(position)) + kept)
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
        self._batch.take(self._deletes.take(self._unit))
        if self._kept is not None:
            self._kept.commit()
        if self._children is not None:
            self._children.commit()
        self._pace.note(self._unit.bytes, self._budget.worked())
        self._unit, self._in_unit, self._committed = Batch(), 0, True

    def _complete(self) -> str | None:
        """End the pass; what it has met moves the mark."""
        self._commit()
        state = self._state
        state.declared = self._table.declared
        if self._table.remembers:
            state.scope = self._terms.scope.current if self._terms.scope else None
            state.embeds = self._embeds
            note_terms(self._table, state, self._terms)
        if self._marks:
            self._marks.complete(state)
        if self._kept is not None:
            self._kept.complete()
        state.close_pass()
        state.whole = self._deletes.complete()
        return self._send_deletes()

    def _send_deletes(self) -> str | None:
        """Put deletes into the answer, as many as fit."""
        deletes, are_all = self._deletes.next(self._room())
        self._batch.take(deletes)
        return None if are_all else "bytes"

    def _pause(self) -> None:
        """End this invocation's part of the pass."""
        self._deletes.save()
        if self._children is not None:
            self._children.save()


def _was_begun(table: Table, state: TableState) -> bool:
    """Whether an open pass has come behind its beginning, or has sent a part of what is there."""
    return state.sent > 0 or any(name not in table.kept for name in state.at or ())


def rows_of(table: Table, what: str, given: object) -> Iterator[Any]:
    """What a function of the author's gives, as rows.

    Raises:
        DefectError: it is none of several.
    """
    if not isinstance(given, Iterable) or isinstance(given, str | bytes | Mapping):
        message = (
            f"Table {table.name}: {what} gave {kind_of(given)}; it yields rows, or returns a list of them."
        )
        raise DefectError(message)
    return iter(given)


def _digest(name: str, key: Key, deletes: set[tuple[str, Key]]) -> str:
    """A name, of the same length always, for a row that is to come and the deletes before it."""
    before = sorted(encode(row) for row in deletes if row != (name, key))
    return blake2b(b"".join([encode([name, key]), *before]), digest_size=8).hexdigest()
