"""Finding deletes in a source that does not tell of them: keys that complete passes no longer find.

A key is deleted after two complete passes in a row without it. One is not enough: while a list is read by offset, a
row that disappears lifts a living row from the next page onto one that was read already, and that row is not found
once. A pass that fails deletes nothing.

The keys travel in the state, so they have to be few: see `MOST_BYTES`.
"""

from __future__ import annotations

import base64
import zlib
from itertools import accumulate

import msgspec

from fivetran_runtime.batch import Batch, Key
from fivetran_runtime.encoding import encode
from fivetran_runtime.errors import DefectError, StateError
from fivetran_runtime.state import TableState
from fivetran_runtime.tables import Table

MOST_BYTES = 512_000
"""The most that a table's keys may take in the state, compressed; about 400,000 close integers, 25,000 UUIDs."""


class Missing:
    """The keys of one table that is declared with `on_missing="delete"`.

    Raises:
        StateError: the keys in the state cannot be read.
    """

    def __init__(self, table: Table, state: TableState) -> None:
        self._table = table
        self._state = state
        self._known = _unpack(state.keys, table)
        self._missed = _unpack(state.missed, table)
        self._found = _unpack(state.found, table)

    def note(self, unit: Batch) -> None:
        """The rows and deletes of this unit have become whole."""
        rows, deleted = unit.keys(self._table.name)
        self._found |= rows
        self._found -= deleted

    def learn(self, unit: Batch) -> None:
        """These rows were sent without the listing having met them yet."""
        rows, deleted = unit.keys(self._table.name)
        self._known = (self._known | rows) - deleted
        self._missed -= rows | deleted

    def remember(self) -> None:
        """At the end of an invocation that has learned: write down what is known.

        Raises:
            DefectError: there are more keys than the state may hold.
        """
        self._state.keys, self._state.missed = _pack(self._known), _pack(self._missed)
        self._require_room()

    def gone(self) -> list[Key]:
        """At the end of a complete pass: the keys to delete."""
        return sorted(self._missed - self._found)

    def settle(self) -> None:
        """After a complete pass: remember what it found, and what it missed for the first time.

        Raises:
            DefectError: there are more keys than the state may hold.
        """
        self._state.keys, self._state.missed = _pack(self._found), _pack(self._known - self._found)
        self._state.found = None
        self._require_room()

    def pause(self) -> None:
        """At the end of an invocation: write down what the open pass has found so far.

        Raises:
            DefectError: there are more keys than the state may hold; the pass is given up, since what it has
                found is forgotten with it.
        """
        if self._state.at is None:
            return
        self._state.found = _pack(self._found)
        self._require_room()

    def _require_room(self) -> None:
        state = self._state
        size = sum(len(packed or "") for packed in (state.keys, state.missed, state.found))
        if size <= MOST_BYTES:
            return
        state.close_pass()
        state.keys = state.missed = None
        raise DefectError(
            f"Table {self._table.name}: {len(self._found):,} keys take {size:,} bytes of state, compressed;"
            f' on_missing="delete" may take {MOST_BYTES:,}.',
            hint="Leave on_missing out, and use the source's own word on deletes or a periodic re-sync.",
        )


# Packed keys are compressed JSON in base 85, whose characters JSON text does not escape: a list of value lists, or,
# for a single integer column, the differences between neighbours, which close ids compress to next to nothing.


def _pack(keys: set[Key]) -> str | None:
    if not keys:
        return None
    rows = [list(msgspec.json.decode(key).values()) for key in keys]
    if all(len(row) == 1 and type(row[0]) is int for row in rows):
        numbers = sorted(row[0] for row in rows)
        plain: object = {
            "steps": [after - before for before, after in zip([0, *numbers], numbers, strict=False)]
        }
    else:
        plain = {"keys": sorted(rows, key=encode)}
    return base64.b85encode(zlib.compress(encode(plain), 9)).decode()


def _unpack(packed: str | None, table: Table) -> set[Key]:
    if packed is None:
        return set()
    try:
        plain = msgspec.json.decode(zlib.decompress(base64.b85decode(packed)))
        rows = plain["keys"] if "keys" in plain else [[number] for number in accumulate(plain["steps"])]
        return {encode(dict(zip(table.key, row, strict=True))) for row in rows}
    except (ValueError, TypeError, KeyError, zlib.error, msgspec.DecodeError):
        message = f"The state's keys of table {table.name} cannot be read."
        raise StateError(
            message, hint="Remove keys, missed and found of that table from the state."
        ) from None
