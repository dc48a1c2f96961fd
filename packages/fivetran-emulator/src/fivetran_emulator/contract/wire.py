"""The function's connections to the practice source, in memory: HTTP as it stands on the wire, without a network.

A newcomer would replace the HTTP library. What breaks in production breaks beneath it, in its sockets: an answer that stops
in the middle, a reset, a time-out that was never set. So the sockets are what is replaced, and whichever library the
function uses, on blocking sockets, reads and writes them as ever. No thread and no port is involved, and a wait is a
matter of the virtual clock: a thousand requests take a second, and two runs are alike to the byte.
"""

from __future__ import annotations

import errno
import io
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import inf
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NoReturn
from unittest import mock
from weakref import WeakKeyDictionary

from werkzeug.serving import WSGIRequestHandler

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication, WSGIEnvironment

    from fivetran_emulator.contract.virtual_time import VirtualTime

__all__ = ["ADDRESS", "HOST", "MAX_REQUESTS", "PORT", "Answering", "Killed", "Wire"]

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
class Wire:
    """A source's end of all connections of one trial.

    `connect_timeouts` are those the function had set, `hosts` all others that it asked for. There is no network but this
    machine: any other name is an unknown one.
    """

    app: WSGIApplication
    clock: VirtualTime
    connect_timeouts: list[float | None] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)
    killed: bool = False
    """Whether the present call was killed; a function that catches that goes no further all the same."""
    endless: bool = False
    """Whether it was killed for asking without an end."""
    failure: Exception | None = None
    """What went wrong in the suite itself, behind the function's back."""

    def __post_init__(self) -> None:
        # A function may ask from several threads, a source answers one at a time.
        self._asking = threading.Lock()
        self._connections = 0

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """Let every connection to the source's address be one of these, for the time of one call."""
        self._connections, self.killed, self.endless = 0, False, False
        connect, look_up = socket.socket.connect, socket.getaddrinfo

        def connect_to(self_: socket.socket, address: Any) -> None:
            if isinstance(address, tuple) and address[0] in _HOSTS and address[1] == PORT:
                self._count(self_)
                self.connect_timeouts.append(self_.gettimeout())
                _plug(self_, self)
                return
            if isinstance(address, tuple):
                self.hosts.add(f"{address[0]}:{address[1]}")
            connect(self_, address)

        def look_up_here(host: Any, *arguments: Any, **named: Any) -> Any:
            name = host.decode() if isinstance(host, bytes) else str(host)
            if name not in _HOSTS:
                self.hosts.add(name)
                raise socket.gaierror(socket.EAI_NONAME, f"{name} is not looked up: checks have no network")
            return look_up(host, *arguments, **named)

        def connect_and_tell(self_: socket.socket, address: Any) -> int:
            try:
                self_.connect(address)
            except OSError as error:
                return error.errno or errno.EINVAL
            return 0

        with (
            mock.patch.object(socket.socket, "connect", connect_to),
            mock.patch.object(socket.socket, "connect_ex", connect_and_tell),
            mock.patch.object(socket, "getaddrinfo", look_up_here),
        ):
            yield

    def _count(self, one: socket.socket) -> None:
        self._connections += 1
        self.endless = self.endless or self._connections > MAX_REQUESTS
        if self.killed or self.endless:
            self.kill(one)

    def kill(self, one: socket.socket) -> NoReturn:
        """End the call."""
        self.killed = True
        _drop(one)
        raise Killed

    def answer(self, request: bytes, answering: Answering) -> Iterable[bytes]:
        """The source's whole answer as it goes over the wire, piece by piece. Raises ConnectionResetError for a reset."""
        whole: Any = request  # the base class says that it is a socket
        parsed = _Parsed(whole, (HOST, 0), _SERVER)
        parsed.environ["contract.answering"] = answering
        head: list[bytes] = []

        def start_response(status: str, headers: list[tuple[str, str]], _failure: Any = None) -> Any:
            lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers)]
            head[:] = ["\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1")]

        with self._asking:
            try:
                body = self.app(parsed.environ, start_response)
            except ConnectionResetError:
                raise
            except Exception as error:
                self.failure = error
                raise Killed from error
        try:
            yield from head
            if parsed.command != "HEAD":
                yield from body
        finally:
            getattr(body, "close", bool)()


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

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
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
            self._coming = iter(self.wire.answer(bytes(self._sent), self._answering))
            # The delay is known once the source has begun to answer.
            self._piece = memoryview(next(self._coming, b""))
            self._answering.wait(timeout, self.wire.clock)
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
            _lines[self].wire.kill(self)

    def shutdown(self, how: int) -> None:
        """Nothing to tell: the other end sees each request as a whole."""

    def getpeername(self) -> Any:
        return (HOST, PORT)


def _plug(one: socket.socket, wire: Wire) -> None:
    if one.gettimeout() == 0:
        raise ConnectionRefusedError(
            errno.ECONNREFUSED,
            "the practice source is reached on blocking sockets only, see docs/contract.md",
        )
    _lines[one] = _Line(wire)
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


_SERVER: Any = SimpleNamespace(
    ssl_context=None, multithread=False, multiprocess=False, server_address=(HOST, PORT), _server_version=""
)
