"""When to ask again: what failed, how long to wait, and how to keep to a rate."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from fivetran_runtime._arguments import wrong
from fivetran_runtime._invocation.clock import clock
from fivetran_runtime._invocation.context import Invocation, running
from fivetran_runtime.errors import ConfigurationError, ConnectorError, DeclarationError, TransientError
from fivetran_runtime.http._deadlines import UNKNOWN_HOST, require_time

_TRIES = 5
_LIMIT_TRIES = 7  # with waits of 63 s in all: most limits that say nothing are by the minute
_SETUP_TRIES = 2  # a person waits for a setup test
_SETUP_WAIT = 5.0
_UNKNOWN_TRIES = 2
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
        said: what the source says of it, in its own words.
    """

    def __init__(
        self, what: str, *, status: int | None = None, retry_after: float | None = None, said: str = ""
    ) -> None:
        super().__init__(what)
        self.what = what
        self.status = status
        self.retry_after = retry_after
        self.said = said


def wait_before_retry(failed: FailedRequest, tries: int, *, idempotent: bool, what: str) -> None:
    """Wait before a request is sent again.

    Raises:
        OutOfBudget: there is no time for it.
        TransientError: it has been sent often enough.
        ConfigurationError: there is no such host.
    """
    invocation = running()
    seconds = backoff(tries) if failed.retry_after is None else failed.retry_after
    is_too_long = invocation.is_setup_test and seconds > _SETUP_WAIT
    if not idempotent or is_too_long or tries >= _max_tries(failed, invocation):
        raise _given_up(failed, tries, what)
    why = f"waiting after {what}: {failed.what}"
    if failed.status == 429 or failed.retry_after is not None:
        invocation.wait_for_limit(seconds, why)
    else:
        require_time(f"{what}: {failed.what}")
        invocation.wait(seconds, why)
    invocation.count(retries=1)


def _max_tries(failed: FailedRequest, invocation: Invocation) -> int:
    if failed.what == UNKNOWN_HOST:
        return _UNKNOWN_TRIES
    if invocation.is_setup_test:
        return _SETUP_TRIES
    return _LIMIT_TRIES if failed.status == 429 and failed.retry_after is None else _TRIES


def _given_up(failed: FailedRequest, tries: int, what: str) -> ConnectorError:
    count = f" {tries} times" if tries > 1 else ""
    message = f"{what}: {failed.what}{count}{f': {failed.said}' if failed.said else ''}."
    if failed.what == UNKNOWN_HOST:
        return ConfigurationError(message, hint="Is the address right?", cause=failed.what)
    return TransientError(message, status=failed.status, cause=failed.what)


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


def is_rate_limit(headers: Mapping[str, str], now: datetime) -> bool:
    """Whether a refusal is one for now only, as GitHub's: it says when to come again, or that nothing is left."""
    return "Retry-After" in headers or any(window.left == 0 for window in _windows(headers, now))


def wait_of(headers: Mapping[str, str], now: datetime, *, is_limit: bool) -> float | None:
    """Seconds that a source asks to wait: by `Retry-After`, or until a limit that is used up counts again.

    Args:
        headers: those of the answer.
        now: the present.
        is_limit: whether the status says by itself that a limit is used up (429): how many requests are left need not be said.
    """
    wait = retry_after(headers.get("Retry-After"), now)
    if wait is not None:
        return wait
    lefts = (0, None) if is_limit else (0,)
    waits = [one.seconds for one in _windows(headers, now) if one.left in lefts and one.seconds is not None]
    return max(waits, default=None)


class _Window(msgspec.Struct, frozen=True):
    """How many requests are left of a limit, and in how many seconds it counts again; None where that is not said."""

    left: float | None
    seconds: float | None


_FAMILIES = ("X-RateLimit-", "X-Rate-Limit-", "RateLimit-")
_IN_ONE = r"\b(remaining|reset|r|t)\s*=\s*(\d+)"


def _windows(headers: Mapping[str, str], now: datetime) -> Iterator[_Window]:
    """The limits that headers tell of, in each of the ways that sources have.

    `X-RateLimit-Remaining` and `-Reset`, which is a time in seconds or milliseconds since 1970, a date, or a number of
    seconds; `RateLimit-Remaining` and `-Reset`, and `RateLimit: limit=100, remaining=0, reset=30`, as the drafts of the
    IETF had it (draft-ietf-httpapi-ratelimit-headers, 0 to 7); `RateLimit: "day";r=0;t=3600, "minute";r=5;t=20`, as they
    have it since.
    """
    for family in _FAMILIES:
        left, reset = headers.get(f"{family}Remaining"), headers.get(f"{family}Reset")
        if left is not None or reset is not None:
            yield _Window(_amount(left or ""), _seconds_until(reset or "", now))
    combined = headers.get("RateLimit", "")
    # Before draft 8 the commas divided one limit's members, since then they divide limits.
    for one in combined.split(",") if ";" in combined else [combined]:
        said = {name[:3]: float(number) for name, number in re.findall(_IN_ONE, one.lower())}
        if said:
            yield _Window(said.get("rem", said.get("r")), said.get("res", said.get("t")))


def _amount(text: str) -> float | None:
    return float(text) if re.fullmatch(_AMOUNT, text.strip()) else None


_AMOUNT = r"[0-9]+(\.[0-9]+)?"


def _seconds_until(text: str, now: datetime) -> float | None:
    number = _amount(text)
    if number is None:
        return retry_after(text, now) if "," in text else _seconds_until_instant(text, now)
    if number >= _IN_2001:
        return max(0.0, (number / 1000 if number >= _IN_2001 * 1000 else number) - now.timestamp())
    return number


def _seconds_until_instant(text: str, now: datetime) -> float | None:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return max(0.0, (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now.timestamp())


class Delay:
    """Spreads requests evenly so that a rate like "10/s" is not exceeded.

    Raises:
        DefectError: the rate is no text.
        DeclarationError: it is not like "10/s", "300/min" or "5000/h".
    """

    def __init__(self, rate: Any) -> None:
        if not isinstance(rate, str):
            raise wrong("Client", "rate", rate, 'like "10/s", "300/min" or "5000/h"')
        self._spacing = self._parse(rate)
        self._next = 0.0
        self._lock = threading.Lock()

    def _parse(self, rate: str) -> float:
        count, _, unit = rate.partition("/")
        if not (count.isascii() and count.isdigit()) or int(count) == 0 or unit not in _UNITS:
            raise DeclarationError(f'The rate {rate!r} is not like "10/s", "300/min" or "5000/h".')
        return _UNITS[unit] / int(count)

    def is_over(self) -> bool:
        """Whether a request may be sent now; it then is the next one."""
        with self._lock:
            now = clock().monotonic()
            if self._next > now:
                return False
            self._next = now + self._spacing
            return True

    def seconds(self) -> float:
        """Seconds to wait before the request that is about to be sent."""
        with self._lock:
            now = clock().monotonic()
            wait = max(0.0, self._next - now)
            self._next = now + wait + self._spacing
            return wait
