"""The invocation that is running: its budget, what it did at the source, and which texts must never be shown.

The HTTP client finds it here, so that an author never passes it along. Outside a function (a notebook, a test of
a table) there is a boundless one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from fivetran_runtime.budget import Budget, Limits
from fivetran_runtime.redaction import Redactor


@dataclass
class Invocation:
    """One call of the function.

    Attributes:
        requests: HTTP requests sent to the source, retries included.
        retries: how many of them repeated a failed one.
        waited_seconds: time slept between them.
    """

    budget: Budget
    redactor: Redactor = field(default_factory=Redactor)
    sync_id: str | None = None
    trace: str | None = None
    requests: int = 0
    retries: int = 0
    waited_seconds: float = 0.0

    def wait(self, seconds: float, why: str) -> None:
        """Sleep within the budget and count it.

        Raises:
            OutOfBudget: there is no time for it.
        """
        if seconds > 0:
            self.budget.wait(seconds, why)
            self.waited_seconds += seconds


_running: ContextVar[Invocation | None] = ContextVar("fivetran_runtime_invocation", default=None)


def running() -> Invocation:
    """The invocation this thread works for."""
    return _running.get() or Invocation(Budget(Limits(seconds=float("inf"))))


@contextmanager
def run_as(invocation: Invocation) -> Iterator[Invocation]:
    """Make an invocation the running one."""
    token = _running.set(invocation)
    try:
        yield invocation
    finally:
        _running.reset(token)
