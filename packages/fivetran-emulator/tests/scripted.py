"""A function that answers by a script on a real local port, and the command run against it, here or as a process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import duckdb
import pytest

from fivetran_emulator.__main__ import main

Json = dict[str, object]


def answer(**members: object) -> Json:
    """An answer with a state; `hasMore` is left out unless given."""
    return {"state": {}, **members}


def numbered(pages: int, page: Callable[[int], Json]) -> Callable[[Json], Json]:
    """So many answers, whose state is the number of the next one, from 0: `page` gives what else is in each."""

    def answer(request: Json) -> Json:
        state = request["state"]
        n = state.get("n", 0) if isinstance(state, dict) else 0
        return {"state": {"n": n + 1}, "hasMore": n + 1 < pages, **page(n)}

    return answer


def sync_command(url: str, *arguments: object) -> list[str]:
    """The command `sync`, for a process of its own."""
    return [sys.executable, "-m", "fivetran_emulator", "sync", "--url", url, *map(str, arguments)]


@contextmanager
def syncing(url: str, warehouse: Path, *, before: Sequence[str] = ()) -> Iterator[subprocess.Popen[str]]:
    """That process, started by `before` when given; it is killed when the block ends."""
    command = [*before, *sync_command(url, "--warehouse", warehouse)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@dataclass
class ScriptedFunction:
    """Answers each call with the next of `answers`, the last one for ever; keeps what it was sent.

    An answer is a dict, the bytes of a body, or a function of the request that gives either. `status` and `headers` are
    those of every answer.
    """

    url: str = ""
    answers: list[Json | bytes | Callable[[Json], Json | bytes]] = field(default_factory=list)
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    requests: list[Json] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    request_headers: list[dict[str, str]] = field(default_factory=list)

    def body(self, sent: bytes) -> bytes:
        self.bodies.append(sent)
        self.requests.append(json.loads(sent))
        chosen = self.answers[min(len(self.requests), len(self.answers)) - 1]
        chosen = chosen(self.requests[-1]) if callable(chosen) else chosen
        return chosen if isinstance(chosen, bytes) else json.dumps(chosen).encode()


def handler(function: ScriptedFunction) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            function.request_headers.append(dict(self.headers))
            body = function.body(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(function.status)
            for name, value in function.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep the tests' output clean."""

    return Handler


@dataclass
class Outcome:
    """How the command ended, and what it said."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.out)
        return document


@dataclass
class Emulator:
    """The command against one function and one warehouse file."""

    function: ScriptedFunction
    path: Path
    capture: pytest.CaptureFixture[str]

    def run(self, *arguments: str) -> Outcome:
        """Any command."""
        status = main(arguments)
        said = self.capture.readouterr()
        return Outcome(status, said.out, said.err)

    def sync(self, *arguments: str, command: str = "sync") -> Outcome:
        return self.run(command, "--url", self.function.url, "--warehouse", str(self.path), *arguments)

    def look(self, *arguments: str) -> Outcome:
        """A command on the warehouse that calls no function."""
        return self.run(*arguments, "--warehouse", str(self.path))

    def answering(self, *answers: Mapping[str, object] | bytes, arguments: tuple[str, ...] = ()) -> Outcome:
        """Sync once against a function with these answers."""
        self.function.requests.clear()
        self.function.answers = [one if isinstance(one, bytes) else dict(one) for one in answers]
        return self.sync("--json", *arguments)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(self.path, read_only=True) as warehouse:
            return warehouse.execute(sql).fetchall()

    def counts(self, outcome: Outcome, table: str) -> tuple[int, int, int, int, int]:
        """inserted, updated, unchanged, deleted, rows now."""
        names = ("inserted", "updated", "unchanged", "deleted", "rows_now")
        inserted, updated, unchanged, deleted, now = (outcome.document["tables"][table][n] for n in names)
        return inserted, updated, unchanged, deleted, now
