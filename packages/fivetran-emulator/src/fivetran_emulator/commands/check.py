"""The command `check`: the contract's promises, put to any function by its address.

Nothing here can disturb the source or stop the clock, so most checks are listed as not run, every time.
"""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec
import requests

from fivetran_emulator.commands.call_options import function_of, payload_members, secrets_of, url_of
from fivetran_emulator.contract.check import Blocked, Check, NotRun, Violation
from fivetran_emulator.contract.checks import CATALOGUE
from fivetran_emulator.contract.lab.connection import Connection, LabReply
from fivetran_emulator.contract.lab.faults import SourceRequest
from fivetran_emulator.contract.subject import Clean, two_syncs
from fivetran_emulator.errors import EmulatorError, FunctionError, LimitError, UsageError
from fivetran_emulator.protocol.function import HttpFunction, status_hint
from fivetran_emulator.secrets import Secrets

__all__ = ["DeployedSubject", "DeployedTrial", "Posting", "Result", "results", "run_check"]

INTERRUPTED = 130


def run_check(options: argparse.Namespace) -> int:
    """Run the checks as `options` say: 1 when a rule of Fivetran's is broken or nothing answers; advice alone leaves it 0."""
    secrets = Secrets()
    try:
        options.url = url_of(options)
        if options.calls < 1:
            raise UsageError("--calls is less than 1")
        secrets = secrets_of(options)
        found = _found(options, secrets)
    except EmulatorError as error:
        print(secrets.redact(_error_text(error, options)), file=sys.stdout if options.json else sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        print("fivetran-emulator: interrupted; nothing was loaded", file=sys.stderr)
        return INTERRUPTED
    text = _document(options.url, found) if options.json else _page(found, quiet=options.quiet)
    print(secrets.redact(text))
    return int(any(result.outcome == "failed" and result.check.must for result in found))


def _found(options: argparse.Namespace, secrets: Secrets) -> list[Result]:
    with requests.Session() as session:
        posting = Posting(function_of(options, session), payload_members(options))
        return results(DeployedSubject(posting, json.loads(secrets.json), options.calls))


def _page(found: Sequence[Result], *, quiet: bool) -> str:
    asked = [result for result in found if result.outcome != "not run"]
    shown = [result for result in asked if result.outcome == "failed" or not quiet]
    shown.sort(key=lambda result: (result.outcome != "failed", not result.check.must))
    return "\n".join([*map(_lines, shown), *([] if quiet else _not_run(found)), _sum(found)])


def _not_run(found: Sequence[Result]) -> Iterator[str]:
    """One entry for each reason, since most have the same."""
    reasons: dict[str, list[str]] = {}
    for result in found:
        if result.outcome == "not run":
            reasons.setdefault(result.reason, []).append(result.check.id)
    for reason, ids in reasons.items():
        yield textwrap.fill(f"not run  {' '.join(ids)}", 100, subsequent_indent=" " * 9)
        yield textwrap.indent(reason, " " * 9)


def _lines(result: Result) -> str:
    said = str(result.violation or result.reason)
    outcome = "advice" if result.outcome == "failed" and not result.check.must else result.outcome
    head = f"{outcome:<8} {result.check.name}: {result.promise}"
    return "\n".join([head, *([textwrap.indent(said, " " * 9)] if said else [])])


def _counts(found: Sequence[Result]) -> dict[str, int]:
    counted = Counter(result.outcome for result in found)
    return {outcome: counted[outcome] for outcome in ("passed", "failed", "not run")}


def _sum(found: Sequence[Result]) -> str:
    counts = ", ".join(f"{number} {outcome}" for outcome, number in _counts(found).items())
    advice = sum(result.outcome == "failed" and not result.check.must for result in found)
    advised = (
        f"{advice} of the failed {'is' if advice == 1 else 'are'} advice: ours, and no rule of Fivetran's\n"
    )
    return f"{advised}{counts}" if advice else counts


def _document(url: str, found: Sequence[Result]) -> str:
    checks = [_object(result) for result in found]
    counts = {outcome.replace(" ", "_"): number for outcome, number in _counts(found).items()}
    return json.dumps({"url": url, **counts, "checks": checks}, indent=2, ensure_ascii=False)


def _object(result: Result) -> dict[str, object]:
    check = result.check
    facts: dict[str, object] = {"id": check.id, "title": check.title, "promise": result.promise}
    facts |= {"outcome": result.outcome, "must": check.must}
    if (broken := result.violation) is not None:
        facts |= {"seen": broken.seen, "expected": broken.expected, "likely": broken.cause}
        facts["reproduce"] = list(broken.reproduce)
    elif result.reason:
        facts["reason"] = result.reason
    return facts


def _error_text(error: EmulatorError, options: argparse.Namespace) -> str:
    if options.json:
        facts = {"url": options.url, "error": {"problems": error.problems, "hint": error.hint}}
        return json.dumps(facts, indent=2, ensure_ascii=False)
    lines = [*error.problems, *([error.hint] if error.hint else [])]
    return "\n".join(f"fivetran-emulator: {line}" for line in lines)


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
