"""A table that is read parent by parent: a repository's issues, a project's tasks.

All parents share one mark. It says what has been read of those parents only that were read to their end by every pass
since; the state holds which these are. One that is not among them, because it was added, became visible, or is back
after a refusal, has older rows that nobody has asked for: it is read from the floor in the same pass. One that has left
the list, or was skipped, leaves the set.

Parents are read in the order of their keys, so that a position, which holds the parent, means the same in every call.
A parent that appears in front of it is read by the next pass, as it is not in the set.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from fivetran_runtime._arguments import kind_of
from fivetran_runtime._invocation import logs
from fivetran_runtime._sync import keys as packing
from fivetran_runtime._sync import positions
from fivetran_runtime._sync.batch import Deletes
from fivetran_runtime._sync.keys import Key, part
from fivetran_runtime._sync.start import floor_of
from fivetran_runtime._sync.state import TableState
from fivetran_runtime._sync.table_pass import Pass, Steps
from fivetran_runtime.errors import DefectError
from fivetran_runtime.operations import At, Children, Delete, Keep, Skip
from fivetran_runtime.tables import Table

PARENTS = "parents"
"""What the set is called where it had no room."""


class _SkippedError(Exception):
    """The table has skipped the parent that is read."""


class ParentsPass(Pass):
    """A pass of a table with `parents=`.

    Args:
        listed: the keys of all parents there are now.
        room: gives the bytes that all keys in its part of the state may take, when they are written down.
        others: as `Pass`.
    """

    def __init__(
        self,
        deletes: Deletes,
        state: TableState,
        *,
        listed: Iterable[Any],
        room: Callable[[], int],
        **others: Any,
    ) -> None:
        super().__init__(deletes, state, **others)
        table = self._table
        self._name = table.parent or ""
        self._drop_position_of_no_parent()
        self._listed = _as_called(table, self._name, listed)
        self._room_for_parents = room
        self._floor = floor_of(table, self._terms) if table.kind else None
        self._covered = self._unpacked(state.parents)
        """Those that every pass up to the mark has read to their end."""
        self._done = set() if self._start.opens else self._unpacked(state.parents_read, self._covered)
        """Those that this pass has."""
        self._ended: Key | None = None
        """The one whose end the open unit holds."""
        self._entered: Mapping[str, Any] = {}
        """Where in the list of the one that is read its reading has begun."""
        if self._start.opens:
            state.no_room.pop(PARENTS, None)

    def _drop_position_of_no_parent(self) -> None:
        """A release without parents= has begun this pass: its position is in a list of all rows."""
        if self._position and self._name not in self._position:
            name = self._table.name
            text = f"Table {name}: its position names no {self._name}; the table is read from the beginning of that pass."
            logs.emit("WARNING", text, table=name)
            self._position, self._sent = {}, 0
            self._deletes.begin_again()

    def _unpacked(self, packed: str | None, known: set[Key] | None = None) -> set[Key]:
        try:
            return packing.unpack(packed, known)
        except ValueError:
            name = self._table.name
            text = f"Table {name}: the state's parents cannot be read: they are read from the floor."
            logs.emit("WARNING", text, table=name)
            return set()

    def _is_resumed(self) -> bool:
        return bool(self._entered)

    def _beginning(self) -> dict[str, Any]:
        """A position that is no longer known is one within a parent: that parent is read again."""
        at = self._around or self._position
        return {self._name: at[self._name]} if self._name in at else {}

    def _read_all(self, client: Any, position: Mapping[str, Any]) -> Steps:
        """Read the parents that are left, and complete the pass."""
        left = self._left(position.get(self._name))
        within = self._within(position, left)
        for place, parent in enumerate(left):
            self._around, self._entered = {self._name: self._listed[parent]}, within
            if cut := (yield from self._read_parent(client, parent, within)):
                return cut
            within = {}
            if place + 1 < len(left):
                self._around = {self._name: self._listed[left[place + 1]]}
                if cut := self._commit_at(At()):
                    return cut
                if (yield) and (cut := self._resumed()):
                    return cut
        return self._complete()

    def _within(self, position: Mapping[str, Any], left: list[Key]) -> dict[str, Any]:
        """Where to go on in the position's parent; a page of one that has vanished is none of the next one's."""
        if not position or part(position[self._name]) in self._listed:
            return {name: value for name, value in position.items() if name != self._name}
        self._sent = self._state.sent = 0
        if left:  # so that what is sent of its first rows counts as the next one's
            self._state.at = {self._name: self._listed[left[0]]}
        return {}

    def _left(self, current: Any) -> list[Key]:
        """The parents from the position's on, in order; one that is no longer listed leaves its place to the next."""
        if current is None:
            return packing.in_order(self._listed)
        at = part(current)
        ordered = packing.in_order({*self._listed, at})
        left = ordered[ordered.index(at) :]
        return left if at in self._listed else left[1:]

    def _read_parent(self, client: Any, parent: Key, within: Mapping[str, Any]) -> Steps:
        """Read one to its end, from a position in it; why the call ends before that, if it does."""
        since = {}
        if self._table.kind is not None:
            since["since"] = self._start.since if parent in self._covered else self._floor
        try:
            if cut := (yield from self._read_list(client, {**since, **self._around, **within})):
                return cut
        except _SkippedError as skipped:
            name, shown = self._table.name, self._listed[parent]
            text = f"Table {name}: skipped {self._name} {shown}: {skipped}"
            logs.warn(text, counted_as=f"Table {name}: skipped a {self._name}: {skipped}")
            self._done.discard(parent)
        else:
            self._ended = parent
        return None

    def _follow(self, item: At | Keep | Skip | Children | Delete) -> str | None:
        if isinstance(item, Skip):
            raise _SkippedError(item.why)
        return super()._follow(item)

    def _commit(self) -> None:
        super()._commit()
        if self._ended is not None:
            self._done.add(self._ended)
            self._ended = None

    def _complete(self) -> str | None:
        cut = super()._complete()
        if self._table.kind is not None:
            self._state.parents = packing.pack(self._done & self._listed.keys())
        return cut

    def _pause(self) -> None:
        super()._pause()
        state = self._state
        if self._table.kind is not None and state.at is not None:
            state.parents_read = packing.pack_within(self._done, self._covered)
        if state.packed_bytes() > self._room_for_parents():
            state.parents = state.parents_read = None
            state.no_room = {**state.no_room, PARENTS: len(self._listed)}


def _as_called(table: Table, name: str, listed: Iterable[Any]) -> dict[Key, Any]:
    """The parents, by key, as the table function is called with them: as its annotation says.

    Raises:
        DefectError: one that is neither a number nor a text, or is not what the annotation says.
    """
    annotation = table.position[name]
    called: dict[Key, Any] = {}
    for parent in listed:
        if type(parent) not in (int, str):
            message = f"Table {table.name}: parents= gave {kind_of(parent)}; it gives the parents' keys, int or str."
            raise DefectError(
                message, hint="Give a column of them: pages(..., row=lambda one: one['id']), for instance."
            )
        if annotation in (inspect.Parameter.empty, type(parent)):
            called[part(parent)] = parent
        else:
            called[part(parent)] = positions.restored(table, positions.stored_parent(table, name, parent))[
                name
            ]
    return called
