"""The command `check-setup`: one call with `setup_test`, from which nothing is loaded and nothing is remembered.

Fivetran is lenient here: status 200 and JSON pass, connectors in use answer a bare `true`. So only what would fail it is an
error; the rest are warnings.

Source: inferred from connectors in use, see `docs/protocol.md`.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass

import msgspec
import requests

from fivetran_emulator.commands.call_options import function_of, payload_members, secrets_of, url_of
from fivetran_emulator.errors import EmulatorError, Finding, FunctionError
from fivetran_emulator.protocol.answer import read_failure
from fivetran_emulator.protocol.function import (
    FunctionReply,
    FunctionRequest,
    Sender,
    reported_invocation,
    require_success,
)
from fivetran_emulator.report.screen import Screen, console_for
from fivetran_emulator.secrets import Secrets

__all__ = ["SetupResult", "check_setup", "run_check_setup"]

_MAX_BYTES = 65_536
_MAX_SECONDS = 60.0


@dataclass(frozen=True)
class SetupResult:
    """A setup test that passed: the answer's size in bytes, the function's time, and what is worth a warning."""

    size: int
    seconds: float
    findings: tuple[Finding, ...]
    reported: tuple[tuple[Finding, int], ...] = ()
    """What the connector itself warned of, and how often."""


def check_setup(function: Sender, request: FunctionRequest) -> SetupResult:
    """Call `function` once with `request`, which says that it is a setup test. Raises FunctionError when it fails."""
    reply = function.send(request)
    require_success(reply)
    failure = read_failure(reply.body)
    if failure is not None:
        raise failure
    reported = tuple(reported_invocation(reply.headers).findings())
    return SetupResult(
        len(reply.body), reply.seconds, tuple(_findings(reply, _members(reply.body))), reported
    )


def _members(body: bytes) -> dict[str, object]:
    try:
        answer = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        hint = 'For example: {"state": {}, "insert": {}, "schema": {}, "hasMore": false}'
        raise FunctionError(f"the answer is not valid JSON ({error})", hint=hint) from error
    return answer if isinstance(answer, dict) else {}


def _findings(reply: FunctionReply, members: dict[str, object]) -> list[Finding]:
    found = []
    if len(reply.body) > _MAX_BYTES:
        text = f"the answer to the setup test has {len(reply.body):,} bytes; more than {_MAX_BYTES:,} may fail it"
        found.append(Finding("setup-size", text, "Only check the credentials; send no rows."))
    if reply.seconds > _MAX_SECONDS:
        text = f"the setup test took {reply.seconds:.0f} s; Fivetran may not wait longer than {_MAX_SECONDS:.0f} s"
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


def run_check_setup(options: argparse.Namespace) -> int:
    """Run the setup test as `options` say; the exit status."""
    secrets, error, result = Secrets(), None, None
    try:
        options.url = url_of(options)
        secrets = secrets_of(options)
        result = _check(options, secrets)
    except EmulatorError as problem:
        error = problem
    quiet = options.quiet or options.json
    if options.json:
        print(_document(options.url, result, error, secrets))
    elif result is not None:
        screen = Screen(console_for(sys.stdout), secrets, quiet=quiet)
        screen.say(f"the setup test passed: {result.size:,} bytes in {result.seconds:.2f} s", "bold green")
        screen.show_findings([*((finding, 1) for finding in result.findings), *result.reported])
    elif error is not None:
        Screen(console_for(sys.stderr), secrets, quiet=quiet).show_error(error)
    return error.exit_status if error is not None else 0


def _check(options: argparse.Namespace, secrets: Secrets) -> SetupResult:
    request = FunctionRequest(
        agent="Fivetran Google Cloud Functions Connector/fivetran_emulator/setup_test",
        state="{}",
        secrets=secrets.json,
        sync_id=None,
        members={options.setup_key: True, **payload_members(options)},
    )
    with requests.Session() as session:
        return check_setup(function_of(options, session), request)


def _document(url: str, result: SetupResult | None, error: EmulatorError | None, secrets: Secrets) -> str:
    facts: dict[str, object] = {"url": url, "passed": error is None}
    if result is not None:
        facts |= {
            "bytes": result.size,
            "seconds": result.seconds,
            "warnings": msgspec.to_builtins((*result.findings, *(finding for finding, _ in result.reported))),
        }
    if error is not None:
        facts["error"] = {"problems": error.problems, "hint": error.hint, "details": error.details}
    return secrets.redact(json.dumps(facts, indent=2, ensure_ascii=False))
