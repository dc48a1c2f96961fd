"""Time that passes only when something waits, for the function under test and for nothing else.

fivetran-runtime has one seam for time, which is used when it is loaded. Plain functions ask Python's `time` and
`datetime` directly, so those are replaced while the function runs; modules of libraries keep what they imported.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache, wraps
from typing import Any
from unittest import mock

__all__ = ["NOON", "VirtualTime", "instant", "of_a_clock"]

NOON = datetime(2031, 5, 5, 12, tzinfo=UTC)
"""Where every trial starts: later than any row of a practice source, so that a clock in a state gives itself away."""

_NEAR = timedelta(days=3)
_REAL = datetime
_LIBRARIES = tuple(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
_OWN = ("fivetran_runtime", "fivetran_emulator")


class VirtualTime:
    """A clock, with the methods of the runtime's seam; `zone` is a value for the environment's TZ."""

    def __init__(self, start: datetime = NOON, *, zone: str = "UTC") -> None:
        self.start, self.zone = start, zone
        self.seconds = 0.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        """Seconds since some moment."""
        return 1_000.0 + self.seconds

    def now(self) -> datetime:
        """The instant, aware, in UTC."""
        return self.start + timedelta(seconds=self.seconds)

    def sleep(self, seconds: float) -> None:
        """Let the time pass at once."""
        self.slept.append(seconds)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Let time pass that nobody slept: a slow answer, a time-out."""
        self.seconds += max(0.0, seconds)

    @contextmanager
    def active(self) -> Iterator[None]:
        """Put this clock in the place of the real one."""
        with ExitStack() as stack:
            stack.enter_context(_time_zone(self.zone))
            stack.enter_context(_ticking(self))
            for name, function in _TIME.items():
                stack.enter_context(mock.patch.object(time, name, function))
            stack.enter_context(mock.patch.object(dt, "datetime", _Virtual))
            for replacement in _in_authors_modules():
                stack.enter_context(replacement)
            if (loops := sys.modules.get("asyncio.base_events")) is not None:
                # A loop waits in real time: on a clock that stands still no timer would ever be due.
                stack.enter_context(mock.patch.object(loops.BaseEventLoop, "time", _loops_time))
            if (seam := sys.modules.get("fivetran_runtime._invocation.clock")) is not None:
                stack.enter_context(seam.use_clock(self))
            yield


_monotonic = time.monotonic


def _loops_time(_loop: object) -> float:
    return _monotonic()


_ticks: list[VirtualTime] = []
"""The active clock, last. The stand-ins ask it: a module that is loaded in one trial keeps them in all others."""


@contextmanager
def _ticking(clock: VirtualTime) -> Iterator[None]:
    _ticks.append(clock)
    try:
        yield
    finally:
        _ticks.pop()


def _virtual(real: Any, answer: Callable[..., Any]) -> Any:
    """A stand-in for a function of `time`: virtual while a clock is active, the real one otherwise."""

    @wraps(real)
    def stand_in(*arguments: Any) -> Any:
        return answer(_ticks[-1], *arguments) if _ticks else real(*arguments)

    return stand_in


def _of_now(real: Any, *, given: int = 0) -> Any:
    """A stand-in for a function that takes the present when it is not given another time."""

    def answer(clock: VirtualTime, *arguments: Any) -> Any:
        now = clock.now().timestamp()
        if real in (_STRFTIME, _ASCTIME):
            return real(*arguments, *([] if len(arguments) > given else [_LOCALTIME(now)]))
        return real(*(arguments if arguments and arguments[0] is not None else [now]))

    return _virtual(real, answer)


_STRFTIME, _ASCTIME, _LOCALTIME = time.strftime, time.asctime, time.localtime
_NS = 1_000_000_000
_TIME: dict[str, Any] = {
    "sleep": _virtual(time.sleep, lambda clock, seconds: clock.sleep(seconds)),
    "time": _virtual(time.time, lambda clock: clock.now().timestamp()),
    "time_ns": _virtual(time.time_ns, lambda clock: int(clock.now().timestamp() * _NS)),
    "monotonic": _virtual(time.monotonic, lambda clock: clock.monotonic()),
    "monotonic_ns": _virtual(time.monotonic_ns, lambda clock: int(clock.monotonic() * _NS)),
    "perf_counter": _virtual(time.perf_counter, lambda clock: clock.monotonic()),
    "perf_counter_ns": _virtual(time.perf_counter_ns, lambda clock: int(clock.monotonic() * _NS)),
    "gmtime": _of_now(time.gmtime),
    "localtime": _of_now(time.localtime),
    "ctime": _of_now(time.ctime),
    "asctime": _of_now(time.asctime),
    "strftime": _of_now(time.strftime, given=1),
}


def _in_authors_modules() -> Iterator[contextlib.AbstractContextManager[object]]:
    """What authors' modules have imported by name from `time` and `datetime`."""
    virtual = {id(getattr(time, name).__wrapped__): function for name, function in _TIME.items()}
    virtual[id(_REAL)] = _Virtual
    for module in _authors_modules():
        for name, value in list(vars(module).items()):
            if id(value) in virtual:
                yield mock.patch.object(module, name, virtual[id(value)])


def _authors_modules() -> list[Any]:
    """Loaded modules that are neither Python's, nor a library's, nor ours."""
    return [sys.modules[name] for name in _authors_names(len(sys.modules)) if name in sys.modules]


@cache
def _authors_names(_loaded: int) -> list[str]:
    # Hundreds of modules, asked for at every call of the function: looked through again only when more are loaded.
    files = {name: str(getattr(module, "__file__", None) or "") for name, module in list(sys.modules.items())}
    return [
        name
        for name, file in files.items()
        if file and name.partition(".")[0] not in _OWN and not file.startswith(_LIBRARIES)
    ]


class _Meta(type):
    # To whoever looks at an annotation it is the real one.
    def __eq__(cls, other: object) -> bool:
        return other is _REAL or other is cls

    def __hash__(cls) -> int:
        return hash(_REAL)

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _REAL)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, _REAL)


class _Virtual(_REAL, metaclass=_Meta):
    """A stand-in for `datetime` whose present is the clock's; what it makes are ordinary datetimes."""

    def __new__(cls, *args: Any, **kwargs: Any) -> datetime:  # type: ignore[misc]
        return _REAL(*args, **kwargs)

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return _REAL.fromtimestamp(_ticks[-1].now().timestamp(), tz) if _ticks else _REAL.now(tz)

    @classmethod
    def utcnow(cls) -> datetime:  # type: ignore[override]
        return cls.now(UTC).replace(tzinfo=None)

    @classmethod
    def today(cls) -> datetime:  # type: ignore[override]
        return cls.now()


@contextmanager
def _time_zone(zone: str) -> Iterator[None]:
    before = os.environ.get("TZ")
    _set_time_zone(zone)
    try:
        yield
    finally:
        _set_time_zone(before)


def _set_time_zone(zone: str | None) -> None:
    if zone is None:
        os.environ.pop("TZ", None)
    else:
        os.environ["TZ"] = zone
    time.tzset()


def instant(value: Any) -> datetime | None:
    """A value as an instant, if it is text like one; without an offset it counts as UTC."""
    if not isinstance(value, str) or len(value) < 10:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def of_a_clock(value: Any) -> bool:
    """Whether a value of a state is about now: as text, or in seconds or milliseconds since 1970."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return any(abs(value / unit - NOON.timestamp()) < _NEAR.total_seconds() for unit in (1, 1000))
    moment = instant(value)
    return moment is not None and abs(moment - NOON) < _NEAR
