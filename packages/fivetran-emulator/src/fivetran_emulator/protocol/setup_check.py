"""The setup test: one call with `setup_test`, from which nothing is loaded and nothing is remembered.

A newcomer would hold the answer to the format of a sync. Fivetran is lenient here: status 200 and JSON pass, connectors in use
answer a bare `true`. So only what would fail it is an error; the rest are warnings.

Source: inferred from connectors in use, see `docs/protocol.md`.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from fivetran_emulator.errors import FunctionError
from fivetran_emulator.protocol.answer import read_failure
from fivetran_emulator.protocol.findings import Finding
from fivetran_emulator.protocol.function import FunctionReply, FunctionRequest, Sender, refuse_status

__all__ = ["SetupResult", "check_setup"]

_MOST_BYTES = 65_536
_MOST_SECONDS = 60.0


@dataclass(frozen=True)
class SetupResult:
    """A setup test that passed: the answer's size in bytes, the function's time, and what is worth a warning."""

    size: int
    seconds: float
    findings: tuple[Finding, ...]


def check_setup(function: Sender, request: FunctionRequest) -> SetupResult:
    """Call `function` once with `request`, which says that it is a setup test. Raises FunctionError when it fails."""
    reply = function.send(request)
    refuse_status(reply)
    failure = read_failure(reply.body)
    if failure is not None:
        raise failure
    return SetupResult(len(reply.body), reply.seconds, tuple(_findings(reply, _members(reply.body))))


def _members(body: bytes) -> dict[str, object]:
    try:
        answer = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        hint = 'For example: {"state": {}, "insert": {}, "schema": {}, "hasMore": false}'
        raise FunctionError(f"the answer is not valid JSON ({error})", hint=hint) from error
    return answer if isinstance(answer, dict) else {}


def _findings(reply: FunctionReply, members: dict[str, object]) -> list[Finding]:
    found = []
    if len(reply.body) > _MOST_BYTES:
        text = f"the answer to the setup test has {len(reply.body):,} bytes; more than {_MOST_BYTES:,} may fail it"
        found.append(Finding("setup-size", text, "Only check the credentials; send no rows."))
    if reply.seconds > _MOST_SECONDS:
        text = f"the setup test took {reply.seconds:.0f} s; Fivetran may not wait longer than {_MOST_SECONDS:.0f} s"
        found.append(Finding("setup-time", text, "Only check the credentials."))
    if any(members.get(name) for name in ("insert", "delete")):
        text = "the answer to the setup test has rows, which Fivetran does not load"
        found.append(
            Finding("setup-rows", text, "Look for `setup_test` in the request, and answer without rows.")
        )
    if members.get("hasMore") is True:
        text = "the answer to the setup test has `hasMore: true`, but there is only one call"
        found.append(Finding("setup-has-more", text, "Answer `hasMore: false`."))
    return found
