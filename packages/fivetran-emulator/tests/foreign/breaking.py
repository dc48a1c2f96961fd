"""A server that breaks HTTP itself: it answers any request with bytes as they are, and hangs up."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


def http(body: bytes, *headers: str, status: str = "200 OK", length: int | None = None) -> bytes:
    """An answer with this body; `length` is what it claims to be long."""
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", *headers]
    if not any(header.startswith("Transfer-Encoding") for header in headers):
        lines.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join([*lines, "", ""]).encode() + body


@contextmanager
def serving(answer: bytes) -> Iterator[str]:
    """The URL of a server that answers with `answer`, whatever it is asked."""
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=_serve, args=(listening, answer))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()


def _serve(listening: socket.socket, answer: bytes) -> None:
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        with connection, connection.makefile("rb") as sent:
            # All of the request: closing a connection with some of it unread would reset it under the answer.
            headers = dict(line.split(b": ", 1) for line in iter(sent.readline, b"\r\n") if b": " in line)
            sent.read(int(headers[b"Content-Length"]))
            connection.sendall(answer)
