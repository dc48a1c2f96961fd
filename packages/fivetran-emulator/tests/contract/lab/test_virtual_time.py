from __future__ import annotations

import asyncio
import datetime as dt
import time
from datetime import UTC, date, datetime, timedelta

from fivetran_emulator.contract.lab.virtual_time import NOON, VirtualTime


def test_a_sleep_costs_no_time() -> None:
    """And moves every clock that Python has."""
    clock, before = VirtualTime(), time.monotonic()
    with clock.active():
        began = time.monotonic()
        time.sleep(3600)
        assert time.monotonic() - began == 3600
        assert datetime.now(UTC) == NOON + timedelta(hours=1)
        assert dt.datetime.now(UTC) == NOON + timedelta(hours=1)
    assert time.monotonic() - before < 5
    assert datetime.now(UTC).date() != NOON.date()


def test_local_time_is_that_of_the_zone() -> None:
    """As a function would see it with TZ set."""
    with VirtualTime(zone="Asia/Tokyo").active():
        assert datetime.now().hour == 21  # noqa: DTZ005 - what is tested
        assert time.localtime(NOON.timestamp()).tm_hour == 21


def test_datetimes_stay_what_they_are() -> None:
    """Values made meanwhile are ordinary, and ordinary ones are still recognised."""
    real = datetime(2026, 1, 1, tzinfo=UTC)
    with VirtualTime().active():
        made = datetime.fromisoformat("2026-01-01T00:00:00+00:00")
        assert isinstance(real, datetime)
        assert isinstance(made, date)
    assert type(made) is type(real)
    assert made == real


def test_every_way_to_ask_for_the_present_is_answered_alike() -> None:
    """Or a mark by one of them would pass for the rows'."""
    clock = VirtualTime()
    with clock.active():
        assert time.time_ns() == int(NOON.timestamp()) * 1_000_000_000
        assert time.gmtime()[:4] == time.localtime()[:4] == NOON.timetuple()[:4]
        assert time.strftime("%Y-%m-%dT%H") == "2031-05-05T12"
        assert time.strftime("%Y", time.gmtime(0)) == "1970"
        assert "2031" in time.ctime()
        assert "1970" in time.ctime(0)
        assert datetime.utcnow() == NOON.replace(tzinfo=None)  # noqa: DTZ003 - what is tested
    assert time.gmtime().tm_year < 2031


def test_what_is_imported_in_one_trial_keeps_no_clock() -> None:
    """A function may import its modules when it is called."""
    with VirtualTime().active():
        kept, now = time.sleep, dt.datetime
    other = VirtualTime()
    with other.active():
        kept(7)
        assert now.now(UTC) == NOON + timedelta(seconds=7)
    assert now.now(UTC).year < 2031


def test_an_event_loop_keeps_its_time() -> None:
    """Its timers would never be due."""
    with VirtualTime().active():
        asyncio.run(asyncio.sleep(0.01))
