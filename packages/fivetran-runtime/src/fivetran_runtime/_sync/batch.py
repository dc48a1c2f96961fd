"""The rows and deletes of one answer, at most one operation per key: the last.

Fivetran gives no order between `insert` and `delete` of one answer (docs/protocol.md, "Rows"), so a key may be
in one of them only, and only once. `Deletes` is where a pass asks which more deletes go in: none, unless the table infers
some (`delete_strategies.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from itertools import islice, product

import msgspec

from fivetran_runtime._encoding import encode
from fivetran_runtime._sync.keys import Key
from fivetran_runtime.tables import Table

_JOINED = 200
"""How many rows make a piece of the answer: so many small ones are sent at once, and few are in memory twice."""


class Upsert(msgspec.Struct, frozen=True):
    """A row, as JSON text of its columns."""

    columns: bytes


class Deletion(msgspec.Struct, frozen=True):
    """A row that is deleted, as JSON text of its key columns."""

    columns: bytes


Operation = Upsert | Deletion


class _Operations:
    """One table's part: encoded rows, and the encoded key columns of rows to delete. A key is in one of them only.

    Each has the comma before it that an array has: so they are joined as they are, and each is a copy of its own size. What
    the encoder gives has taken half as much memory again.
    """

    __slots__ = ("deletes", "rows")

    def __init__(self) -> None:
        self.rows: dict[Key, bytes] = {}
        self.deletes: dict[Key, bytes] = {}


class Batch:
    """Encoded operations by table and key, and their size."""

    def __init__(self) -> None:
        self._tables: dict[str, _Operations] = {}
        self.bytes = 0
        """Size of the operations in the answer, separators included."""

    def __bool__(self) -> bool:
        return self.bytes > 0

    def _table(self, name: str) -> _Operations:
        table = self._tables.get(name)
        if table is None:
            table = self._tables[name] = _Operations()
        return table

    def put_row(self, table: str, key: Key, encoded: bytes) -> None:
        """Add a row; it takes the place of an earlier operation for the same key."""
        operations = self._tables.get(table) or self._table(table)
        if key in operations.rows or key in operations.deletes:
            self.drop(table, key)
        operations.rows[key] = b"," + encoded
        self.bytes += len(encoded) + 1

    def put_delete(self, table: str, key: Key, encoded: bytes) -> None:
        """Add a delete, by its encoded key columns; it takes the place of an earlier operation for the same key."""
        self.drop(table, key)
        self._table(table).deletes[key] = b"," + encoded
        self.bytes += len(encoded) + 1

    def drop(self, table: str, key: Key) -> None:
        """Take back the operation for a key, if there is one."""
        operations = self._table(table)
        for chosen in (operations.rows, operations.deletes):
            if key in chosen:
                self.bytes -= len(chosen.pop(key))

    def take(self, unit: Batch) -> None:
        """Add all operations of a unit that has become whole."""
        self.bytes += unit.bytes
        for name, theirs in unit._tables.items():
            mine = self._table(name)
            for before, after in product((mine.rows, mine.deletes), (theirs.rows, theirs.deletes)):
                for key in before.keys() & after.keys():
                    self.bytes -= len(before.pop(key))
            mine.rows |= theirs.rows
            mine.deletes |= theirs.deletes

    def only_deletes(self) -> Batch:
        """A batch with these deletes and without the rows."""
        deletes = Batch()
        for name, operations in self._tables.items():
            for key, encoded in operations.deletes.items():
                deletes.put_delete(name, key, encoded[1:])
        return deletes

    def keys(self, table: str) -> tuple[set[Key], set[Key]]:
        """The keys of a table's rows, and of its deletes."""
        operations = self._tables.get(table) or _Operations()
        return set(operations.rows), set(operations.deletes)

    def any_row(self, table: str) -> bytes | None:
        """One of a table's rows, encoded; None when there is none."""
        operations = self._tables.get(table) or _Operations()
        encoded = next(iter(operations.rows.values()), None)
        return None if encoded is None else encoded[1:]

    def digest(self) -> int:
        """A number for what it holds, whatever the order; those of two batches may be added."""
        total = 0
        for name, operations in self._tables.items():
            of_table = blake2b(digest_size=8, person=name.encode()[:16])
            for is_delete, chosen in enumerate((operations.rows, operations.deletes)):
                for encoded in chosen.values():
                    one = of_table.copy()  # a third quicker than another from the start
                    one.update(encoded[1:])
                    total += int.from_bytes(one.digest(), "big") + is_delete
        return total

    def __iter__(self) -> Iterator[tuple[str, Key, Operation]]:
        """Table, key and operation of each; a key of a table comes once."""
        for name, operations in self._tables.items():
            yield from ((name, key, Deletion(columns[1:])) for key, columns in operations.deletes.items())
            yield from ((name, key, Upsert(columns[1:])) for key, columns in operations.rows.items())

    def counts(self, *, deletes: bool) -> dict[str, int]:
        """Rows, or deletes, per table; tables without any are left out."""
        return {name: len(chosen) for name, chosen in self._chosen(deletes=deletes)}

    def json(self, *, deletes: bool) -> Iterator[bytes]:
        """The `insert` or `delete` object as pieces of JSON text, which are joined as they are asked for."""
        yield b"{"
        for place, (name, chosen) in enumerate(self._chosen(deletes=deletes)):
            rows = iter(chosen.values())
            yield (b"," if place else b"") + encode(name) + b":[" + next(rows)[1:]
            while joined := b"".join(islice(rows, _JOINED)):
                yield joined
            yield b"]"
        yield b"}"

    def json_size(self, *, deletes: bool) -> int:
        """How many bytes `json` gives."""
        # The comma before a table's first row is not sent there; but one is before each table, except for the first.
        sizes = [
            len(encode(name)) + len(":[]") + sum(map(len, chosen.values()))
            for name, chosen in self._chosen(deletes=deletes)
        ]
        return len("{}") + sum(sizes) - bool(sizes)

    def _chosen(self, *, deletes: bool) -> Iterator[tuple[str, dict[Key, bytes]]]:
        for name, operations in self._tables.items():
            if chosen := operations.deletes if deletes else operations.rows:
                yield name, chosen


def digest_text(digest: int) -> str:
    """The sum of digests as the state keeps it."""
    return f"{digest % 2**64:016x}"


class Deletes:
    """No deletes are inferred.

    Attributes:
        table: what is read.
        are_pending: whether deletes did not fit into the last answer, so that they come first.
        infers: whether any are inferred.
        needs_listing: whether a table that keeps a token has to be listed all the same.
        only_changes: whether the pass brings only what has changed, and shows nothing of what has not.
        confirms: whether it is a second listing, which only decides on what the first did not find.
    """

    are_pending = infers = needs_listing = only_changes = confirms = False

    def __init__(self, table: Table) -> None:
        self.table = table

    def begin(self, *, whole: bool) -> None:
        """A pass begins; `whole` if at the floor."""

    def begin_again(self) -> None:
        """An open pass is read from its beginning once more, since its position does not count any longer."""

    def take(self, unit: Batch) -> Batch:
        """A unit has become whole; what of it is sent."""
        return unit

    def expect(self, rows: set[Key]) -> None:
        """Children of these rows are sent; the rows themselves may follow in a later answer."""

    def complete(self) -> bool:
        """The pass is complete; whether the next one has to start at the floor."""
        return False

    def next(self, _room: int) -> tuple[Batch, bool]:
        """As many deletes as fit into so many bytes, and whether those are all."""
        return Batch(), True

    def save(self) -> None:
        """The invocation's part of the pass ends."""
