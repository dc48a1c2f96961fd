"""C43 to C45, C47, C51, C56: what happens on the way to the source."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from email.utils import format_datetime

from fivetran_emulator.contract.check import NotRun, Violation, check, counted
from fivetran_emulator.contract.checks.pages import listed_in
from fivetran_emulator.contract.comparing import compare, spread
from fivetran_emulator.contract.lab.connection import Exchange, Sync, accepted_json
from fivetran_emulator.contract.lab.faults import (
    Fault,
    SourceRequest,
    cut_body,
    hang,
    html,
    reset,
    status,
    text,
)
from fivetran_emulator.contract.lab.trial import Trial
from fivetran_emulator.contract.lab.virtual_time import NOON
from fivetran_emulator.contract.subject import PracticeSubject

__all__ = ["CHECKS"]

_MAX_TRIES = 12
_MAX_READINGS = 4
_UNTIL = 90
"""The second until which a source that limits asks to wait, where it says so by a date."""


def _asked(sync: Sync) -> list[SourceRequest]:
    return [asked for exchange in sync.exchanges for asked in exchange.asked]


def _places(subject: PracticeSubject) -> list[int]:
    """Two requests of a clean sync to put a fault at: an early one and one in the middle."""
    count = len(_asked(subject.clean.first))
    return spread(2, max(1, count - 1))


@check("C43", "every request has a time-out", risk="hang when the source does")
def timeouts(subject: PracticeSubject) -> None:
    """No request waits for ever, neither for a connection nor for an answer."""
    for number in spread(6, len(_asked(subject.clean.first))):
        trial = subject.trial(timeout_s=540)
        trial.at(number, hang)
        sync = trial.connection.sync()
        _require_timeout(trial, number, hung=any(exchange.killed for exchange in sync.exchanges))
    trial = subject.trial(timeout_s=540)
    trial.where(lambda _asked: True, hang)
    tested = trial.connection.call(accept=False, setup_test=True)
    if tested.asked:
        _require_timeout(trial, 1, hung=tested.killed)


def _require_timeout(trial: Trial, number: int, *, hung: bool) -> None:
    if hung or None in trial.network.connect_timeouts:
        raise Violation(
            f"{trial.source.requests[number - 1]} has no time-out" + ("" if hung else " for the connection"),
            expected="one for the connection and one for the answer",
            cause="the HTTP library's default, which is none: requests.get(..., timeout=(10, 60))",
            reproduce=[f"request {number} is never answered"],
        )


def _passing() -> Iterator[tuple[str, Fault, Callable[[float], float]]]:
    """Faults that pass, with the seconds that must be waited after a request that came at some second."""
    yield "HTTP 429 with Retry-After: 7", status(429, retry_after="7"), lambda _at: 7
    until = format_datetime(NOON + timedelta(seconds=_UNTIL), usegmt=True)
    yield (
        f"HTTP 429 with Retry-After: {until}",
        status(429, retry_after=until),
        lambda at: max(0, _UNTIL - at - 1),
    )
    yield "HTTP 503 with Retry-After: 7", status(503, retry_after="7"), lambda _at: 7
    yield "a connection that breaks", reset, lambda _at: 0
    yield "a body that is cut", cut_body, lambda _at: 0


@check("C44", "a passing fault is retried", risk="fail, or lose rows, when the source fails once")
def retries(subject: PracticeSubject) -> None:
    """429, 503, a broken connection or a cut body, once: asked again, as late as Retry-After says, and nothing is lost."""
    for number in _places(subject):
        for what, fault, to_wait in _passing():
            trial = subject.trial(timeout_s=540)
            trial.at(number, fault)
            _require_retry(trial, number, what, to_wait)
            compare(
                subject,
                trial.connection.warehouse,
                subject.clean.warehouse,
                cause="the page that failed is left out",
                reproduce=[f"request {number} meets {what}"],
            )
    _require_no_storm(subject)


def _require_retry(trial: Trial, number: int, what: str, to_wait: Callable[[float], float]) -> None:
    sync = trial.connection.sync()
    reproduce = [f"request {number} meets {what}"]
    if not sync.complete:
        raise Violation(
            f"the sync fails after {what}: {sync.exchanges[-1].error}",
            expected="another try",
            cause="no retry, or one that does not cover reading the body",
            reproduce=reproduce,
        )
    least = to_wait(trial.source.requests[number - 1].seconds)
    if (waited := _waited(trial, number)) < least:
        raise Violation(
            f"asked again after {waited:.0f} s",
            expected=f"after {least:.0f} s, as Retry-After says",
            cause="Retry-After is not read, or not as a date",
            reproduce=reproduce,
        )


def _waited(trial: Trial, number: int) -> float:
    """Seconds from a request to the next one."""
    asked = trial.source.requests
    return asked[number].seconds - asked[number - 1].seconds if number < len(asked) else 0.0


def _require_no_storm(subject: PracticeSubject) -> None:
    trial = subject.trial(timeout_s=540)
    trial.where(lambda _asked: True, status(503))
    call = trial.connection.call()
    first = call.asked[0] if call.asked else None
    tries = len([asked for asked in call.asked if first and _same(asked, first)])
    # Several tables may begin with the same request; each of them tries.
    begun = _beginnings(subject)
    if tries > _MAX_TRIES * begun or call.killed or (tries > begun and not trial.time.slept):
        raise Violation(
            f"{tries} tries in {trial.time.seconds:.0f} s",
            expected=f"at most {_MAX_TRIES} for each table that begins so, with waits between them",
            cause="a loop around the request without an end, or without a wait",
            reproduce=["every request answers HTTP 503"],
        )


@check(
    "C45",
    "a refusal is not retried",
    risk="ask again and again, or take a refusal for rows, when the source refuses",
)
def refusals(subject: PracticeSubject) -> None:
    """401, 403, 404 and 422 are asked once, and reported with the address and the status, without the query."""
    for code in (401, 403, 404, 422):
        trial = subject.trial()
        trial.where(lambda _asked: True, status(code))
        call = trial.connection.call()
        if not call.asked:
            raise NotRun("the first call asks the source nothing; see C09")
        first = call.asked[0]
        same = [asked for asked in call.asked if _same(asked, first)]
        most = _beginnings(subject)
        said = call.error
        leaked = bool(first.query) and first.query in said
        if len(same) > most or not call.failed or str(code) not in said or leaked:
            once = counted(len(same), "request")
            raise Violation(
                f"{once} to {first.path} in {trial.time.seconds:.0f} s, then {_outcome(call)}",
                expected=f"one request, and an error that says {code}",
                cause="the answer is read whatever its status, or every status but 200 is retried",
                reproduce=[f"every request answers HTTP {code}"],
            )


def _beginnings(subject: PracticeSubject) -> int:
    """How often a call may begin with one request: once for each table, or as often as when all is well."""
    usual = Counter(
        (asked.path, asked.query, asked.content) for asked in subject.clean.first.exchanges[0].asked
    )
    return max(1, len(subject.clean.warehouse.keys), *usual.values())


def _same(one: SourceRequest, other: SourceRequest) -> bool:
    return (one.path, one.query, one.content) == (other.path, other.query, other.content)


def _outcome(call: Exchange) -> str:
    if not call.failed:
        return "success"
    return f"the error {call.error!r}" if call.error else f"HTTP {call.reply.status} without a message"


def _nonsense() -> Iterator[tuple[str, Fault]]:
    yield "an HTML page with status 200", html
    yield "text that is not JSON", text("{'rows': [")
    yield "an empty object", text("{}")
    yield "an error with status 200", text(json.dumps({"status": "error", "message": "maintenance"}))
    yield "null", text("null")


@check("C47", "nonsense is no empty page", risk="lose rows when the source answers nonsense")
def nonsense(subject: PracticeSubject) -> None:
    """HTML, broken JSON, or JSON without the rows, with status 200, is an error and never success without rows."""
    asked = _asked(subject.clean.first)
    count = len(asked)
    for number in {1, count}:
        for what, fault in _nonsense():
            trial = subject.trial(timeout_s=540)
            place = number
            trial.where(lambda one, at=place: one.number >= at, fault)  # type: ignore[misc]
            sync = trial.connection.sync()
            if not sync.exchanges[-1].failed:
                raise Violation(
                    f"the sync is a success with {what} in the place of what {asked[number - 1].path} answers",
                    expected="an error that says what came",
                    cause='body.get("data", []) in the place of body["data"]',
                    reproduce=[f"from request {number} of {count} on every answer is {what}"],
                )


_FEW_ROWS = 100
"""With more, pages of one row are a thousand requests, and find what pages of seven have found."""


@check(
    "C51", "a short page is not the last", risk="lose rows when the source gives fewer than were asked for"
)
def capped_pages(subject: PracticeSubject) -> None:
    """When the source gives fewer rows than were asked for, all rows arrive all the same."""
    few = sum(map(len, subject.clean.warehouse.tables.values())) <= _FEW_ROWS
    for cap in (50, 7, 1) if few else (50, 7):
        trial = subject.trial()
        if not trial.cap(cap):
            raise NotRun(
                "the source of practice.py has no `cap`: use the kit's Source, or give yours an attribute `cap`, the most rows of a page"
            )
        trial.connection.sync()
        compare(
            subject,
            trial.connection.warehouse,
            subject.clean.warehouse,
            cause="len(page) < limit is taken for the end; sources cap pages without a word",
            reproduce=[f"pages of at most {cap} rows, whatever is asked"],
        )


@check("C56", "the source is read once", risk="read the source over and over when there are several pages")
def read_once(subject: PracticeSubject) -> None:
    """A sync does not read the same rows of the source over and over."""
    read: dict[str, list[str]] = {}
    trial = subject.trial()
    trial.cap(10)
    for asked in _asked(trial.connection.sync()):
        read.setdefault(asked.path, []).extend(
            json.dumps(row) for row in listed_in(accepted_json(asked.body))
        )
    for path, rows in read.items():
        if len(rows) > _MAX_READINGS * len(set(rows)) + 20:
            raise Violation(
                f"{len(rows)} rows of {path} were read, of which {len(set(rows))} differ",
                expected=f"each row at most {_MAX_READINGS} times, which leaves room for overlapping pages",
                cause="an offset that counts calls or pages, so that the window slides by a row at a time",
                reproduce=["a first sync, in pages of at most 10 rows"],
            )


CHECKS = [read_once, timeouts, retries, refusals, nonsense, capped_pages]
