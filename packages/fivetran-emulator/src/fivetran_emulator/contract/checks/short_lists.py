"""C62: lists that are longer than what is read of them, where deletes are inferred from what a list does not show.

Pages with few rows (C51) do not show it. With few practice rows a list fits into one page, and in small pages most rows are missing at
once, which the guard against that (C61) holds back: both hide that the rest of the list is never read. So there are pages here of
which the first few show more than half of the rows, and more rows than a usual page has.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator

from fivetran_emulator.contract.check import Violation, check, counted
from fivetran_emulator.contract.checks.pages import listed_in
from fivetran_emulator.contract.comparing import require_tables, settle
from fivetran_emulator.contract.lab.connection import Connection
from fivetran_emulator.contract.lab.function import accepted_json
from fivetran_emulator.contract.lab.source_tables import SourceTable
from fivetran_emulator.contract.lab.trial import Trial
from fivetran_emulator.contract.lab.warehouse import key_of
from fivetran_emulator.contract.subject import PracticeSubject, answered

__all__ = ["CHECKS"]

_SYNCS = 3
"""One more than the listings after which an inferred delete is sent."""
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
    for size in _sizes(_lengths(subject)):
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


CHECKS = [cut_short]
