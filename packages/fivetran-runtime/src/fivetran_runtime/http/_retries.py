"""When to ask again: what failed, how long to wait, and how to keep to a rate."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from fivetran_runtime._invocation.clock import clock
from fivetran_runtime.errors import DeclarationError

_FIRST_WAIT = 1.0
_LONGEST_WAIT = 60.0
_IN_2001 = 1e9  # seconds since 1970; fewer are a number of seconds
_UNITS = {"s": 1, "min": 60, "h": 3600}


class FailedRequest(Exception):  # noqa: N818 - not an error yet: it may be sent again
    """A request that may be sent again.

    Args:
        what: what went wrong, in a few words without any address.
        status: the status, when there was one.
        retry_after: seconds the source asks to wait; 0 means now, None that it did not say.
    """

    def __init__(self, what: str, *, status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.status = status
        self.retry_after = retry_after


def backoff(tries: int) -> float:
    """Seconds to wait after the n-th failed try when the source does not say: 1, 2, 4, ... up to 60."""
    return float(min(_FIRST_WAIT * 2 ** (tries - 1), _LONGEST_WAIT))


def retry_after(header: str | None, now: datetime) -> float | None:
    """Seconds that a `Retry-After` header asks for, given as a number or as a date (RFC 9110, 10.2.3)."""
    if header is None:
        return None
    if header.isascii() and header.strip().isdigit():
        return float(header)
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    if moment.tzinfo is None:  # "-0000" is UTC too
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


def is_rate_limit(headers: Mapping[str, str]) -> bool:
    """Whether a refusal is one for now only, as GitHub's: it says when to come again, or that nothing is left."""
    return "Retry-After" in headers or _remaining(headers) == "0"


def wait_of(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that a source asks to wait: by `Retry-After`, or until a limit that is used up counts again.

    `X-RateLimit-Reset` is a time in seconds since 1970, or a number of seconds, as `RateLimit-Reset` always is.
    """
    wait = retry_after(headers.get("Retry-After"), now)
    reset = headers.get("X-RateLimit-Reset", headers.get("RateLimit-Reset", "")).strip()
    if wait is not None or _remaining(headers) != "0" or not (reset.isascii() and reset.isdigit()):
        return wait
    return max(0.0, float(reset) - now.timestamp()) if float(reset) >= _IN_2001 else float(reset)


def _remaining(headers: Mapping[str, str]) -> str:
    return headers.get("X-RateLimit-Remaining", headers.get("RateLimit-Remaining", "")).strip()


class Delay:
    """Spreads requests evenly so that a rate like "10/s" is not exceeded.

    Raises:
        DeclarationError: the rate is not like "10/s", "300/min" or "5000/h".
    """

    def __init__(self, rate: str | None) -> None:
        self._spacing = self._parse(rate) if rate else 0.0
        self._next = 0.0
        self._lock = threading.Lock()

    def _parse(self, rate: str) -> float:
        count, _, unit = rate.partition("/")
        if not (count.isascii() and count.isdigit()) or int(count) == 0 or unit not in _UNITS:
            raise DeclarationError(f'The rate {rate!r} is not like "10/s", "300/min" or "5000/h".')
        return _UNITS[unit] / int(count)

    def seconds(self) -> float:
        """Seconds to wait before the request that is about to be sent."""
        with self._lock:
            now = clock().monotonic()
            wait = max(0.0, self._next - now)
            self._next = now + wait + self._spacing
            return wait
