"""What can go wrong, in words for a person, each with the exit status that belongs to it.

Every error carries all the problems found, not the first one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

__all__ = ["EmulatorError", "FunctionError", "LimitError", "UsageError", "WarehouseError"]


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


class LimitError(FunctionError):
    """The platform would have cut the call: its answer or its request is too large, or it takes too long."""


class UsageError(EmulatorError):
    """The command line or a file named on it is wrong; nothing was done."""

    exit_status = 2


class WarehouseError(EmulatorError):
    """The warehouse file cannot be opened, read or written; what was committed before stays."""

    exit_status = 3
