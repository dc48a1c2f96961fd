"""A sync as one JSON document, the output of `--json`.

It has the facts of the screen under stable names; nothing else goes to stdout with it.
"""

from __future__ import annotations

import msgspec

from fivetran_emulator.errors import EmulatorError
from fivetran_emulator.secrets import Secrets
from fivetran_emulator.sync.result import AcceptedAnswer, SyncResult

__all__ = ["document"]


def document(report: SyncResult | None, error: EmulatorError | None, secrets: Secrets) -> str:
    """The JSON text for a sync, or for an `error` that came before one could begin. Secrets are hidden in it."""
    facts: dict[str, object] = _facts(report) if report is not None else {"outcome": "failed"}
    if error is not None:
        shown = {"problems": error.problems, "hint": error.hint, "details": error.details}
        facts["error"] = shown | {"exit_status": error.exit_status}
    hidden = _redacted(msgspec.to_builtins(facts), secrets)
    return msgspec.json.format(msgspec.json.encode(hidden)).decode()


def _facts(report: SyncResult) -> dict[str, object]:
    return {
        "outcome": report.outcome,
        "url": report.url,
        "warehouse": report.warehouse,
        "schema": report.schema,
        "sync_id": report.sync_id,
        "rules": report.rules,
        "resync": report.resync,
        "resuming": report.resuming,
        "seconds": report.seconds,
        "invocations": [_invocation(accepted) for accepted in report.accepted],
        "tables": {
            name: msgspec.to_builtins(counts)
            | {"sent": counts.sent, "rows_now": report.rows_now.get(name, 0)}
            for name, counts in sorted(report.counts.items())
        },
        "absent_tables": sorted(report.absent),
        "not_seen_again": dict(sorted(report.unseen.items())),
        "state_before": msgspec.json.decode(report.state_before),
        "state": msgspec.json.decode(report.state),
        "state_changes": report.state_changes,
        "warnings": [
            msgspec.to_builtins(finding) | {"times": times} for finding, times in report.findings.counted()
        ],
    }


def _invocation(accepted: AcceptedAnswer) -> dict[str, object]:
    facts: dict[str, object] = msgspec.to_builtins(accepted)
    invocation: dict[str, object] = facts.pop("invocation")  # type: ignore[assignment]
    of_the_sync = {"warnings", "other_warnings"}  # they are counted there, among the others
    return facts | {name: fact for name, fact in invocation.items() if name not in of_the_sync}


def _redacted(value: object, secrets: Secrets) -> object:
    if isinstance(value, str):
        return secrets.redact(value)
    if isinstance(value, dict):
        return {name: _redacted(member, secrets) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(member, secrets) for member in value]
    return value
