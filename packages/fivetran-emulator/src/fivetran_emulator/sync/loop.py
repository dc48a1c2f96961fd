"""The sync loop: call, check, commit, and again while the answer says `hasMore`.

The next call needs only the state of a checked answer, so it may begin while that answer is being committed.

Fivetran documents no retry within a sync: a failed call ends it, the state stays that of the last accepted answer, and the
next sync goes on from there. The loop knows neither a network nor a warehouse; a call that fails raises. The clocks of a sync
are handed in, so that a test can hold them still.

Source: "Sync overview" of Fivetran's documentation, see `docs/protocol.md`.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Protocol, TypeVar

__all__ = ["Kept", "SyncClock", "fixed_clock", "run_calls"]


class Kept(enum.Enum):
    """What arrives of an answer: whatever is lost, the call is made again with the state before."""

    ALL = "rows and state"
    ROWS = "rows"
    NOTHING = "nothing"


class CheckedAnswer(Protocol):
    """An answer that Fivetran would accept."""

    @property
    def has_more(self) -> bool:
        """Whether Fivetran calls again."""


A = TypeVar("A", bound=CheckedAnswer)


def run_calls(
    call: Callable[[int], A],
    commit: Callable[[A, Kept], None],
    *,
    may_call: Callable[[int], bool],
    kept: Callable[[int], Kept] = lambda _number: Kept.ALL,
    begin_next: Callable[[A, Kept], None] = lambda _answer, _kept: None,
) -> bool:
    """Call until an answer that is kept says that there is no more: True. False when `may_call` ends it.

    Calls are numbered from 1. `call` gives a checked answer, and whatever it raises ends the loop; `commit` takes the answer
    in; `kept` says what arrives of the answer to a call; `begin_next`, before the answer is committed, may begin the call
    that follows it.
    """
    for number in count(1):
        if not may_call(number):
            return False
        answer = call(number)
        arrived = kept(number)
        is_last = arrived is Kept.ALL and not answer.has_more
        if not is_last:
            begin_next(answer, arrived)
        commit(answer, arrived)
        if is_last:
            return True
        del answer  # or it would be in memory beside the next one
    raise AssertionError  # pragma: no cover - count() has no end


@dataclass(frozen=True)
class SyncClock:
    """`now` gives the UTC time, which may jump and so only dates records; `elapsed` seconds that only grow."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    elapsed: Callable[[], float] = time.monotonic


def fixed_clock(sync: int) -> SyncClock:
    """The same times in every run: sync number `sync` of a connection has a day of its own, counted from 2026-01-01.

    Every look at the clock is one second after the last; nothing takes any time.
    """
    seconds = count()
    day = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=sync)
    return SyncClock(now=lambda: day + timedelta(seconds=next(seconds)), elapsed=lambda: 0.0)
