"""What one invocation may use: bytes of answer, seconds, memory; and when it has to stop.

What the limits are says the host, such as function/rules.py. `Limits` are what the platform enforces; `Ends` is when an
answer ends although it would allow more, so that "every 60 s or 10 MB, and no end" can be said. The client looks at the
time before each request, and an `At` is a place to stop; a table whose rows come slowly from elsewhere (a library, a
file, a computation) would go on until the platform ends the call, and with it what all tables have read in it;
`RowClock` sees to that. Code that never yields cannot be ended.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from math import inf, isfinite
from pathlib import Path
from typing import NoReturn

import msgspec

from fivetran_runtime._invocation.clock import clock

MB = 1_000_000
_ENVELOPE = 0.1  # of the answer is kept free of rows, for the state and the schema
STATE_BYTES = 900_000
"""The largest state: what `_ENVELOPE` leaves in the smallest answer, less the schema."""

_GROWTH = 1.25  # a state grows while a call runs,
_NEW_MEMBERS = 350  # and a table that begins a pass adds these bytes: cursors, digests, and their names,
_NEW_KEYS = 150  # and these for each set of keys
_FRAMED = 0.99
_USABLE_TIME = 0.9  # the rest is for encoding and sending the answer, and for a slow start
_LAST_MOMENT = 0.95  # an answer that is begun later may not arrive
_USABLE_MEMORY = 0.75  # a unit may need as much again before the next look
_OWN_MEMORY = 0.1  # less than this an answer does not hold, and cutting would not give it back
_LOOK_SECONDS = 0.1  # between two looks at the time


class OutOfBudget(BaseException):
    """The invocation has to end now; raised through the connector's code, which must not catch it.

    Not an `Exception` for that reason: `except Exception` in a table would turn a cut into lost rows.
    """

    def __init__(self, cut: str, why: str) -> None:
        super().__init__(why)
        self.cut = cut
        self.why = why


class StillWaiting(OutOfBudget):
    """What a table waits for at its source is not there yet: a later call goes on with it."""

    def __init__(self, why: str) -> None:
        super().__init__("wait", why)


class LimitReached(StillWaiting):
    """A source asks to wait for longer than the call has time, as for the next minute: a later call asks again."""


class NoToken(OutOfBudget):
    """The source cannot be asked without another access token, which a later call gets before anything else."""

    def __init__(self, why: str) -> None:
        super().__init__("token", why)


class TokenRanOut(NoToken):
    """The access token has run out in the middle of a call, by the lifetime that its endpoint gave it."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The host's limits for one invocation; a small function's where nothing is said.

    Attributes:
        answer_bytes: largest answer the platform lets through, and so the largest unit, too.
        seconds: after which the platform ends it; infinite where it does not.
        memory_bytes: the memory there is.
        max_wait: seconds that a source may ask to be waited for at once, where there is time for it.
    """

    answer_bytes: int = 10 * MB
    seconds: float = 60
    memory_bytes: int = 256 * 2**20
    max_wait: float = inf


class Ends(msgspec.Struct, frozen=True, kw_only=True):
    """When an answer ends that the limits would let go on: at the next `At`, or between two tables.

    Attributes:
        bytes: of rows and deletes.
        seconds: since it was begun.
    """

    bytes: float = inf
    seconds: float = inf


class Wording(msgspec.Struct, frozen=True, kw_only=True):
    """What the host is called in messages, and what a person can do there."""

    host: str = "the function"
    more_time: str = "raise the time-out or yield At(...) more often"
    more_memory: str = "give the function more memory in deploy.yaml"


class Budget:
    """How much of the limits is left, from the moment the invocation began."""

    def __init__(self, limits: Limits, ends: Ends | None = None, wording: Wording | None = None) -> None:
        self.limits = limits
        self.wording = wording or Wording()
        self._ends = ends or Ends()
        self.row_bytes = int(limits.answer_bytes * (1 - _ENVELOPE))
        self._usable_seconds = limits.seconds * _USABLE_TIME
        self._start = clock().monotonic()
        self.stopped: OutOfBudget | None = None
        """How the reading that is running was ended, even where its code caught that."""
        self.waited_for_source = 0.0
        """Seconds that passed while a table waited for its source: no measure of how slow its rows are."""
        self._memory_before = memory_in_use()
        self._reserved = self._new_members = 0

    def reserve(self, size: int, *, tables: int = 1, key_sets: int = 0) -> None:
        """Keep this many bytes of the answer for the state and the schema, if that is more than is kept anyway.

        Each of the `tables` may begin a pass, and so add to the state, and so may sets of keys.
        """
        self._reserved = size
        self._new_members = tables * _NEW_MEMBERS + key_sets * _NEW_KEYS
        self.reserve_position(0)

    def reserve_position(self, size: int) -> None:
        """Keep this many bytes more, for a position that the state is about to hold."""
        kept = (self._reserved + size) * _GROWTH + self._new_members
        left = int(self.limits.answer_bytes * _FRAMED - kept)
        self.row_bytes = min(self.row_bytes, max(left, int(self.limits.answer_bytes * _ENVELOPE)))

    def elapsed(self) -> float:
        """Seconds since the request arrived."""
        return clock().monotonic() - self._start

    def worked(self) -> float:
        """Seconds since the request arrived in which no table waited for its source."""
        return self.elapsed() - self.waited_for_source

    def remaining(self) -> float:
        """Seconds that may still be spent; 0 when none."""
        return max(0.0, self._usable_seconds - self.elapsed())

    @contextmanager
    def part(self, share: float) -> Iterator[None]:
        """Let only this share of the time that is left be spent inside; what is not spent there stays."""
        before, self._usable_seconds = self._usable_seconds, self.elapsed() + self.remaining() * share
        try:
            yield
        finally:
            self._usable_seconds = before

    def time_to_wait(self) -> float:
        """Seconds for which this answer may wait for a source."""
        return min(self.remaining(), max(0.0, self._ends.seconds - self.elapsed()))

    def ended_by(self, used_bytes: int) -> str | None:
        """What an answer with so many bytes of rows has reached of its ends: "bytes" or "time"; None to go on."""
        if used_bytes >= self._ends.bytes:
            return "bytes"
        return "time" if self.elapsed() >= self._ends.seconds else None

    def allotted(self) -> str:
        """Within what all has to be done, for a sentence about what was not; empty where there is no end."""
        seconds = self.limits.seconds
        return f" within {self.wording.host}'s {seconds:g} s" if isfinite(seconds) else ""

    def require(self, seconds: float, why: str) -> None:
        """Make sure that this many seconds are left before spending them.

        Raises:
            OutOfBudget: they are not, or are more than a source may ask for.
        """
        if seconds > self.limits.max_wait:
            most = f"{self.limits.max_wait:g} s are waited for at most"
            self._stop("wait", f"{why} would take {_in_words(seconds)} and {most}")
        remaining = self.remaining()
        if remaining <= 0:
            self._stop("time", f"{self.elapsed():.0f} of {self.limits.seconds:g} seconds are used")
        if seconds >= remaining:
            self._stop("wait", f"{why} would take {_in_words(seconds)} and {remaining:.0f} s are left")

    def require_next(self, seconds: float) -> None:
        """Make sure that a row which may take so long comes before the platform ends the call.

        Raises:
            OutOfBudget: it does not.
        """
        self.require(0, "")
        if self.elapsed() + seconds >= self.limits.seconds * _LAST_MOMENT:
            self._stop(
                "time", f"after {self.elapsed():.0f} s the next row may take {seconds:.0f} s, as others did"
            )

    def stop_waiting(self, why: str, kind: type[StillWaiting] = StillWaiting) -> NoReturn:
        """End a table's part of this call, since it waits for its source.

        Raises:
            StillWaiting: always.
        """
        self.stopped = kind(why)
        raise self.stopped

    def _stop(self, cut: str, why: str) -> NoReturn:
        self.stopped = OutOfBudget(cut, why)
        raise self.stopped

    def wait(self, seconds: float, why: str) -> None:
        """Sleep, if there is time for it.

        Raises:
            OutOfBudget: there is not; nothing was slept.
        """
        self.require(seconds, why)
        clock().sleep(seconds)

    def cut_before(self, *, used_bytes: int, unit_bytes: int, unit_seconds: float) -> str | None:
        """Whether to stop at this `At`: would another unit like the largest and slowest so far still fit?

        Returns:
            "bytes", "time" or "memory", or None to go on.
        """
        if used_bytes + unit_bytes > min(self.row_bytes, self._ends.bytes):
            return "bytes"
        if unit_seconds * 2 >= self.remaining():
            return "time"
        return self.ended_by(used_bytes) or ("memory" if self._memory_is_short() else None)

    def _memory_is_short(self) -> bool:
        in_use, limit = memory_in_use(), self.limits.memory_bytes
        return in_use > limit * _USABLE_MEMORY and in_use - self._memory_before > limit * _OWN_MEMORY


class RowClock:
    """How fast the rows of one pass come in this invocation.

    Args:
        budget: what time there is.
        may_stop: whether it costs nothing to stop before the first `At`, since the next call has more time.
    """

    def __init__(self, budget: Budget, *, may_stop: bool) -> None:
        self._budget = budget
        self._may_stop = may_stop
        self._looked = budget.worked()
        self._gap = self._longest_gap = 0.0

    def begin_unit(self) -> None:
        """An `At` was reached: from here on it costs nothing to stop."""
        self._may_stop = True
        self._looked = self._budget.worked()

    def look(self) -> float:
        """Look at the time; returns for how many seconds from now nobody need look again.

        Raises:
            OutOfBudget: the time is used, or will be before the next row comes.
        """
        now = self._budget.worked()
        gap, before = now - self._looked, self._gap
        self._looked, self._gap, self._longest_gap = now, gap, max(self._longest_gap, gap)
        # Rows of one page come at once: without a place to stop at, only what is slow twice in a row is slow.
        self._budget.require_next(self._longest_gap if self._may_stop else min(gap, before))
        return 0.0 if gap > _LOOK_SECONDS else min(_LOOK_SECONDS, self._budget.remaining())


def _in_words(seconds: float) -> str:
    """A time that a source asks for, which may be any number; of a long one also when it ends, as quotas of a day do."""
    days = seconds / 86_400
    if days < 2:
        end = clock().now() + timedelta(seconds=seconds)
        return f"{seconds:.0f} s{f', until {end:%Y-%m-%d %H:%M} UTC,' if seconds > _SHORT else ''}"
    return f"{days:.0f} days" if days < _TEN_YEARS else "more than ten years"


_TEN_YEARS = 3_652  # days
_SHORT = 300  # seconds
_STATM = Path("/proc/self/statm")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def memory_in_use() -> int:
    """Resident bytes of this process; 0 where the system does not say (the functions run on Linux, which does)."""
    try:
        return int(_STATM.read_bytes().split()[1]) * _PAGE_BYTES
    except OSError:
        return 0
