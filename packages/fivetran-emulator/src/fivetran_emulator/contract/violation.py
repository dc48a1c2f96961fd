"""What a check says when a connector breaks a promise: seen, expected, the likely cause, how to see it again.

A newcomer would assert. An assertion's text is about the check; whoever reads this one wrote a connector and wants to
know what happens to their rows.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["Blocked", "NotRun", "Violation", "counted"]


class Violation(Exception):  # noqa: N818 - what it is called in docs/contract.md
    """A broken promise.

    `seen` and `expected` are sentences without a full stop, `cause` is what an author most likely wrote, `reproduce`
    are lines: the fault, the request, the state that was sent, the keys of the rows.
    """

    def __init__(self, seen: str, *, expected: str, cause: str, reproduce: Sequence[str] = ()) -> None:
        super().__init__(seen)
        self.seen, self.expected, self.cause, self.reproduce = seen, expected, cause, tuple(reproduce)

    def __str__(self) -> str:
        lines = [f"seen:      {self.seen}", f"expected:  {self.expected}", f"likely:    {self.cause}"]
        return "\n".join([*lines, *(f"reproduce: {line}" for line in self.reproduce)])


def counted(number: int, noun: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


class NotRun(Exception):  # noqa: N818 - no failure
    """The check has nothing to work with, for instance no table that can be changed; it counts as not run."""


class Blocked(Exception):  # noqa: N818 - the check that fails is another one
    """The undisturbed sync already fails, which C09 reports; nothing can be compared with it."""
