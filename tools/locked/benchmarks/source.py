"""The source: a paginated list of tickets over HTTP that is never what a contestant waits for.

`GET /tickets` takes `offset=`, `page=` (from 1) or `token=`, and `limit=`; it answers `{"data": [...], "total": N, "next": TOKEN}`.
With `updated_since=` it lists only what has changed. Everything is serialised before the first request, so an answer is a copy of
a piece of memory: some millions of rows a second. `python -m tools.locked.benchmarks.source --help`; it says its URL on its first line.
"""

from __future__ import annotations

import argparse
import asyncio
from array import array
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from tools.locked.benchmarks.tickets import numbers, row

_FAULT_EVERY = 7
_REFUSAL = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n"
_END = b"\r\n\r\n"


class Rows:
    """Serialised rows, side by side with commas between them, and where each begins."""

    def __init__(self, texts: list[str]) -> None:
        encoded = [text.encode() for text in texts]
        self._ends = array("Q", [0])
        for one in encoded:
            self._ends.append(self._ends[-1] + len(one) + 1)
        self._joined = b",".join(encoded)

    def __len__(self) -> int:
        return len(self._ends) - 1

    def piece(self, start: int, end: int) -> bytes:
        """The rows from `start` to before `end`, as the inside of a JSON array."""
        start, end = min(start, len(self)), min(end, len(self))
        return self._joined[self._ends[start] : self._ends[end] - 1] if start < end else b""


@dataclass
class Source:
    """What is listed, how long an answer takes, and which requests are refused."""

    tickets: Rows
    changed: Rows
    latency: float = 0.0
    faulty: bool = False
    requests: int = 0

    def answer(self, target: str) -> bytes:
        """The whole answer to a request for `target`, its path and query."""
        self.requests += 1
        if self.faulty and self.requests % _FAULT_EVERY == 0:
            return _REFUSAL
        asked = {name: values[-1] for name, values in parse_qs(urlsplit(target).query).items()}
        rows = self.changed if "updated_since" in asked else self.tickets
        limit = int(asked.get("limit", 100))
        start = (int(asked["page"]) - 1) * limit if "page" in asked else _position(asked)
        end = start + limit
        following = f'"{end}"' if end < len(rows) else "null"
        tail = f'],"total":{len(rows)},"next":{following}}}'.encode()
        body = b'{"data":[' + rows.piece(start, end) + tail
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        return head.encode() + body


def _position(asked: dict[str, str]) -> int:
    return int(asked.get("offset") or asked.get("token") or 0)


class _Connection(asyncio.Protocol):
    """One connection that is kept; answers leave in the order in which they were asked for."""

    def __init__(self, source: Source) -> None:
        self._source, self._received = source, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what a server's connections are
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while _END in self._received:
            head, _, self._received = self._received.partition(_END)
            answer = self._source.answer(head.split(b" ", 2)[1].decode())
            asyncio.get_running_loop().call_later(self._source.latency, self._transport.write, answer)


def source_of(*, rows: int, changed: int = 0, shuffled: bool = False) -> Source:
    """A source with so many rows, of which `changed`, spread evenly, are listed when asked what has changed."""
    every = numbers(rows, shuffled=shuffled)
    later = every[:: max(rows // changed, 1)][:changed] if changed else []
    return Source(Rows([row(one) for one in every]), Rows([row(one, changed=True) for one in later]))


async def serve(source: Source) -> None:
    """Serve it on a port of the system's choice until the process is ended."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(source), "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


def main() -> None:
    """Serve what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tools.locked.benchmarks.source")
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--changed", type=int, default=0)
    parser.add_argument("--shuffled", action="store_true")
    parser.add_argument("--latency-ms", type=float, default=0.0)
    parser.add_argument("--faulty", action="store_true", help="refuse every seventh request, Retry-After: 0")
    options = parser.parse_args()
    source = source_of(rows=options.rows, changed=options.changed, shuffled=options.shuffled)
    source.latency, source.faulty = options.latency_ms / 1000, options.faulty
    asyncio.run(serve(source))


if __name__ == "__main__":
    main()
