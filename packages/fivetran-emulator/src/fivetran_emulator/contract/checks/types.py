"""C63: the types that a connector declares for its columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from fivetran_emulator.contract.check import Violation, check
from fivetran_emulator.contract.comparing import sent
from fivetran_emulator.contract.subject import PracticeSubject, answered

__all__ = ["CHECKS"]

_DECIMAL = re.compile(r"decimal\((\d+), ?(\d+)\)")
_MAX_LONG = 2**63
Fits = Callable[[Any], bool]


@check(
    "C63",
    "values fit the declared types",
    risk="have its columns refused or changed where types are declared",
)
def declared_types(subject: PracticeSubject) -> None:
    """Every value of a column whose type the connector declares is of that type, or null, and each such column has rows."""
    declared = subject.declared_types
    met: set[tuple[str, str]] = set()
    for exchange in answered(subject) if declared else ():
        for table, row in exchange.rows():
            for column, kind in declared.get(table, {}).items():
                if column in row:
                    met.add((table, column))
                    _require_fit(table, column, kind, row[column], sent(exchange))
    if absent := sorted(
        f"{table}.{column}" for table, column in _columns(declared) if (table, column) not in met
    ):
        raise Violation(
            f"{', '.join(absent)} has a declared type and is in no row",
            expected="a column that rows have, if only as null",
            cause="a name in columns= that is written otherwise than in the rows",
        )


def _columns(declared: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[str, str]]:
    yield from ((table, column) for table, columns in declared.items() for column in columns)


def _require_fit(table: str, column: str, kind: str, value: Any, request: str) -> None:
    if value is None or fits(kind)(value):
        return
    raise Violation(
        f"{table}.{column} is declared {kind} and holds {value!r:.60}",
        expected=f"a value of the type {kind}, or null",
        cause="a text where a number is declared, a time where a day is, or the wrong type in columns=",
        reproduce=[request],
    )


def fits(kind: str) -> Fits:
    """Whether a value is of a type. Raises Violation for a type that there is not."""
    if found := _DECIMAL.fullmatch(kind):
        digits, scale = int(found[1]), int(found[2])
        return lambda value: _is_decimal(value, digits, scale)
    if kind not in _FITS:
        raise Violation(
            f"a column has the declared type {kind}",
            expected=f"one of {', '.join(_FITS)}, decimal(P, S)",
            cause="a function that was not made with this release of the runtime",
        )
    return _FITS[kind]


def _is_long(value: Any) -> bool:
    return type(value) is int and -_MAX_LONG <= value < _MAX_LONG


def _is_double(value: Any) -> bool:
    return type(value) in (int, float)


def _is_decimal(value: Any, digits: int, scale: int) -> bool:
    """A number, or one written as text, that has no more digits than these."""
    if type(value) not in (int, float, str):
        return False
    try:
        number = Decimal(str(value)).normalize()
    except InvalidOperation:
        return False
    exponent = number.as_tuple().exponent
    return isinstance(exponent, int) and -exponent <= scale and number.adjusted() < digits - scale


def _is_day(value: Any) -> bool:
    return (
        isinstance(value, str)
        and re.fullmatch(r"\d{4}-\d\d-\d\d", value) is not None
        and _parses(date, value)
    )


def _is_local_time(value: Any) -> bool:
    return _parses(datetime, value) and datetime.fromisoformat(value).tzinfo is None and not _is_day(value)


def _is_instant(value: Any) -> bool:
    return _parses(datetime, value) and datetime.fromisoformat(value).tzinfo is not None


def _parses(kind: type[date], value: Any) -> bool:
    try:
        kind.fromisoformat(value)
    except (TypeError, ValueError):
        return False
    return True


_FITS: Mapping[str, Fits] = {
    "boolean": lambda value: isinstance(value, bool),
    "long": _is_long,
    "double": _is_double,
    "string": lambda value: isinstance(value, str),
    "json": lambda _value: True,
    "date": _is_day,
    "datetime": _is_local_time,
    "timestamp": _is_instant,
}

CHECKS = [declared_types]
