"""Cursors: how far a table has been read, as a number, a day or an instant.

Values are parsed and compared as values, never as text: "10" comes after "9", and 01:00+02:00 before 00:30Z.
The state holds one canonical text per value: integers as JSON integers, days as 2026-01-31, instants in UTC as
2026-01-31T12:00:00Z.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

Value = int | date | datetime
Lookback = int | timedelta


@dataclass(frozen=True)
class Kind:
    """One kind of cursor.

    Attributes:
        name: what an error calls it.
        parse: a source's value as a cursor; raises ValueError with the reason.
        dump: a cursor as the state holds it.
        lookback: the type `lookback=` must have.
        horizon: from the present instant, the latest value that can be true; None where any can.
    """

    name: str
    parse: Callable[[object], Any]
    dump: Callable[[Any], int | str]
    lookback: type
    horizon: Callable[[datetime], Any] | None = None


_INTEGER = re.compile(r"[+-]?[0-9]+")  # int() would read "1_000" and other scripts' digits too


def _parse_integer(value: object) -> int:
    if type(value) is int or (isinstance(value, str) and _INTEGER.fullmatch(value)):
        return int(value)
    raise ValueError("is not an integer")


def _parse_day(value: object) -> date:
    if type(value) is date:
        return value
    try:
        return date.fromisoformat(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise ValueError("is not a day like 2026-01-31") from None


def _parse_instant(value: object) -> datetime:
    moment = value if isinstance(value, datetime) else _instant_from_text(value)
    if moment.tzinfo is None:
        raise ValueError("has no offset: say which zone the source means")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("is before the year 1 or after the year 9999 in UTC") from None


def _instant_from_text(value: object) -> datetime:
    try:
        return datetime.fromisoformat(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise ValueError("is not an instant like 2026-01-31T12:00:00Z") from None


def _dump_instant(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


_AHEAD = timedelta(days=1)  # clocks are wrong by hours, and zones apart by less than a day
INTEGER = Kind("an integer", _parse_integer, int, int)
DAY = Kind("a day", _parse_day, date.isoformat, timedelta, lambda now: (now + _AHEAD * 2).date())
INSTANT = Kind("an instant", _parse_instant, _dump_instant, timedelta, lambda now: now + _AHEAD)

KINDS: dict[type, Kind] = {int: INTEGER, date: DAY, datetime: INSTANT}
"""The kind that the annotation of `since` names."""


def minus(mark: Any, lookback: Lookback | None) -> Any:
    """The mark moved back by the lookback, not before the first representable value."""
    if lookback is None:
        return mark
    try:
        return mark - lookback
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC) if isinstance(mark, datetime) else date.min


def is_beyond(kind: Kind, value: Any, now: datetime) -> bool:
    """Whether a value lies in a future that nothing can have changed in: a mark there would hide every later change."""
    return kind.horizon is not None and bool(value > kind.horizon(now))
