"""Cursors: how far a table has been read, as a number, a day or an instant.

Values are parsed and compared as values, never as text: "10" comes after "9", and 01:00+02:00 before 00:30Z.
The state holds one canonical text per value: integers as JSON integers, days as 2026-01-31, instants in UTC as
2026-01-31T12:00:00Z.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

import msgspec

Lookback = int | timedelta
Epoch = Literal["seconds", "milliseconds"]


class Kind(msgspec.Struct, frozen=True):
    """One kind of cursor.

    Attributes:
        name: what an error calls it. States hold it, so it never changes.
        parse: a source's value as a cursor; raises ValueError with the reason.
        dump: a cursor as the state holds it.
        lookback: the type `lookback=` must have.
        latest: from the present instant, the latest value that can be true; None where any can.
        never: the value that sources write for "never changed": it moves no mark.
    """

    name: str
    parse: Callable[[object], Any]
    dump: Callable[[Any], int | str]
    lookback: type
    latest: Callable[[datetime], Any] | None = None
    never: Any = None


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


FIRST_INSTANT = datetime.min.replace(tzinfo=UTC)
LAST_INSTANT = datetime.max.replace(tzinfo=UTC)


def _parse_instant(value: object) -> datetime:
    moment = value if isinstance(value, datetime) else _instant_from_text(value)
    if moment.tzinfo is UTC:
        return moment
    if moment.tzinfo is None:
        raise ValueError("has no offset: say which zone the source means")
    try:
        return moment.astimezone(UTC)
    except OverflowError:  # .NET's zero east of Greenwich, or the last second west of it
        return FIRST_INSTANT if moment.year == 1 else LAST_INSTANT


def _instant_from_text(value: object) -> datetime:
    try:
        return datetime.fromisoformat(value)  # type: ignore[arg-type]
    except TypeError:
        raise ValueError(_NOT_AN_INSTANT) from None
    except ValueError:
        return _unusual_instant(str(value))


_NOT_AN_INSTANT = "is not an instant like 2026-01-31T12:00:00Z"
_PARTS = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?::(\d\d)([.,]\d+)?)?(Z|[+-]\d\d:?\d\d)?", re.ASCII)


def _unusual_instant(text: str) -> datetime:
    """What RFC 3339 and ISO 8601 allow and Python does not read: small letters, a leap second, the hour 24."""
    parts = _PARTS.fullmatch(text.upper())
    if parts is None:
        raise ValueError(_NOT_AN_INSTANT)
    day, clock, second, fraction, zone = parts.groups(default="")
    midnight = clock == "24:00" and second in ("", "00") and not fraction.strip(".,0")
    if second == "60":
        second, fraction = "59", ""  # the second before: a mark may be early, never late
    time = "00:00:00" if midnight else f"{clock}:{second or '00'}{fraction}"
    try:
        return datetime.fromisoformat(f"{day}T{time}{zone}") + timedelta(days=midnight)
    except OverflowError:
        return LAST_INSTANT
    except ValueError:
        raise ValueError(_NOT_AN_INSTANT) from None


def _dump_instant(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


INTEGER = Kind("an integer", _parse_integer, int, int)
DAY = Kind("a day", _parse_day, date.isoformat, timedelta, lambda now: now.astimezone(UTC).date(), date.min)
INSTANT = Kind("an instant", _parse_instant, _dump_instant, timedelta, lambda now: now, FIRST_INSTANT)
SECONDS = Kind("epoch seconds", _parse_integer, int, int, lambda now: int(now.timestamp()), 0)
MILLISECONDS = Kind(
    "epoch milliseconds", _parse_integer, int, int, lambda now: int(now.timestamp() * 1000), 0
)

KINDS: dict[type, Kind] = {int: INTEGER, date: DAY, datetime: INSTANT}
"""The kind that the annotation of `since` names."""

EPOCHS: dict[Epoch, Kind] = {"seconds": SECONDS, "milliseconds": MILLISECONDS}
"""The kind that `epoch=` names."""

_CENTURY = 100 * 366 * 86_400


def minus(mark: Any, lookback: Lookback | None) -> Any:
    """The mark moved back by the lookback, not before the first representable value."""
    if lookback is None:
        return mark
    try:
        return mark - lookback
    except OverflowError:
        return FIRST_INSTANT if isinstance(mark, datetime) else date.min


def is_beyond(kind: Kind, value: Any, now: datetime) -> bool:
    """Whether a value is later than an instant: a mark there would hide every change until then."""
    return kind.latest is not None and bool(value > kind.latest(now))


def looks_like_a_later_time(kind: Kind, value: Any, now: datetime) -> bool:
    """Whether a plain integer would be a moment of the next hundred years if it were a time."""
    if kind is not INTEGER:
        return False
    seconds = now.timestamp()
    return any(seconds < value / scale < seconds + _CENTURY for scale in (1, 1000))


def is_far_beyond(kind: Kind, value: Any, now: datetime) -> bool:
    """Whether a value is so much later than now that no clock's or zone's difference explains it."""
    margin = timedelta(days=1) if kind is DAY else timedelta(minutes=1)
    return is_beyond(kind, value, now + margin)
