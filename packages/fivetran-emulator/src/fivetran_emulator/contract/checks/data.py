"""C34 to C39, and values: rows, columns, types, names, keys that last and values that count as false."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from fivetran_emulator.contract.check import NotRun, Violation, check
from fivetran_emulator.contract.checks.pages import listed_in
from fivetran_emulator.contract.comparing import require_tables, sent, shown, why_none_changes
from fivetran_emulator.contract.lab.connection import Sync, accepted_json, key_of
from fivetran_emulator.contract.lab.source_tables import Row, SourceTable, later, newest_of
from fivetran_emulator.contract.subject import PracticeSubject, Subject, answered
from fivetran_emulator.warehouse.columns import SYSTEM_PREFIX, collisions, column_name, table_name

__all__ = ["CHECKS"]

_LOCAL = re.compile(r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?$")
_LOOKED_AT = 20
_FEWEST_ROWS = 3


@check("C34", "every row of the source arrives", risk="lose rows of the source in every sync")
def all_rows(subject: PracticeSubject) -> None:
    """Every table has rows, and every row of the practice source that the secrets select is in the warehouse."""
    clean = subject.clean
    subject.require_known("leave_alone", subject.leave_alone)
    if empty := sorted(
        set(clean.warehouse.keys) - {name for name, rows in clean.warehouse.tables.items() if rows}
    ):
        raise Violation(
            f"no row of {', '.join(empty)}",
            expected="rows of every table that schema names",
            cause="rows looked for under the wrong name in the body, or a practice source without any",
        )
    for table in subject.trial().source_tables(clean.warehouse):
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
    for exchange in answered(subject):
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
    """Every text that looks like a date with a time says in which zone it is, unless its column is declared as datetime."""
    local = _declared_local(subject)
    found: dict[str, tuple[str, str]] = {}
    for exchange in answered(subject):
        for table, row in exchange.rows():
            for column, value in row.items():
                if isinstance(value, str) and _LOCAL.match(value) and (table, column) not in local:
                    found.setdefault(f"{table}.{column}", (value, sent(exchange)))
    if found:
        raise Violation(
            "; ".join(f"{column} is {value!r}" for column, (value, _) in found.items()),
            expected="an offset or Z",
            cause="the source's local time, passed on: say which zone it means, or, if it has none, that the column is"
            ' columns={"...": "datetime"}',
            reproduce=[next(iter(found.values()))[1]],
        )


def _declared_local(subject: Subject) -> set[tuple[str, str]]:
    """Tables and columns that are declared to hold times without a zone."""
    declared: Mapping[str, Mapping[str, str]] = {}
    if isinstance(subject, PracticeSubject):
        with suppress(NotRun):
            declared = subject.declared_types
    return {
        (table, name)
        for table, columns in declared.items()
        for name, kind in columns.items()
        if kind == "datetime"
    }


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
    for exchange in answered(subject):
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
    for connection in subject.observed:
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


@check("C57", "a row keeps its key when it changes", risk="keep every version of a row as a row of its own")
def lasting_keys(subject: PracticeSubject) -> None:
    """No key holds the column by which changes are found, unless the source's own key does."""
    trial = subject.trial()
    trial.connection.sync()
    warehouse = trial.connection.warehouse
    known = [name for name in trial.rows if warehouse.tables.get(name) and name not in subject.leave_alone]
    if not known:
        raise NotRun(why_none_changes(subject, trial))
    for name in known:
        source, key = trial.rows[name], warehouse.keys.get(name, ())
        if source.cursor is None or source.cursor not in key or source.cursor in source.key:
            continue
        row, before = source.listed()[0], len(warehouse.tables[name])
        source.put({**row, source.cursor: later(newest_of(source), 3600)})
        trial.connection.sync()
        if len(warehouse.tables[name]) > before:
            raise Violation(
                f"one row of {name} changed, and the warehouse has {len(warehouse.tables[name])} rows"
                f" where the source has {before}",
                expected=f"one row for each {shown(source.key)}",
                cause=f"{source.cursor} is part of the key, and another one after each change: leave it out",
                reproduce=[f"after a sync, change a row of {name} at the source; sync"],
            )


@dataclass(frozen=True)
class _Emptied:
    """A row that was changed at the source, and the columns that now hold nothing."""

    table: SourceTable
    row: Row
    columns: tuple[str, ...]


@check("C58", "0, false and empty text arrive", risk="drop values that are 0, false or empty")
def falsy_values(subject: PracticeSubject) -> None:
    """A number that is 0, a value that is false and a text that is empty arrive; empty text may arrive as null."""
    trial = subject.trial()
    trial.connection.sync()
    emptied = [one for table in require_tables(subject, trial) for one in _emptied(table)]
    for one in emptied:
        one.table.source.put(one.row)
    sync = trial.connection.sync()
    given = [one for one in emptied if _was_given(sync, one)]
    if not given:
        raise NotRun(
            "no row of practice.py has a number, a boolean or a text that the connector sends as it is: add a column with one"
        )
    for one in given:
        _require_none_dropped(
            one, trial.connection.warehouse.tables[one.table.name].get(one.table.key_of(one.row))
        )


def _emptied(table: SourceTable) -> Iterator[_Emptied]:
    """A row for each kind of value, with all its columns of that kind emptied."""
    rows = [row for row in table.rows() if table.lives(row)]
    if len(rows) < _FEWEST_ROWS:
        return
    spoken_for = {*table.key, *table.source.key, table.source.cursor}
    for place, (kinds, nothing) in enumerate((((int, float), 0), ((bool,), False), ((str,), ""))):
        row = rows[place * (len(rows) - 1) // 2]
        columns = tuple(
            column
            for column, value in row.items()
            if column not in spoken_for
            and type(value) in kinds
            and not table.places(rows[:_LOOKED_AT], column)
            and _arrives(table, rows[:_LOOKED_AT], column, str_only=str in kinds)
        )
        if columns:
            yield _Emptied(
                table, table.moved({**row, **dict.fromkeys(columns, nothing)}, table.newest()), columns
            )


def _arrives(table: SourceTable, rows: list[Row], column: str, *, str_only: bool) -> bool:
    """Whether a column arrives as it is; a text that says when something was is no plain text."""
    if str_only:
        return table.is_plain_text(rows, column)
    values = [(row.get(column), table.arrived[table.key_of(row)].get(column)) for row in rows]
    return all(type(one) is type(other) and one == other for one, other in values)


def _was_given(sync: Sync, one: _Emptied) -> bool:
    """Whether the source has shown the row as it is now."""
    wanted = {column: one.row[column] for column in (*one.table.source.key, *one.columns)}
    for exchange in sync.exchanges:
        for asked in exchange.asked:
            for row in listed_in(accepted_json(asked.body)):
                if isinstance(row, dict) and wanted.items() <= row.items():
                    return True
    return False


def _require_none_dropped(one: _Emptied, arrived: Any) -> None:
    dropped = [column for column in one.columns if not _is_nothing(one.row[column], arrived or {}, column)]
    if arrived is not None and not dropped:
        return
    what = json.dumps(one.row[one.columns[0]])
    key = shown([one.row[column] for column in one.table.source.key])
    came = "never arrives" if arrived is None else f"arrives without it: {shown(dropped)}"
    raise Violation(
        f"the row {key} of {one.table.name} has {what} in {shown(one.columns)}, and {came}",
        expected="the value as the source has it; an empty text may be null",
        cause="`if value:` where `if value is not None:` is meant",
        reproduce=[f"after a sync, {shown(one.columns)} of that row become {what}; sync"],
    )


def _is_nothing(value: Any, arrived: Any, column: str) -> bool:
    if column not in arrived:
        return False
    came = arrived[column]
    return (type(came) is type(value) and came == value) or (
        value == "" and isinstance(value, str) and came is None
    )


CHECKS = [all_rows, stable_types, offsets, names, full_rows, lasting_keys, falsy_values]
