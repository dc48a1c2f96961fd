"""Finding deletes in a source that does not tell of them: keys that complete listings no longer find.

A key is deleted after two complete listings in a row without it. One is not enough: while a list is read by offset, a
row that disappears lifts an existing row from the next page onto one that was read already, and that row is not found
once. A listing that fails deletes nothing.

An inference has a bound and a way back. The bound: when more than the declared share of the keys would be deleted, nothing
is until a person confirms that set; deletes of recent listings count too. Such a share comes of a group lost for an hour,
an empty list, or a wrong key that is answered with the public part. The way back, beside a table with a cursor: a key that
the listing shows and no answer has sent, or that an earlier listing did not find, is asked for again.

The keys travel in the state, where all tables together have `KEYS_BYTES` of room.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from fivetran_runtime._invocation import logs
from fivetran_runtime._invocation.context import running
from fivetran_runtime._sync import keys as packing
from fivetran_runtime._sync.batch import Batch
from fivetran_runtime._sync.keys import Key
from fivetran_runtime._sync.state import State, TableState
from fivetran_runtime.errors import DefectError
from fivetran_runtime.tables import Table

KEYS_BYTES = 700_000
"""What all tables' keys may take in the state, packed. One table fills it with about 34,000 random UUIDs while nothing
is missing; integers that lie close together take next to nothing."""

FEWEST_HELD = 20
"""Fewer inferred deletes than these are never held back, whatever their share."""

MAX_FETCHED = 1_000
"""More keys than these are not asked for one by one: the table is read from its floor."""

MAX_TRIES = 10
"""Keys that do not come are asked for again after 2, 4, 8, ... and at last after 1,024 listings each time."""

_SETS = ("keys", "missed", "held", "found", "gone", "unsent", "tried", "absent")


class Missing:
    """The keys of one table that is declared with `on_missing="delete"`.

    Args:
        table: the table, or the listing of its keys.
        state: the part of the state that holds the keys.
        room: gives the bytes that these keys may take, when they are written down.
    """

    def __init__(self, table: Table, state: TableState, room: Callable[[], int]) -> None:
        self._table = table
        self._state = state
        self._room = room
        self._changed: set[str] = set()
        self._kinds = state.kinds or packing.kinds_in(state.keys)
        try:
            self._load()
        except ValueError:
            self._start_again()

    def _load(self) -> None:
        state = self._state
        self._missed, self._held = packing.unpack(state.missed), packing.unpack(state.held)
        self._known = packing.unpack(state.keys) | self._missed | self._held
        self._found = packing.unpack(state.found, self._known)
        self._gone, self._unsent = packing.unpack(state.gone), packing.unpack(state.unsent)
        self._tried, self._absent = packing.unpack(state.tried), packing.unpack(state.absent)

    def _start_again(self) -> None:
        message = f"The state's keys of table {self._table.name} cannot be read: they are collected again"
        logs.emit("WARNING", f"{message}, and what was deleted since stays.", table=self._table.name)
        self._drop()
        self._state.close_pass()

    def _drop(self) -> None:
        for name in _SETS:
            setattr(self._state, name, None)
        self._known, self._missed, self._held, self._found = set(), set(), set(), set()
        self._gone, self._unsent, self._tried, self._absent = set(), set(), set(), set()

    @property
    def gone(self) -> list[Key]:
        """The keys to delete that no answer holds yet."""
        return packing.in_order(self._gone)

    @property
    def fetches_too_many(self) -> bool:
        """Whether more keys are unsent than should be asked for one by one."""
        return len(self._unsent) > MAX_FETCHED

    @property
    def are_open(self) -> bool:
        """Whether only another listing can say what becomes of some keys."""
        state = self._state
        return bool(self._missed or state.over or (self._held and state.confirm))

    def columns(self, key: Key) -> dict[str, Any]:
        """A key as columns, typed as the source types them."""
        return packing.columns_of(key, self._table.primary_key, self._kinds)

    # The listing

    def begin(self) -> None:
        """A listing begins, and may find room for its keys.

        What one has found that was never completed, as after a state was edited by hand, is no part of it.
        """
        self._state.over = 0
        if self._found:
            self.begin_again()

    def begin_again(self) -> None:
        """The listing is read from its beginning once more: what it has shown so far is no part of what it shows then.

        Those rows were sent, so those that it does not show again are missing.
        """
        if not self._table.only_keys:
            self._known |= self._found
        self._missed -= self._found
        self._held -= self._found
        self._found = set()
        self._changed.update(_SETS)

    def note(self, unit: Batch) -> None:
        """The rows and deletes of this unit of the listing have become whole."""
        rows, deleted = self._keys_in(unit)
        self._found |= rows
        self._found -= deleted
        self._changed.add("found")

    def settle(self, *, confirms: bool = False) -> None:
        """The listing is complete: decide what is deleted, and what has to be asked for again.

        One that only `confirms` leaves alone what it is the first not to find: the source tells of that.
        """
        missed, held = self._missed | self._held, self._held - self._found
        confirmed = bool(self._held) and self._state.confirm == packing.name_of(self._held)
        self._gone, held = (held, set()) if confirmed else (set(), held)
        twice = self._missed - self._found
        if self._is_too_much(twice, waiting=len(held)):
            held = held | twice
        else:
            self._gone |= twice
        self._ask_again(missed & self._found)
        self._known -= self._gone
        self._hold(held)
        self._missed = set() if confirms else self._known - self._found - held
        if self._missed:
            running().missing_once[self._table.name] = len(self._missed)
        self._found = set()
        self._changed.update(_SETS)

    def _is_too_much(self, candidates: set[Key], *, waiting: int) -> bool:
        """Whether these deletes, with recent and waiting ones, need a person's word; counts them if not."""
        lost = self._state.lost * 3 // 4 + len(candidates)
        all_in_all, share = lost + waiting, self._table.max_missing
        held = (
            bool(candidates)
            and share < 1
            and all_in_all >= FEWEST_HELD
            and all_in_all > share * len(self._known)
        )
        self._state.lost = self._state.lost if held else lost
        return held

    def _hold(self, held: set[Key]) -> None:
        self._held, self._state.confirm = held, None
        self._state.asked = packing.name_of(held) if held else None
        if not held:
            return
        name = self._table.name
        part = f"{name}.keys" if self._table.only_keys else name
        message = (
            f"Table {name}: {len(held):,} of {len(self._known):,} keys were in none of the last two listings."
        )
        hint = f'If they are really deleted, set "confirm": "{self._state.asked}" in the state\'s tables.{part} (docs/state.md).'
        logs.emit("WARNING", f"{message} None is deleted: that many are a question. {hint}", table=name)

    def _ask_again(self, returned: set[Key]) -> None:
        if not self._table.only_keys:  # the listing is the table's own reading: its rows were sent
            self._known |= self._found
            return
        self._absent &= self._found
        self._tried &= self._found
        self._try_absent_again()
        new = (self._found - self._known) | (self._unsent & self._found) | returned
        self._unsent = new - self._tried - self._absent

    def _try_absent_again(self) -> None:
        """When they have rested long enough: what was hidden when it was asked for may have been shown since."""
        state = self._state
        state.tries = state.tries if self._absent or self._unsent or self._tried else 0
        state.rest = max(0, state.rest - 1)
        if self._absent and not state.rest:
            self._unsent |= self._absent
            self._absent = set()

    def _give_up(self, keys: set[Key]) -> None:
        """These keys were asked for in vain."""
        if keys:
            self._absent |= keys
            self._state.tries = min(self._state.tries + 1, MAX_TRIES)
            self._state.rest = 2**self._state.tries

    def sent(self, deletes: Iterable[Key]) -> None:
        """An answer holds these deletes."""
        self._gone.difference_update(deletes)
        self._changed.add("gone")

    def expect(self, rows: set[Key], *, are_found: bool) -> None:
        """Children of these rows are at the destination: they are deleted if the row never follows and is missed."""
        if are_found:
            self._found |= rows
        else:
            self._unsent |= (rows - self._known) if self._table.listing else set()
            self._known |= rows
        self._changed.update(("keys", "found", "unsent"))

    # The table beside it

    def learn(self, unit: Batch) -> None:
        """These rows and deletes of the table are in an answer."""
        rows, deleted = self._keys_in(unit)
        self._known = (self._known | rows) - deleted
        for keys in (self._missed, self._held):
            keys.difference_update(rows, deleted)
        for keys in (self._unsent, self._tried, self._absent):
            keys.difference_update(rows)
        self._changed.update(_SETS if self._found else set(_SETS) - {"found"})

    def try_all(self) -> None:
        """A pass begins at the floor: it should bring every key that is unsent now."""
        self._tried |= self._unsent
        self._unsent = set()
        self._changed.update(("unsent", "tried"))

    def still_unsent(self) -> bool:
        """Whether keys are left to be asked for after the table's pass.

        What a whole pass does not bring is fetched, or remembered and asked for ever more seldom.
        A key that the listing showed only after that pass had begun was not tried.
        """
        if self._table.fetch is not None and len(self._tried) <= MAX_FETCHED:
            self._unsent |= self._tried
        else:
            self._give_up(self._tried)
        self._tried = set()
        self._changed.update(("unsent", "tried", "absent"))
        return bool(self._unsent)

    def to_fetch(self, size: int) -> list[Key]:
        """The first of the unsent keys."""
        return packing.in_order(self._unsent)[:size]

    def fetched(self, keys: Iterable[Key]) -> None:
        """These keys were asked for: those that did not come are not asked for again in every sync."""
        not_brought = self._unsent & set(keys)
        self._give_up(not_brought)
        self._unsent -= not_brought
        self._changed.update(("unsent", "absent"))

    # The state

    def save(self) -> None:
        """At the end of an invocation: write down what is known; gives up where there is no room."""
        packed = {
            "keys": lambda: packing.pack(self._known - self._missed - self._held),
            "missed": lambda: packing.pack(self._missed),
            "held": lambda: packing.pack(self._held),
            "found": lambda: packing.pack_within(self._found, self._known),
            "gone": lambda: packing.pack(self._gone),
            "unsent": lambda: packing.pack(self._unsent),
            "tried": lambda: packing.pack(self._tried),
            "absent": lambda: packing.pack(self._absent),
        }
        for name in self._changed:
            setattr(self._state, name, packed[name]())
        self._state.kinds = self._kinds if self._known or self._found or self._gone else []
        if self._state.packed_bytes() > self._room():
            self._state.over = self._number()
            self._drop()

    def _number(self) -> int:
        """How many keys there are, those included that only a listing has shown, or that are to be deleted."""
        return len(self._known | self._found | self._gone | self._unsent | self._tried | self._absent)

    def _keys_in(self, unit: Batch) -> tuple[set[Key], set[Key]]:
        if (row := unit.any_row(self._table.name)) is not None:
            columns = msgspec.json.decode(row)
            self._kinds = packing.kinds_of(columns[name] for name in self._table.primary_key)
        return unit.keys(self._table.name)


def room_for(part: TableState, state: State) -> int:
    """Bytes that a table's keys may take: what those of the other tables, which may be its own listing, leave now."""
    others = sum(other.packed_bytes() for other in state.tables.values() if other is not part)
    return max(0, KEYS_BYTES - others)


_NO_ROOM = f"do not fit into the state, where the keys of all tables together may take {KEYS_BYTES:,} bytes, compressed."


def no_room(table: Table, what: str, count: int) -> DefectError:
    """The error of a table whose parents or children have no room; its rows were sent."""
    if what in (table.children or {}):
        return DefectError(
            f"Table {what}: its {count:,} keys {_NO_ROOM} Its rows arrive; those that are no longer there stay.",
            hint=f'Yield Row("{what}", ...) in the place of Children, and mind the rows that stay.',
        )
    return DefectError(
        f"Table {table.name}: its {count:,} {what} {_NO_ROOM} Its rows arrive; each sync reads all of them from the floor.",
        hint="Read the rows of several parents with one request, or leave parents= out.",
    )


def too_many(table: Table, part: TableState) -> DefectError:
    """The error of a table whose keys have no room; its rows were sent."""
    return DefectError(
        f"Table {table.name}: its {part.over:,} keys {_NO_ROOM} Its rows arrive; its deletes are not found.",
        hint="Leave on_missing out, and use the source's own word on deletes or a periodic re-sync.",
    )
