"""The type of a column: the smallest that holds every value it ever had.

Types form a lattice and only ever widen, so the order in which values arrive never matters and no value is rounded. What
looks like one type here may be two: an integer above 2**53 and a fraction meet in text, because a DOUBLE would round
the integer, so small and large integers are kinds of their own although both are BIGINT.

Text stays text, also when it looks like a date or a number: Fivetran does not document how it types such strings, the
typed form would not give back what was sent, and one odd value in a later sync would change the column's type.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from functools import reduce
from types import NoneType

__all__ = ["Kind", "kind_of", "types_in", "wider"]

_EXACT_IN_DOUBLE = 2**53
_BIGINT = 2**63
_HUGEINT = 2**127


class Kind(enum.Enum):
    """What a column holds. The value is the name kept in the warehouse's record of columns."""

    BOOLEAN = "boolean"
    SMALL_INTEGER = "small integer"
    INTEGER = "integer"
    HUGE_INTEGER = "huge integer"
    DOUBLE = "double"
    TEXT = "text"
    JSON = "json"

    @property
    def sql(self) -> str:
        """The DuckDB type that holds every value of this kind."""
        return _SQL[self]


_SQL = {
    Kind.BOOLEAN: "BOOLEAN",
    Kind.SMALL_INTEGER: "BIGINT",
    Kind.INTEGER: "BIGINT",
    Kind.HUGE_INTEGER: "HUGEINT",
    Kind.DOUBLE: "DOUBLE",
    Kind.TEXT: "VARCHAR",
    Kind.JSON: "JSON",
}
_INTEGERS = (Kind.SMALL_INTEGER, Kind.INTEGER, Kind.HUGE_INTEGER)


def wider(one: Kind, other: Kind) -> Kind:
    """The smallest kind that holds every value of both without loss. Commutative, associative, idempotent."""
    if one is other:
        return one
    if Kind.JSON in (one, other):
        return Kind.JSON
    if one in _INTEGERS and other in _INTEGERS:
        return max(one, other, key=_INTEGERS.index)
    if {one, other} == {Kind.SMALL_INTEGER, Kind.DOUBLE}:
        return Kind.DOUBLE
    return Kind.TEXT


def kind_of(values: Iterable[object]) -> Kind | None:
    """The kind of a column with these decoded JSON values; None when all of them are null.

    One pass finds the Python types, a second one the integers' sizes: no Python code runs for a value.
    """
    values = values if isinstance(values, list) else list(values)
    types = set(map(type, values)) - {NoneType}
    kinds = {_kind_of_integers(values, alone=types == {int}) if t is int else _KINDS[t] for t in types}
    return reduce(wider, kinds) if kinds else None


def types_in(values: Iterable[object]) -> list[str]:
    """The JSON types among decoded values other than null, in words, sorted."""
    return sorted({_WORDS[t] for t in set(map(type, values)) - {NoneType}})


_WORDS: dict[type, str] = {
    bool: "booleans",
    int: "integers",
    float: "fractions",
    str: "text",
    dict: "objects",
    list: "lists",
}
_KINDS: dict[type, Kind] = {
    bool: Kind.BOOLEAN,
    float: Kind.DOUBLE,
    str: Kind.TEXT,
    dict: Kind.JSON,
    list: Kind.JSON,
}


def _kind_of_integers(values: list[object], *, alone: bool) -> Kind:
    integers = [v for v in values if type(v) is int] if not alone or None in values else values
    low, high = min(integers), max(integers)  # type: ignore[type-var]
    return _size(low, high)  # type: ignore[arg-type]


def _size(low: int, high: int) -> Kind:
    if low >= -_EXACT_IN_DOUBLE and high <= _EXACT_IN_DOUBLE:
        return Kind.SMALL_INTEGER
    if low >= -_BIGINT and high < _BIGINT:
        return Kind.INTEGER
    if low > -_HUGEINT and high < _HUGEINT:
        return Kind.HUGE_INTEGER
    return Kind.TEXT
