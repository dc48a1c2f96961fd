"""Servers a session needs beside it: started, waited for, ended with it whatever happens.

A server is ready when it says so in a line of its own log, which also has the port. The system chooses the ports, and each
server has a log of its own, so two syncs can run at once. Secrets are handed on in files without a name: a temporary file
with a name would be left behind by a SIGKILL.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tools.local import tracebacks
from tools.repository.errors import RepositoryError

SUPERVISOR = Path(__file__).with_name("supervisor.py")
LAST_LINES = 15


@dataclass
class Server:
    """A running server: `what` it is in a sentence, its `log`, and the process that watches over it."""

    what: str
    log: Path
    process: subprocess.Popen[bytes]
    code: Path | None = None
    """The folder of the project whose code it runs."""

    def wait_for(self, line: re.Pattern[str], *, seconds: float) -> re.Match[str]:
        """The first match of `line` in the log. RepositoryError with the log's end if that doesn't come."""
        deadline = time.monotonic() + seconds
        while True:
            over = self.process.poll() is not None  # looked at first: what was written before the end counts
            if found := line.search(self.log.read_text("utf-8", "replace")):
                return found
            if over:
                raise RepositoryError(
                    f"{self.what} ended (exit {self.process.returncode}) instead of starting.\n{self.why()}"
                )
            if time.monotonic() > deadline:
                raise RepositoryError(f"{self.what} wasn't ready after {seconds:.0f} s.\n{self.tail()}")
            time.sleep(0.02)

    def why(self) -> str:
        """The connector's own line and what it raised; the log's last lines where none of its lines has."""
        log = self.log.read_text("utf-8", "replace")
        found = tracebacks.sentence(log, self.code) if self.code else None
        return f"{found}\nThe whole traceback is in {self.log}" if found else self.tail()

    def tail(self) -> str:
        """The log's last lines, for a person, with where the rest is."""
        lines = self.log.read_text("utf-8", "replace").splitlines()[-LAST_LINES:]
        return "\n".join([f"Its log, {self.log}, ends:", *(f"    {line}" for line in lines or ["(empty)"])])


@contextmanager
def server(
    what: str,
    command: Sequence[str],
    *,
    log: Path,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    stdin: str = "",
    folder: Path | None = None,
    code: Path | None = None,
) -> Iterator[Server]:
    """Run `command` while the block does; it and all it started are stopped afterwards, even if we are killed.

    It writes to `log`, or to one numbered after it if another server does. `stdin` is the text of its standard
    input; `folder` is removed with it. `code` is the folder of the project whose code it runs.
    """
    reading, writing = os.pipe()
    try:
        with _own_log(log) as output, unnamed_file(stdin) as said:
            supervisor = [sys.executable, "-I", str(SUPERVISOR), str(reading), str(folder or "")]
            process = subprocess.Popen(
                [*supervisor, *command],
                cwd=cwd,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})},
                stdin=said,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=[reading],
                start_new_session=True,
            )
    except BaseException:
        os.close(writing)
        raise
    finally:
        os.close(reading)
    try:
        yield Server(what, Path(output.name), process, code)
    finally:
        os.close(writing)
        process.wait()


def _own_log(log: Path) -> IO[bytes]:
    """The log, emptied, or the first one after it that no other server writes to; it stays locked while ours does."""
    log.parent.mkdir(parents=True, exist_ok=True)
    for number in itertools.count(1):
        file = (log if number == 1 else log.with_stem(f"{log.stem}-{number}")).open("ab")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            continue
        file.truncate(0)
        return file
    raise AssertionError("unreachable: numbers do not end")


@contextmanager
def unnamed_file(text: str) -> Iterator[IO[bytes]]:
    """A file with this text that has no name, so nothing of it can stay; children read it as `descriptor_path` tells."""
    with tempfile.TemporaryFile() as file:
        write(file, text)
        yield file


def write(file: IO[bytes], text: str) -> None:
    """Put `text` into an empty unnamed file, for children that open it from now on."""
    file.write(text.encode())
    file.seek(0)  # flushes it


def descriptor_path(file: IO[bytes]) -> str:
    """The path by which a child that was passed the file's descriptor opens it."""
    file.seek(0)  # where it isn't opened afresh (macOS), the last reader's place counts
    return f"/dev/fd/{file.fileno()}"


def foreground(
    command: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    files: Sequence[IO[bytes]] = (),
) -> int:
    """Run `command` with our terminal and return its exit status; a Ctrl-C is its to answer, not ours.

    `files` stay open for it.
    """
    with _interrupts_left_to_it():
        return _status(_popen(command, cwd, env, [file.fileno() for file in files]))


@dataclass
class Begun:
    """A command in the foreground that waits for one last thing to be said to it."""

    _process: subprocess.Popen[bytes]
    _writing: IO[bytes]

    def finish(self, said: str) -> int:
        """Say it, and let the command run; its exit status. From then on a Ctrl-C is its to answer."""
        with _interrupts_left_to_it():
            with suppress(BrokenPipeError), self._writing:  # it has ended already, and says why
                self._writing.write(said.encode())
            return _status(self._process)


@contextmanager
def begun(
    command: Callable[[str], Sequence[str]],
    *,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    files: Sequence[IO[bytes]] = (),
) -> Iterator[Begun]:
    """Begin a command as `foreground` runs it, before all that it needs is known; it is killed unless the block finishes it.

    `command` is made of the path at which the command reads the rest, and waits for it.
    """
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb", buffering=0) as said:
        try:
            descriptors = [reading, *(file.fileno() for file in files)]
            process = _popen(command(f"/dev/fd/{reading}"), cwd, env, descriptors)
        finally:
            os.close(reading)
        try:
            yield Begun(process, said)
        finally:
            process.kill()  # before the pipe is closed: it would take that for what it waits for
            process.wait()


def _popen(
    command: Sequence[str], cwd: Path, env: Mapping[str, str] | None, descriptors: Sequence[int]
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, cwd=cwd, env={**os.environ, **(env or {})}, pass_fds=descriptors)


def _status(process: subprocess.Popen[bytes]) -> int:
    code = process.wait()
    return code if code >= 0 else 128 - code


@contextmanager
def _interrupts_left_to_it() -> Iterator[None]:
    # A handler of ours isn't inherited by the command; SIG_IGN would be, and it would never hear of a Ctrl-C.
    ours = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, ours)
