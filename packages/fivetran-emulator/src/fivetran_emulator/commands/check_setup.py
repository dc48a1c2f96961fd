"""The command `check-setup`.

A newcomer would look for a warehouse. There is none: a setup test loads nothing and leaves no state behind.
"""

from __future__ import annotations

import argparse
import json
import sys

import msgspec
import requests

from fivetran_emulator.clock import SyncClock
from fivetran_emulator.commands.calling import further_members, headers_of, refuse_url, secrets_of
from fivetran_emulator.errors import EmulatorError
from fivetran_emulator.protocol.function import GENERATIONS, Function, FunctionRequest
from fivetran_emulator.protocol.setup_check import SetupResult, check_setup
from fivetran_emulator.report.screen import Screen, console_for
from fivetran_emulator.secrets import Secrets

__all__ = ["run_check_setup"]


def run_check_setup(options: argparse.Namespace) -> int:
    """Run the setup test as `options` say; the exit status."""
    secrets, error, result = Secrets(), None, None
    try:
        refuse_url(options.url)
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
        screen.show_findings([(finding, 1) for finding in result.findings])
    elif error is not None:
        Screen(console_for(sys.stderr), secrets, quiet=quiet).show_error(error)
    return error.exit_status if error is not None else 0


def _check(options: argparse.Namespace, secrets: Secrets) -> SetupResult:
    request = FunctionRequest(
        agent="Fivetran Google Cloud Functions Connector/fivetran_emulator/setup_test",
        state="{}",
        secrets=secrets.json,
        sync_id=None,
        further={options.setup_key: True, **further_members(options)},
    )
    limits = GENERATIONS[options.generation]
    with requests.Session() as session:
        function = Function(
            options.url,
            session=session,
            limits=limits,
            elapsed=SyncClock().elapsed,
            headers=headers_of(options),
        )
        return check_setup(function, request)


def _document(url: str, result: SetupResult | None, error: EmulatorError | None, secrets: Secrets) -> str:
    facts: dict[str, object] = {"url": url, "passed": error is None}
    if result is not None:
        facts |= {
            "bytes": result.size,
            "seconds": result.seconds,
            "warnings": msgspec.to_builtins(result.findings),
        }
    if error is not None:
        facts["error"] = {"problems": error.problems, "hint": error.hint, "details": error.details}
    return secrets.redact(json.dumps(facts, indent=2, ensure_ascii=False))
