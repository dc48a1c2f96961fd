"""A source API over real HTTP whose script says, request by request, what happens on the wire."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Received:
    """A request as the source saw it."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: Mapping[str, str]
    body: bytes

    def parameter(self, name: str) -> str | None:
        """The last value of a query parameter."""
        return dict(self.query).get(name)


@dataclass(frozen=True)
class Says:
    """An answer; a body that is not bytes is sent as JSON."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    kind: str = "application/json"

    def write(self, handler: Handler) -> None:
        body = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        self.head(handler, len(body))
        handler.wfile.write(body)

    def head(self, handler: Handler, length: int) -> None:
        handler.send_response(self.status)
        for name, value in {"Content-Type": self.kind, "Content-Length": str(length), **self.headers}.items():
            handler.send_header(name, value)
        handler.end_headers()


@dataclass(frozen=True)
class CutsOff(Says):
    """Announces a whole body, sends half of it and hangs up."""

    def write(self, handler: Handler) -> None:
        body = json.dumps(self.body).encode()
        self.head(handler, len(body))
        handler.wfile.write(body[: len(body) // 2])
        handler.close_connection = True


@dataclass(frozen=True)
class CutsOffChunked(Says):
    """Sends one chunk of a body and hangs up before the last."""

    def write(self, handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", self.kind)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b"5\r\n[1, 2\r\n")
        handler.close_connection = True


class Resets:
    """Breaks the connection with a TCP reset."""

    def write(self, handler: Handler) -> None:
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.connection.close()
        handler.close_connection = True


class Hangs:
    """Says nothing until the source closes."""

    def write(self, handler: Handler) -> None:
        handler.source.closing.wait(20)
        handler.close_connection = True


@dataclass(frozen=True)
class Drips(Says):
    """Sends a body byte by byte and never comes to its end; `between` is called before each, e.g. to let time pass."""

    between: Callable[[], None] = lambda: None

    def write(self, handler: Handler) -> None:
        self.head(handler, 1_000_000)
        handler.close_connection = True
        with suppress(OSError):
            for _ in range(400):
                if handler.source.closing.wait(0.005):
                    return
                self.between()
                handler.wfile.write(b" ")


Answer = Any
"""Something with `write(handler)`."""
Script = Callable[[Received], Answer]


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else a kept-alive client waits 40 ms for each body
    source: Source

    def setup(self) -> None:
        super().setup()
        self.source.connections.append(self.connection)

    def handle_one_request(self) -> None:
        with suppress(OSError, ValueError):
            super().handle_one_request()
            return
        self.close_connection = True

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        query = parse_qsl(parts.query, keep_blank_values=True)
        request = Received(self.command, parts.path, query, dict(self.headers), body)
        self.source.received.append(request)
        self.source.script(request).write(self)

    do_GET = do_POST = do_PUT = _serve  # noqa: N815 - http.server's names

    def log_message(self, *_: Any) -> None:
        """Nothing: the tests look at `received`."""


class Source:
    """A running source: its address, its script, and what it was asked."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.received: list[Received] = []
        self.connections: list[socket.socket] = []
        self.closing = threading.Event()
        handler = type("BoundHandler", (Handler,), {"source": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop, and let go of clients that still hang on."""
        self.closing.set()
        for connection in self.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextmanager
def serving(*answers: Answer, script: Script | None = None) -> Iterator[Source]:
    """A source that gives these answers in turn, the last one for ever; or what a script says."""
    left = list(answers)

    def in_turn(_: Received) -> Answer:
        return left.pop(0) if len(left) > 1 else left[0]

    source = Source(script or in_turn)
    try:
        yield source
    finally:
        source.close()
