"""Cursors are values: parsed, compared and kept as such, whatever text a source gives."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fivetran_runtime.cursors import (
    DAY,
    FIRST_INSTANT,
    INSTANT,
    INTEGER,
    LAST_INSTANT,
    SECONDS,
    Kind,
    looks_like_a_later_time,
    minus,
)

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "smaller", "larger"),
    [
        (INTEGER, "9", "10"),
        (INTEGER, "-10", "-9"),
        (INTEGER, 9, "10"),
        (DAY, "2026-01-31", date(2026, 2, 1)),
        (INSTANT, "2026-01-31T01:00:00+02:00", "2026-01-31T00:30:00Z"),
        (INSTANT, "2026-01-31T12:00:00Z", "2026-01-31T12:00:00.5Z"),
        (INSTANT, "2026-01-31T12:00:00.9Z", "2026-01-31T12:00:01Z"),
        (INSTANT, "2026-01-31 23:00:00-05:00", "2026-02-01T05:00:00Z"),
    ],
)
def test_values_are_compared_as_values(kind: Kind, smaller: Any, larger: Any) -> None:
    """Each of these is the other way round as text, or not comparable at all."""
    assert kind.parse(smaller) < kind.parse(larger)


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31T12:00:00Z",
        "2026-01-31T12:00:00+00:00",
        "2026-01-31T12:00:00.000Z",
        "2026-01-31 12:00:00Z",
        "2026-01-31T13:00:00+01:00",
        "2026-01-31T07:00:00-0500",
        "20260131T120000Z",
        datetime(2026, 1, 31, 14, tzinfo=timezone(timedelta(hours=2))),
    ],
)
def test_one_instant_has_one_canonical_text(text: Any) -> None:
    """The state compares and reads the same whatever a source's habits are."""
    assert INSTANT.parse(text) == NOON
    assert INSTANT.dump(INSTANT.parse(text)) == "2026-01-31T12:00:00Z"


def test_fractions_are_kept() -> None:
    """Cutting them would read rows of that second for ever, or never."""
    assert INSTANT.dump(INSTANT.parse("2026-01-31T12:00:00.000001Z")) == "2026-01-31T12:00:00.000001Z"


def test_more_digits_than_microseconds_never_move_a_mark_forward() -> None:
    """A mark rounded up would skip the rows in between."""
    assert INSTANT.parse("2026-01-31T12:00:00.123456999Z") == NOON + timedelta(microseconds=123456)


@pytest.mark.parametrize("value", ["2026-01-31T12:00:00", "2026-01-31", datetime(2026, 1, 31)])  # noqa: DTZ001
def test_an_instant_without_an_offset_is_refused(value: Any) -> None:
    """The source's zone is not the function's."""
    with pytest.raises(ValueError, match="no offset"):
        INSTANT.parse(value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (INTEGER, "1_000"),
        (INTEGER, "1.0"),
        (INTEGER, 1.0),
        (INTEGER, True),
        (INTEGER, ""),
        (INTEGER, "٣"),
        (INTEGER, "1\n"),
        (INTEGER, None),
        (DAY, "31.01.2026"),
        (DAY, NOON),
        (DAY, "2026-01-31T12:00:00Z"),
        (DAY, "2026-02-30"),
        (DAY, 20260131),
        (INSTANT, "yesterday"),
        (INSTANT, 1769860800),
        (INSTANT, date(2026, 1, 31)),
        (INSTANT, "2026-01-31T25:00:00Z"),
        (INSTANT, "2026-01-31T24:00:01Z"),
        (INSTANT, "2026-01-31T12:00:61Z"),
        (INSTANT, "2026-01-31T12:60:00Z"),
        (INSTANT, "2026-02-30t12:00:00z"),
    ],
)
def test_what_is_not_of_the_kind_is_refused_with_a_reason(kind: Kind, value: Any) -> None:
    """A ValueError whose text goes on from "the value ..."."""
    with pytest.raises(ValueError, match=r"^(is|has) "):
        kind.parse(value)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-01-31t12:00:00z", NOON),
        ("2026-01-31T24:00:00Z", NOON + timedelta(hours=12)),
        ("2026-01-31T24:00Z", NOON + timedelta(hours=12)),
        ("2026-01-31T13:59:60+02:00", NOON - timedelta(seconds=1)),
        ("2026-01-31T11:59:60.5Z", NOON - timedelta(seconds=1)),
        ("0001-01-01T00:00:00+01:00", FIRST_INSTANT),
        ("9999-12-31T23:59:59-05:00", LAST_INSTANT),
        ("9999-12-31T24:00:00Z", LAST_INSTANT),
    ],
)
def test_what_sources_write_at_the_edges_is_read(text: str, instant: datetime) -> None:
    """One such row must not stop a table; a mark made of it may be early, never late."""
    assert INSTANT.parse(text) == instant


@pytest.mark.parametrize(
    ("kind", "value", "looks"),
    [
        (INTEGER, 4_102_444_800, True),
        (INTEGER, 4_102_444_800_000, True),
        (INTEGER, 1_700_000_000, False),
        (INTEGER, 10**15, False),
        (SECONDS, 4_102_444_800, False),
        (DAY, date(2100, 1, 1), False),
    ],
)
def test_an_integer_may_look_like_a_later_time(kind: Kind, value: Any, looks: bool) -> None:
    """Of the next hundred years, in seconds or milliseconds; what is declared does not only look like it."""
    assert looks_like_a_later_time(kind, value, NOON) is looks


@given(st.integers())
def test_integers_come_back_from_the_state(value: int) -> None:
    """Of any size, as number or as text."""
    assert INTEGER.parse(INTEGER.dump(value)) == INTEGER.parse(str(value)) == value


@given(st.dates())
def test_days_come_back_from_the_state(value: date) -> None:
    """Each representable day."""
    assert DAY.parse(DAY.dump(value)) == value


MOMENTS = st.datetimes(
    min_value=NOON.replace(year=2, tzinfo=None),
    max_value=NOON.replace(year=9998, tzinfo=None),
    timezones=st.timezones(),
)


@given(MOMENTS)
def test_instants_come_back_from_the_state(value: datetime) -> None:
    """In any zone, to the microsecond, as UTC."""
    dumped = INSTANT.dump(INSTANT.parse(value))
    assert INSTANT.parse(dumped) == value.astimezone(
        UTC
    )  # as in UTC: in a repeated hour nothing equals a local time
    assert str(dumped).endswith("Z")


def test_a_lookback_moves_back_but_not_before_the_first_value() -> None:
    """A lookback of decades on an early mark is not an error."""
    assert minus(NOON, timedelta(hours=1)) == NOON - timedelta(hours=1)
    assert minus(10, 3) == 7
    assert minus(NOON, None) == NOON
    assert minus(date(1, 1, 2), timedelta(days=9)) == date.min
    assert minus(datetime(1, 1, 2, tzinfo=UTC), timedelta(days=9)) == datetime.min.replace(tzinfo=UTC)
