"""The function under test, called in this process as Google's functions-framework would call it.

Functions return dicts, tuples, text or Flask responses, and raise; what becomes of each is decided by Flask, so Flask it is.
"""

from __future__ import annotations

import io
import json
import logging
import os
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from fivetran_emulator.contract.lab.network import Killed

__all__ = ["Function", "InProcess", "LabReply", "accepted_json"]


@dataclass(frozen=True)
class LabReply:
    """What came back, and what the function wrote while it ran.

    A call that was killed has status 0, and a `reason` where it is known.
    """

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    logs: str = ""
    reason: str = ""

    @cached_property
    def json(self) -> Any:
        """The body as strict JSON; None when it is not."""
        return accepted_json(self.body)


def accepted_json(body: bytes) -> Any:
    """The body as JSON that a strict parser takes; None for anything else."""
    try:
        return json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None


def _refuse(constant: str) -> None:
    raise ValueError(constant)


class Function(Protocol):
    """Anything that answers Fivetran's POST."""

    def call(self, body: Mapping[str, Any], environment: Mapping[str, str]) -> LabReply:
        """Send a request; `environment` has the limits a deployment would set."""


class InProcess:
    """A function of this process, `main(request)`."""

    def __init__(self, main: Callable[..., Any]) -> None:
        from flask import Flask, request  # noqa: PLC0415 - whoever serves a function has it, the emulator need not

        app = Flask("contract")
        app.add_url_rule("/", "main", lambda: main(request), methods=["GET", "POST", "PUT", "DELETE"])
        self._app = app

    def call(self, body: Mapping[str, Any], environment: Mapping[str, str]) -> LabReply:
        """Post the body with these limits."""
        with _limits(environment), _written() as written:
            try:
                answer = self._app.test_client().post("/", json=body, errors_stream=io.StringIO())
            except Killed:
                return LabReply(0, b"", {}, written.getvalue())
        return LabReply(answer.status_code, answer.get_data(), dict(answer.headers), written.getvalue())


@contextmanager
def _limits(environment: Mapping[str, str]) -> Iterator[None]:
    before = {name: value for name, value in os.environ.items() if name.startswith("FIVETRAN_")}
    _replace(before, environment)
    try:
        yield
    finally:
        _replace(environment, before)


def _replace(old: Mapping[str, str], new: Mapping[str, str]) -> None:
    # mock.patch.dict copies all of the environment, which costs more than a call of a small function.
    for name in old.keys() - new.keys():
        os.environ.pop(name, None)
    os.environ.update(new)


@contextmanager
def _written() -> Iterator[io.StringIO]:
    """All that is printed or logged, tracebacks included."""
    written = io.StringIO()
    handler = _Lines(written)
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        with redirect_stdout(written), redirect_stderr(written):
            yield written
    finally:
        root.removeHandler(handler)


class _Lines(logging.Handler):
    def __init__(self, written: io.StringIO) -> None:
        super().__init__()
        self._written = written

    def emit(self, record: logging.LogRecord) -> None:
        self._written.write(record.getMessage() + "\n")
        if record.exc_info and record.exc_info[0]:
            self._written.write("".join(traceback.format_exception(*record.exc_info)))
