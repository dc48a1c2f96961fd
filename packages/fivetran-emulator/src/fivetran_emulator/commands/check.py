"""The command `check`: the contract's promises, put to any function by its address.

Most checks need a practice source; they are listed as not run, every time.
"""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence

import requests

from fivetran_emulator.commands.call_options import function_of, payload_members, require_url, secrets_of
from fivetran_emulator.contract.deployed import DeployedSubject, Posting, Result, results
from fivetran_emulator.errors import EmulatorError, UsageError
from fivetran_emulator.secrets import Secrets

__all__ = ["run_check"]

INTERRUPTED = 130


def run_check(options: argparse.Namespace) -> int:
    """Run the checks as `options` say: 1 when a rule of Fivetran's is broken or nothing answers; advice alone leaves it 0."""
    secrets = Secrets()
    try:
        require_url(options.url)
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
