"""What a sync did, as data that the screen and the page show, and as one JSON document, the output of `--json`.

Counts of a table are for the whole sync: a row sent twice in it is counted twice, once as inserted and once as updated or
unchanged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import msgspec

from fivetran_emulator.errors import EmulatorError, Findings
from fivetran_emulator.protocol.function import InvocationReport
from fivetran_emulator.protocol.rules import Rules
from fivetran_emulator.secrets import Secrets
from fivetran_emulator.warehouse.ledger import LoadedTable
from fivetran_emulator.warehouse.load import Loaded
from fivetran_emulator.warehouse.merge import Counts

__all__ = ["AcceptedAnswer", "StateChange", "SyncResult", "document", "leaves"]


@dataclass(frozen=True, kw_only=True)
class AcceptedAnswer:
    """One accepted answer.

    `size` is that of the body in bytes, `seconds` the function's time, `load_seconds` that of reading and loading it.
    `tables` says by table what became of the rows.
    """

    number: int
    has_more: bool
    rows: int
    deletes: int
    size: int
    seconds: float
    load_seconds: float
    invocation: InvocationReport
    tables: Mapping[str, Counts] = field(default_factory=dict)


@dataclass(frozen=True)
class StateChange:
    """One value of the state: its path, as in `tables.users.mark`, and its JSON text before and after, "" when absent."""

    path: str
    before: str
    after: str


@dataclass(kw_only=True)
class SyncResult:
    """A sync as far as it got.

    `outcome` is running, complete, failed, interrupted or paused (six hours are over). `state_before` and `state` are
    JSON text. `tables_before` and `tables` are all the connection has, by name; `shapes` are those made or changed in shape,
    each with the number of the invocation that did it. `rows_now` is the number of rows in each table, known at the end.
    `missing_once` is the number of rows of each table that a listing was the first not to find, as the function reports it.
    """

    url: str
    warehouse: str
    schema: str
    sync_id: str
    state_before: str
    state: str
    rules: Rules = field(default_factory=Rules)
    resync: bool = False
    resuming: str = ""
    outcome: str = "running"
    seconds: float = 0.0
    accepted: list[AcceptedAnswer] = field(default_factory=list)
    counts: dict[str, Counts] = field(default_factory=dict)
    tables_before: Mapping[str, LoadedTable] = field(default_factory=dict)
    tables: Mapping[str, LoadedTable] = field(default_factory=dict)
    shapes: list[tuple[int, LoadedTable]] = field(default_factory=list)
    rows_now: Mapping[str, int] = field(default_factory=dict)
    absent: set[str] = field(default_factory=set)
    unseen: dict[str, int] = field(default_factory=dict)
    missing_once: dict[str, int] = field(default_factory=dict)
    findings: Findings = field(default_factory=Findings)

    def take(self, accepted: AcceptedAnswer, loaded: Loaded) -> None:
        """Add an accepted answer and what it became in the warehouse."""
        for name, counts in loaded.counts.items():
            self.counts[name] = self.counts.get(name, Counts()) + counts
        self.accepted.append(accepted)
        self.shapes += [(accepted.number, table) for table in loaded.changed]
        self.absent = (self.absent | set(loaded.absent)) - self.tables.keys()
        self.findings.add(*loaded.findings)
        self.findings.add_counted(accepted.invocation.findings())
        self.missing_once |= accepted.invocation.missing_once

    @property
    def state_changes(self) -> list[StateChange]:
        """Every value of the state that differs, sorted by path: which cursor moved, from where to where."""
        old, new = (_texts(state) for state in (self.state_before, self.state))
        return [
            StateChange(path, old.get(path, ""), new.get(path, ""))
            for path in sorted(old.keys() | new.keys())
            if old.get(path) != new.get(path)
        ]


def _texts(state: str) -> dict[str, str]:
    return {
        path: msgspec.json.encode(value).decode()
        for path, value in leaves(msgspec.json.decode(state))
        if path
    }


def leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Every value in a state's objects, with its path; a list and an empty object are one value."""
    if isinstance(value, dict) and value:
        for name, member in value.items():
            yield from leaves(member, f"{path}.{name}" if path else str(name))
    else:
        yield path, value


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
        "missing_once": dict(sorted(report.missing_once.items())),
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
    # What is counted for the whole sync, and types that the connector declares, which are what its tables have.
    elsewhere = {"warnings", "other_warnings", "missing_once", "columns", "columns_left_out"}
    return facts | {name: fact for name, fact in invocation.items() if name not in elsewhere}


def _redacted(value: object, secrets: Secrets) -> object:
    if isinstance(value, str):
        return secrets.redact(value)
    if isinstance(value, dict):
        return {name: _redacted(member, secrets) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(member, secrets) for member in value]
    return value
