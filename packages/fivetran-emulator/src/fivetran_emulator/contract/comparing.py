"""What checks share: changes at the source, the comparison that follows them, and how a violation shows what it saw."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from fivetran_emulator.contract.check import NotRun, Violation
from fivetran_emulator.contract.lab.connection import Connection, Exchange, Key, MemoryWarehouse, Sync
from fivetran_emulator.contract.lab.source_tables import SourceTable
from fivetran_emulator.contract.lab.trial import Trial
from fivetran_emulator.contract.lab.virtual_time import of_a_clock
from fivetran_emulator.contract.subject import PracticeSubject

__all__ = [
    "CREDENTIALS",
    "QUIET_SYNCS",
    "change_all",
    "compare",
    "leaves",
    "move",
    "require_tables",
    "sent",
    "settle",
    "shortened",
    "shown",
    "spread",
    "state_differences",
    "why_none_changes",
]

CREDENTIALS = "state.kept.credentials"
"""Where the state has tokens that change when they are used, and when they run out (docs/state.md): no position is there."""
QUIET_SYNCS = 2
"""Undisturbed syncs after which everything has arrived: one, and one more where deletes are inferred."""
_FEWEST_MOVED = 5
_LONGEST_TEXT = 80
_MAX_SHOWN = 4


def require_tables(subject: PracticeSubject, trial: Trial) -> list[SourceTable]:
    """The tables that can be changed. Raises NotRun when there is none."""
    tables = trial.source_tables(subject.clean.warehouse)
    if not tables:
        raise NotRun(why_none_changes(subject, trial))
    return tables


def why_none_changes(subject: PracticeSubject, trial: Trial) -> str:
    """What to add to practice.py, so that rows can be changed there and looked for in the warehouse."""
    warehouse = subject.clean.warehouse
    made = ", ".join(f"{name} (key {', '.join(key)})" for name, key in sorted(warehouse.keys.items()) if key)
    if not trial.rows:
        return (
            "practice.py keeps no rows that a check could change: give them to source.listing(...), or to"
            f" source.rows(NAME, ...) where a route serves them. The connector makes: {made}"
        )
    return (
        f"practice.py keeps rows as {', '.join(sorted(trial.rows))}, and none of these has the name and the key columns of a table"
        f" that the connector makes and a check may change: {made}. Call them so there: source.rows(NAME, ..., key=...)"
    )


def move(subject: PracticeSubject, trial: Trial, deleted: dict[str, list[Key]]) -> None:
    """In each table that is large enough two rows are deleted, one changes, one comes.

    The keys of the deleted ones are noted in `deleted`.
    """
    for table in require_tables(subject, trial):
        # What happens during one reading happens within seconds; a lookback covers that where the list is not sorted.
        table = replace(table, step=1)  # noqa: PLW2901
        rows = [row for row in table.rows() if table.lives(row)]
        if len(rows) < _FEWEST_MOVED:
            continue
        table.source.put(table.touched(rows[2]))
        table.source.put(table.another(rows[3]))
        for row in rows[:2]:
            table.delete(row)
            deleted.setdefault(table.name, []).append(table.key_of(row))


def change_all(trial: Trial, subject: PracticeSubject) -> None:
    """Every row that can be changed is changed, one a second."""
    for table in trial.source_tables(subject.clean.warehouse):
        # Looked for once: each asks all rows.
        column, newest = table.text_column, table.newest()
        for second, row in enumerate(filter(table.lives, table.rows()), 1):
            changed = {**row, column: f"{row.get(column) or ''} ü"} if column else row
            table.source.put(table.moved(changed, newest, second))


def settle(trial: Trial, connection: Connection, syncs: int = QUIET_SYNCS) -> list[Sync]:
    """Quiet syncs until everything must have arrived."""
    return list(trial.quiet(connection, syncs))


def compare(
    subject: PracticeSubject,
    seen: MemoryWarehouse,
    expected: MemoryWarehouse,
    *,
    cause: str,
    reproduce: Sequence[str],
    truth: str = "the warehouse equals the source",
) -> None:
    """Raise Violation unless the two warehouses are the same."""
    if found := subject.differences(seen, expected):
        raise Violation("; ".join(map(str, found)), expected=truth, cause=cause, reproduce=reproduce)


def spread(count: int, last: int) -> list[int]:
    """At most `count` numbers from 1 to `last`, both ends among them: every one when there are few."""
    if last <= count:
        return list(range(1, last + 1))
    return sorted({1 + round(step * (last - 1) / (count - 1)) for step in range(count)})


def leaves(value: Any, path: str = "state") -> Iterator[tuple[str, Any]]:
    """Every single value of a JSON value, with its place; in a state but for tokens, which are others after each exchange."""
    if path == CREDENTIALS:
        return
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from leaves(inner, f"{path}[{place}]")
    else:
        yield path, value


def state_differences(seen: Any, expected: Any, *, clocks: bool = False) -> list[str]:
    """The places at which two states differ, with what is there and what should be; times of a clock aside (C25's) unless asked."""
    here, there = dict(leaves(seen)), dict(leaves(expected))
    places = [place for place in {**here, **there} if here.get(place) != there.get(place)]
    if not clocks:
        places = [
            place for place in places if not (of_a_clock(here.get(place)) and of_a_clock(there.get(place)))
        ]
    return [
        f"{place} is {shortened(here.get(place))!r}, not {shortened(there.get(place))!r}"
        for place in sorted(places)
    ]


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


def shown(values: Sequence[object]) -> str:
    """A few of many, for a sentence."""
    listed = ", ".join(str(value) for value in values[:_MAX_SHOWN])
    more = len(values) - _MAX_SHOWN
    return f"{listed} and {more} more" if more > 0 else listed
