"""A function behind an address, as the subject of those checks that need neither a practice source nor virtual time.

Nothing here can disturb the source or stop the clock, so whatever needs that is reported as not run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec

from fivetran_emulator.contract.check import Blocked, Check, NotRun, Violation
from fivetran_emulator.contract.checks import CATALOGUE
from fivetran_emulator.contract.lab.connection import Connection
from fivetran_emulator.contract.lab.faults import SourceRequest
from fivetran_emulator.contract.lab.function import LabReply
from fivetran_emulator.contract.subject import Clean, two_syncs
from fivetran_emulator.errors import FunctionError, LimitError
from fivetran_emulator.protocol.function import HttpFunction, status_hint

__all__ = ["DeployedSubject", "DeployedTrial", "Posting", "Result", "results"]

OFFLINE_ONLY = "needs a practice source and virtual time: it runs in the connector's own tests"


@dataclass(frozen=True)
class Posting:
    """Calls the function as `sync` does, through the same code; `members` are added to every request."""

    function: HttpFunction
    members: Mapping[str, object] = field(default_factory=dict)

    def __call__(self, body: Mapping[str, Any]) -> tuple[LabReply, float, list[SourceRequest]]:
        """Post a body; a call that breaks a limit of the platform's was killed. Raises FunctionError when nothing answers."""
        try:
            reply = self.function.post(msgspec.json.encode({**body, **self.members}))
        except LimitError as error:
            return LabReply(0, b"", reason=error.problems[0]), 0.0, []
        reason = "" if reply.status == 200 else f"HTTP {reply.status}. {status_hint(reply.status)}".strip()
        return LabReply(reply.status, reply.body, dict(reply.headers), reason=reason), reply.seconds, []


@dataclass
class DeployedTrial:
    """A new connection to the function. There is no source to look at."""

    posting: Posting
    secrets: Mapping[str, Any] = field(repr=False)
    max_calls: int

    @cached_property
    def connection(self) -> Connection:
        """The trial's connection."""
        return self.connect()

    def connect(self) -> Connection:
        """One more connection, with an empty state."""
        return Connection(self.posting, self.secrets, max_calls=self.max_calls)


@dataclass
class DeployedSubject:
    """A function elsewhere, under test. `max_calls` is how many calls of each sync are made."""

    posting: Posting
    secrets: Mapping[str, Any] = field(repr=False)
    max_calls: int = 20

    @property
    def answered(self) -> bool:
        """Whether it ever did."""
        return "clean_or_not" in vars(self)

    def trial(self) -> DeployedTrial:
        """A new connection."""
        return DeployedTrial(self.posting, self.secrets, self.max_calls)

    @cached_property
    def clean_or_not(self) -> Clean:
        """Two syncs in a row, complete or not."""
        return two_syncs(self.trial().connection)

    @property
    def clean(self) -> Clean:
        """The same. Raises Blocked when a call failed, which C09 reports; a sync that only goes on is looked at."""
        clean = self.clean_or_not
        if any(exchange.failed for exchange in clean.connection.exchanges):
            raise Blocked("a call of the sync failed; see C09")
        return clean

    @cached_property
    def observed(self) -> list[Connection]:
        """The undisturbed connection alone."""
        return [self.clean.connection]


@dataclass(frozen=True)
class Result:
    """What became of a check: "passed", "failed" with the violation, or "not run" with the reason."""

    check: Check
    outcome: str
    violation: Violation | None = None
    reason: str = ""

    @property
    def promise(self) -> str:
        """What was put to the function; all of the promise when nothing was."""
        return self.check.remote or self.check.promise


def results(subject: DeployedSubject) -> list[Result]:
    """Every check of the contract, in order. Raises FunctionError when the function cannot be reached."""
    return [_result(check, subject) for check in CATALOGUE]


def _result(check: Check, subject: DeployedSubject) -> Result:
    if check.run_remotely is None:
        return Result(check, "not run", reason=OFFLINE_ONLY)
    try:
        check.run_remotely(subject)
    except Violation as violation:
        return Result(check, "failed", violation)
    except (NotRun, Blocked) as reason:
        return Result(check, "not run", reason=str(reason))
    except FunctionError as error:
        if not subject.answered:
            raise
        return Result(check, "not run", reason=f"it has stopped answering: {error.problems[0]}")
    return Result(check, "passed")
