"""C20 to C24: calls that fail, are repeated, are cut, or whose answer never arrives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fivetran_emulator.contract.check import NotRun, Violation, check
from fivetran_emulator.contract.checks.protocol import rows_differ
from fivetran_emulator.contract.comparing import (
    change_all,
    compare,
    leaves,
    require_tables,
    sent,
    settle,
    shown,
    spread,
    state_differences,
)
from fivetran_emulator.contract.lab.connection import Connection, Exchange, Sync, accepted_json
from fivetran_emulator.contract.lab.faults import Fault, PendingRequest, slow, status
from fivetran_emulator.contract.lab.source_tables import SourceTable
from fivetran_emulator.contract.lab.trial import Trial
from fivetran_emulator.contract.subject import PracticeSubject, Subject

__all__ = ["CHECKS"]

_MAX_PLACES = 8
_EMPTY_ANSWERS = 9
"""So many in a row are nearly as many as Fivetran takes (C08); a sync that is to end in order ends before."""


@check("C20", "asked twice, the same answer", remote=True, risk="bring other rows when a call is repeated")
def repeatable(subject: Subject) -> None:
    """The same request twice gives the same rows and the same state."""
    trial = subject.trial()
    one, other = (trial.connection.call(accept=False) for _ in range(2))
    if rows_differ(one, other) or _state_of(one) != _state_of(other):
        raise Violation(
            "two calls with one state gave different answers",
            expected="the same: any call may be repeated, and its first answer may have been lost",
            cause="keys or values made up in the call (a random number, a UUID, the time), or memory between calls",
            reproduce=["call twice", sent(one)],
        )


def _state_of(exchange: Exchange) -> dict[str, object]:
    """The leaves of an answer's state, but for what the source has made for this call, such as a job: that is another each time."""
    made = {
        value
        for asked in exchange.asked
        if asked.method == "POST"
        for _, value in leaves(accepted_json(asked.body))
        if (isinstance(value, str) and value) or type(value) in (int, float)
    }
    return {place: _MADE if value in made else value for place, value in leaves(exchange.answer.get("state"))}


_MADE = object()


@check("C21", "crash at every HTTP call", risk="lose rows when a call dies on its way")
def crash_anywhere(subject: PracticeSubject) -> None:
    """Whichever request the call dies at, another call from the last accepted state loses and doubles nothing."""
    last = len(_requests(subject))
    for number in spread(_MAX_PLACES, last):
        trial = subject.trial()
        crashed = _down_once(trial, trial.connection, number)
        _recover(trial)
        _require_no_loss(
            subject,
            trial,
            cause="a cursor or an offset is saved before the rows behind it are answered, or a failure is taken for an end (C12)",
            reproduce=[f"the source fails from request {number} of {last} to the end of that call", *crashed],
        )


def _requests(subject: PracticeSubject) -> list[object]:
    return [asked for exchange in subject.clean.first.exchanges for asked in exchange.asked]


def _down_once(trial: Trial, connection: Connection, number: int) -> list[str]:
    """Sync once; from the given request on the source is down, until the call that met it is over."""
    down_in: list[int] = []

    def fault(asked: PendingRequest) -> Fault | None:
        call = len(connection.exchanges)
        if asked.number >= number and not down_in:
            down_in.append(call)
        return status(500) if down_in == [call] else None

    trial.source.fault = fault
    sync = connection.sync()
    return [sent(exchange) for exchange in sync.exchanges if exchange.failed]


def _recover(trial: Trial) -> None:
    """A sync that died is followed by another, as scheduled."""
    last = trial.connection.exchanges[-1]
    if last.failed or last.has_more:
        settle(trial, trial.connection, 1)


def _require_no_loss(subject: PracticeSubject, trial: Trial, *, cause: str, reproduce: list[str]) -> None:
    truth = "the warehouse of an undisturbed sync"
    compare(
        subject,
        trial.connection.warehouse,
        subject.clean.warehouse,
        cause=cause,
        reproduce=reproduce,
        truth=truth,
    )
    if places := state_differences(trial.connection.state, subject.clean.state):
        raise Violation(
            f"the state differs from that of an undisturbed sync: {shown(places)}",
            expected="the same state",
            cause=cause,
            reproduce=reproduce,
        )


@check("C22", "lost answer at every invocation", risk="lose rows when an answer is lost on its way")
def lost_answers(subject: PracticeSubject) -> None:
    """Whichever answer is lost on its way, the repeated call makes up for it."""
    size = _small_or_whole(subject)
    trial = subject.trial(**size)
    last = len(trial.connection.sync().exchanges)
    for number in spread(_MAX_PLACES, last):
        trial = subject.trial(**size)
        trial.connection.sync(lose=lambda call, lost=number: call == lost)  # type: ignore[misc]
        _recover(trial)
        _require_no_loss(
            subject,
            trial,
            cause="the function remembers in memory what it has sent: the state in the request is all that counts",
            reproduce=[
                f"the answer to call {number} of {last} is lost, and the call repeated with its state"
            ],
        )


def _small_or_whole(subject: PracticeSubject) -> dict[str, Any]:
    try:
        return {"answer_bytes": subject.smallest_answers}
    except NotRun:
        return {}


@check("C23", "cut at every checkpoint", risk="lose rows when the time runs out")
def cut_anywhere(subject: PracticeSubject) -> None:
    """Wherever the time runs out, the next call goes on with the first row that was not sent."""
    cut, changes, _clean = (
        False,
        False,
        subject.clean,
    )  # nothing is known when the undisturbed sync does not complete
    for timeout in (3, 4, 5, 7, 9, 12):
        trial = subject.trial(timeout_s=timeout)
        each = (subject.function.platform.answer_seconds or timeout) / timeout
        trial.where(lambda _asked: True, slow(each))
        sync = trial.connection.sync()
        if not sync.complete:
            continue  # nothing at all fits into so short a call
        cut = cut or len(sync.exchanges) > 1
        trial.heal()
        if _came_to_nothing(sync):
            settle(trial, trial.connection, 1)
        _require_no_loss(
            subject,
            trial,
            cause="the position is saved before the rows in front of it are answered",
            reproduce=[
                f"FIVETRAN_TIMEOUT_S={timeout}, every request takes {each:g} s: {len(sync.exchanges)} calls"
            ],
        )
        if len(sync.exchanges) > 1 and not changes:
            changes = True
            _require_no_loss_of_changes(subject, trial, timeout, each)
    if not cut:
        raise NotRun("no time-out from 3 to 12 s cut the sync; does the function read FIVETRAN_TIMEOUT_S?")


def _came_to_nothing(sync: Sync) -> bool:
    """Whether it has ended with empty answers only, as when what the source makes takes longer: the next one goes on."""
    return not sync.rows and len(sync.exchanges) >= _EMPTY_ANSWERS


def _require_no_loss_of_changes(subject: PracticeSubject, trial: Trial, timeout: int, each: float) -> None:
    """What is cut is a later sync, which has as much to bring as the first."""
    change_all(trial, subject)
    trial.where(lambda _asked: True, slow(each))
    sync = trial.connection.sync()
    if not sync.complete or _came_to_nothing(sync):
        trial.limits.clear()
        settle(trial, trial.connection, 1)
    compare(
        subject,
        trial.connection.warehouse,
        trial.fresh(),
        cause="where a later sync goes on is kept otherwise than where the first one does",
        reproduce=[
            f"after a sync every row changes; FIVETRAN_TIMEOUT_S={timeout}, every request takes {each:g} s"
        ],
    )


@check(
    "C24",
    "a change after a sync arrives in the next",
    risk="lose what changes after a sync, or read everything again each time",
)
def changes_arrive(subject: PracticeSubject) -> None:
    """Later syncs of an unchanged source bring less and the same each time; a change after any of them arrives.

    The second sync may bring what the first has brought: a mark that loses no change is one pass behind.
    """
    first = subject.clean.first.rows
    trial = subject.trial()
    connection = trial.connection
    for _ in range(2):
        connection.sync()
    third, fourth = connection.sync(), connection.sync()
    _require_no_more(first, third.rows, fourth.rows)
    for table in require_tables(subject, trial):
        _require_cursor_used(table, first, third)
        rows = table.rows()
        for row in (rows[0], rows[len(rows) // 2], rows[-1]):
            table.source.put(table.touched(row))
    connection.sync()
    compare(
        subject,
        connection.warehouse,
        trial.fresh(),
        cause="the position of the sync before is still in the state, or the mark lies ahead of the rows (C25)",
        reproduce=[
            "three syncs, then the first, the middle and the last row of each table change, then a sync"
        ],
    )


def _require_no_more(first: Mapping[str, int], third: Mapping[str, int], fourth: Mapping[str, int]) -> None:
    if fourth != third or any(third[table] > first.get(table, 0) for table in third):
        raise Violation(
            f"syncs of an unchanged source brought {first}, the third {third}, the fourth {fourth}",
            expected="the third no more than the first, the fourth the same as the third",
            cause="a position that is not reset when a pass ends, or a cursor that is not kept",
        )


def _require_cursor_used(table: SourceTable, first: Mapping[str, int], third: Sync) -> None:
    cursor, again = table.source.cursor, third.rows.get(table.name, 0)
    if cursor and again >= first[table.name] > len(_ties(table.source.listed(), cursor)):
        raise Violation(
            f"the third sync brought all {first[table.name]} rows of {table.name} again",
            expected=f"those changed since, by {cursor}",
            cause="the cursor is not sent to the source, or not kept in the state; or practice.py does not filter by that"
            f" parameter (since= of its listing); or all its rows lie within the lookback: let their {cursor} span more than that",
            reproduce=["three syncs of the unchanged source", f"the third asked {_first_questions(third)}"],
        )


def _first_questions(sync: Sync) -> str:
    """What a sync asked first of each path."""
    first = {asked.path: asked for exchange in reversed(sync.exchanges) for asked in reversed(exchange.asked)}
    return shown([str(asked).partition(": ")[2] for asked in first.values()][::-1])


def _ties(rows: list[dict[str, object]], cursor: str) -> list[object]:
    newest = max(str(row.get(cursor)) for row in rows)
    return [row for row in rows if str(row.get(cursor)) == newest]


CHECKS = [repeatable, crash_anywhere, lost_answers, cut_anywhere, changes_arrive]
