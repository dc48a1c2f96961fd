"""The two clocks of a sync, handed in so that a test can hold them still.

The wall clock may jump, so it only dates records; seconds come from one that cannot.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count

__all__ = ["SyncClock", "fixed_clock"]


@dataclass(frozen=True)
class SyncClock:
    """`now` gives the UTC time, `elapsed` seconds that only grow."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    elapsed: Callable[[], float] = time.monotonic


def fixed_clock(sync: int) -> SyncClock:
    """The same times in every run: sync number `sync` of a connection has a day of its own, counted from 2026-01-01.

    Every look at the clock is one second after the last; nothing takes any time.
    """
    seconds = count()
    day = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=sync)
    return SyncClock(now=lambda: day + timedelta(seconds=next(seconds)), elapsed=lambda: 0.0)
