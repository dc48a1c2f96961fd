"""The invocation that is running: its budget, what it did at the source, and which texts must never be shown.

The HTTP client finds it here, so that an author never passes it along: also in threads that a table starts, which
know nothing of the thread that started them. Outside a function (a notebook, a test of a table) there is a boundless
one.
"""

from __future__ import annotations

import gc
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, Protocol

from fivetran_runtime._invocation.budget import Budget, LimitReached, Limits, OutOfBudget, StillWaiting
from fivetran_runtime._invocation.clock import clock
from fivetran_runtime._invocation.early import Connected
from fivetran_runtime._invocation.redaction import Redactor


class SingleUse(Protocol):
    """Credentials that keep tokens in the state, see `http/_single_use.py`."""

    name: str

    def restore(self, entries: dict[str, Any]) -> None:
        """Take what the state has of them."""

    def renewed(self) -> bool:
        """Exchange them if they do not do for this call; whether that was so."""


class Unread(Protocol):
    """A request that was sent before its turn, and whose answer nobody has read."""

    def settle(self, by: object) -> None:
        """Read the answer now, if this client asks for something else and has one thing asked at a time."""

    def drop(self) -> None:
        """Do without the answer."""


Takes = Callable[[int, int], bool]
"""Whether a call will take so many more pages, given the bytes of one, behind the page that has just come."""


class ReadAhead:
    """What is asked for before its turn while a table is read, by the thread that reads it.

    Attributes:
        takes: the forecast.
        unread: the requests, in their order.
        is_writing: whether one is being written; nothing else may be asked for that.
        is_slow: whether an answer was given up, since something else had to wait for it.
    """

    def __init__(self, takes: Takes) -> None:
        self.takes = takes
        self.unread: list[Unread] = []
        self.is_writing = False
        self.is_slow = False
        self.thread = threading.get_ident()


class Turn:
    """What a table has of its own that takes turns with others: it goes on as if it were alone.

    Attributes:
        ahead: what it has asked for before its turn.
        stopped: how its reading was ended.
        elsewhere: how many requests were answered while others had their turn.
        left_at: how many there were when its last turn ended.
    """

    def __init__(self) -> None:
        self.ahead: ReadAhead | None = None
        self.stopped: OutOfBudget | None = None
        self.elsewhere = 0
        self.left_at: int | None = None


class NotBeforeItsTurn(BaseException):
    """What is to be sent ahead needs something else of the source first, such as another token.

    Not an `Exception`, so that no code on the way takes it for a failure.
    """


class Invocation:
    """One call of the function, or what answers to it under another host.

    Attributes:
        labels: what every log line has, so that the host's log and others can be joined.
        requests: HTTP requests sent to the source, retries included.
        retries: how many of them repeated a failed one.
        reads_ahead: whether pages may be asked for before their turn; not where the environment variable
            FIVETRAN_READ_AHEAD is 0.
        dropped: how many of the requests were sent before their turn, and have no answer that was used.
        waited_seconds: time slept between them.
        answer: what the answer holds so far, once tables are read: a wait may end it in order. None before that.
        others_first: whether other tables are to be read while one waits for its source.
        single_use: the credentials that keep tokens in the state.
        warnings: what the connector warned of, by the text it is counted under, and how often.
        no_rows: by status, how many lists were refused and have no rows for that reason (`no_rows=` of `Client.pages`).
        missing_once: by table, how many rows the listing that has ended now is the first not to find.
        empty_answer: the request that was answered last, where its answer had no body.
        early: the connections on which answers come before their turn, of all tables; see `early.py`.
    """

    def __init__(self, budget: Budget, *, sync_id: str | None = None) -> None:
        self.budget = budget
        self.redactor = Redactor()
        self.sync_id = sync_id
        self.labels: dict[str, str] = {}
        self.requests = 0
        self.retries = 0
        self.reads_ahead = os.environ.get("FIVETRAN_READ_AHEAD") != "0"
        self.dropped = 0
        self.waited_seconds = 0.0
        self.is_setup_test = False
        self.answer: object = None
        self.others_first = False
        self.single_use: list[SingleUse] = []
        self.warnings: Counter[str] = Counter()
        self.no_rows: Counter[str] = Counter()
        self.missing_once: dict[str, int] = {}
        self.empty_answer = ""
        self.early: list[Connected] = []
        self._lock = (
            threading.RLock()
        )  # Python's collector may end a list in any code, also while this is held
        self._ahead: ReadAhead | None = None
        self._elsewhere = 0

    @property
    def distinct_requests(self) -> int:
        """How many requests were answered, each counted once however often it was tried.

        One that was sent before its turn counts from its turn on: what is read until then came before its answer. To a table
        that takes turns, those of the others do not count.
        """
        unread = len(self._ahead.unread) if self._ahead is not None else 0
        return self.requests - self.retries - self.dropped - unread - self._elsewhere

    @property
    def ahead(self) -> ReadAhead | None:
        """What may be asked for before its turn; None where nothing may, as in other threads than the table's."""
        ahead = self._ahead
        return ahead if ahead is not None and ahead.thread == threading.get_ident() else None

    def unread(self) -> list[Unread]:
        """What the table that is read has asked for before its turn; from whichever thread."""
        ahead = self._ahead
        return [*ahead.unread] if ahead is not None else []

    def may_come_early(self) -> bool:
        """Whether there are early answers, or may be before another one comes that this thread waits for."""
        ahead = self._ahead
        return bool(self.early) or (ahead is not None and ahead.thread != threading.get_ident())

    @contextmanager
    def reading(self, takes: Takes) -> Iterator[None]:
        """Read a table, whose pages may be asked for before their turn; none of them outlives it."""
        before, self._ahead = self._ahead, ReadAhead(takes) if self.reads_ahead else None
        ahead = self._ahead
        try:
            yield
        finally:
            for one in [*ahead.unread] if ahead is not None else ():
                one.drop()
            self._ahead = before

    @contextmanager
    def turn(self, own: Turn) -> Iterator[None]:
        """Go on with one of the tables that take turns."""
        answered = self.requests - self.retries - self.dropped
        own.elsewhere += 0 if own.left_at is None else answered - own.left_at
        self._ahead, self._elsewhere, self.budget.stopped = own.ahead, own.elsewhere, own.stopped
        try:
            yield
        finally:
            own.left_at = self.requests - self.retries - self.dropped
            own.ahead, own.stopped = self._ahead, self.budget.stopped
            self._ahead, self._elsewhere = None, 0

    def count(self, *, requests: int = 0, retries: int = 0, dropped: int = 0) -> None:
        """Count what was sent, from whichever thread."""
        with self._lock:
            self.requests += requests
            self.retries += retries
            self.dropped += dropped

    @property
    def early_room(self) -> int:
        """The bytes that may be taken early, of all answers: an eighth of the memory."""
        return self.budget.limits.memory_bytes // 8

    @contextmanager
    def taking(self) -> Iterator[list[Connected]]:
        """The connections in `early`, of which nobody else takes anything or becomes the reader meanwhile; from any thread."""
        with self._lock:
            yield self.early

    def end_taking(self, connected: Connected) -> None:
        """Leave an early answer to whoever reads it, as its turn has come, or to nobody."""
        with self._lock, suppress(ValueError):
            self.early.remove(connected)

    def count_warning(self, name: str) -> int:
        """Count one of the connector's warnings, from whichever thread; how often this one was met."""
        with self._lock:
            self.warnings[name] += 1
            return self.warnings[name]

    def wait(self, seconds: float, why: str) -> None:
        """Sleep within the budget and count it.

        Raises:
            OutOfBudget: there is no time for it.
        """
        if seconds > 0:
            self.budget.wait(seconds, why)
            self._count_wait(seconds)

    def wait_for_limit(self, seconds: float, why: str) -> None:
        """Sleep for as long as a source asks for; where there is no time for that, as long as there is.

        Raises:
            LimitReached: the time is up, others come first, or there are rows, which are answered at once.
            OutOfBudget: it is too long for any call, or no table is read that a later one could go on with.
        """
        is_shared = self.budget.remaining() <= seconds <= min(MAX_LIMIT_S, self.budget.limits.max_wait)
        if self.answer is None or not is_shared:
            self.wait(seconds, why)
        elif self.answer:
            self.budget.stop_waiting(why, LimitReached)
        else:
            self.wait_for_source(seconds, why, LimitReached)

    def wait_for_source(self, seconds: float, why: str, kind: type[StillWaiting] = StillWaiting) -> None:
        """Sleep for as long as there is time, unless other tables can be read meanwhile.

        Raises:
            StillWaiting: the time is up, or others come first; of this kind.
        """
        if self.others_first:
            self.budget.stop_waiting(why, kind)
        left = self.budget.time_to_wait()
        if left:
            clock().sleep(min(seconds, left))
            self._count_wait(min(seconds, left))
            self.budget.waited_for_source += min(seconds, left)
        if seconds >= left:
            self.budget.stop_waiting(why, kind)

    def _count_wait(self, seconds: float) -> None:
        with self._lock:
            self.waited_seconds += seconds


MAX_LIMIT_S = 300.0
"""The longest wait for a rate limit that several calls share: longer ones are quotas, which the next sync may find renewed."""
_BOUNDLESS = 2**62
_running: ContextVar[Invocation | None] = ContextVar("fivetran_runtime_invocation", default=None)


_present: list[Invocation] = []
"""All that run in this process, the latest last: a host may serve several at once."""
_ended: list[Invocation] = []
"""The one that ended last, at most."""


def running() -> Invocation:
    """The invocation this thread works for; for a thread of nobody's, the latest."""
    if (invocation := _running.get()) is not None:
        return invocation
    try:
        return _present[-1]
    except IndexError:
        return Invocation(Budget(Limits(seconds=float("inf"), memory_bytes=_BOUNDLESS)))


def require_turn() -> None:
    """Make sure that what is asked for now is not for a request that is sent before its turn.

    Raises:
        NotBeforeItsTurn: it is.
    """
    ahead = running().ahead
    if ahead is not None and ahead.is_writing:
        raise NotBeforeItsTurn


def clean(text: str) -> str:
    """A text without the secrets of any invocation that runs here."""
    invocations = [one] if (one := _running.get()) is not None else [*_present]
    for invocation in invocations:
        text = invocation.redactor.clean(text)
    return text


def clean_printed(text: str) -> str:
    """The same for what code prints, from whichever thread: also from one that outlives its invocation."""
    for invocation in [*_present] or _ended:
        text = invocation.redactor.clean(text)
    return text


@contextmanager
def run_as(invocation: Invocation) -> Iterator[Invocation]:
    """Make an invocation the running one."""
    token = _running.set(invocation)
    _present.append(invocation)
    try:
        with collector_held_back():
            yield invocation
    finally:
        _present.remove(invocation)
        _ended[:] = [invocation]
        _running.reset(token)


ALLOCATIONS = 50_000
"""How many more objects than are freed it takes until the collector runs; 700 by default, which is less than one page makes."""
_collecting = threading.Lock()
_thresholds: list[tuple[int, int, int]] = []
"""What to go back to, one for each invocation that runs."""


@contextmanager
def collector_held_back() -> Iterator[None]:
    """Let Python's cyclic collector run rarely, until the last of those that asked for it has ended.

    Rows come by the hundred thousand, hold no cycles, and are freed by counting as soon as they are encoded; it would look at them
    and at all libraries again and again, for 3 to 7 % of a sync's CPU seconds. It is not off: what an author's code leaves in
    cycles is still found, before it takes much memory.
    """
    with _collecting:
        _thresholds.append(_thresholds[0] if _thresholds else gc.get_threshold())
        first, *others = _thresholds[0]
        gc.set_threshold(max(first, ALLOCATIONS) if first else 0, *others)  # 0 is off
    try:
        yield
    finally:
        with _collecting:
            before = _thresholds.pop()
            if not _thresholds:
                gc.set_threshold(*before)
