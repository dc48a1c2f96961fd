"""C48, C49, C53, C54: secrets, hosts, and a source that means harm."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import cycle
from typing import Any

from werkzeug.wrappers import Response

from fivetran_emulator.contract.check import NotRun, Violation, check
from fivetran_emulator.contract.comparing import shown
from fivetran_emulator.contract.lab.connection import Exchange
from fivetran_emulator.contract.lab.faults import (
    Fault,
    PendingRequest,
    bomb,
    cut_body,
    elsewhere,
    hang,
    html,
    long_line,
    reset,
    slow,
    status,
    text,
)
from fivetran_emulator.contract.lab.network import ADDRESS, PORT
from fivetran_emulator.contract.lab.secret_forms import (
    NONE_MARKED,
    credentials_sent,
    marked_secrets,
    secret_texts,
    secret_traces,
    trace_excerpt,
)
from fivetran_emulator.contract.releases import required_secrets
from fivetran_emulator.contract.subject import PracticeSubject, Subject

__all__ = ["CHECKS"]

_ATTACKED = 4
_SLOW, _SLOW_REQUESTS = 25.0, 3
_NUMBER = 98_765.25
"""A secret of a type that none has."""


def _said(exchange: Exchange) -> dict[str, str]:
    """Everything that leaves the function, by where it goes."""
    headers = "\n".join(f"{name}: {value}" for name, value in exchange.reply.headers.items())
    return {
        "the answer": exchange.reply.body.decode(errors="replace"),
        "the headers": headers,
        "the logs": exchange.reply.logs,
    }


@check(
    "C48",
    "no secret leaves the function",
    risk="give secrets away when something fails",
    remote="No secret, whole, encoded or in part, is in an answer, a state or a header while all is well.",
)
def no_secrets(subject: Subject) -> None:
    """No secret or access token, whole, encoded or in part, is in an answer, a state, a header or a log, whatever the source does."""
    trial = subject.trial()
    secrets = trial.connection.secrets
    only = marked_secrets(secrets)
    if not only:
        raise NotRun(NONE_MARKED)
    if not isinstance(subject, PracticeSubject):
        trial.connection.call(accept=False, setup_test=True)
        said = [*subject.clean_or_not.connection.exchanges, *trial.connection.exchanges]
        _require_no_traces(said, secrets, only, "an undisturbed sync")
        return
    echo = " ".join(value for key, value in secret_texts(secrets) if key in only)
    for what, fault in {**_always(echo), **_at_times()}.items():
        disturbed = subject.trial()
        disturbed.source.fault = fault
        disturbed.connection.sync()
        disturbed.connection.call(setup_test=True)
        if subject.failures:  # a message that quotes practice.py's own words need not hold a secret
            raise NotRun(f"practice.py itself fails: {subject.failures[0]}")
        sent = credentials_sent(disturbed.source.requests, secrets)
        _require_no_traces(disturbed.connection.exchanges, {**secrets, **sent}, only | sent.keys(), what)


_When = Callable[[PendingRequest], Fault | None]
_STATUSES = (400, 401, 403, 404, 422, 429, 500, 503)


def _always(echo: str) -> dict[str, _When]:
    """What a source may answer every request with: an author logs the request where one of them is handled."""
    faults: dict[str, Fault] = {
        **{f"HTTP {code}": status(code) for code in _STATUSES},
        "a connection that breaks": reset,
        "a body that is cut": cut_body,
        "a redirect": elsewhere("/elsewhere"),
        "a source that repeats what it was sent": lambda asked, _ask: _echo(asked, echo),
        "text in the place of JSON": text(f"<{echo}>"),
        "an HTML page with status 200": html,
        "an empty object": text("{}"),
    }
    return {what: _each(fault) for what, fault in faults.items()}


def _each(fault: Fault) -> _When:
    return lambda _asked: fault


def _at_times() -> dict[str, _When]:
    """Nothing, and what passes: a line may be written once the request has succeeded after all."""
    passing = cycle([status(429, retry_after="1"), status(503), reset, cut_body])
    return {
        "an undisturbed sync": lambda _asked: None,
        "every other request fails once": lambda asked: next(passing) if asked.number % 2 else None,
        "slow answers": lambda asked: slow(_SLOW) if asked.number <= _SLOW_REQUESTS else None,
        "an answer that never comes": lambda asked: hang if asked.number == 1 else None,
    }


def _require_no_traces(
    exchanges: Sequence[Exchange], secrets: Mapping[str, Any], only: frozenset[str], what: str
) -> None:
    for exchange in exchanges:
        for where, said in _said(exchange).items():
            if traces := secret_traces(said, secrets, only=only):
                around = trace_excerpt(said, secrets, only=only)
                raise Violation(
                    f"{where} of the function holds {traces[0]}, after {what}"
                    + (f": ...{around}..." if around else ""),
                    expected="no secret, in no form",
                    cause="an address, a header or an exception's text that is shown as it is",
                    reproduce=[what],
                )


def _echo(asked: PendingRequest, secrets: str) -> Response:
    request = asked.request
    return Response(f"{request.url} {dict(request.headers)} {secrets}", 400, content_type="text/plain")


@check(
    "C49",
    "all mistakes in the secrets at once",
    risk="report one mistake in the secrets at a time",
    remote="Without secrets the error is one that names every key which it names when that key alone is missing.",
)
def secrets_mistakes(subject: Subject) -> None:
    """Missing, mistyped and absent secrets each give one error that names every key, and no value."""
    trial = subject.trial()
    usual = trial.connection.call(accept=False, setup_test=True)
    required = required_secrets(subject)
    for what, sent in _mistakes(subject, trial.connection.secrets):
        call = trial.connection.call(accept=False, secrets=sent)
        unnamed = [key for key in required if key not in call.error]
        if not (required or isinstance(subject, PracticeSubject)):
            raise NotRun("the function asks for no secret")
        if not call.failed or unnamed or call.asked or str(_NUMBER) in call.error:
            raise Violation(
                f"with {what}: {call.error or f'HTTP {call.reply.status} without a message'}",
                expected=f"one error that names {shown(required)}, before anything is asked of the source",
                cause='secrets["key"], which stops at the first one that is missing',
                reproduce=[f"send secrets {sent}"],
            )
    if usual.failed:
        raise Violation(
            f"the practice secrets are refused: {usual.error}", expected="success", cause="practice.py"
        )


def _mistakes(subject: Subject, secrets: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield "no secrets", {}
    yield "secrets null", None
    yield "every value null", dict.fromkeys(secrets)
    # A function elsewhere may take any value to its source.
    if isinstance(subject, PracticeSubject) and not subject.function.platform.only_text:
        yield "a number for every value", dict.fromkeys(secrets, _NUMBER)


@check("C53", "a hostile source exhausts nothing", risk="exhaust memory or time when the source misbehaves")
def hostile_source(subject: PracticeSubject) -> None:
    """A compressed bomb, a huge line and deep nesting end in an error, within memory and time."""
    attacks: dict[str, Fault] = {
        "a compressed answer of 200 MB": bomb(200),
        "a line of 100 MB": long_line(100),
        "arrays nested 100,000 deep": text("[" * 100_000 + "]" * 100_000),
        "a number of a million digits": text('[{"id": ' + "9" * 1_000_000 + "}]"),
    }
    most = subject.function.platform.attacked_bytes
    for what, fault in attacks.items():
        trial = subject.trial()
        # The first tables' answers are enough: the others come by the same way, and each takes seconds to unpack.
        trial.source.fault = lambda asked, of=fault: of if asked.number <= _ATTACKED else status(403)  # type: ignore[misc]
        call, peak = trial.function.peak(trial.connection.call)
        if not call.failed or not call.error or peak > most:
            said = call.error[:100] or f"HTTP {call.reply.status} without a message"
            raise Violation(
                f"{what}: {said}, and {peak / 1e6:.0f} MB of memory",
                expected=f"an error, in less than {most / 1e6:.0f} MB",
                cause="response.json() of whatever comes: read a bounded number of bytes",
                reproduce=[f"every request is answered with {what}"],
            )


@check(
    "C54",
    "requests and credentials go to the source only",
    risk="send requests or credentials to another host when the source, or its own code, says so",
)
def redirects(subject: PracticeSubject) -> None:
    """No other host is asked but those in the secrets, none gets credentials by a redirect, and endless redirects are given up."""
    trial = subject.trial()
    trial.connection.sync()
    trial.where(lambda _asked: True, status(500))
    trial.connection.sync()
    texts = [value for _key, value in secret_texts(trial.connection.secrets)]
    named = {part for value in texts for part in re.split(r"[/@?#\s]+", value)}
    if foreign := sorted(trial.network.hosts - named - {name.partition(":")[0] for name in named}):
        raise Violation(
            f"it asks {shown(foreign)}, beside the source",
            expected="no host but those that its secrets name",
            cause="an address that stands in the code, or a library that reports home",
            reproduce=["an undisturbed sync, and one while the source fails"],
        )
    _require_no_foreign_redirects(subject)


def _require_no_foreign_redirects(subject: PracticeSubject) -> None:
    trial = subject.trial()
    foreign = f"http://localhost:{PORT}/stolen"
    trial.where(lambda asked: asked.request.host.startswith("127."), elsewhere(foreign))
    call = trial.connection.call()
    secrets = trial.connection.secrets
    for asked in call.asked:
        carried = f"{asked.path} {asked.query} {dict(asked.headers)} {asked.content!r}"
        if asked.host.startswith("localhost") and (
            traces := secret_traces(carried, secrets, only=marked_secrets(secrets))
        ):
            raise Violation(
                f"the request to {asked.host} carries {traces[0]}",
                expected="no request, or one without credentials",
                cause="credentials in the session or the query follow every redirect",
                reproduce=[f"the source redirects to {foreign}"],
            )
    trial.where(lambda _asked: True, elsewhere(f"{ADDRESS}/round"))
    turning = trial.connection.call()
    if not turning.failed or len(turning.asked) > 200:
        raise Violation(
            f"{len(turning.asked)} requests, HTTP {turning.reply.status}",
            expected="an error after a few redirects",
            cause="a loop that follows redirects without counting",
            reproduce=["every request is redirected to another path of the source"],
        )


CHECKS = [no_secrets, secrets_mistakes, hostile_source, redirects]
