"""C40 to C42, C61, C62: rows deleted at the source, deletes that are inferred, rows that come back."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

from fivetran_emulator.contract.check import NotRun, Violation, check, counted
from fivetran_emulator.contract.checks.pages import listed_in
from fivetran_emulator.contract.comparing import QUIET_SYNCS, compare, require_tables, settle, shown, spread
from fivetran_emulator.contract.lab.connection import Connection, Key, accepted_json, key_of
from fivetran_emulator.contract.lab.faults import status
from fivetran_emulator.contract.lab.source_tables import Row, SourceTable, source_tables
from fivetran_emulator.contract.lab.trial import Trial
from fivetran_emulator.contract.subject import PracticeSubject, answered

__all__ = ["CHECKS"]


_FEW = 4


def _some(rows: list[Row]) -> list[Row]:
    """The first, the middle and the last row; of few rows the middle one, so that some are left."""
    middle = rows[len(rows) // 2]
    return [rows[0], middle, rows[-1]] if len(rows) >= _FEW else [middle]


@check("C40", "a delete at the source arrives", risk="keep rows when they are deleted at the source")
def deletes_arrive(subject: PracticeSubject) -> None:
    """A row deleted at the source is deleted in the warehouse after two quiet syncs, or stays where keeps_deleted says so."""
    subject.require_known("keeps_deleted", subject.keeps_deleted)
    trial = subject.trial()
    trial.connection.sync()
    deleted: dict[str, list[Key]] = {}
    for table in require_tables(subject, trial):
        for row in _some(table.rows()):
            table.delete(row)
            deleted.setdefault(table.name, []).append(table.key_of(row))
    settle(trial, trial.connection)
    warehouse = trial.connection.warehouse
    for name, keys in deleted.items():
        stays = [key for key in keys if key in warehouse.tables.get(name, {})]
        _require_declared(name, keys, stays, subject.keeps_deleted.get(name))


def _require_declared(name: str, keys: Sequence[Key], stays: Sequence[Key], kept_because: str | None) -> None:
    """Of the keys that were deleted those stay, all or none, that keeps_deleted says so of, with its reason."""
    if stays and kept_because is None:
        raise Violation(
            f"{counted(len(stays), 'row')} of {name} still there {QUIET_SYNCS} syncs after the delete: {shown(stays)}",
            expected=f"no such row; if {name} cannot know, say so: keeps_deleted={{'{name}': 'why'}}",
            cause='tombstones that are passed over, or a full listing without on_missing="delete"',
            reproduce=[f"after a sync, delete {shown(stays)} at the source; sync {QUIET_SYNCS} times"],
        )
    if not stays and kept_because is not None:
        raise Violation(
            f"{counted(len(keys), 'row')} of {name} no longer in the warehouse: {shown(keys)}",
            expected=f"that it stays, as keeps_deleted says: {kept_because}",
            cause="a declaration that is no longer true",
        )


@check("C41", "no row that still exists is deleted", risk="delete existing rows when the source fails")
def no_false_deletes(subject: PracticeSubject) -> None:
    """While the source fails, or hides a row once, nothing is deleted that the source still has."""
    clean = subject.clean
    last = sum(len(exchange.asked) for exchange in clean.second.exchanges)
    for number in spread(4, last):
        trial = subject.trial()
        trial.connection.sync()
        begun = len(trial.source.requests)
        trial.where(lambda asked, at=begun + number: asked.number >= at, status(500))  # type: ignore[misc]
        trial.connection.sync()
        compare(
            subject,
            trial.connection.warehouse,
            clean.warehouse,
            cause="what a listing that broke off did not show is taken for deleted",
            reproduce=[f"from request {number} of {last} on, the second sync is answered with HTTP 500"],
            truth="every row still there",
        )
    _hidden_once(subject)


def _hidden_once(subject: PracticeSubject) -> None:
    trial = subject.trial()
    trial.connection.sync()
    hidden = []
    for table in require_tables(subject, trial):
        for row in _some(table.rows()):
            table.source.remove(*table.source.identity(row))
            hidden.append((table.source, row))
    trial.connection.sync()
    for source, row in hidden:
        source.put(row)
    compare(
        subject,
        trial.connection.warehouse,
        subject.clean.warehouse,
        cause="one listing without a row is taken for its delete; a list that moves can hide a row once",
        reproduce=["the first, the middle and the last row of each table are missing from one listing"],
        truth="every row still there after one listing without it",
    )


@check("C42", "deleted and made again is there", risk="lose rows when they are deleted and made again")
def made_again(subject: PracticeSubject) -> None:
    """A row deleted and made again under its key, between syncs or within one, is in the warehouse at the end."""
    trial = subject.trial()
    trial.connection.sync()
    tables = require_tables(subject, trial)
    rows = {table.name: table.rows()[0] for table in tables}
    for wait in (0, 1, QUIET_SYNCS):
        for table in tables:
            table.delete(rows[table.name])
        settle(trial, trial.connection, wait)
        for table in tables:
            table.source.put(table.touched(rows[table.name], mark=f"again {wait}"))
        settle(trial, trial.connection, 1)
        compare(
            subject,
            trial.connection.warehouse,
            trial.fresh(),
            cause="the delete is sent after the row, the key stays on a list of deleted ones, or the mark lies ahead (C25)",
            reproduce=[f"delete the first row of each table, sync {wait} times, make it again, sync"],
        )


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
def unlikely_deletes(subject: PracticeSubject) -> None:
    """When most rows of a table are missing from its list at once, syncs may fail, but none of these rows is deleted."""
    trial = subject.trial()
    connection = trial.connection
    names = {table.name for table in require_tables(subject, trial)}
    for table in require_tables(subject, trial):
        _fill(table)
    connection.sync()
    tables = [
        table
        for table in source_tables(trial.rows, connection.warehouse)
        if table.name in names and len(table.rows()) >= _ENOUGH_ROWS
    ]
    if not tables:
        raise NotRun(
            f"no table of practice.py has {_ENOUGH_ROWS} rows that arrive, nor when they are copied under new keys; of fewer, most may"
            f" well be deleted at once: give a table {_ENOUGH_ROWS} rows"
        )
    for table in tables:
        _hide(table)
    before = {table.name: len(connection.warehouse.tables[table.name]) for table in tables}
    for _ in range(_SYNCS):
        connection.sync()
        _require_as_many(connection, before)


def _fill(table: SourceTable) -> None:
    """Copies of the rows under new keys, until there are enough: of a few rows most may well be deleted at once."""
    rows = table.rows()
    for number in range(len(rows), _ENOUGH_ROWS):
        table.source.put(table.copied(rows[number % len(rows)], number // len(rows)))


def _hide(table: SourceTable) -> None:
    for place, row in enumerate(table.rows()):
        if place % _PUBLIC:
            table.source.remove(*table.source.identity(row))


def _require_as_many(connection: Connection, before: Mapping[str, int]) -> None:
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


# Lists that are longer than what is read of them. Pages with few rows (C51) do not show it: with few practice rows a list
# fits into one page, and in small pages most rows are missing at once, which the guard against that (C61) holds back. So
# there are pages here of which the first few show more than half of the rows, and more rows than a usual page has.

_MANY_ROWS = 150
"""More than a page of most APIs, which give 100 rows unless they are asked for another number."""
_PAGES = (1, 2, 5)
"""After so many pages two thirds of the rows are read: what a limit on pages would be, as few practice rows show it."""
_MAX_LENGTHS = 2


@check("C62", "a list that is cut short deletes none", risk="delete rows when a list is longer than a page")
def cut_short(subject: PracticeSubject) -> None:
    """However long a list is and however many of its rows a page shows, no row that the source has is deleted."""
    deleting = {table for exchange in answered(subject) for table, _row in exchange.rows("delete")}
    if not deleting:
        return
    trial = subject.trial()
    _grow(subject, trial, deleting)
    _require_all(subject, trial, f"{_MANY_ROWS} rows in {', '.join(sorted(deleting))}")
    shown = _rows_shown(subject)
    for size in (size for size in _sizes(_lengths(subject)) if size < shown):
        trial = subject.trial()
        if trial.cap(size):
            _require_all(subject, trial, f"pages of at most {counted(size, 'row')}, whatever is asked")


def _grow(subject: PracticeSubject, trial: Trial, deleting: Collection[str]) -> None:
    """Copies of the rows under new keys, but of those that have lists of their own: these would be as many requests more."""
    for table in require_tables(subject, trial):
        rows = table.rows()
        if table.name not in deleting or _are_asked_for(table):
            continue
        for number in range(len(rows), _MANY_ROWS):
            table.source.put(table.copied(rows[number % len(rows)], number // len(rows)))


def _are_asked_for(table: SourceTable) -> bool:
    rows = table.rows()
    named = [row for row in rows if any(str(row[column]) in table.placing for column in table.source.key)]
    return len(named) * 2 > len(rows)


def _sizes(lengths: list[int]) -> list[int]:
    """Pages of which one, two, five show two thirds of a list; of sizes that are nearly alike the largest."""
    sizes: list[int] = []
    for size in sorted({length * 2 // (3 * pages) for length in lengths for pages in _PAGES}, reverse=True):
        if size and (not sizes or size * 5 < sizes[-1] * 4):
            sizes.append(size)
    return sizes


def _lengths(subject: PracticeSubject) -> list[int]:
    """The longest list of the undisturbed sync, and the lengths that most others have."""
    rows: dict[str, set[str]] = {}
    for exchange in subject.clean.first.exchanges:
        for asked in exchange.asked:
            listed = rows.setdefault(asked.path, set())
            listed.update(json.dumps(row) for row in listed_in(accepted_json(asked.body)))
    lengths = Counter(length for listed in rows.values() if (length := len(listed)) > 1)
    usual = [length for length, _count in lengths.most_common(_MAX_LENGTHS - 1)]
    return sorted({*usual, max(lengths, default=0)})


def _rows_shown(subject: PracticeSubject) -> int:
    """The most rows of a page in the undisturbed sync: a larger size changes none."""
    asked = [one for exchange in subject.clean.first.exchanges for one in exchange.asked]
    return max((len(listed_in(accepted_json(one.body))) for one in asked), default=0)


def _require_all(subject: PracticeSubject, trial: Trial, how: str) -> None:
    """What has arrived of a source that does not change, or does as it is, is there after a few syncs."""
    connection = trial.connection
    settle(trial, connection, _SYNCS)
    for name, rows in connection.warehouse.tables.items():
        sent = {key_of(row, connection.warehouse.keys[name]) for row in _sent(connection, name)}
        arrived = sent | subject.clean.warehouse.tables.get(name, {}).keys()
        if lost := arrived - rows.keys():
            raise Violation(
                f"{len(lost)} of {len(arrived)} rows of {name} are deleted, and are still at the source",
                expected="every row still there",
                cause="a listing= that reads one page, or up to a limit: what lies behind is taken for deleted",
                reproduce=[f"{how}; {_SYNCS} syncs"],
            )


def _sent(connection: Connection, name: str) -> Iterator[dict[str, object]]:
    for exchange in connection.exchanges:
        yield from (dict(row) for table, row in exchange.rows() if table == name)


CHECKS = [deletes_arrive, no_false_deletes, made_again, unlikely_deletes, cut_short]
