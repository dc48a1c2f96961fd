"""C57, C58: keys that change with their row, and values that are nothing to `if value:`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fivetran_emulator.contract.check import check
from fivetran_emulator.contract.checks.changing import living
from fivetran_emulator.contract.checks.observed import shown
from fivetran_emulator.contract.checks.repeated_pages import listed_in
from fivetran_emulator.contract.connection import Sync
from fivetran_emulator.contract.function import accepted_json
from fivetran_emulator.contract.living_tables import LivingTable, Row, later, newest_of
from fivetran_emulator.contract.subject import Subject
from fivetran_emulator.contract.violation import NotRun, Violation

__all__ = ["CHECKS"]

_LOOKED_AT = 20
_FEWEST_ROWS = 3


@check("C57", "a row keeps its key when it changes", risk="keep every version of a row as a row of its own")
def lasting_keys(subject: Subject) -> None:
    """No key holds the column by which changes are found, unless the source's own key does."""
    trial = subject.trial()
    trial.connection.sync()
    warehouse = trial.connection.warehouse
    known = [name for name in trial.rows if warehouse.tables.get(name) and name not in subject.leave_alone]
    if not known:
        raise NotRun("no table of the practice source has the name of one in the warehouse")
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

    table: LivingTable
    row: Row
    columns: tuple[str, ...]


@check("C58", "0, false and empty text arrive", risk="drop values that are 0, false or empty")
def falsy_values(subject: Subject) -> None:
    """A number that is 0, a value that is false and a text that is empty arrive; empty text may arrive as null."""
    trial = subject.trial()
    trial.connection.sync()
    emptied = [one for table in living(subject, trial) for one in _emptied(table)]
    for one in emptied:
        one.table.source.put(one.row)
    sync = trial.connection.sync()
    given = [one for one in emptied if _was_given(sync, one)]
    if not given:
        raise NotRun("no number, boolean or text of a practice table arrives as it is")
    for one in given:
        _refuse_dropped(one, trial.connection.warehouse.tables[one.table.name].get(one.table.key_of(one.row)))


def _emptied(table: LivingTable) -> Iterator[_Emptied]:
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


def _arrives(table: LivingTable, rows: list[Row], column: str, *, str_only: bool) -> bool:
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


def _refuse_dropped(one: _Emptied, arrived: Any) -> None:
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


CHECKS = [lasting_keys, falsy_values]
