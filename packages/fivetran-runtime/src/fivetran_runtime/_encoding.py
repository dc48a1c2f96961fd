"""Strict JSON: a row is encoded once, exactly, or refused with the table, key and column at fault.

Numbers keep their digits: fractions come from a source as Decimal, whatever they look like, and are written as they
came. A double would change 12345678901234567.89, and the type would depend on the digits.

msgspec alone would turn NaN into null, bytes into base64, a naive datetime into text without an offset and an
integer key into text; each of those would land in the warehouse as something the source never said.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from math import isfinite
from typing import Any
from uuid import UUID

import msgspec

from fivetran_runtime._arguments import kind_of
from fivetran_runtime.errors import DefectError

# BigQuery's INT64 and Fivetran's LONG (docs/protocol.md, "Types").
_MIN_INTEGER, _MAX_INTEGER = -(2**63), 2**63 - 1
_INTEGER_BITS = 64  # with the sign

_SHORT = 18  # digits before the point, which every number of this length may have
_LARGEST = Decimal(sys.float_info.max)
_ALWAYS_PLAIN = frozenset({bool, type(None), date, UUID})  # nothing can be wrong with them
_MAX_LEVELS = 200
"""So many dicts and lists within each other can be sent, whatever else is on Python's stack; BigQuery's JSON takes 500."""
_encode = msgspec.json.Encoder(decimal_format="number").encode
decode = msgspec.json.Decoder(float_hook=Decimal).decode
"""JSON of a source's, a state's or a request's as values: fractions are Decimal, with every digit.

Raises:
    ValueError: it is not JSON (`msgspec.DecodeError`, `UnicodeDecodeError`).
    decimal.InvalidOperation: a number's exponent is beyond any program.
    RecursionError: it is nested too deeply.
"""


def encode(value: object) -> bytes:
    """JSON of a value known to be plain: an envelope, a state, a log line."""
    return _encode(value)


def encode_plain(row: dict[str, Any]) -> bytes | None:
    """A row as JSON text, or None where `encode_row` has to look closer.

    Args:
        row: column name to value; the names are known to be text.
    """
    try:
        return _encode(row) if _are_plain(row.values()) else None
    except (UnicodeEncodeError, TypeError):
        return None


def _are_plain(values: Iterable[Any], levels: int = _MAX_LEVELS) -> bool:
    """Whether all values, and all that is in them, can be sent as they are; False where only a closer look can say.

    Nearly all can. It is one loop since a function for each value, as for `encode_row`, takes 3.4 microseconds for a row of
    13 columns where this takes 1.2; to decode and encode that row takes 3.1 without any check.
    """
    for value in values:
        kind = type(value)
        if kind is str:
            continue
        if kind is int:
            if value.bit_length() < _INTEGER_BITS:
                continue
        elif kind is Decimal:
            digits = value.adjusted()
            if digits < _SHORT and (digits or value.is_finite()):  # of what is not finite, it is 0
                continue
        elif (
            kind in _ALWAYS_PLAIN
            or ((is_plain := _OTHERS.get(kind)) is not None and is_plain(value))
            or (levels and (are_plain := _NESTED.get(kind)) is not None and are_plain(value, levels - 1))
        ):
            continue
        return False
    return True


def _is_plain_object(value: dict[Any, Any], levels: int) -> bool:
    for name in value:
        if type(name) is not str:
            return False
    return _are_plain(value.values(), levels)


def _has_exact_text(value: datetime) -> bool:
    """Whether its offset is one of whole minutes: of those of local mean time, until about 1940, msgspec leaves the seconds out."""
    offset = value.utcoffset()
    return offset is not None and not (offset.seconds % 60 or offset.microseconds)


_NESTED: dict[type, Callable[[Any, int], bool]] = {
    dict: _is_plain_object,
    list: _are_plain,
    tuple: _are_plain,
}
_OTHERS: dict[type, Callable[[Any], bool]] = {float: isfinite, datetime: _has_exact_text}


def encode_row(row: Mapping[str, Any], where: Callable[[], str]) -> bytes:
    """A row as JSON text.

    Args:
        row: column name to value: str, int, float, bool, None, date, aware datetime, Decimal, UUID, or lists
            and dicts of those.
        where: the table and key for an error's text; only called when there is an error.

    Raises:
        DefectError: a value has no exact JSON form; names table, key and column.
    """
    for column, value in row.items():
        if type(column) is not str:
            raise _refused(where, repr(column), "a column name that is not text")
        if _is_plain(value):
            continue
        try:
            _check(value, column, where, _MAX_LEVELS)
        except _TooDeepError:
            what = f"a value nested more than {_MAX_LEVELS} levels deep: send it as text"
            raise _refused(where, column, what) from None
    try:
        return _encode(row)
    except UnicodeEncodeError:
        raise _refused(where, _unencodable(row), "text that is not valid Unicode") from None
    except TypeError:
        raise _refused(where, _unencodable(row), "a value that has no JSON form") from None


def _is_plain(value: Any) -> bool:
    """Whether a value needs no closer look."""
    kind = type(value)
    if kind is int:
        return bool(_MIN_INTEGER <= value <= _MAX_INTEGER)
    if kind is Decimal:
        return bool(value.adjusted() < _SHORT and value.is_finite())
    return kind is str or kind in _ALWAYS_PLAIN or (kind is float and isfinite(value))


def _check(value: Any, column: str, where: Callable[[], str], levels: int) -> None:
    if not isinstance(value, dict | list | tuple):
        if problem := _problem(value):
            raise _refused(where, column, problem)
    elif not levels:
        raise _TooDeepError
    else:
        _check_nested(value, column, where, levels - 1)


class _TooDeepError(Exception):
    """A value has more levels than can be sent."""


def _check_nested(value: Any, column: str, where: Callable[[], str], levels: int) -> None:
    if isinstance(value, dict):
        for name, inner in value.items():
            if type(name) is not str:
                raise _refused(where, f"{column}.{name!r}", "a name that is not text")
            if not _is_plain(inner):
                _check(inner, f"{column}.{name}", where, levels)
    else:
        for place, inner in enumerate(value):
            if not _is_plain(inner):
                _check(inner, f"{column}[{place}]", where, levels)


def _problem(value: Any) -> str | None:
    match value:
        case int() if not _MIN_INTEGER <= value <= _MAX_INTEGER:
            return "an integer beyond 64 bit: send it as text"
        case float() if not isfinite(value):
            return f"the number {value}, which JSON does not have: send None or leave the column out"
        case Decimal() if not value.is_finite():
            return f"the number {value}, which JSON does not have: send None or leave the column out"
        case Decimal() if value.copy_abs() > _LARGEST:
            return "a number beyond 1.8e308, the largest that databases hold: send it as text"
        case Decimal() if value.as_tuple().exponent == 0 and not _MIN_INTEGER <= value <= _MAX_INTEGER:
            return "an integer beyond 64 bit: send it as text"
        case datetime() if value.utcoffset() is None:
            return "a datetime without an offset: give it the zone the source means, timezone.utc for one"
        case datetime() if not _has_exact_text(value):
            return "a datetime whose offset has seconds, which JSON would lose: send it in UTC, .astimezone(timezone.utc)"
        case int() | float() | str() | Decimal() | datetime() | date() | UUID():
            return None
    return f"{kind_of(value)}, which has no JSON form: convert it to text, a number, a list or a dict"


def _refused(where: Callable[[], str], column: str, what: str) -> DefectError:
    return DefectError(f"{where()}, column {column}: {what}.")


def _unencodable(row: Mapping[str, Any]) -> str:
    for column, value in row.items():
        try:
            _encode({column: value})
        except (UnicodeEncodeError, TypeError):
            return column
    return "?"
