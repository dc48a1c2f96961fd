"""The mutable rows of one source table: what practice.py lists, and what a test may move while it is being read.

A `Rows` copies the list it is given: two runs that load the same practice.py start from the same rows, whatever the
run before did to them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from fivetran_emulator.practice.errors import PracticeError, Refusal

Row = Mapping[str, object]
KeyValue = tuple[object, ...]


class Rows:
    """One table of the source, in the order the API lists it.

    `key` names the columns that identify a row, `cursor` the column that moves when a row changes (None: there is
    none), `tombstone` the columns a deleted row is listed with, such as ``{"deleted": True}`` (None: it is listed no
    more). Safe to read and change from several threads. Raises `PracticeError` for rows without their key or with
    a key twice.
    """

    def __init__(
        self,
        name: str,
        rows: Iterable[Row],
        *,
        key: str | Sequence[str] = "id",
        cursor: str | None = None,
        tombstone: Row | None = None,
    ) -> None:
        self.name = name
        self.tombstone = tombstone
        self.key = (key,) if isinstance(key, str) else tuple(key)
        self.cursor = cursor
        self._lock = threading.Lock()
        self._rows: dict[KeyValue, dict[str, object]] = {}
        for row in map(dict, rows):
            if (identity := self.identity(row)) in self._rows:
                raise PracticeError(f"practice rows {name}: two rows have the key {identity}")
            self._rows[identity] = row

    def identity(self, row: Row) -> KeyValue:
        """The key of a row as a tuple of its key columns' values."""
        if missing := [column for column in self.key if row.get(column) is None]:
            raise PracticeError(f"practice rows {self.name}: a row has no {', '.join(missing)}: {dict(row)}")
        return tuple(row[column] for column in self.key)

    def listed(self) -> list[dict[str, object]]:
        """All rows as they are now, each a copy, in the API's order."""
        with self._lock:
            return [dict(row) for row in self._rows.values()]

    def put(self, row: Row) -> None:
        """Add a row at the end, or replace the one with its key where it stands."""
        with self._lock:
            self._rows[self.identity(row)] = dict(row)

    def remove(self, *key: object) -> None:
        """Take the row with this key away; `KeyError` when there is none."""
        with self._lock:
            del self._rows[key]

    def __len__(self) -> int:
        with self._lock:
            return len(self._rows)


def ordered(value: object) -> tuple[int, float, str]:
    """A value to sort by that never fails on mixed columns: numbers first, then text."""
    return (0, value, "") if isinstance(value, int | float) else (1, 0, str(value))


def comparable(value: object) -> datetime | float | None:
    """A cursor's value as something that can be ordered: an instant or a number; None for anything else.

    Text without an offset counts as UTC, a date as its midnight.
    """
    if isinstance(value, int | float):
        return float(value)
    text = str(value)
    try:
        return float(text)
    except ValueError:
        pass
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def is_time(value: str) -> bool:
    """Whether a text is a date or an instant, with an offset or without."""
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def not_before(rows: list[dict[str, object]], column: str, bound: str) -> list[dict[str, object]]:
    """The rows whose `column` is `bound` or later, which is what "modified since" means to most APIs.

    Raises `Refusal` (400) for a bound that is neither an instant nor a number.
    """
    start = comparable(bound)
    if start is None:
        raise Refusal(400, f"{bound!r} is neither a time nor a number")
    return [row for row in rows if _reaches(comparable(row.get(column)), start)]


def _reaches(value: datetime | float | None, start: datetime | float) -> bool:
    if isinstance(value, datetime) and isinstance(start, datetime):
        return value >= start
    if isinstance(value, float) and isinstance(start, float):
        return value >= start
    return False
