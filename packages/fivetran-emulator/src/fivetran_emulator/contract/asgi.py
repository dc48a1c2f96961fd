"""An ASGI source, answered in the thread that asks.

A newcomer would let the server's adapter do it, with an event loop in a thread of its own for each of hundreds of trials.
Nothing here is concurrent: one request, one run of the loop, and the answer is there.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable, Iterable
from functools import cache
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

from werkzeug.wrappers import Request, Response

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["in_this_thread"]

_monotonic = time.monotonic


def in_this_thread(app: Callable[..., Any]) -> WSGIApplication:
    """The application as WSGI; a WSGI one as it is. Lifespan events are not sent."""
    if not (inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(type(app).__call__)):
        return cast("WSGIApplication", app)

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return _loop().run_until_complete(_answer(app, Request(environ)))(environ, start_response)

    return answer


class _Loop(asyncio.SelectorEventLoop):
    def time(self) -> float:
        """The real time: in virtual time no timer of the source's would ever be due."""
        return _monotonic()


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return _Loop()


async def _answer(app: Callable[..., Any], request: Request) -> Response:
    messages: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": request.get_data(), "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        messages.append(message)

    await app(_scope(request), receive, send)
    start, *body = messages
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in start.get("headers", ())]
    return Response(b"".join(one.get("body", b"") for one in body), start["status"], headers)


def _scope(request: Request) -> dict[str, Any]:
    """https://asgi.readthedocs.io/en/latest/specs/www.html, "HTTP Connection Scope"."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": request.scheme,
        "path": request.path,
        "raw_path": request.environ.get("RAW_URI", quote(request.path)).partition("?")[0].encode("latin-1"),
        "query_string": request.query_string,
        "root_path": "",
        "headers": [
            (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in request.headers
        ],
        "client": ("127.0.0.1", 0),
        "server": ("127.0.0.1", int(request.environ["SERVER_PORT"])),
    }
