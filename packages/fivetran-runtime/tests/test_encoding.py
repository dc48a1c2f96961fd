"""Strict JSON: exact, or refused with the table, key and column at fault."""

from __future__ import annotations

import json
from collections import OrderedDict, defaultdict
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fivetran_runtime._encoding import decode, encode_plain, encode_row
from fivetran_runtime.errors import DefectError


class Colour(Enum):
    RED = "red"


class Name(StrEnum):
    RED = "red"


class Number(IntEnum):
    ONE = 1


class Point(NamedTuple):
    x: int
    y: int


class Text(str):
    __slots__ = ()


class Whole(int):
    pass


def where() -> str:
    return "Table t, key id=1"


def sent(value: Any) -> Any:
    return json.loads(encode_row({"c": value}, where))["c"]


def refused(row: Any) -> str:
    with pytest.raises(DefectError) as caught:
        encode_row(row, where)
    return str(caught.value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (date(2026, 1, 31), "2026-01-31"),
        (datetime(2026, 1, 31, 12, tzinfo=UTC), "2026-01-31T12:00:00Z"),
        (datetime(2026, 1, 31, 12, tzinfo=timezone(timedelta(hours=2))), "2026-01-31T12:00:00+02:00"),
        (datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC), "2026-01-31T12:00:00.123456Z"),
        (2**63 - 1, 2**63 - 1),
        (-(2**63), -(2**63)),
        (True, True),
        (None, None),
        ('ü☃🙂\x00\n"', 'ü☃🙂\x00\n"'),
        (5e-324, 5e-324),
        (Name.RED, "red"),
        (Number.ONE, 1),
        (Point(1, 2), [1, 2]),
        ({"a": [1, {"b": Decimal("1.0")}]}, {"a": [1, {"b": 1.0}]}),
        (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        (defaultdict(int, a=1), {"a": 1}),
    ],
)
def test_a_value_arrives_exactly(value: Any, expected: Any) -> None:
    """Nothing is rounded, and type and text are the field's usual ones."""
    assert sent(value) == expected
    assert type(sent(value)) is type(expected)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_comes_back_to_the_bit(value: float) -> None:
    """The shortest text that reads as the same number."""
    assert sent(value) == value


BAD = [
    (float("nan"), "nan"),
    (float("inf"), "inf"),
    (float("-inf"), "-inf"),
    (Decimal("NaN"), "NaN"),
    (Decimal("sNaN"), "sNaN"),
    (Decimal("-Infinity"), "-Infinity"),
    (b"bytes", "bytes"),
    (bytearray(b"bytes"), "bytearray"),
    (memoryview(b"bytes"), "memoryview"),
    ({1, 2}, "set"),
    (frozenset({1}), "frozenset"),
    (time(12), "time"),
    (timedelta(1), "timedelta"),
    (1j, "complex"),
    (object(), "object"),
    (Colour.RED, "Colour"),
    (datetime(2026, 1, 31), "without an offset"),  # noqa: DTZ001 - that is the point
    (datetime(1850, 1, 1, tzinfo=timezone(timedelta(minutes=53, seconds=28))), "offset has seconds"),
    (2**63, "64 bit"),
    (-(2**63) - 1, "64 bit"),
    (Whole(2**63), "64 bit"),
    ("\ud800", "not valid Unicode"),
    (Text("subclass"), "no JSON form"),
    (Whole(1), "no JSON form"),
    ({1: 2}, "not text"),
    ({None: 2}, "not text"),
    ({(1, 2): 2}, "not text"),
]


@pytest.mark.parametrize(("value", "reason"), BAD)
def test_what_json_does_not_have_is_refused_by_column(value: Any, reason: str) -> None:
    """Never null, base64 or an HTTP date in its place."""
    message = refused({"fine": 1, "bad": value, "more": "x"})
    assert reason in message
    assert message.startswith("Table t, key id=1, column bad")


@pytest.mark.parametrize(
    "nested", [lambda value: [0, value], lambda value: {"x": value}, lambda value: (0, {"x": [value]})]
)
@pytest.mark.parametrize(("value", "reason"), BAD)
def test_nested_values_are_looked_at_too(nested: Any, value: Any, reason: str) -> None:
    """A NaN in a list in a dict is as wrong as one in a column."""
    message = refused({"fine": 1, "bad": nested(value)})
    assert reason in message
    assert "column bad" in message


def test_the_place_inside_a_column_is_named() -> None:
    """Large documents are not searched by eye."""
    assert "column doc.items[1].price:" in refused({"doc": {"items": [{}, {"price": float("nan")}]}})


@pytest.mark.parametrize("name", [1, None, ("a",), Text("subclass"), 1.5, True])
def test_a_column_name_must_be_text(name: Any) -> None:
    """Msgspec would write a number's text, and two columns might become one."""
    assert "column name that is not text" in refused({name: 1})


def test_a_column_name_must_be_valid_unicode() -> None:
    """As values must."""
    assert "Unicode" in refused({"\ud800": 1})


def test_the_key_is_only_described_for_an_error() -> None:
    """Describing a million good rows would cost more than sending them."""

    def never() -> str:
        raise AssertionError

    assert encode_row({"a": 1}, never) == b'{"a":1}'


@pytest.mark.parametrize(
    "digits",
    [
        "1.10",
        "12345678901234567.89",
        "0.10000000000000001",
        "0.1000000000000000055511151231257827",
        "-0.0",
        "1E-7",
        "0E-10",
        "1.7976931348623157E+308",
        "9223372036854775807",
        "1234567890123456789012.5",
    ],
)
def test_a_decimal_is_a_number_digit_for_digit(digits: str) -> None:
    """As it came from the source, in a column and nested."""
    assert encode_row({"c": Decimal(digits), "n": [{"x": Decimal(digits)}]}, where) == (
        f'{{"c":{digits},"n":[{{"x":{digits}}}]}}'.encode()
    )


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(2**60), max_value=2**60))
def test_every_fraction_comes_back_as_it_was(value: Decimal) -> None:
    """Read and written again: the same digits."""
    if "." in str(value) or "E" in str(value):
        assert str(decode(encode_row({"c": value}, where))["c"]) == str(value)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (Decimal("1E+309"), "1.8e308"),
        (Decimal("-1.8E+308"), "1.8e308"),
        (Decimal(2**63), "64 bit"),
        (Decimal("NaN"), "JSON does not have"),
        (Decimal("-Infinity"), "JSON does not have"),
        (Decimal("sNaN"), "JSON does not have"),
    ],
)
def test_a_decimal_out_of_range_is_refused(value: Decimal, reason: str) -> None:
    """It would arrive as infinity, or not at all."""
    assert reason in refused({"c": value})
    assert reason in refused({"c": {"n": [value]}})


@pytest.mark.parametrize("wrap", [lambda value: [value], lambda value: {"n": value}, lambda value: (value,)])
def test_how_deep_a_value_may_be_depends_on_nothing_else(wrap: Any) -> None:
    """Neither on whether a row with these columns came before, nor on Python's stack; 200 levels, refused by column."""
    deep: Any = 1.5
    for _ in range(200):
        deep = wrap(deep)
    assert encode_plain({"c": deep}) == encode_row({"c": deep}, lambda: "Table t")
    for more in (1, 100_000):
        for _ in range(more):
            deep = wrap(deep)
        assert encode_plain({"c": deep}) is None
        assert "column c: a value nested more than 200 levels deep" in refused({"c": deep})


_NAMES = st.text(max_size=3) | st.sampled_from(["a", Name.RED, Text("a"), 1, None, "\ud800"])
_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**64), 2**64) | st.sampled_from([2**63 - 1, 2**63, -(2**63), -(2**63) - 1]),
    st.floats(),
    st.decimals() | st.sampled_from([Decimal(digits) for digits in ("1E+18", "9.9E+17", "-9223372036854775809")]),
    st.text(max_size=5),
    st.datetimes() | st.datetimes(timezones=st.just(UTC)) | st.dates() | st.uuids(),
    st.sampled_from([value for value, _ in BAD] + [Name.RED, Number.ONE, Point(1, 2), OrderedDict(b=1), defaultdict(int)]),
)  # fmt: skip
_NESTED = st.recursive(
    _VALUES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(_NAMES, inner, max_size=3)
        | st.lists(inner, max_size=2).map(tuple)
    ),
    max_leaves=5,
)


@given(st.dictionaries(st.text(max_size=3), _NESTED, max_size=4))
def test_the_quick_way_sends_the_same_or_leaves_it_to_the_other(row: dict[str, Any]) -> None:
    """What is sent without a closer look is what would be sent after one; and nothing that would be refused."""
    quick = encode_plain(row)
    try:
        expected = encode_row(row, where)
    except DefectError:
        assert quick is None
    else:
        assert quick in (None, expected)


def test_what_sources_send_goes_the_quick_way() -> None:
    """Everything that JSON is read as, and what authors make of it; else each row would be looked at twice."""
    row = {
        "id": 1, "price": Decimal("12345678901234567.89"), "whole": Decimal("1E+3"), "zero": Decimal(0), "share": 0.5,
        "is_open": True, "email": None, "on": date(2026, 1, 31), "at": datetime(2026, 1, 31, tzinfo=UTC), "key": UUID(int=5),
        "requester": {"city": "Kraków", "tags": ["a", 1, (None,)]}, "last": -(2**63) + 1,
    }  # fmt: skip
    assert encode_plain(row) == encode_row(row, where)
