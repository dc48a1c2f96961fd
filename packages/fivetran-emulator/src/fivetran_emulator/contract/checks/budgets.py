"""C14 to C19: the size of an answer, the time of a call, and memory."""

from __future__ import annotations

from typing import Any

from fivetran_emulator.contract.check import NotRun, Violation, check, counted
from fivetran_emulator.contract.comparing import change_all, compare, sent, shown
from fivetran_emulator.contract.lab.connection import Sync
from fivetran_emulator.contract.lab.faults import hang, slow, status
from fivetran_emulator.contract.lab.source_tables import SourceTable
from fivetran_emulator.contract.lab.trial import Trial
from fivetran_emulator.contract.subject import PracticeSubject, Subject

__all__ = ["CHECKS"]

_WIDE = "漢" * 300
_LEVELS = 40


def _deep() -> Any:
    """Lists in objects in lists, with a text of three-byte characters on each level."""
    value: Any = []
    for _ in range(_LEVELS):
        value = [{"漢字": value}]
    return value


def _tables_with_text(subject: PracticeSubject, trial: Trial) -> list[SourceTable]:
    tables = [table for table in trial.source_tables(subject.clean.warehouse) if table.text_column]
    if not tables:
        raise NotRun(
            "no table of practice.py has a text that the connector sends as it is, in every row another one: add such a column"
        )
    return tables


@check(
    "C14",
    "an answer fits, counted in bytes",
    risk="fail when rows hold many characters of several bytes",
    remote="Every answer is within the platform's limit, and comes within its time-out.",
    must=True,
)
def answers_fit(subject: Subject) -> None:
    """With deep rows of many multi-byte characters every answer stays within the limit, in encoded bytes."""
    if not isinstance(subject, PracticeSubject):
        _require_none_killed(subject)
        return
    subject = subject.roomy
    small = subject.smallest_answers
    width = 3 * len(_WIDE) / max(1, small)
    trial = subject.trial()
    for table in _tables_with_text(subject, trial):
        # Asked for once: it is found by what arrived, and after the first change the rows are others.
        column = str(table.text_column)
        deep = dict.fromkeys(table.nested_columns, _deep())
        for row in table.rows():
            table.source.put({**row, **deep, column: _WIDE})
    whole = trial.connection.sync()
    page = max(len(request.body) for exchange in whole.exchanges for request in exchange.asked)
    trial.limits["FIVETRAN_ANSWER_BYTES"] = str(int(max(small * (1 + width), page * 2.5)))
    least = int(trial.limits["FIVETRAN_ANSWER_BYTES"])
    for limit in (least, least * 9 // 8, least * 11 // 8):
        trial.limits["FIVETRAN_ANSWER_BYTES"] = str(limit)
        _require_fitting(trial.connect().sync(), limit)


def _require_none_killed(subject: Subject) -> None:
    for exchange in subject.clean_or_not.connection.exchanges:
        if exchange.killed:
            raise Violation(
                exchange.reply.reason,
                expected="an answer within the limits of its platform",
                cause="everything is answered at once: take what fits, and say hasMore",
                reproduce=[sent(exchange)],
            )


def _require_fitting(sync: Sync, limit: int) -> None:
    for exchange in sync.exchanges:
        if len(exchange.reply.body) > limit:
            raise Violation(
                f"an answer of {len(exchange.reply.body)} bytes ({len(exchange.reply.body.decode())} characters)",
                expected=f"at most {limit} bytes, the limit that was set",
                cause="characters are counted, or the rows without the rest of the answer",
                reproduce=[
                    f"FIVETRAN_ANSWER_BYTES={limit}; a text of 300 three-byte characters in each row, {_LEVELS} levels deep"
                ],
            )


@check("C15", "an answer before the deadline", risk="be killed in the middle when the source is slow")
def before_deadline(subject: PracticeSubject) -> None:
    """Whether each request takes 1 s or 30 s or hangs, a call ends before its time-out."""
    requests = sum(len(exchange.asked) for exchange in subject.clean.first.exchanges)
    for seconds, timeout in ((1, max(4, requests // 2)), (30, 120)):
        trial = subject.trial(timeout_s=timeout)
        trial.where(lambda _asked: True, slow(seconds))
        _require_in_time(trial.connection.sync(), timeout, f"each request takes {seconds} s")
    trial = subject.trial(timeout_s=20)
    trial.at(2, hang)
    _require_in_time(trial.connection.sync(), 20, "request 2 is never answered")


def _require_in_time(sync: Sync, timeout: int, source: str) -> None:
    for exchange in sync.exchanges:
        if exchange.seconds > timeout:
            raise Violation(
                f"a call took {exchange.seconds:.0f} s where {source}",
                expected=f"an answer within the function's time-out of {timeout} s; after it Google kills the call",
                cause="the time is looked at between tables only, or not at all",
                reproduce=[f"FIVETRAN_TIMEOUT_S={timeout}; {source}", sent(exchange)],
            )


@check("C16", "memory does not grow with the source", risk="run out of memory when the source grows")
def memory_flat(subject: PracticeSubject) -> None:
    """One call over a source ten times as large takes about as much memory."""
    subject = subject.roomy
    small = subject.smallest_answers
    one, ten = (_peak(subject, small, times) for times in (1, 10))
    if ten > one * 2 + 2_000_000:
        raise Violation(
            f"{ten / 1e6:.1f} MB with ten times the rows, {one / 1e6:.1f} MB before",
            expected="about the same: a call takes what fits into its answer",
            cause="a list of all rows is built before the first is answered: yield them page by page",
            reproduce=[f"FIVETRAN_ANSWER_BYTES={small}; each source row ten times, under new keys"],
        )


def _peak(subject: PracticeSubject, answer_bytes: int, times: int) -> int:
    trial = subject.trial(answer_bytes=answer_bytes)
    tables = trial.source_tables(subject.clean.warehouse)
    trial.cap(
        max((len(table.rows()) for table in tables), default=1)
    )  # a page may be held whole, the source may not
    for table in tables:
        for row in table.rows():
            for number in range(1, times):
                table.source.put(table.copied(row, number))
    trial.connect().call()  # what is made once and kept is not what grows
    return trial.function.peak(trial.connection.call)[1]


@check(
    "C17",
    "a row too large is named",
    risk="get stuck at a row that is larger than an answer, or leave it out",
)
def huge_row(subject: PracticeSubject) -> None:
    """One row larger than an answer fails with an error that names its table and key."""
    subject = subject.roomy
    small = subject.smallest_answers
    trial = subject.trial(answer_bytes=small)
    table = _tables_with_text(subject, trial)[0]
    row = table.rows()[-1]
    table.source.put({**row, str(table.text_column): "x" * small})
    sync = trial.connection.sync()
    last = sync.exchanges[-1]
    values = [str(row[column]) for column in table.key]
    if not last.failed or table.name not in last.error or not all(value in last.error for value in values):
        said = last.error or f"HTTP {last.reply.status}"
        raise Violation(
            f"a row of {table.name} with the key {shown(values)} is larger than an answer, and the sync says: {said}",
            expected="an error naming the table and the key",
            cause="such a row is left out in silence, or tried for ever",
            reproduce=[
                f"FIVETRAN_ANSWER_BYTES={small}; {small} bytes in {table.text_column} of {shown(values)}"
            ],
        )


@check("C18", "the size of answers changes nothing", risk="lose rows when an answer is cut")
def budget_invariance(subject: PracticeSubject) -> None:
    """Cut into the smallest answers, a sync brings the same warehouse and state as in one, after changes too."""
    subject = subject.roomy
    _require_halves(subject)
    size = subject.smallest_answers
    trial = subject.trial(answer_bytes=size)
    sync = trial.connection.sync()
    how = f"FIVETRAN_ANSWER_BYTES={size}, {counted(len(sync.exchanges), 'call')}"
    _require_no_difference(subject, trial, sync, how)
    change_all(trial, subject)
    trial.limits["FIVETRAN_ANSWER_BYTES"] = str(size * 4 // 3)  # rows are a little longer now
    trial.connection.sync()
    compare(
        subject,
        trial.connection.warehouse,
        trial.fresh(),
        cause="where a later sync goes on is kept otherwise than where the first one does: its cursor moves while it is cut",
        reproduce=[f"{how}; then every row changes, and a sync in answers of that size"],
    )


def _require_halves(subject: PracticeSubject) -> None:
    size = sum(len(exchange.reply.body) for exchange in subject.clean.first.exchanges) // 2
    if subject.has_room and not (sync := subject.with_answers_of(size)).complete:
        raise Violation(
            f"in answers of {size} bytes, half of all rows, the sync fails: {sync.exchanges[-1].error}",
            expected="that it goes on over several answers",
            cause="everything is read before the first place where it could be cut",
            reproduce=[f"FIVETRAN_ANSWER_BYTES={size}"],
        )


def _require_no_difference(subject: PracticeSubject, trial: Trial, sync: Sync, how: str) -> None:
    differs = subject.differences(trial.connection.warehouse, subject.clean.warehouse)
    failed = "" if sync.complete else f"the sync does not complete: {sync.exchanges[-1].error}"
    if differs or failed:
        raise Violation(
            failed or "; ".join(map(str, differs)),
            expected="the warehouse of an uncut sync",
            cause="rows read after the last saved position are dropped when a call is cut, or the position counts calls",
            reproduce=[how, *(sent(exchange) for exchange in sync.exchanges[1:3])],
        )


@check("C19", "a wait too long is not slept", risk="be killed when the source asks it to wait")
def long_wait(subject: PracticeSubject) -> None:
    """When the source asks to wait longer than the call has left, the call ends at once, and nothing is lost."""
    for number in {1, max(1, len(subject.clean.first.exchanges[0].asked) // 2)}:
        trial = subject.trial(timeout_s=60)
        trial.at(number, status(429, retry_after="600"))
        sync = trial.connection.sync()
        if sync.seconds > 60:
            raise Violation(
                f"a call of {sync.seconds:.0f} s",
                expected="an answer within its 60 s",
                cause="Retry-After is slept without a look at the time that is left",
                reproduce=[f"FIVETRAN_TIMEOUT_S=60; request {number} answers 429 with Retry-After: 600"],
            )
        if not sync.complete:
            trial.heal()
            sync = trial.connection.sync()
        _require_no_difference(
            subject, trial, sync, f"request {number} answers 429 with Retry-After: 600, once"
        )


CHECKS = [answers_fit, before_deadline, memory_flat, huge_row, budget_invariance, long_wait]
