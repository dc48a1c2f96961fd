"""What a table keeps from pass to pass: a token with which the source tells what has changed since.

A source that gives such a token tells of deletes and changes to it alone, so it must neither be lost nor counted too
early. It becomes the table's kept value with the last rows of the pass that yielded it, in one answer. Until then it is
beside the open pass's position. The position holds the value that this pass was begun with, so resumed pages ask with
the same one. A pass without one is a full listing, whichever release goes on with it.

A pass of changes shows no row that is unchanged, and must never be taken for a listing. When the token has expired, the
pass begins again as a full listing. What that does not find is deleted when a second one does not find it either; that
second listing follows in the next sync, and keeps no token: the one of the first still has to tell what was deleted
between them.
"""

from __future__ import annotations

from typing import Any

from fivetran_runtime._encoding import encode
from fivetran_runtime._invocation import logs
from fivetran_runtime._sync import positions
from fivetran_runtime._sync.batch import Deletes
from fivetran_runtime._sync.state import TableState
from fivetran_runtime.operations import Keep
from fivetran_runtime.tables import Table


class KeptValues:
    """What one pass of a table was begun with, and what it has kept.

    Args:
        table: a table with `keeps=`.
        state: its part of the state.
        deletes: how its deletes are inferred; hears what kind of pass this is.
        opens: whether the pass begins.

    Attributes:
        arguments: what the table function is called with.
        stored: the same as the position holds it.
    """

    def __init__(self, table: Table, state: TableState, deletes: Deletes, *, opens: bool) -> None:
        self._table, self._state, self._deletes = table, state, deletes
        self._drop_unreadable()
        if opens and state.whole:
            state.kept = None
        before = (None if deletes.needs_listing else state.kept) if opens else state.at
        self.stored = {name: value for name, value in (before or {}).items() if name in table.kept}
        self.arguments = positions.restored(table, self.stored)
        self._keeping = {} if opens else dict(state.keeping or {})
        self._in_unit: dict[str, Any] = {}
        self._was_sent, self._is_late = False, state.late and not opens
        self._say_what_is_read()

    def _drop_unreadable(self) -> None:
        try:
            positions.restored(self._table, self._state.kept or {})
        except ValueError as error:
            self._warn(f"what it has kept {error}; everything is listed again")
            self._state.kept = None

    def _say_what_is_read(self) -> None:
        self._deletes.only_changes = bool(self.arguments)
        self._deletes.confirms = self._confirms

    @property
    def _confirms(self) -> bool:
        """Whether this is a second listing, whose token does not count."""
        return not self.arguments and bool(self._state.kept)

    @property
    def bytes(self) -> int:
        """What it takes in the state, in two places."""
        return 2 * len(encode({**self.stored, **self._keeping, **self._in_unit}))

    def begin(self, *, was_sent: bool, at_start: bool) -> None:
        """The source is read, or read again, from where the open unit begins; `was_sent` if rows of it were.

        `at_start` if that is where the pass began: a token that the source gives with this answer, or behind it, is younger
        than the rows that an earlier answer has sent.
        """
        self._in_unit, self._was_sent = {}, was_sent
        if at_start:
            self._is_late = was_sent and not self._keeping

    def keep(self, item: Keep, *, is_first: bool) -> None:
        """The table has yielded this; `is_first` if before all rows of this call.

        Where a token is asked for before the list, a pass that goes on asks for one again. That is younger than the pages
        read so far, and does not count.

        Raises:
            DefectError: it names or holds what cannot be kept.
        """
        values = positions.kept(self._table, item)
        if self._was_sent or self._is_late:
            self._is_late = True
        elif not (self._confirms or (is_first and self._keeping)):
            self._in_unit |= values

    def commit(self) -> None:
        """The open unit is whole, or as much of it as an answer holds."""
        self._keeping |= self._in_unit
        self._in_unit = {}

    def pause(self, *, in_parts: bool) -> None:
        """Write down what the open pass has kept.

        A unit that is sent in parts is asked for again. What a later answer keeps says nothing of rows that changed
        after an earlier one has sent them.
        """
        self._state.keeping, self._state.late = self._keeping or None, self._is_late
        self._was_sent = in_parts

    def complete(self) -> None:
        """The pass is complete, and its last rows are in this answer."""
        if self._is_late and not self._keeping:
            self._warn(
                "what it keeps came with rows that take more than one answer, and does not count;"
                " yield At(...) more often, or ask for smaller pages"
            )
        if not self._confirms:
            values = {**self.stored, **self._keeping}
            self._state.kept = {name: value for name, value in values.items() if value is not None} or None

    def drop(self, why: object) -> None:
        """The source no longer knows it: the pass begins again as a full listing."""
        stay = 'Rows that were deleted at the source since then stay at the destination; on_missing="delete" would find them.'
        rest = "What two listings do not find is deleted." if self._deletes.infers else stay
        self._warn(
            f"the source no longer knows what was kept, so that everything is listed again. {rest} {why}"
        )
        self.arguments, self.stored, self._keeping = {}, {}, {}
        self._state.kept = self._state.keeping = None
        self._say_what_is_read()

    def _warn(self, text: str) -> None:
        name = self._table.name
        logs.emit("WARNING", f"Table {name}: {text}.".replace("..", "."), table=name)
