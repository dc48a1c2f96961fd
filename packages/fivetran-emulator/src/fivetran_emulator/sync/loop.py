"""The sync loop: call, check, commit, and again while the answer says `hasMore`.

Fivetran documents no retry within a sync: a failed call ends it, the state stays that of the last accepted answer, and the
next sync goes on from there. The loop knows neither a network nor a warehouse; a call that fails raises.

Source: "Sync overview" of Fivetran's documentation, see `docs/protocol.md`.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from itertools import count
from typing import Protocol, TypeVar

__all__ = ["Kept", "run_calls"]


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
) -> bool:
    """Call until an answer that is kept says that there is no more: True. False when `may_call` ends it.

    Calls are numbered from 1. `call` gives a checked answer, and whatever it raises ends the loop; `commit` takes the answer
    in; `kept` says what arrives of the answer to a call.
    """
    for number in count(1):
        if not may_call(number):
            return False
        answer = call(number)
        arrived = kept(number)
        commit(answer, arrived)
        if arrived is Kept.ALL and not answer.has_more:
            return True
    raise AssertionError  # pragma: no cover - count() has no end
