"""C34 to C39: rows, columns, types, names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from fivetran_emulator.contract.check import check
from fivetran_emulator.contract.checks.observed import observed, sent, shown, syncs_seen
from fivetran_emulator.contract.memory_warehouse import key_of
from fivetran_emulator.contract.subject import Subject
from fivetran_emulator.contract.violation import Violation
from fivetran_emulator.warehouse.naming import SYSTEM_PREFIX, collisions, column_name, table_name

__all__ = ["CHECKS"]

_LOCAL = re.compile(r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?$")


@check("C34", "every row of the source arrives", risk="lose rows of the source in every sync")
def all_rows(subject: Subject) -> None:
    """Every table has rows, and every row of the practice source that the secrets select is in the warehouse."""
    clean = subject.clean
    subject.refuse_unknown("leave_alone", subject.leave_alone)
    if empty := sorted(
        set(clean.warehouse.keys) - {name for name, rows in clean.warehouse.tables.items() if rows}
    ):
        raise Violation(
            f"no row of {', '.join(empty)}",
            expected="rows of every table that schema names",
            cause="rows looked for under the wrong name in the body, or a practice source without any",
        )
    for table in subject.trial().living(clean.warehouse):
        wanted = [row for row in table.source.listed() if set(table.key) <= set(row) and table.lives(row)]
        wanted = [row for row in wanted if subject.selects(table.name, row)]
        if absent := [table.key_of(row) for row in wanted if table.key_of(row) not in table.arrived]:
            raise Violation(
                f"{len(absent)} of {len(wanted)} rows of {table.name} never arrive: {shown(absent)}",
                expected="all that the practice source has",
                cause="a first page or an offset that starts at 1, the last page left out, hasMore false too early;"
                " if the secrets do not select them, say so with selects=",
            )


@check(
    "C36",
    "a column keeps its type",
    remote=True,
    risk="turn a column into text when the source changes a type",
)
def stable_types(subject: Subject) -> None:
    """In all rows of all syncs a column has one JSON type, null aside."""
    types: dict[tuple[str, str], tuple[str, Any]] = {}
    for exchange in observed(subject):
        for table, row in exchange.rows():
            for column, value in row.items():
                kind = _kind(value)
                had, example = types.setdefault((table, column), (kind, value)) if kind else (kind, value)
                if kind and had != kind:
                    raise Violation(
                        f"{table}.{column} is {had} ({example!r}) and {kind} ({value!r})",
                        expected="one type; the warehouse's column would become text",
                        cause="a source that sends a number now and text then: convert it",
                        reproduce=[sent(exchange)],
                    )


def _kind(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else "a list" if isinstance(value, list) else "an object"


@check(
    "C37",
    "instants carry an offset",
    remote=True,
    risk="shift times by hours when the zone is not the one that was guessed",
)
def offsets(subject: Subject) -> None:
    """Every text that looks like a date with a time says in which zone it is."""
    for exchange in observed(subject):
        for table, row in exchange.rows():
            for column, value in row.items():
                if isinstance(value, str) and _LOCAL.match(value):
                    raise Violation(
                        f"{table}.{column} is {value!r}",
                        expected="an offset or Z",
                        cause="the source's local time, passed on: say which zone it means",
                        reproduce=[sent(exchange)],
                    )


@check(
    "C38",
    "names survive Fivetran's naming",
    remote=True,
    risk="lose columns when two are named alike",
    must=True,
)
def names(subject: Subject) -> None:
    """No two tables or columns become one in the warehouse, and none has Fivetran's own prefix."""
    columns: dict[str, dict[str, None]] = {}
    for exchange in observed(subject):
        for table, row in exchange.rows():
            columns.setdefault(table, {}).update(dict.fromkeys(row))
    if problems := list(_name_problems(columns)):
        raise Violation(
            "; ".join(problems),
            expected="names that stay apart",
            cause="names passed on as the source spells them",
        )


def _name_problems(columns: dict[str, dict[str, None]]) -> Iterator[str]:
    for name, same in collisions(columns, table_name):
        yield f"the tables {shown(same)} would all be named {name}"
    for table, named in columns.items():
        for name, same in collisions(named, column_name):
            yield f"the columns {shown(same)} of {table} would all be named {name}"
        for column in named:
            if not column_name(column) or column_name(column).startswith(SYSTEM_PREFIX):
                yield f"the column {column!r} of {table} is Fivetran's own or nothing"


@check(
    "C39",
    "a row never loses columns",
    remote=True,
    risk="lose values when a row comes again with fewer columns",
)
def full_rows(subject: Subject) -> None:
    """The same key never arrives with fewer columns than before, since a row replaces the whole row."""
    for connection in syncs_seen(subject):
        known: dict[tuple[str, str], frozenset[str]] = {}
        for exchange in connection.exchanges:
            for table, row in exchange.rows():
                key = (table, key_of(row, connection.warehouse.keys.get(table, ())))
                if lost := known.get(key, frozenset()) - set(row):
                    raise Violation(
                        f"the row {key[1]} of {table} arrives again without {', '.join(sorted(lost))}",
                        expected="all its columns: those left out become NULL",
                        cause="a list that shows less of a row than its own page does, read after it",
                        reproduce=[sent(exchange)],
                    )
                known[key] = frozenset(row)


CHECKS = [all_rows, stable_types, offsets, names, full_rows]
