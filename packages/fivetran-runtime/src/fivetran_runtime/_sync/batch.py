"""The rows and deletes of one answer, at most one operation per key: the last.

Fivetran gives no order between `insert` and `delete` of one answer (docs/protocol.md, "Rows"), so a key may be
in one of them only, and only once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from itertools import product

from fivetran_runtime._encoding import encode
from fivetran_runtime._sync.keys import Key


class _Operations:
    """One table's part: encoded rows, and the encoded key columns of rows to delete. A key is in one of them only."""

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
        operations = self._cleared(table, key)
        operations.rows[key] = encoded
        self.bytes += len(encoded) + 1

    def put_delete(self, table: str, key: Key, encoded: bytes) -> None:
        """Add a delete, by its encoded key columns; it takes the place of an earlier operation for the same key."""
        operations = self._cleared(table, key)
        operations.deletes[key] = encoded
        self.bytes += len(encoded) + 1

    def drop(self, table: str, key: Key) -> None:
        """Take back the operation for a key."""
        self._cleared(table, key)

    def _cleared(self, table: str, key: Key) -> _Operations:
        """A table's operations, without any for this key."""
        operations = self._table(table)
        for chosen in (operations.rows, operations.deletes):
            if key in chosen:
                self.bytes -= len(chosen.pop(key)) + 1
        return operations

    def take(self, unit: Batch) -> None:
        """Add all operations of a unit that has become whole."""
        self.bytes += unit.bytes
        for name, theirs in unit._tables.items():
            mine = self._table(name)
            for before, after in product((mine.rows, mine.deletes), (theirs.rows, theirs.deletes)):
                for key in before.keys() & after.keys():
                    self.bytes -= len(before.pop(key)) + 1
            mine.rows |= theirs.rows
            mine.deletes |= theirs.deletes

    def only_deletes(self) -> Batch:
        """A batch with these deletes and without the rows."""
        deletes = Batch()
        for name, operations in self._tables.items():
            for key, encoded in operations.deletes.items():
                deletes.put_delete(name, key, encoded)
        return deletes

    def keys(self, table: str) -> tuple[set[Key], set[Key]]:
        """The keys of a table's rows, and of its deletes."""
        operations = self._tables.get(table) or _Operations()
        return set(operations.rows), set(operations.deletes)

    def any_row(self, table: str) -> bytes | None:
        """One of a table's rows, encoded; None when there is none."""
        operations = self._tables.get(table) or _Operations()
        return next(iter(operations.rows.values()), None)

    def digest(self) -> int:
        """A number for what it holds, whatever the order; those of two batches may be added."""
        return sum(
            int.from_bytes(blake2b(encoded, digest_size=8, person=name.encode()[:16]).digest(), "big")
            + is_delete
            for name, operations in self._tables.items()
            for is_delete, chosen in enumerate((operations.rows, operations.deletes))
            for encoded in chosen.values()
        )

    def counts(self, *, deletes: bool) -> dict[str, int]:
        """Rows, or deletes, per table; tables without any are left out."""
        return {name: len(chosen) for name, chosen in self._chosen(deletes=deletes)}

    def json(self, *, deletes: bool) -> Iterable[bytes]:
        """The `insert` or `delete` object as pieces of JSON text."""
        yield b"{"
        for place, (name, chosen) in enumerate(self._chosen(deletes=deletes)):
            yield (b"," if place else b"") + encode(name) + b":["
            yield b",".join(chosen.values())
            yield b"]"
        yield b"}"

    def _chosen(self, *, deletes: bool) -> Iterator[tuple[str, dict[Key, bytes]]]:
        for name, operations in self._tables.items():
            if chosen := operations.deletes if deletes else operations.rows:
                yield name, chosen
