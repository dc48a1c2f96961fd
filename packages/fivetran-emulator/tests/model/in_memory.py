"""What should be in the warehouse, worked out the simple way: Python dictionaries, a row at a time.

A key is recognised by its text, as `1` and `"1"` are one key once the column is text. Everything else is what was sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Row = Mapping[str, object]
Key = tuple[str, ...]


@dataclass
class ModelTable:
    """One table: its rows as sent, under warehouse names, and which of them are flagged as deleted."""

    key: tuple[str, ...]
    soft: bool = False
    keyed: dict[Key, Row] = field(default_factory=dict)
    keyless: list[Row] = field(default_factory=list)
    flagged: set[Key] = field(default_factory=set)
    made: bool = False

    def take(self, insert: Sequence[Row], delete: Sequence[Row]) -> None:
        """One answer's part of this table: deletes, then inserts."""
        if self.made:
            for row in delete:
                self._delete(self._key_of(row))
        self.made = self.made or any(value is not None for row in insert for value in row.values())
        for row in insert if self.made else ():
            self._insert(row)

    def rows(self) -> list[tuple[Row, bool]]:
        """Each row and whether it is flagged as deleted."""
        if not self.key:
            return [(row, False) for row in self.keyless]
        return [(row, key in self.flagged) for key, row in self.keyed.items()]

    def _insert(self, row: Row) -> None:
        if not self.key:
            self.keyless.append(row)
            return
        self.keyed[self._key_of(row)] = row
        self.flagged.discard(self._key_of(row))

    def _delete(self, key: Key) -> None:
        if self.soft and key in self.keyed:
            self.flagged.add(key)
        elif not self.soft:
            self.keyed.pop(key, None)

    def _key_of(self, row: Row) -> Key:
        return tuple(_text(row[column]) for column in self.key)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
