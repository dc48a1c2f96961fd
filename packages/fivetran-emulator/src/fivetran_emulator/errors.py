"""What can go wrong, in words for a person: what ends a command, what is worth a warning, and the errors of a practice source.

An error of a command has the exit status that belongs to it, and carries all the problems found, not the first one. A finding
is what Fivetran accepts in silence and a connector's author would want to know: it never stops a sync.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

__all__ = [
    "EmulatorError",
    "Finding",
    "Findings",
    "FunctionError",
    "LimitError",
    "PracticeError",
    "Refusal",
    "ReportedError",
    "UsageError",
    "WarehouseError",
    "checks_arguments",
]


class EmulatorError(Exception):
    """A foreseeable failure.

    `problems` are one sentence each and never empty; `hint` says what to do next and may be empty.
    """

    exit_status: ClassVar[int]

    def __init__(self, *problems: str, hint: str = "", details: Sequence[str] = ()) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems
        self.hint = hint
        self.details = tuple(details)


class FunctionError(EmulatorError):
    """The function could not be reached, failed, or answered what Fivetran would not load. The state stays as it was.

    `details` are lines the function itself gave, such as its stack trace.
    """

    exit_status = 1


class ReportedError(FunctionError):
    """The function says itself that it failed; `details` are its stack trace."""


class LimitError(FunctionError):
    """The platform would have cut the call: its answer or its request is too large, or it takes too long."""


class UsageError(EmulatorError):
    """The command line or a file named on it is wrong; nothing was done."""

    exit_status = 2


class WarehouseError(EmulatorError):
    """The warehouse file cannot be opened, read or written; what was committed before stays."""

    exit_status = 3


@dataclass(frozen=True)
class Finding:
    """One observation: a stable `code`, what was seen, and what to do about it."""

    code: str
    text: str
    hint: str


class Findings:
    """The findings of one sync in the order they were first met, each with the number of times it was met."""

    def __init__(self) -> None:
        self._counts: dict[Finding, int] = {}

    def add(self, *findings: Finding) -> None:
        """Take note of `findings`."""
        for finding in findings:
            self._counts[finding] = self._counts.get(finding, 0) + 1

    def add_counted(self, counted: Iterable[tuple[Finding, int]]) -> None:
        """Take note of findings that somebody else has counted."""
        for finding, times in counted:
            self._counts[finding] = self._counts.get(finding, 0) + times

    def counted(self) -> list[tuple[Finding, int]]:
        """Every distinct finding with the number of times it was met."""
        return list(self._counts.items())


class PracticeError(Exception):
    """practice.py cannot be used as it is, and must be changed; the text says where and how."""


class Refusal(Exception):  # noqa: N818 - a refusal is an answer, not a failure
    """Raised by a route, a page style or an access rule to answer with an HTTP error: the API works as it should.

    Args:
        status: its status.
        message: what it says, in the source's usual body for errors.
        body: any JSON value, in the place of that body.
        headers: headers of the answer.
    """

    def __init__(
        self, status: int, message: str = "", *, body: object = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.body = body
        self.headers = dict(headers or {})


def checks_arguments(called: Callable[P, R]) -> Callable[P, R]:
    """Decorate a class or a method of the kit: wrong arguments are a `PracticeError` that lists the right ones."""
    if isinstance(called, type):
        made: Any = called
        made.__init__ = _checked(made.__init__, called.__name__)
        return called
    return _checked(called, called.__name__)


def _checked(function: Callable[P, R], name: str) -> Callable[P, R]:
    signature = inspect.signature(function)
    taken = ", ".join(list(signature.parameters)[1:]) or "nothing"

    @functools.wraps(function)
    def call(*arguments: P.args, **named: P.kwargs) -> R:
        try:
            signature.bind(*arguments, **named)
        except TypeError as error:
            raise PracticeError(f"{name}(): {error}; it takes {taken}") from None
        return function(*arguments, **named)

    return call
