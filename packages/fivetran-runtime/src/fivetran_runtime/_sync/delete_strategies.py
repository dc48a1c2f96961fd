"""How the deletes of a table are inferred: what a strategy does at each step of the table's pass.

`Deletes`, in `batch.py`, infers none. `ByListing` is for the pass that shows which keys there are: it deletes those that are not found.
`BesideListing` is for the pass of a table with a cursor, next to such a listing. The sets of keys, and the rules for
them, are in `deletes.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fivetran_runtime._encoding import encode
from fivetran_runtime._sync.batch import Batch, Deletes
from fivetran_runtime._sync.deletes import Missing
from fivetran_runtime._sync.keys import Key
from fivetran_runtime.tables import Table

if TYPE_CHECKING:
    from fivetran_runtime._sync.child_sets import ChildSets


class ByListing(Deletes):
    """Keys that complete passes no longer find are deleted.

    The pass is the table's own complete reading, or a listing of nothing but keys, whose rows are not sent.
    """

    def __init__(self, table: Table, keys: Missing, children: ChildSets | None = None) -> None:
        super().__init__(table)
        self._keys, self._children = keys, children
        self.are_pending = bool(keys.gone)
        self.infers = True
        self.needs_listing = keys.are_open

    def begin(self, *, whole: bool) -> None:
        if not self.only_changes:
            self._keys.begin()

    def begin_again(self) -> None:
        if not self.only_changes:
            self._keys.begin_again()

    def take(self, unit: Batch) -> Batch:
        if self.only_changes:
            self._keys.learn(unit)
            return unit
        self._keys.note(unit)
        return unit.only_deletes() if self.table.only_keys else unit

    def expect(self, rows: set[Key]) -> None:
        self._keys.expect(rows, are_found=not self.only_changes)

    def complete(self) -> bool:
        if not self.only_changes:
            self._keys.settle(confirms=self.confirms)
        return False

    def next(self, room: int) -> tuple[Batch, bool]:
        deletes = Batch()
        sent: list[Key] = []
        for key in self._keys.gone:
            if self._children is not None and not self._delete_children(self._children, key, deletes, room):
                break
            encoded = encode(self._keys.columns(key))
            if deletes.bytes + len(encoded) + 1 > room:
                break
            deletes.put_delete(self.table.name, key, encoded)
            sent.append(key)
        self._keys.sent(sent)
        return deletes, not self._keys.gone

    @staticmethod
    def _delete_children(children: ChildSets, key: Key, deletes: Batch, room: int) -> bool:
        """Delete the children of a row, as many as fit; whether those are all."""
        sent: dict[str, list[Key]] = {}
        are_all = True
        for name, identity, child, columns in children.children_of(key):
            encoded = encode(columns)
            if deletes.bytes + len(encoded) + 1 > room:
                are_all = False
                break
            deletes.put_delete(name, identity, encoded)
            sent.setdefault(name, []).append(child)
        for name, keys in sent.items():
            children.sent(name, key, keys)
        return are_all

    def save(self) -> None:
        self._keys.save()


class BesideListing(Deletes):
    """The listing deletes; this pass brings the rows, and with them what became of the listing's keys."""

    def __init__(self, table: Table, missing: Missing) -> None:
        super().__init__(table)
        self.missing = missing

    def begin(self, *, whole: bool) -> None:
        if whole:
            self.missing.try_all()

    def take(self, unit: Batch) -> Batch:
        self.missing.learn(unit)
        return unit

    def expect(self, rows: set[Key]) -> None:
        self.missing.expect(rows, are_found=False)

    def complete(self) -> bool:
        by_whole_pass = self.table.fetch is None or self.missing.fetches_too_many
        return self.missing.still_unsent() and by_whole_pass

    def save(self) -> None:
        self.missing.save()
