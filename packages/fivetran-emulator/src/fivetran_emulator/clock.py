"""The two clocks of a sync, handed in so that a test can hold them still.

A newcomer would measure with the wall clock. It may jump, so it only dates records; seconds come from one that cannot.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

__all__ = ["Clock"]


@dataclass(frozen=True)
class Clock:
    """`now` gives the UTC time, `elapsed` seconds that only grow."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    elapsed: Callable[[], float] = time.monotonic
