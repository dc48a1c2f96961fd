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
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from typing import Any
from unittest import mock

__all__ = ["NOON", "VirtualTime"]

NOON = datetime(2031, 5, 5, 12, tzinfo=UTC)
"""Where every trial starts: later than any row of a practice source, so that a clock in a state gives itself away."""

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
    def in_force(self) -> Iterator[None]:
        """Put this clock in the place of the real one."""
        with ExitStack() as stack:
            stack.enter_context(_time_zone(self.zone))
            for replacement in self._replacements():
                stack.enter_context(replacement)
            if (seam := sys.modules.get("fivetran_runtime.clock")) is not None:
                stack.enter_context(seam.use_clock(self))
            yield

    def _replacements(self) -> Iterator[contextlib.AbstractContextManager[object]]:
        virtual: dict[int, Any] = {}
        for name, function in self._of_module_time().items():
            virtual[id(getattr(time, name))] = function
            yield mock.patch.object(time, name, function)
        frozen = _datetime_of(self)
        virtual[id(dt.datetime)] = frozen
        yield mock.patch.object(dt, "datetime", frozen)
        for module in _authors_modules():
            for name, value in list(vars(module).items()):
                if id(value) in virtual:
                    yield mock.patch.object(module, name, virtual[id(value)])

    def _of_module_time(self) -> dict[str, Any]:
        return {
            "sleep": self.sleep,
            "time": lambda: self.now().timestamp(),
            "monotonic": self.monotonic,
            "perf_counter": self.monotonic,
        }


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


def _datetime_of(clock: VirtualTime) -> type[datetime]:
    """A stand-in for `datetime` whose present is the clock's; what it makes are ordinary datetimes."""

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

    class Virtual(_REAL, metaclass=_Meta):
        def __new__(cls, *args: Any, **kwargs: Any) -> datetime:  # type: ignore[misc]
            return _REAL(*args, **kwargs)

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return _REAL.fromtimestamp(clock.now().timestamp(), tz)

        @classmethod
        def utcnow(cls) -> datetime:  # type: ignore[override]
            return clock.now().replace(tzinfo=None)

        @classmethod
        def today(cls) -> datetime:  # type: ignore[override]
            return cls.now()

    return Virtual


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
