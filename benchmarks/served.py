"""A function under the real functions-framework, as Google runs it, beside whoever calls it."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os import environ
from pathlib import Path

_LISTENING = re.compile(r"Listening at: (http://127\.0\.0\.1:\d+)")
"""gunicorn says this once it accepts connections, on a port of the system's choice."""


@contextmanager
def served(python: str, file: Path) -> Iterator[str]:
    """The address of `main` in `file`, in the environment of `python`. RuntimeError if it does not start."""
    with starting(python, file) as address:
        yield address()


@contextmanager
def starting(python: str, file: Path) -> Iterator[Callable[[], str]]:
    """The same, waited for by a call of what this gives: a caller can start meanwhile."""
    command = [
        str(Path(python).with_name("functions-framework")),
        "--target=main", f"--source={file}", "--host=127.0.0.1", "--port=0",
    ]  # fmt: skip
    process = subprocess.Popen(
        command, env={**environ, "GUNICORN_LOG_LEVEL": "info"}, stderr=subprocess.PIPE, text=True
    )
    try:
        yield lambda: _address(process)
    finally:
        process.terminate()
        process.wait()


def _address(process: subprocess.Popen[str]) -> str:
    """Where it listens; from then on its log is passed on by a thread."""
    assert process.stderr  # noqa: S101 - it was asked for
    said = []
    for line in process.stderr:
        said.append(line)
        if found := _LISTENING.search(line):
            threading.Thread(target=_pass_on, args=(process.stderr,), daemon=True).start()
            return found[1]
    raise RuntimeError("the function does not start:\n" + "".join(said))


def _pass_on(lines: Iterator[str]) -> None:
    for line in lines:
        print(line, end="", flush=True)
