"""The fake of Google's HTTP side: reads each request, has it answered and writes it down. It is gcloud's proxy, too."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tools.locked.rehearsal.exchanges import Answer, Call

Handle = Callable[[Call], Answer]


@contextmanager
def listening(handle: Handle, calls: list[Call]) -> Iterator[int]:
    """Have `handle` answer every request at a port of this machine while the block runs; `calls` gets each with its status."""
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), type("Handler", (_Handler,), {"handle_call": staticmethod(handle), "calls": calls})
    )
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """Reads a request, has it answered and writes it down."""

    handle_call: Handle
    calls: list[Call]
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        parts = urlsplit(self.path)  # a proxy is asked with the whole address
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()} | {"": parts.query}
        headers = {key.lower(): value for key, value in self.headers.items()}
        content = self.rfile.read(int(headers.get("content-length", 0)))
        call = Call(self.command, parts.path, query, headers, _read(content, headers))
        answer = self.handle_call(call)
        self.calls.append(Call(call.method, call.path, call.query, call.headers, call.body, answer.status))
        self._write(answer)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = answer  # noqa: N815 - the base class's names

    def do_CONNECT(self) -> None:
        """Anything but the fake: gcloud would go to the network, and doesn't."""
        self.calls.append(Call("CONNECT", self.path, {}, {}, b"", 403))
        self._write(Answer(403, b"the fake of Google lets nothing through"))

    def _write(self, answer: Answer) -> None:
        self.send_response(answer.status)
        skipped = {"transfer-encoding", "content-length", "connection", "date", "server"}
        for key, value in answer.headers.items():
            if key.lower() not in skipped:
                self.send_header(key, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Nothing: `calls` is the log."""


def _read(content: bytes, headers: Mapping[str, str]) -> Any:
    if not headers.get("content-type", "").startswith("application/json"):
        return content
    try:
        return json.loads(content or b"null")
    except ValueError:
        return content
