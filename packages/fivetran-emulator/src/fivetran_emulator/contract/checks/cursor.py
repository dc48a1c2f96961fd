"""C25 to C29: cursors, clocks, ties, late rows, lists that move while they are read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from fivetran_emulator.contract.check import check
from fivetran_emulator.contract.checks.changing import compare, leaves, living, move, settle, spread
from fivetran_emulator.contract.checks.observed import shown
from fivetran_emulator.contract.connection import Connection
from fivetran_emulator.contract.living_tables import LivingTable
from fivetran_emulator.contract.memory_warehouse import Key, MemoryWarehouse
from fivetran_emulator.contract.subject import Subject
from fivetran_emulator.contract.trial import Trial
from fivetran_emulator.contract.violation import NotRun, Violation
from fivetran_emulator.contract.virtual_time import NOON, VirtualTime

__all__ = ["CHECKS", "instant"]

_NEAR = timedelta(days=3)


def instant(value: Any) -> datetime | None:
    """A value as an instant, if it is text like one; without an offset it counts as UTC."""
    if not isinstance(value, str) or len(value) < 10:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _of_a_clock(value: Any) -> bool:
    """Whether a value of a state is about now: as text, or in seconds or milliseconds since 1970."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return any(abs(value / unit - NOON.timestamp()) < _NEAR.total_seconds() for unit in (1, 1000))
    moment = instant(value)
    return moment is not None and abs(moment - NOON) < _NEAR


@check("C25", "the mark comes from the rows")
def mark_from_rows(subject: Subject) -> None:
    """No state holds the time of a clock, and no instant in it moves back when the newest row disappears."""
    for exchange in [*subject.clean.first.exchanges, *subject.clean.second.exchanges]:
        for place, value in leaves(exchange.answer.get("state")):
            if _of_a_clock(value):
                raise Violation(
                    f"{place} is {value}, the time at which the sync ran",
                    expected="the largest value seen in the rows: what changes during the sync is lost otherwise",
                    cause="the cursor is set to now() when a sync ends",
                )
    trial = subject.trial()
    trial.connection.sync()
    before = dict(leaves(trial.connection.state))
    tables = [table for table in living(subject, trial) if table.source.cursor]
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


def _remove_newest(table: LivingTable) -> None:
    newest = table.newest()
    for row in table.rows():
        if row.get(str(table.source.cursor)) == newest:
            table.source.remove(*table.source.identity(row))


@check("C26", "clock and time zone change nothing")
def clock_shifts(subject: Subject) -> None:
    """A day more or less, and another time zone, give the same rows and the same state."""
    clean = subject.clean
    for days, zone in ((1, "UTC"), (-1, "UTC"), (0, "Asia/Tokyo"), (0, "America/Los_Angeles")):
        trial = subject.trial(time=VirtualTime(NOON + timedelta(days=days), zone=zone))
        trial.connection.sync()
        how = f"clock {days:+} days, TZ={zone}"
        if trial.connection.state != clean.state:
            raise Violation(
                f"with {how} the state is {trial.connection.state}",
                expected=f"{clean.state}",
                cause="datetime.now(), or a time without an offset that is taken for local",
                reproduce=[how],
            )
        compare(
            subject, trial.connection.warehouse, clean.warehouse, cause="local time in rows", reproduce=[how]
        )


def _with_cursor(subject: Subject, trial: Trial) -> list[LivingTable]:
    tables = [table for table in living(subject, trial) if table.source.cursor]
    if not tables:
        raise NotRun("no table of the practice source has a cursor")
    return tables


@check("C27", "rows that share a cursor all arrive")
def ties(subject: Subject) -> None:
    """When all rows have one cursor value, across pages and from one sync to the next, none is lost."""
    trial = subject.trial()
    tables = _with_cursor(subject, trial)
    expected = {table.name: {table.key_of(row) for row in table.rows()} for table in tables}
    for table in tables:
        value = table.newest()
        for row in table.rows():
            table.source.put({**row, str(table.source.cursor): value})
    connection = trial.connection
    trial.cap(max(2, min(len(table.rows()) for table in tables) // 4))
    connection.sync()
    for table in tables:
        _refuse_absent(
            connection,
            table.name,
            expected[table.name],
            "all rows of a table share one cursor value, in several pages",
        )
    for table in tables:
        row = table.rows()[0]
        added = {**table.another(row), str(table.source.cursor): row[str(table.source.cursor)]}
        table.source.put(added)
        expected[table.name].add(table.key_of(added))
    connection.sync()
    for table in tables:
        _refuse_absent(
            connection,
            table.name,
            expected[table.name],
            "after a sync a row is added that shares the newest row's cursor value",
        )


def _refuse_absent(connection: Connection, name: str, expected: set[Key], how: str) -> None:
    """Every row that shares the cursor must have arrived."""
    if absent := sorted(expected - connection.warehouse.tables.get(name, {}).keys()):
        raise Violation(
            f"{len(absent)} rows of {name} never arrived: {shown(absent)}",
            expected="all of them",
            cause="rows after the mark are asked for (>), where those from the mark on (>=) are needed",
            reproduce=[how],
        )


@check("C28", "rows committed late arrive")
def late_rows(subject: Subject) -> None:
    """A row that appears with a timestamp as old as the source may commit late arrives in the next sync."""
    trial = subject.trial()
    tables = [table for table in _with_cursor(subject, trial) if table.name in subject.commits_late]
    if not tables:
        raise NotRun("commits_late says of no table how late its rows may appear")
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


@check("C29", "a list that moves while it is read")
def moving_lists(subject: Subject) -> None:
    """Rows removed, changed and added before any request of a sync hide no other row once the next syncs are over."""
    last = sum(len(exchange.asked) for exchange in subject.clean.first.exchanges)
    truth: MemoryWarehouse | None = None
    for number in spread(8, last):
        trial = subject.trial()
        deleted: dict[str, list[Key]] = {}
        trial.source.before = lambda asked, at=number, of=trial, gone=deleted: (
            move(subject, of, gone) if asked == at else None
        )  # type: ignore[misc]
        trial.connection.sync()
        settle(trial, trial.connection)
        truth = truth or trial.fresh()
        compare(
            subject,
            trial.connection.warehouse,
            truth,
            deleted=deleted,
            cause="an offset or page number over a list that moves: rows slide over the page boundary unseen",
            reproduce=[
                f"before request {number} of {last} in each table two rows go, one changes, one comes; then two syncs",
            ],
        )


CHECKS = [mark_from_rows, clock_shifts, ties, late_rows, moving_lists]
