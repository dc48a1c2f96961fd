from __future__ import annotations

import datetime as dt
import time
from datetime import UTC, date, datetime, timedelta

from fivetran_emulator.contract.virtual_time import NOON, VirtualTime


def test_a_sleep_costs_no_time() -> None:
    """And moves every clock that Python has."""
    clock, before = VirtualTime(), time.monotonic()
    with clock.in_force():
        began = time.monotonic()
        time.sleep(3600)
        assert time.monotonic() - began == 3600
        assert datetime.now(UTC) == NOON + timedelta(hours=1)
        assert dt.datetime.now(UTC) == NOON + timedelta(hours=1)
    assert time.monotonic() - before < 5
    assert datetime.now(UTC).date() != NOON.date()


def test_local_time_is_that_of_the_zone() -> None:
    """As a function would see it with TZ set."""
    with VirtualTime(zone="Asia/Tokyo").in_force():
        assert datetime.now().hour == 21  # noqa: DTZ005 - what is tested
        assert time.localtime(NOON.timestamp()).tm_hour == 21


def test_datetimes_stay_what_they_are() -> None:
    """Values made meanwhile are ordinary, and ordinary ones are still recognised."""
    real = datetime(2026, 1, 1, tzinfo=UTC)
    with VirtualTime().in_force():
        made = datetime.fromisoformat("2026-01-01T00:00:00+00:00")
        assert isinstance(real, datetime)
        assert isinstance(made, date)
    assert type(made) is type(real)
    assert made == real
