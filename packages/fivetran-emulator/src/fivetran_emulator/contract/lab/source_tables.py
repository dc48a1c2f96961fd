"""Source tables that a trial may change, joined with what arrived of them in the warehouse.

The suite does not know how a connector makes rows. It takes a source table for the origin of a warehouse table when both
have one name and the source's rows have the key columns; tables made otherwise are checked as a whole only.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from fivetran_emulator.contract.lab.connection import Key, MemoryWarehouse, key_of
from fivetran_emulator.contract.lab.virtual_time import NOON
from fivetran_emulator.practice.rows import Rows

__all__ = ["Row", "SourceTable", "later", "newest_of", "source_tables"]

Row = dict[str, Any]
_LOOKED_AT = 20
"""Rows by which a column is judged."""


@dataclass(frozen=True)
class SourceTable:
    """A source table and the part of it that arrives. `key` are the warehouse's key columns."""

    name: str
    source: Rows
    key: tuple[str, ...]
    arrived: Mapping[Key, Mapping[str, Any]]
    step: float = 3600
    """Seconds between one change and the next, as the cursor shows them."""
    placing: Collection[str] = ()
    """Values by which the source was asked: a column that holds one of them decides where its row is listed."""

    def rows(self) -> list[Row]:
        """The source's rows that arrive, in the source's order."""
        return [dict(row) for row in self.source.listed() if key_of(row, self.key) in self.arrived]

    def key_of(self, row: Mapping[str, Any]) -> Key:
        """A row's key in the warehouse."""
        return key_of(row, self.key)

    @property
    def text_column(self) -> str | None:
        """A column of text that arrives as it is and distinguishes rows; None when there is none."""
        rows = self.rows()[:_LOOKED_AT]
        spoken_for = {*self.key, *self.source.key, self.source.cursor}
        candidates = [
            column
            for column in (rows[0] if rows else {})
            if column not in spoken_for and self.is_plain_text(rows, column) and not self.places(rows, column)
        ]
        most = {column: len({str(row.get(column)) for row in rows}) for column in candidates}
        return max(candidates, key=lambda column: most[column], default=None)

    def places(self, rows: list[Row], column: str) -> bool:
        """Whether a column seems to decide in which list, or under which parent, a row is found."""
        tombstone = self.source.tombstone or {}
        return column in tombstone or any(str(row.get(column)) in self.placing for row in rows)

    def is_plain_text(self, rows: list[Row], column: str) -> bool:
        """Whether a column holds text that arrives as it is, and no times."""
        values = [row.get(column) for row in rows]
        if any(value is not None and (not isinstance(value, str) or _moment(value)) for value in values):
            return False
        # Not of all rows: some have been changed since they arrived.
        same = [row for row in rows if self.arrived[self.key_of(row)].get(column) == row.get(column)]
        return len(same) * 2 > len(rows)

    @property
    def nested_columns(self) -> list[str]:
        """The columns with lists or objects that arrive as they are."""
        rows = self.rows()[:_LOOKED_AT]
        return [
            column
            for column in (rows[0] if rows else {})
            if all(
                isinstance(row.get(column), list | dict)
                and self.arrived[self.key_of(row)].get(column) == row.get(column)
                for row in rows
            )
        ]

    def newest(self) -> Any:
        """The largest cursor among all source rows; None without one."""
        return newest_of(self.source)

    @property
    def has_null_cursors(self) -> bool:
        """Whether rows without a cursor's value are known to this source, and arrive."""
        return self.source.cursor is not None and any(
            row.get(self.source.cursor) is None for row in self.rows()
        )

    def touched(self, row: Row, mark: str = "ü") -> Row:
        """The row changed in a column that arrives, and newer than every other."""
        column = self.text_column
        changed = {**row, column: f"{row.get(column) or ''} {mark}"} if column else dict(row)
        return self.moved(changed, self.newest())

    def moved(self, row: Row, value: Any, by: float | None = None) -> Row:
        """The row with its cursor so many seconds (or units of a number) after `value`."""
        cursor = self.source.cursor
        return {**row, cursor: later(value, self.step if by is None else by)} if cursor is not None else row

    def ahead(self, seconds: float) -> Any:
        """A cursor so many seconds ahead of the clock; None where the cursor is no time of day."""
        newest = self.newest()
        if not isinstance(newest, str) or len(newest) <= len("2026-01-01") or (at := _moment(newest)) is None:
            return None
        return later(newest, NOON.timestamp() + seconds - at)

    def delete(self, row: Row) -> None:
        """Delete the row as the source does: it is listed no more, or listed as deleted."""
        if self.source.tombstone is None:
            self.source.remove(*self.source.identity(row))
        else:
            self.source.put({**self.moved(row, self.newest()), **self.source.tombstone})

    def lives(self, row: Mapping[str, Any]) -> bool:
        """Whether a row of the source is one, and not the tombstone of one."""
        tombstone = self.source.tombstone
        return tombstone is None or any(row.get(name) != value for name, value in tombstone.items())

    def another(self, row: Row) -> Row:
        """A new row like this one, under a key of its own, newer than every other."""
        fresh = {
            column: _unused(self.source, column)
            for column in {*self.key, *self.source.key} - {self.source.cursor}
            if not isinstance(row.get(column), bool)
        }
        identifying = (
            dict(list(fresh.items())[:1])
            if len(fresh) > 1 and set(self.key) == set(self.source.key)
            else fresh
        )
        return self.moved({**row, **identifying}, self.newest())

    def copied(self, row: Row, number: int) -> Row:
        """The row once more under a key of its own, for tables that grow: no search for an unused key."""
        key = {
            column: value + number * 1_000_000
            if isinstance(value := row[column], int)
            else f"{value}-{number}"
            for column in self.source.key
            if column != self.source.cursor
        }
        return {**row, **key}


def source_tables(
    rows: Mapping[str, Rows], warehouse: MemoryWarehouse, placing: Collection[str] = ()
) -> list[SourceTable]:
    """The source tables that are found again in the warehouse, with at least one row.

    `placing` are the values by which the source was asked. Not those whose cursor is part of their key: no row of theirs ever changes, it only becomes another one.
    """
    found = []
    for name, source in rows.items():
        key, arrived = warehouse.keys.get(name, ()), warehouse.tables.get(name, {})
        table = SourceTable(name, source, key, arrived, placing=placing)
        if key and arrived and source.cursor not in {*key, *source.key} and table.rows():
            found.append(table)
    return found


def newest_of(source: Rows) -> Any:
    """The largest cursor among all rows of a source table; None without one."""
    if source.cursor is None:
        return None
    values = [row[source.cursor] for row in source.listed() if row.get(source.cursor) is not None]
    # A row that is dated ahead says nothing about when the next one changes.
    values = [value for value in values if (_moment(value) or 0.0) <= NOON.timestamp()] or values
    return max(values, key=lambda value: _moment(value) or _number(value), default=None)


def later(value: Any, by: float) -> Any:
    """A cursor's value moved on, in its own notation: a number, a day, or an instant with or without fractions and Z."""
    if isinstance(value, int):
        return value + max(1, int(by) // 3600) if by > 0 else value - max(1, int(-by) // 3600)
    if isinstance(value, float):
        return value + by
    text = str(value)
    if text.isdigit():
        return str(int(text) + int(by)).zfill(len(text))
    if len(text) == 10:
        return (date.fromisoformat(text) + timedelta(days=1 if by > 0 else -1)).isoformat()
    moment = datetime.fromisoformat(text) + timedelta(seconds=by)
    spec = "milliseconds" if "." in text else "seconds"
    return moment.isoformat(timespec=spec).replace("+00:00", "Z" if text.endswith("Z") else "+00:00")


def _unused(source: Rows, column: str) -> Any:
    values = [row.get(column) for row in source.listed()]
    numbers = [value for value in values if isinstance(value, int | float)]
    if len(numbers) == len(values):
        return max(numbers) + 1
    return f"{max(str(value) for value in values)}-1"


def _moment(value: Any) -> float | None:
    try:
        return datetime.fromisoformat(value).timestamp() if len(value) >= 10 else None
    except (TypeError, ValueError):
        return None


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
