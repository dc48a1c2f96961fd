"""C25 to C29: cursors, clocks, ties, late rows, lists that move while they are read."""

from __future__ import annotations

from datetime import timedelta

from fivetran_emulator.contract.check import NotRun, Violation, check, counted
from fivetran_emulator.contract.comparing import (
    compare,
    leaves,
    move,
    require_tables,
    settle,
    shown,
    spread,
    state_differences,
)
from fivetran_emulator.contract.lab.connection import Connection, Key, MemoryWarehouse, Sync, differences
from fivetran_emulator.contract.lab.source_tables import SourceTable
from fivetran_emulator.contract.lab.trial import Trial
from fivetran_emulator.contract.lab.virtual_time import NOON, VirtualTime, instant, of_a_clock
from fivetran_emulator.contract.subject import PracticeSubject

__all__ = ["CHECKS"]


@check("C25", "the mark comes from the rows", risk="lose rows that change while a sync runs")
def mark_from_rows(subject: PracticeSubject) -> None:
    """No state holds the time of a clock, and no instant in it moves back when the newest row disappears."""
    for exchange in [*subject.clean.first.exchanges, *subject.clean.second.exchanges]:
        for place, value in leaves(exchange.answer.get("state")):
            if of_a_clock(value):
                raise Violation(
                    f"{place} is {value}, the time at which the sync ran",
                    expected="the largest value seen in the rows: what changes during the sync is lost otherwise",
                    cause="the cursor is set to now() when a sync ends",
                )
    trial = subject.trial()
    trial.connection.sync()
    before = dict(leaves(trial.connection.state))
    tables = [table for table in require_tables(subject, trial) if table.source.cursor]
    for table in tables:
        _remove_newest(table)
    trial.connection.sync()
    for place, value in leaves(trial.connection.state):
        had, has = instant(before.get(place)), instant(value)
        if had and has and has < had:
            raise Violation(
                f"{place} moved back from {before[place]} to {value}",
                expected="a mark that never moves back",
                cause="the mark is what the last sync saw, not the largest ever seen",
                reproduce=["the newest rows are removed at the source between two syncs"],
            )


def _remove_newest(table: SourceTable) -> None:
    newest = table.newest()
    for row in table.rows():
        if row.get(str(table.source.cursor)) == newest:
            table.source.remove(*table.source.identity(row))


@check(
    "C26",
    "clock and time zone change nothing",
    risk="lose rows, or shift times, when the clock or the time zone is another",
)
def clock_shifts(subject: PracticeSubject) -> None:
    """A day more or less, and another time zone, give the same rows and the same state."""
    clean = subject.clean
    for days, zone in ((1, "UTC"), (-1, "UTC"), (0, "Asia/Tokyo"), (0, "America/Los_Angeles")):
        trial = subject.trial(time=VirtualTime(NOON + timedelta(days=days), zone=zone))
        trial.connection.sync()
        how = f"clock {days:+} days, TZ={zone}"
        if found := state_differences(trial.connection.state, clean.state, clocks=True):
            raise Violation(
                f"with {how} another state: {shown(found)}",
                expected="the state of an undisturbed sync",
                cause="datetime.now(), or a time without an offset that is taken for local",
                reproduce=[how],
            )
        compare(
            subject, trial.connection.warehouse, clean.warehouse, cause="local time in rows", reproduce=[how]
        )


def _with_cursor(subject: PracticeSubject, trial: Trial) -> list[SourceTable]:
    tables = [table for table in require_tables(subject, trial) if table.source.cursor]
    if not tables:
        raise NotRun(
            "no table of practice.py has a cursor: where its rows have a column that moves when they change, say so,"
            ' cursor="updated_at"; where they have none, there is nothing to check'
        )
    return tables


@check("C27", "rows that share a cursor all arrive", risk="lose rows when several share a cursor")
def ties(subject: PracticeSubject) -> None:
    """When all rows have one cursor value, across pages and from one sync to the next, none is lost, and each sync ends."""
    trial = subject.trial()
    tables = _with_cursor(subject, trial)
    expected = {table.name: {table.key_of(row) for row in table.rows()} for table in tables}
    for table in tables:
        _let_all_share_a_cursor(table)
    connection = trial.connection
    if not _is_paged(subject):
        trial.cap(max(2, min(len(table.rows()) for table in tables) // 4))
    how = "all rows of a table share one cursor value, in several pages"
    _require_end(connection.sync(), how)
    for table in tables:
        _require_none_absent(connection, table.name, expected[table.name], how)
        expected[table.name].add(_add_one_that_shares(table))
    connection.sync()
    how = "after a sync a row is added that shares the newest row's cursor value"
    for table in tables:
        _require_none_absent(connection, table.name, expected[table.name], how)


def _let_all_share_a_cursor(table: SourceTable) -> None:
    value = table.newest()
    for row in table.rows():
        table.source.put({**row, str(table.source.cursor): value})


def _add_one_that_shares(table: SourceTable) -> Key:
    row = table.rows()[0]
    added = {**table.another(row), str(table.source.cursor): row[str(table.source.cursor)]}
    table.source.put(added)
    return table.key_of(added)


def _require_end(sync: Sync, how: str) -> None:
    if sync.complete:
        return
    raise Violation(
        f"the sync does not end in {len(sync.exchanges)} calls"
        if sync.endless
        else f"the sync fails: {sync.exchanges[-1].error}",
        expected="that it ends: rows that share the newest cursor value come again each time they are asked for",
        cause="hasMore says whether rows came, and not whether there are more",
        reproduce=[how],
    )


def _is_paged(subject: PracticeSubject) -> bool:
    """Whether the source as it is takes several requests for a list; smaller pages are C51's."""
    paths = [asked.path for exchange in subject.clean.first.exchanges for asked in exchange.asked]
    return len(set(paths)) < len(paths)


def _require_none_absent(connection: Connection, name: str, expected: set[Key], how: str) -> None:
    """Every row that shares the cursor must have arrived."""
    if absent := sorted(expected - connection.warehouse.tables.get(name, {}).keys()):
        raise Violation(
            f"{counted(len(absent), 'row')} of {name} never arrived: {shown(absent)}",
            expected="all of them",
            cause="rows after the mark are asked for (>) where those from the mark on (>=) are needed; or see C25",
            reproduce=[how],
        )


@check("C28", "rows committed late arrive", risk="lose rows when the source commits them late")
def late_rows(subject: PracticeSubject) -> None:
    """A row that appears with a timestamp as old as the source may commit late arrives in the next sync."""
    trial = subject.trial()
    subject.require_known("commits_late", subject.commits_late)
    tables = [table for table in _with_cursor(subject, trial) if table.name in subject.commits_late]
    if not tables:
        raise NotRun(
            "no row appears later than its timestamp says, as far as you say: where one may, name the table in tests/test_contract.py,"
            ' commits_late={"tickets": timedelta(minutes=5)}'
        )
    trial.connection.sync()
    for table in tables:
        late = subject.commits_late[table.name]
        seconds = late.total_seconds() - 1 if isinstance(late, timedelta) else float(late) * 3600
        row = table.another(table.rows()[0])
        table.source.put(table.moved(row, table.newest(), -seconds))
    trial.connection.sync()
    compare(
        subject,
        trial.connection.warehouse,
        trial.fresh(),
        cause="no lookback, or one shorter than the source's transactions",
        reproduce=[f"after a sync a row appears {subject.commits_late} before the newest one"],
    )


@check("C29", "a list that moves while it is read", risk="lose rows when the list moves while it is read")
def moving_lists(subject: PracticeSubject) -> None:
    """Rows removed, changed and added before any request of a sync hide no other row once the next syncs are over."""
    last = sum(len(exchange.asked) for exchange in subject.clean.first.exchanges)
    truth: MemoryWarehouse | None = None
    for number in spread(6, last):
        trial = subject.trial()
        deleted: dict[str, list[Key]] = {}
        trial.source.before = lambda asked, at=number, of=trial, removed=deleted: (
            move(subject, of, removed) if asked == at else None
        )  # type: ignore[misc]
        trial.connection.sync()
        settle(trial, trial.connection)
        truth = truth or trial.fresh()
        # Those that went may still be there, and what went with them, as tasks do with their project: whether deletes arrive is C40's.
        others = dict.fromkeys(set(truth.keys) - {table.name for table in trial.source_tables(truth)})
        once = {
            name: [*rows, *deleted.get(name, ())] for name, rows in subject.clean.warehouse.tables.items()
        }
        if found := differences(trial.connection.warehouse, truth, may_stay={**deleted, **once, **others}):
            raise Violation(
                "; ".join(map(str, found)),
                expected="the warehouse equals the source, but for rows that are deleted",
                cause="an offset or page number over a list that moves: rows slide over the page boundary unseen; or a mark that is"
                " the newest row met, in a list that is not in the order of change: rows changed meanwhile lie before it",
                reproduce=[
                    f"before request {number} of {last} in each table two rows go, one changes, one comes; then two syncs",
                ],
            )


CHECKS = [mark_from_rows, clock_shifts, ties, late_rows, moving_lists]
