"""The mutable rows of one source table: what practice.py lists, and what a test may move while it is being read.

A `Rows` copies the list it is given: two runs that load the same practice.py start from the same rows, whatever the
run before did to them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from fivetran_emulator.errors import PracticeError, Refusal

Row = Mapping[str, Any]
KeyValue = tuple[object, ...]


class Rows:
    """One table of the source, in the order the API lists it.

    It remembers what changed and what was removed, for listings of changes. Safe to read and change from several threads.

    Args:
        name: what messages call it.
        rows: its rows, which are copied.
        key: the column that identifies a row, or the columns.
        cursor: the column that moves when a row changes, if there is one.
        tombstone: the columns a deleted row is listed with, e.g. ``{"deleted": True}``; by default it is no longer listed.
        notation: how the API writes the cursor's times, as for `Source.rows`.

    Raises:
        PracticeError: a row has no key, or that of another one; or no row has the cursor; or a notation that makes no time.
    """

    notation: str | None = None

    def __init__(
        self,
        name: str,
        rows: Iterable[Row],
        *,
        key: str | Sequence[str] = "id",
        cursor: str | None = None,
        tombstone: Row | None = None,
        notation: str | None = None,
    ) -> None:
        if notation is not None:
            _require_notation(name, cursor, notation)
        self.name = name
        self.notation = notation
        self.tombstone = tombstone
        self.key = (key,) if isinstance(key, str) else tuple(key)
        self.cursor = cursor
        self._lock = threading.Lock()
        self.version = 0
        self.forgotten = 0
        self._changed: dict[KeyValue, int] = {}
        self._rows: dict[KeyValue, dict[str, Any]] = {}
        for row in map(dict, rows):
            if (identity := self.identity(row)) in self._rows:
                raise PracticeError(f"practice rows {name}: two rows have the key {identity}")
            self._rows[identity] = row
        if cursor is not None and self._rows and not any(cursor in row for row in self._rows.values()):
            raise PracticeError(
                f"practice rows {name}: no row has the column {cursor} that is their cursor; {_columns(self._rows.values())}"
            )

    def identity(self, row: Row) -> KeyValue:
        """The key of a row as a tuple of its key columns' values."""
        values = tuple([row.get(column) for column in self.key])
        if None in values:
            missing = [column for column in self.key if row.get(column) is None]
            msg = f"practice rows {self.name}: a row has no {', '.join(missing)}, which is its key: {dict(row)}; say which is with key="
            raise PracticeError(msg)
        return values

    def listed(self) -> list[dict[str, Any]]:
        """All rows as they are now, each a copy, in the API's order."""
        return [dict(row) for row in self.current()]

    def current(self) -> list[dict[str, Any]]:
        """All rows as they are now, in the API's order: themselves, for reading only. A subclass with rows elsewhere replaces it."""
        with self._lock:
            return list(self._rows.values())

    def shown(self, row: Row) -> dict[str, Any]:
        """A copy of a row as the API writes it: its cursor's time in the notation of these rows."""
        value = None if self.notation is None or self.cursor is None else row.get(self.cursor)
        if not isinstance(value, str) or not isinstance(moment := comparable(value), datetime):
            return dict(row)
        return {**row, str(self.cursor): moment.astimezone(UTC).strftime(str(self.notation))}

    def put(self, row: Row) -> None:
        """Add a row at the end, or replace the one with its key where it stands."""
        with self._lock:
            self._rows[self.identity(row)] = dict(row)
            self._note(self.identity(row))

    def remove(self, *key: object) -> None:
        """Take the row with this key away.

        Args:
            key: the values of its key columns.

        Raises:
            PracticeError: there is no such row.
        """
        with self._lock:
            if key not in self._rows:
                raise PracticeError(
                    f"practice rows {self.name}: there is no row {key} to remove; the key is {', '.join(self.key)}"
                )
            del self._rows[key]
            self._note(key)

    def update(self, *key: object, **columns: object) -> None:
        """Change columns of the row with this key, as an edit at the source does; a cursor does not move by itself.

        Args:
            key: the values of its key columns.
            columns: what changes, by name.

        Raises:
            PracticeError: there is no such row.
        """
        with self._lock:
            if key not in self._rows:
                raise PracticeError(
                    f"practice rows {self.name}: there is no row {key} to update; the key is {', '.join(self.key)}"
                )
            self._rows[key] = {**self._rows[key], **columns}
            self._note(key)

    def changes(self, since: int) -> dict[KeyValue, dict[str, Any] | None]:
        """What was put or taken away, by key: the row as it is now, None for one that was taken away.

        Args:
            since: a ``version`` of these rows, after which.
        """
        with self._lock:
            changed = [key for key, version in self._changed.items() if version > since]
            return {key: dict(self._rows[key]) if key in self._rows else None for key in changed}

    def forget(self) -> None:
        """Let every token for changes that was given out so far expire."""
        with self._lock:
            self.version += 1
            self.forgotten = self.version

    def _note(self, key: KeyValue) -> None:
        self.version += 1
        self._changed[key] = self.version

    def __len__(self) -> int:
        with self._lock:
            return len(self._rows)


def _require_notation(name: str, cursor: str | None, notation: str) -> None:
    """`PracticeError` unless a cursor is written so, and can be read back to the second."""
    example = datetime(2026, 1, 31, 12, 34, 56, tzinfo=UTC)
    try:
        read = datetime.strptime(example.strftime(notation), notation)  # noqa: DTZ007 - few have a zone
    except ValueError:
        read = None
    if cursor is None or read is None or read.date() != example.date():
        why = "they have no cursor=" if cursor is None else f"{example.strftime(notation)!r} is no time in it"
        raise PracticeError(
            f'practice rows {name}: notation={notation!r}: {why}; it is written as strftime has it: "%Y-%m-%d.%H:%M:%S"'
        )


def _columns(rows: Iterable[Row]) -> str:
    """Which columns rows have."""
    return f"they have {', '.join(dict.fromkeys(column for row in rows for column in row))}"


def ordered(value: object) -> tuple[int, float, str]:
    """A value to sort by that never fails on mixed columns: numbers first, then text."""
    return (0, value, "") if isinstance(value, int | float) else (1, 0, str(value))


def comparable(value: object) -> datetime | float | None:
    """A cursor's value as something that can be ordered: an instant or a number; None for anything else.

    Text without an offset counts as UTC, a date as its midnight.
    """
    if isinstance(value, int | float):
        return float(value)
    return _comparable_text(str(value))


@lru_cache(maxsize=10_000)
def _comparable_text(text: str) -> datetime | float | None:
    # The same rows are compared for each page of a listing.
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


def not_before(
    rows: list[dict[str, Any]],
    column: str,
    bound: str,
    *,
    strictly: bool = False,
    units: float | None = None,
    notation: str | None = None,
) -> list[dict[str, Any]]:
    """The rows whose `column` is `bound` or later, which is what "modified since" means to most APIs; `strictly`: later.

    With `units` the bound is a number of these since 1970, so many to a second, and the column a time; with `notation` it is written so.
    Raises `Refusal` (400) for a bound that is neither an instant nor a number, or no number where it has to be one.
    """
    start = comparable(bound) if notation is None else _instant(bound, notation)
    if start is None or (units is not None and not isinstance(start, float)):
        what = "a number" if units else "a time or a number"
        raise Refusal(400, f"{bound!r} is not {what}")
    if units is not None and isinstance(start, float):
        start = datetime.fromtimestamp(start / units, UTC)
    return [row for row in rows if _reaches(comparable(row.get(column)), start, strictly=strictly)]


def _instant(text: str, notation: str) -> datetime:
    try:
        read = datetime.strptime(text, notation)  # noqa: DTZ007 - few have a zone
    except ValueError:
        example = datetime(2026, 1, 31, 12, tzinfo=UTC).strftime(notation)
        raise Refusal(400, f"{text!r} is not a time as it is written here, such as {example!r}") from None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def _reaches(value: datetime | float | None, start: datetime | float, *, strictly: bool) -> bool:
    if isinstance(value, datetime) and isinstance(start, datetime):
        return value > start if strictly else value >= start
    if isinstance(value, float) and isinstance(start, float):
        return value > start if strictly else value >= start
    return False
