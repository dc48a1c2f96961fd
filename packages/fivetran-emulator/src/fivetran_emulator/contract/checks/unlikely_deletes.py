"""C61: many rows that are missing at once.

A newcomer would hide one row (C41). A lost permission, a filter that was set, or a wrong key that is answered with what the
public may see hides most of them, and each looks deleted.
"""

from __future__ import annotations

from collections.abc import Mapping

from fivetran_emulator.contract.check import check
from fivetran_emulator.contract.checks.changing import living
from fivetran_emulator.contract.connection import Connection
from fivetran_emulator.contract.living_tables import LivingTable, living_tables
from fivetran_emulator.contract.subject import Subject
from fivetran_emulator.contract.violation import NotRun, Violation

__all__ = ["CHECKS"]

_SYNCS = 3
"""One more than the listings after which an inferred delete is sent."""
_ENOUGH_ROWS = 40
_PUBLIC = 4
"""One row in so many is still shown."""


@check(
    "C61",
    "a list that lost most of its rows deletes none",
    risk="delete most rows when its key shows only some",
)
def unlikely_deletes(subject: Subject) -> None:
    """When most rows of a table are missing from its list at once, syncs may fail, but none of these rows is deleted."""
    trial = subject.trial()
    connection = trial.connection
    names = {table.name for table in living(subject, trial)}
    for table in living(subject, trial):
        _fill(table)
    connection.sync()
    tables = [
        table
        for table in living_tables(trial.rows, connection.warehouse)
        if table.name in names and len(table.rows()) >= _ENOUGH_ROWS
    ]
    if not tables:
        raise NotRun(
            f"no table of the practice source has {_ENOUGH_ROWS} rows that arrive, nor does one when its rows are"
            " copied under new keys: of fewer, most may well be deleted at once"
        )
    for table in tables:
        _hide(table)
    before = {table.name: len(connection.warehouse.tables[table.name]) for table in tables}
    for _ in range(_SYNCS):
        connection.sync()
        _refuse_fewer(connection, before)


def _fill(table: LivingTable) -> None:
    """Copies of the rows under new keys, until there are enough: of a few rows most may well be deleted at once."""
    rows = table.rows()
    for number in range(len(rows), _ENOUGH_ROWS):
        table.source.put(table.copied(rows[number % len(rows)], number // len(rows)))


def _hide(table: LivingTable) -> None:
    for place, row in enumerate(table.rows()):
        if place % _PUBLIC:
            table.source.remove(*table.source.identity(row))


def _refuse_fewer(connection: Connection, before: Mapping[str, int]) -> None:
    for name, rows in before.items():
        left = len(connection.warehouse.tables.get(name, {}))
        if left < rows:
            raise Violation(
                f"{rows - left} of {rows} rows of {name} are deleted",
                expected="none: a list that lost most of its rows at once is a question, and no order to delete them",
                cause="a source may answer a wrong key with 200 and what the public may see; every missing key is"
                " taken for a delete",
                reproduce=[f"three of four rows of {name} are missing from its list, in {_SYNCS} syncs"],
            )


CHECKS = [unlikely_deletes]
