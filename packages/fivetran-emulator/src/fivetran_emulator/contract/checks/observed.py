"""What is there to look at: exchanges of quiet syncs, of syncs after changes at the source, and of small answers.

Checks of an answer's form look at all of them; a form that only breaks in the second sync breaks there in production.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from fivetran_emulator.contract.connection import Connection, Exchange
from fivetran_emulator.contract.subject import Subject
from fivetran_emulator.contract.violation import NotRun

__all__ = ["observed", "sent", "shortened", "shown", "syncs_seen"]

_LONGEST_TEXT = 80


def syncs_seen(subject: Subject) -> list[Connection]:
    """The connections that were observed, first the undisturbed one."""
    kept: list[Connection] | None = getattr(subject, "_observed", None)
    if kept is None:
        kept = [subject.clean.connection]
        if subject.has_source:
            kept += [_after_changes(subject), *_in_small_answers(subject)]
        subject._observed = kept  # type: ignore[attr-defined]  # noqa: SLF001 - computed once for all checks
    return kept


def observed(subject: Subject) -> list[Exchange]:
    """Every answered call of `syncs_seen`, in order."""
    return [
        exchange for connection in syncs_seen(subject) for exchange in connection.exchanges if exchange.answer
    ]


def _after_changes(subject: Subject) -> Connection:
    """Rows touched, removed, added and made again, each followed by a sync."""
    trial = subject.trial()
    connection = trial.connection
    connection.sync()
    tables = trial.living(connection.warehouse)
    rows = {table.name: table.rows() for table in tables}
    for table in tables:
        table.source.put(table.touched(rows[table.name][0]))
        table.source.put(table.another(rows[table.name][0]))
        table.delete(rows[table.name][-1])
    connection.sync()
    connection.sync()
    for table in tables:
        table.source.put(table.touched(rows[table.name][-1], mark="again"))
    connection.sync()
    return connection


def _in_small_answers(subject: Subject) -> list[Connection]:
    try:
        trial = subject.trial(answer_bytes=subject.smallest_answers)
    except NotRun:
        return []
    trial.connection.sync()
    return [trial.connection]


def sent(exchange: Exchange) -> str:
    """A line that says how to see this exchange again: what was sent."""
    source = " with the practice source as practice.py has it" if exchange.asked else ""
    state = json.dumps(shortened(exchange.request["state"]), ensure_ascii=False)
    return f"send state {state}{source}"


def shortened(state: Any) -> Any:
    """A state for a person: texts that nobody can read, such as packed keys, by their length."""
    if isinstance(state, dict):
        return {name: shortened(value) for name, value in state.items()}
    if isinstance(state, list):
        return [shortened(value) for value in state]
    if isinstance(state, str) and len(state) > _LONGEST_TEXT:
        return f"{state[:20]}... ({len(state)} characters)"
    return state


def shown(values: Sequence[object], most: int = 4) -> str:
    """A few of many, for a sentence."""
    listed = ", ".join(str(value) for value in values[:most])
    return listed if len(values) <= most else f"{listed} and {len(values) - most} more"
