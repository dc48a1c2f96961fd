"""The function's connections to the practice source, in memory: HTTP as it stands on the wire, without a network.

What breaks in production breaks beneath the HTTP library, in its sockets: an answer that stops
in the middle, a reset, a time-out that was never set. So the sockets are what is replaced, and whichever library the
function uses, on blocking sockets, reads and writes them as ever. No thread and no port is involved, and a wait is a
matter of the virtual clock: a thousand requests take a second, and two runs are alike to the byte.
"""

from __future__ import annotations

import asyncio
import errno
import inspect
import io
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, lru_cache
from math import inf
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NoReturn, cast
from unittest import mock
from urllib.parse import quote
from weakref import WeakKeyDictionary

from werkzeug.serving import WSGIRequestHandler
from werkzeug.wrappers import Request, Response

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from fivetran_emulator.contract.lab.virtual_time import VirtualTime

__all__ = ["ADDRESS", "HOST", "MAX_REQUESTS", "PORT", "Answering", "Killed", "Network", "in_this_thread"]

HOST, PORT = "127.0.0.1", 59_595
ADDRESS = f"http://{HOST}:{PORT}"
"""Where the function finds the source. Always the same: an address gets into states, messages and the size of answers."""
_HOSTS = (HOST, "localhost", "::1")
MAX_REQUESTS = 1_000
"""Requests in one call after which it is killed, as the platform would in the end: some loops never look at the time."""


class Killed(BaseException):
    """The platform ends the call: it waits without a time-out, asks without an end, or a fault kills it.

    Nothing the function catches may change that.
    """


@dataclass
class Network:
    """A source's end of all connections of one trial.

    `connect_timeouts` are those the function had set, `hosts` all others that it asked for. There is no network but this
    machine: any other name is an unknown one.
    """

    app: WSGIApplication
    clock: VirtualTime
    connect_timeouts: list[float | None] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)
    killed: bool = False
    """Whether the present call was killed; a function that catches that gets no answer all the same."""
    endless: bool = False
    """Whether it was killed for asking without an end."""
    failure: Exception | None = None
    """What went wrong in the suite itself, behind the function's back."""

    def __post_init__(self) -> None:
        # A function may ask from several threads, a source answers one at a time.
        self._asking = threading.Lock()
        self._connections = 0

    def begin(self) -> None:
        """Forget the call before."""
        self._connections, self.killed, self.endless = 0, False, False

    @contextmanager
    def active(self) -> Iterator[None]:
        """Let every connection to the source's address be one of these, for the time of one call."""
        self.begin()
        with (
            mock.patch.object(socket.socket, "connect", self._connecting(socket.socket.connect)),
            mock.patch.object(socket.socket, "connect_ex", _connect_ex),
            mock.patch.object(socket, "getaddrinfo", self._looking_up(socket.getaddrinfo)),
        ):
            yield

    def _connecting(self, connect: Callable[..., None]) -> Callable[..., None]:
        def connect_to(one: socket.socket, address: Any) -> None:
            if isinstance(address, tuple) and address[0] in _HOSTS and address[1] == PORT:
                try:
                    self.connected(one.gettimeout())
                except Killed:
                    self.kill(one)
                _plug(one, self)
                return
            if isinstance(address, tuple):
                self.asked_for(f"{address[0]}:{address[1]}")
            connect(one, address)

        return connect_to

    def _looking_up(self, look_up: Callable[..., Any]) -> Callable[..., Any]:
        def look_up_here(host: Any, *arguments: Any, **named: Any) -> Any:
            name = host.decode() if isinstance(host, bytes) else str(host)
            if name not in _HOSTS:
                self.asked_for(name)
                raise socket.gaierror(socket.EAI_NONAME, f"{name} is not looked up: checks have no network")
            return look_up(host, *arguments, **named)

        return look_up_here

    def connected(self, timeout: float | None) -> None:
        """Take a connection to the source, with its time-out. Raises Killed for one too many."""
        self._connections += 1
        self.endless = self.endless or self._connections > MAX_REQUESTS
        if self.killed or self.endless:
            raise Killed
        self.connect_timeouts.append(timeout)

    def asked_for(self, host: str) -> None:
        """Note another host than the source's."""
        self.hosts.add(host)

    def kill(self, one: socket.socket) -> NoReturn:
        """End the call."""
        self.killed = True
        _drop(one)
        raise Killed

    def answer(self, request: bytes, answering: Answering) -> Iterable[bytes]:
        """The source's whole answer as it goes over the wire, piece by piece. Raises ConnectionResetError for a reset."""
        environ = {**_environ(request), "contract.answering": answering, "contract.request": request}
        head: list[bytes] = []

        def start_response(status: str, headers: list[tuple[str, str]], _failure: Any = None) -> Any:
            lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers)]
            head[:] = ["\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1")]

        with self._asking:
            try:
                body = self.app(environ, start_response)
            except ConnectionResetError:
                raise
            except Exception as error:
                self.failure = error
                raise Killed from error
        try:
            yield from head
            if environ["REQUEST_METHOD"] != "HEAD":
                yield from body
        finally:
            getattr(body, "close", bool)()


def _connect_ex(one: socket.socket, address: Any) -> int:
    try:
        one.connect(address)
    except OSError as error:
        return error.errno or errno.EINVAL
    return 0


@dataclass
class Answering:
    """One answer on its way: a source, or a fault in front of it, may delay it."""

    seconds: float = 0.0

    def wait(self, timeout: float | None, clock: VirtualTime) -> None:
        """Let the delay pass on the clock. Raises TimeoutError when it is longer than the time-out, Killed when there is no end to it."""
        seconds, self.seconds = self.seconds, 0.0
        if timeout is not None and seconds > timeout:
            clock.advance(timeout)
            raise TimeoutError("timed out")
        if seconds == inf:
            raise Killed
        clock.advance(seconds)


class _Line:
    """One connection: what was sent, and what comes back of it."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self._sent = bytearray()
        self._coming: Iterator[bytes] | None = None
        self._answering = Answering()
        self._piece = memoryview(b"")

    def send(self, data: bytes) -> None:
        if self._coming is not None:  # the answer ended the connection
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")
        self._sent += data

    def receive(self, most: int, timeout: float | None) -> memoryview:
        """Up to so many bytes of the answer; none at its end."""
        if self._coming is None:
            self._coming = iter(self.network.answer(bytes(self._sent), self._answering))
            # The delay is known once the source has begun to answer.
            self._piece = memoryview(next(self._coming, b""))
            self._answering.wait(timeout, self.network.clock)
        while not self._piece and (piece := next(self._coming, None)) is not None:
            self._piece = memoryview(piece)
        taken, self._piece = self._piece[:most], self._piece[most:]
        return taken


_lines: WeakKeyDictionary[socket.socket, _Line] = WeakKeyDictionary()


class _Plugged(socket.socket):
    """A socket whose other end is in memory. Without attributes of its own, so that any socket can become one."""

    __slots__ = ()

    def send(self, data: Any, flags: int = 0) -> int:
        _lines[self].send(bytes(data))
        return len(data)

    def sendall(self, data: Any, flags: int = 0) -> None:
        _lines[self].send(bytes(data))

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        return bytes(self._receive(bufsize))

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        room = memoryview(buffer).cast("B")
        taken = self._receive(nbytes or len(room))
        room[: len(taken)] = taken
        return len(taken)

    def _receive(self, most: int) -> memoryview:
        try:
            return _lines[self].receive(most, self.gettimeout())
        except Killed:
            _lines[self].network.kill(self)

    def shutdown(self, how: int) -> None:
        """Nothing to do: the other end sees each request as a whole."""

    def getpeername(self) -> Any:
        return (HOST, PORT)


def _plug(one: socket.socket, network: Network) -> None:
    if one.gettimeout() == 0:
        raise ConnectionRefusedError(
            errno.ECONNREFUSED,
            "the practice source is reached on blocking sockets only, see docs/contract.md",
        )
    _lines[one] = _Line(network)
    one.__class__ = _Plugged


def _drop(one: socket.socket) -> None:
    """Close a killed function's socket, which it can no longer do itself, and nobody is to be warned of."""
    socket.close(one.detach())


class _Parsed(WSGIRequestHandler):
    """A request from its bytes, as werkzeug's own server reads it."""

    environ: WSGIEnvironment

    def setup(self) -> None:
        self.connection: Any = None
        self.rfile, self.wfile = io.BytesIO(self.request), io.BytesIO()

    def handle(self) -> None:
        self.raw_requestline = self.rfile.readline()
        if not self.parse_request():
            raise ConnectionResetError(errno.ECONNRESET, "not an HTTP request")
        self.environ = self.make_environ()

    def finish(self) -> None:
        """Nothing was opened."""


def _environ(request: bytes) -> WSGIEnvironment:
    """A request as WSGI has it."""
    head, end, body = request.partition(b"\r\n\r\n")
    if not end or b"chunked" in head.lower():
        return _parsed(request)
    return {**_head(head + end), "wsgi.input": io.BytesIO(body), "wsgi.errors": sys.stderr}


@lru_cache(maxsize=1_000)
def _head(head: bytes) -> WSGIEnvironment:
    # One sync asks what the one before it has asked, and a suite has hundreds of them.
    return _parsed(head)


def _parsed(request: bytes) -> WSGIEnvironment:
    whole: Any = request  # the base class says that it is a socket
    return _Parsed(whole, (HOST, 0), _SERVER).environ


_SERVER: Any = SimpleNamespace(
    ssl_context=None, multithread=False, multiprocess=False, server_address=(HOST, PORT), _server_version=""
)


_monotonic = time.monotonic


def in_this_thread(app: Callable[..., Any]) -> WSGIApplication:
    """The application as WSGI; a WSGI one as it is. Lifespan events are not sent.

    Nothing here is concurrent: one request, one run of an event loop in the thread that asks, and the answer is there.
    """
    if not (inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(type(app).__call__)):
        return cast("WSGIApplication", app)

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return _loop().run_until_complete(_answer_asgi(app, Request(environ)))(environ, start_response)

    return answer


class _Loop(asyncio.SelectorEventLoop):
    def time(self) -> float:
        """The real time: in virtual time no timer of the source's would ever be due."""
        return _monotonic()


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return _Loop()


async def _answer_asgi(app: Callable[..., Any], request: Request) -> Response:
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
