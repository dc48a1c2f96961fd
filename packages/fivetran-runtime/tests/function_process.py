"""A function as a process of its own: Google's host around a file, on a port the system chose."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import requests

_LISTENING = re.compile(r"Listening at: (http://[0-9.:]+)")
_START = 30


@dataclass(frozen=True)
class Answer:
    """One answer as it came over the socket: its body is not kept."""

    status: int
    bytes: int
    announced: int
    seconds: float
    report: dict[str, Any]
    state: Any
    has_more: bool


@dataclass
class FunctionProcess:
    """A running function; `pid` is the host's, whose children serve."""

    url: str
    pid: int

    def call(self, secrets: dict[str, Any], state: Any) -> Answer:
        """POST as Fivetran does."""
        began = time.monotonic()
        reply = requests.post(self.url, json={"state": state, "secrets": secrets}, timeout=60)
        seconds, body = time.monotonic() - began, reply.content
        report = msgspec.json.decode(reply.headers["X-Connector-Invocation"])
        return Answer(
            reply.status_code, len(body), int(reply.headers["Content-Length"]), seconds, report, *_ends(body)
        )

    def sync(self, **secrets: Any) -> list[Answer]:
        """Call until there is no more; the rows are thrown away."""
        answers: list[Answer] = []
        state: Any = {}
        while not answers or answers[-1].has_more:
            answers.append(self.call(secrets, state))
            assert answers[-1].status == 200
            state = answers[-1].state
        return answers

    def peak_memory(self) -> int:
        """The most memory, in bytes, that the serving process has held since it started (VmHWM in proc(5))."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        statuses = [Path(f"/proc/{child}/status").read_text() for child in children]
        return max(int(status.partition("VmHWM:")[2].split()[0]) for status in statuses) * 1024


def _ends(body: bytes) -> tuple[Any, bool]:
    """State and `hasMore`, which stand before and behind the rows: ten megabytes need not be read for them."""
    head = body[: body.index(b',"insert":')] + b"}"
    return msgspec.json.decode(head).get("state"), body.endswith(b'"hasMore":true}')


@contextmanager
def running(file: Path, log: Path, **environment: str) -> Iterator[FunctionProcess]:
    """Run functions-framework around `main` of a file while the block does."""
    script = Path(sys.executable).with_name("functions-framework")
    command = [str(script), "--target=main", f"--source={file}", "--host=127.0.0.1", "--port=0"]
    # gunicorn tells the port only from this log level on
    variables = {**os.environ, "PYTHONUNBUFFERED": "1", "GUNICORN_LOG_LEVEL": "info", **environment}
    with log.open("wb") as output:
        host = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env=variables, start_new_session=True
        )
    try:
        yield FunctionProcess(_wait_for(host, log), host.pid)
    finally:
        os.killpg(host.pid, signal.SIGKILL)
        host.wait()


def _wait_for(host: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + _START
    while host.poll() is None and time.monotonic() < deadline:
        if found := _LISTENING.search(log.read_text("utf-8", "replace")):
            return found[1]
        time.sleep(0.02)
    raise AssertionError(f"the function did not start:\n{log.read_text('utf-8', 'replace')}")
