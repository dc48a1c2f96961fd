"""The rows and deletes of one answer, at most one operation per key: the last.

Fivetran gives no order between `insert` and `delete` of one answer (docs/protocol.md, "Rows"), so a key may be
in one of them only, and only once.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import NamedTuple

from fivetran_runtime.encoding import encode
from fivetran_runtime.keys import Key


class Operation(NamedTuple):
    """An encoded row, or the encoded key columns of a row to delete."""

    is_delete: bool
    encoded: bytes


class Batch:
    """Encoded operations by table and key, and their size."""

    def __init__(self) -> None:
        self._tables: dict[str, dict[Key, Operation]] = {}
        self.bytes = 0
        """Size of the operations in the answer, separators included."""

    def __bool__(self) -> bool:
        return self.bytes > 0

    def put(self, table: str, key: Key, operation: Operation) -> None:
        """Add an operation; it takes the place of an earlier one for the same key."""
        operations = self._tables.setdefault(table, {})
        before = operations.get(key)
        if before is not None:
            self.bytes -= len(before.encoded) + 1
        operations[key] = operation
        self.bytes += len(operation.encoded) + 1

    def take(self, unit: Batch) -> None:
        """Add all operations of a unit that has become whole."""
        self.bytes += unit.bytes
        for table, operations in unit._tables.items():
            mine = self._tables.setdefault(table, {})
            self.bytes -= sum(len(mine[key].encoded) + 1 for key in mine.keys() & operations.keys())
            mine |= operations

    def only_deletes(self) -> Batch:
        """A batch with these deletes and without the rows."""
        deletes = Batch()
        for table, operations in self._tables.items():
            for key, operation in operations.items():
                if operation.is_delete:
                    deletes.put(table, key, operation)
        return deletes

    def keys(self, table: str) -> tuple[set[Key], set[Key]]:
        """The keys of a table's rows, and of its deletes."""
        operations = self._tables.get(table, {})
        deleted = {key for key, operation in operations.items() if operation.is_delete}
        return set(operations) - deleted, deleted

    def any_row(self, table: str) -> bytes | None:
        """One of a table's rows, encoded; None when there is none."""
        operations = self._tables.get(table, {}).values()
        return next((operation.encoded for operation in operations if not operation.is_delete), None)

    def digest(self) -> int:
        """A number for what it holds, whatever the order; those of two batches may be added."""
        return sum(
            int.from_bytes(
                blake2b(operation.encoded, digest_size=8, person=table.encode()[:16]).digest(), "big"
            )
            + operation.is_delete
            for table, operations in self._tables.items()
            for operation in operations.values()
        )

    def counts(self, *, deletes: bool) -> dict[str, int]:
        """Rows, or deletes, per table; tables without any are left out."""
        counts = {
            table: sum(operation.is_delete is deletes for operation in operations.values())
            for table, operations in self._tables.items()
        }
        return {table: count for table, count in counts.items() if count}

    def json(self, *, deletes: bool) -> Iterable[bytes]:
        """The `insert` or `delete` object as pieces of JSON text."""
        yield b"{"
        for place, table in enumerate(self.counts(deletes=deletes)):
            yield (b"," if place else b"") + encode(table) + b":["
            chosen = (o.encoded for o in self._tables[table].values() if o.is_delete is deletes)
            yield b",".join(chosen)
            yield b"]"
        yield b"}"
