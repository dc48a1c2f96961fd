"""What can go wrong between the function and the source, at a chosen request.

A fault sees the request and may ask the source for the true answer, so that it can spoil it.
"""

from __future__ import annotations

import errno
import gzip
import io
import json
import sys
import traceback
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import parse_qsl, unquote

from werkzeug.wrappers import Request, Response

from fivetran_emulator.contract.lab.network import Answering, Killed
from fivetran_emulator.practice.failing import PRACTICE_FAILURES, failure_of, note

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

__all__ = [
    "FAILURES",
    "Fault",
    "FaultySource",
    "SourceRequest",
    "asked_values",
    "bomb",
    "cut_body",
    "elsewhere",
    "hang",
    "html",
    "kill",
    "long_line",
    "reset",
    "said",
    "slow",
    "status",
    "text",
]

_MAX_KEPT = 1_000_000
"""Longer answers of the source are counted but not kept."""

Ask = Callable[[], Response]
Fault = Callable[["PendingRequest", Ask], Response]
"""Takes the request and the way to its true answer; gives the spoilt one, or breaks the connection."""


@dataclass(frozen=True)
class SourceRequest:
    """One request as the source saw it.

    `number` counts from 1, `content` is its body, `seconds` when it came; `status`, `body` and `said` are what was answered, unpacked,
    and its headers.
    """

    number: int
    method: str
    path: str
    query: str
    host: str
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False, default=b"")
    seconds: float = 0.0
    status: int = 0
    body: bytes = field(repr=False, default=b"")
    said: tuple[tuple[str, str], ...] = field(repr=False, default=())

    def __str__(self) -> str:
        return f"request {self.number}: {self.method} {self.path}{'?' if self.query else ''}{self.query}"


@dataclass(frozen=True)
class PendingRequest:
    """A request on its way to a fault: its number, itself, and the means to delay or break its connection."""

    number: int
    request: Request

    def reset(self) -> NoReturn:
        """Break the connection instead of an answer."""
        raise ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")

    def delay(self, seconds: float) -> None:
        """Let the answer take so many virtual seconds."""
        answering: Answering = self.request.environ["contract.answering"]
        answering.seconds = seconds


class FaultySource:
    """A source with faults in front of it, and a record of what was asked. A WSGI application.

    `answer` gives the source's true answer, `fault` the fault of a request, by its number and itself; `before` is called ahead of
    each request and may change the source's rows. `failures` takes a sentence for each exception of the source's own.
    """

    def __init__(
        self,
        answer: Callable[[WSGIEnvironment], Response],
        clock: Callable[[], float] = lambda: 0.0,
        failures: list[str] | None = None,
    ) -> None:
        self._answer = answer
        self._clock = clock
        self.failures = [] if failures is None else failures
        self.requests: list[SourceRequest] = []
        self.fault: Callable[[PendingRequest], Fault | None] = lambda _asked: None
        self.before: Callable[[int], None] = lambda _number: None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        """Answer one request, or break its connection."""
        request = Request(environ)
        content = request.get_data()
        environ |= {
            "wsgi.input": io.BytesIO(content),
            "CONTENT_LENGTH": str(len(content)),
            PRACTICE_FAILURES: self.failures,
        }  # for the source to read
        asked = PendingRequest(len(self.requests) + 1, request)
        self.before(asked.number)
        self.requests.append(_seen(asked, content, self._clock()))
        fault = self.fault(asked)
        response = fault(asked, lambda: self._ask(environ)) if fault else self._ask(environ)
        self._note(asked.number, response)
        return response(environ, start_response)

    def _ask(self, environ: WSGIEnvironment) -> Response:
        try:
            return self._answer(environ)
        except Exception as error:  # noqa: BLE001 - a source may fail in any way
            # As a server does it: its author needs the traceback, the connector only an error of the server's.
            traceback.print_exc(file=sys.__stderr__)
            request = Request(environ)
            note(request, failure_of(error, request))
            return Response("the practice source failed; its traceback is on stderr", 500)

    def _note(self, number: int, response: Response) -> None:
        seen = self.requests[number - 1]
        self.requests[number - 1] = replace(
            seen, status=response.status_code, body=_unpacked(response), said=said(response)
        )


def _unpacked(response: Response) -> bytes:
    """An answer's body without its compression; empty for one that is streamed or too long."""
    body = b"" if response.is_streamed else response.get_data()
    if len(body) >= _MAX_KEPT:
        return b""
    if response.headers.get("Content-Encoding") != "gzip":
        return body
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(body, _MAX_KEPT)
    except zlib.error:
        return b""


def said(response: Response) -> tuple[tuple[str, str], ...]:
    """An answer's headers."""
    return tuple(response.headers)


def _seen(asked: PendingRequest, content: bytes, seconds: float) -> SourceRequest:
    request = asked.request
    return SourceRequest(
        asked.number,
        request.method,
        request.path,
        request.query_string.decode("latin-1"),
        request.host,
        dict(request.headers),
        content,
        seconds,
    )


def asked_values(requests: Iterable[SourceRequest]) -> frozenset[str]:
    """Every value in the paths and queries of some requests: names of parents, states and owners that lists are asked by."""
    found: set[str] = set()
    for asked in requests:
        found.update(unquote(asked.path).split("/"))
        for _name, value in parse_qsl(asked.query):
            found.update((value, *value.split(",")))
    return frozenset(found - {""})


def status(code: int, **headers: str) -> Fault:
    """An error status, with headers such as retry_after="7"."""
    named = {name.replace("_", "-").title(): value for name, value in headers.items()}
    body = '{"error": "out of order"}'
    return lambda _asked, _ask: Response(body, code, named, content_type="application/json")


def text(body: str, *, content_type: str = "application/json") -> Fault:
    """A body of its own under status 200."""
    return lambda _asked, _ask: Response(body, content_type=content_type)


def html(_asked: PendingRequest, _ask: Ask) -> Response:
    """A login or maintenance page, with status 200 as such pages have."""
    return Response("<html><title>Please log in</title></html>", content_type="text/html")


def reset(asked: PendingRequest, _ask: Ask) -> Response:
    """The connection breaks before anything is answered."""
    asked.reset()


def kill(_asked: PendingRequest, _ask: Ask) -> NoReturn:
    """The function's process dies while it waits for the answer."""
    raise Killed


def cut_body(_asked: PendingRequest, ask: Ask) -> Response:
    """The connection breaks in the middle of the body."""
    true = ask()
    whole = true.get_data()
    true.response = [whole[: len(whole) // 2]]
    true.headers["Content-Length"] = str(len(whole))
    return true


def slow(seconds: float) -> Fault:
    """The true answer, after so many virtual seconds."""

    def answer(asked: PendingRequest, ask: Ask) -> Response:
        asked.delay(seconds)
        return ask()

    return answer


def hang(asked: PendingRequest, ask: Ask) -> Response:
    """No answer, ever."""
    return slow(float("inf"))(asked, ask)


def elsewhere(address: str) -> Fault:
    """A redirect."""
    return lambda _asked, _ask: Response(status=302, headers={"Location": address})


def long_line(megabytes: int) -> Fault:
    """One JSON text without an end in sight, sent piece by piece and held nowhere."""
    piece = b"x" * 1_000_000

    def pieces() -> Iterator[bytes]:
        yield b'["'
        for _ in range(megabytes):
            yield piece
        yield b'"]'

    return lambda _asked, _ask: Response(pieces(), content_type="application/json")


def bomb(megabytes: int) -> Fault:
    """JSON that is small on the wire and large unpacked."""
    # A gzip file may be several after one another: a megabyte is packed once.
    packed = gzip.compress(json.dumps(["x" * 1_000_000]).encode(), 1) * megabytes
    return lambda _asked, _ask: Response(
        packed, headers={"Content-Encoding": "gzip"}, content_type="application/json"
    )


FAILURES: Mapping[str, Fault] = {
    "answers HTTP 500": status(500),
    "answers HTTP 503": status(503),
    "answers HTTP 404": status(404),
    "answers HTTP 429 with Retry-After: 3600": status(429, retry_after="3600"),
    "never answers": hang,
}
"""Ways in which a source fails for as long as it likes, by what is seen of it."""
