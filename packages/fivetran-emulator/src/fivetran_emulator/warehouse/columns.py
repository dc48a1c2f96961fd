"""A column of the warehouse: what it is called, and its type, the smallest that holds every value it ever had.

Names are Fivetran's, those of tables too; the rules differ: a table loses its leading underscores, a column keeps one. And
Fivetran does not resolve collisions: `userName` and `user_name` become one column, which is why callers must ask for `collisions`.

Types form a lattice and only ever widen, so the order in which values arrive never matters and no value is rounded. What
looks like one type here may be two. An integer above 2**53 and a fraction meet in a DECIMAL, because a DOUBLE would round the
integer: so small and large integers are kinds of their own, although both are BIGINT. Fractions likewise.

A fraction is a DOUBLE until a value comes whose digits a DOUBLE would change; then the column is a DECIMAL, and text where one
has no room. How Fivetran types such numbers is not published; here no digit is lost.

Text stays text, also when it looks like a date or a number. Fivetran does not document how it types such strings; the
typed form would not give back what was sent; and one odd value in a later sync would change the column's type.

Source of the names: "Naming conventions" of Fivetran's documentation (`FIVETRAN_NAMING`), see `docs/protocol.md`.
"""

from __future__ import annotations

import enum
import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Context, Decimal
from functools import reduce
from types import NoneType

__all__ = [
    "NAMINGS",
    "SYSTEM_PREFIX",
    "ColumnKind",
    "Naming",
    "collisions",
    "column_name",
    "fits_decimal",
    "kind_of",
    "table_name",
    "types_in",
    "wider",
]

SYSTEM_PREFIX = "_fivetran_"
"""Columns that start so are Fivetran's own."""

_BORDERS = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[0-9])(?=[^0-9])|(?<=[^0-9])(?=[0-9])")


def column_name(source: str) -> str:
    """The warehouse's name of the column `source`: `userName` is `user_name`, `$amount` is `_amount`.

    Empty when `source` is.
    """
    words = re.sub(r"[^A-Za-z0-9_]", "_", _without_accents(source))
    return re.sub(r"_+", "_", _BORDERS.sub("_", words)).lower()


def table_name(source: str) -> str:
    """The warehouse's name of the table `source`: as a column's, without leading underscores.

    Empty when nothing is left, as of `"_"`.
    """
    return column_name(source).lstrip("_")


@dataclass(frozen=True)
class Naming:
    """How the names of a function's tables and columns become the warehouse's."""

    table: Callable[[str], str]
    column: Callable[[str], str]


NAMINGS = {"fivetran": Naming(table_name, column_name), "source": Naming(str, str)}
"""`FIVETRAN_NAMING` and `SOURCE_NAMING`, by the words of the switch `--naming`."""


def collisions(sources: Iterable[str], rule: Callable[[str], str]) -> list[tuple[str, list[str]]]:
    """The names that several of `sources` would share, each with those sources in the order given."""
    by_name: dict[str, list[str]] = {}
    for source in sources:
        by_name.setdefault(rule(source), []).append(source)
    return [(name, same) for name, same in by_name.items() if len(same) > 1]


def _without_accents(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


_EXACT_IN_DOUBLE = 2**53
_BIGINT = 2**63
_HUGEINT = 2**127
_PRECISION, _SCALE = 38, 18
_WIDE = Context(prec=1_000)


class ColumnKind(enum.Enum):
    """What a column holds. The value is the name kept in the warehouse's record of columns."""

    BOOLEAN = "boolean"
    SMALL_INTEGER = "small integer"
    INTEGER = "integer"
    HUGE_INTEGER = "huge integer"
    SHORT_DOUBLE = "short double"
    DOUBLE = "double"
    DECIMAL = "decimal"
    TEXT = "text"
    JSON = "json"

    @property
    def sql(self) -> str:
        """The DuckDB type that holds every value of this kind."""
        return _SQL[self]


_SQL = {
    ColumnKind.BOOLEAN: "BOOLEAN",
    ColumnKind.SMALL_INTEGER: "BIGINT",
    ColumnKind.INTEGER: "BIGINT",
    ColumnKind.HUGE_INTEGER: "HUGEINT",
    ColumnKind.SHORT_DOUBLE: "DOUBLE",
    ColumnKind.DOUBLE: "DOUBLE",
    ColumnKind.DECIMAL: "DECIMAL(38, 18)",
    ColumnKind.TEXT: "VARCHAR",
    ColumnKind.JSON: "JSON",
}
_SIZES = {
    ColumnKind.SMALL_INTEGER: (0, 0),
    ColumnKind.INTEGER: (1, 0),
    ColumnKind.HUGE_INTEGER: (2, 0),
    ColumnKind.SHORT_DOUBLE: (0, 1),
    ColumnKind.DOUBLE: (0, 2),
    ColumnKind.DECIMAL: (1, 1),
}
"""How large integers, and how long fractions, a kind of number holds exactly."""


def wider(one: ColumnKind, other: ColumnKind) -> ColumnKind:
    """The smallest kind that holds every value of both without loss. Commutative, associative, idempotent."""
    if one is other:
        return one
    if ColumnKind.JSON in (one, other):
        return ColumnKind.JSON
    if one in _SIZES and other in _SIZES:
        sizes = tuple(map(max, _SIZES[one], _SIZES[other]))
        return next((kind for kind, size in _SIZES.items() if size == sizes), ColumnKind.TEXT)
    return ColumnKind.TEXT


def fits_decimal(value: float | Decimal) -> bool:
    """Whether a column of kind DECIMAL holds exactly this number: 20 digits before the point and 18 behind it."""
    number = value if isinstance(value, Decimal) else Decimal(repr(value))
    _sign, digits, exponent = number.normalize(_WIDE).as_tuple()
    return isinstance(exponent, int) and exponent >= -_SCALE and len(digits) + exponent <= _PRECISION - _SCALE


def kind_of(values: Iterable[object]) -> ColumnKind | None:
    """The kind of a column with these decoded JSON values; None when all of them are null.

    One pass finds the Python types, a second one the sizes of numbers; no Python code runs for a value but for a fraction.
    """
    values = values if isinstance(values, list) else list(values)
    types = set(map(type, values)) - {NoneType}
    kinds = {_kind_of_type(values, t, alone=len(types) == 1) for t in types}
    return reduce(wider, kinds) if kinds else None


def types_in(values: Iterable[object]) -> list[str]:
    """The JSON types among decoded values other than null, in words, sorted."""
    return sorted({_WORDS[t] for t in set(map(type, values)) - {NoneType}})


_WORDS: dict[type, str] = {
    bool: "booleans",
    int: "integers",
    float: "fractions",
    Decimal: "fractions of many digits",
    str: "text",
    dict: "objects",
    list: "lists",
}
_KINDS: dict[type, ColumnKind] = {
    bool: ColumnKind.BOOLEAN,
    str: ColumnKind.TEXT,
    dict: ColumnKind.JSON,
    list: ColumnKind.JSON,
}


def _kind_of_type(values: list[object], type_: type, *, alone: bool) -> ColumnKind:
    """The kind of those values that are of one type."""
    if type_ is int:
        return _kind_of_integers(values, alone=alone)
    if type_ is float:
        return (
            ColumnKind.SHORT_DOUBLE
            if all(_is_short(v) for v in values if type(v) is float)
            else ColumnKind.DOUBLE
        )
    if type_ is Decimal:
        return (
            ColumnKind.DECIMAL
            if all(fits_decimal(v) for v in values if type(v) is Decimal)
            else ColumnKind.TEXT
        )
    return _KINDS[type_]


def _is_short(value: float) -> bool:
    # A double has 17 digits: in this range they all lie within a DECIMAL's places.
    return 0.01 <= abs(value) < 1e20 or value == 0 or fits_decimal(value)


def _kind_of_integers(values: list[object], *, alone: bool) -> ColumnKind:
    integers = [v for v in values if type(v) is int] if not alone or None in values else values
    low, high = min(integers), max(integers)  # type: ignore[type-var]
    return _size(low, high)  # type: ignore[arg-type]


def _size(low: int, high: int) -> ColumnKind:
    if low >= -_EXACT_IN_DOUBLE and high <= _EXACT_IN_DOUBLE:
        return ColumnKind.SMALL_INTEGER
    if low >= -_BIGINT and high < _BIGINT:
        return ColumnKind.INTEGER
    if low > -_HUGEINT and high < _HUGEINT:
        return ColumnKind.HUGE_INTEGER
    return ColumnKind.TEXT
