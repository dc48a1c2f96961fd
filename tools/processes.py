"""Servers a session needs beside it: started, waited for, ended with it whatever happens.

A server is ready when it says so in a line of its own log, which also tells the port: ports are the system's
choice, so two syncs can run at once and nothing has to be free.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.errors import RepositoryError

SUPERVISOR = Path(__file__).with_name("supervisor.py")
LAST_LINES = 15


@dataclass
class Server:
    """A running server: `what` it is in a sentence, its `log`, and the process that watches over it."""

    what: str
    log: Path
    process: subprocess.Popen[bytes]

    def wait_for(self, line: re.Pattern[str], *, seconds: float) -> re.Match[str]:
        """The first match of `line` in the log. RepositoryError with the log's end if that doesn't come."""
        deadline = time.monotonic() + seconds
        while True:
            over = self.process.poll() is not None  # looked at first: what was written before the end counts
            if found := line.search(self.log.read_text("utf-8", "replace")):
                return found
            if over:
                raise RepositoryError(
                    f"{self.what} ended (exit {self.process.returncode}) instead of starting.\n{self.tail()}"
                )
            if time.monotonic() > deadline:
                raise RepositoryError(f"{self.what} wasn't ready after {seconds:.0f} s.\n{self.tail()}")
            time.sleep(0.02)

    def tail(self) -> str:
        """The log's last lines, for a person, with where the rest is."""
        lines = self.log.read_text("utf-8", "replace").splitlines()[-LAST_LINES:]
        return "\n".join([f"Its log, {self.log}, ends:", *(f"    {line}" for line in lines or ["(empty)"])])


@contextmanager
def server(
    what: str, command: Sequence[str], *, log: Path, cwd: Path, env: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Run `command` while the block does; it and all it started are gone afterwards, even if we are killed."""
    reading, writing = os.pipe()
    try:
        process = _supervised(reading, command, log, cwd, env or {})
    except BaseException:
        os.close(writing)
        raise
    finally:
        os.close(reading)
    try:
        yield Server(what, log, process)
    finally:
        os.close(writing)
        process.wait()


def _supervised(
    watched: int, command: Sequence[str], log: Path, cwd: Path, env: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-I", str(SUPERVISOR), str(watched), *command],
            cwd=cwd,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **env},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=[watched],
            start_new_session=True,
        )


def foreground(command: Sequence[str], *, cwd: Path, env: Mapping[str, str] | None = None) -> int:
    """Run `command` with our terminal and return its exit status; a Ctrl-C is its to answer, not ours."""
    # A handler of ours isn't inherited by the command; SIG_IGN would be, and it would never hear of a Ctrl-C.
    ours = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        code = subprocess.Popen(command, cwd=cwd, env={**os.environ, **(env or {})}).wait()
    finally:
        signal.signal(signal.SIGINT, ours)
    return code if code >= 0 else 128 - code
