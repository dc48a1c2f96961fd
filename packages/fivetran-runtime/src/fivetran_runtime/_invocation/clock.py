"""Time, behind one seam: everything in the runtime that waits or measures asks `clock()`.

No wall-clock time ever enters the state: marks come from the rows themselves. Tests put a virtual clock in
place with `use_clock`; nothing else has to be patched.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the runtime needs of time."""

    def monotonic(self) -> float:
        """Seconds since some fixed moment, never going backwards."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC; used only to read a `Retry-After` date."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The machine's own time."""

    monotonic = staticmethod(time.monotonic)  # asked for each row

    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


_clock: Clock = SystemClock()


def clock() -> Clock:
    """The clock that is used now."""
    return _clock


@contextmanager
def use_clock(replacement: Clock) -> Iterator[Clock]:
    """Use another clock for a while, in the whole process: the function may run in any thread."""
    global _clock  # noqa: PLW0603 - this is the seam
    before, _clock = _clock, replacement
    try:
        yield replacement
    finally:
        _clock = before
