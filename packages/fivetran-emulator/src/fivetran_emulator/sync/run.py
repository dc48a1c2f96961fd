"""One sync of a connection: the loop between a function and a destination, with everything worth saying about it."""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

import duckdb

from fivetran_emulator.errors import EmulatorError, Finding, FunctionError
from fivetran_emulator.protocol.answer import Answer, read_answer
from fivetran_emulator.protocol.function import (
    BackgroundCall,
    FunctionReply,
    FunctionRequest,
    Sender,
    reported_invocation,
    require_success,
)
from fivetran_emulator.protocol.rules import MAX_EMPTY_ANSWERS, Rules
from fivetran_emulator.secrets import Secrets
from fivetran_emulator.sync.destination import Destination
from fivetran_emulator.sync.loop import Kept, SyncClock, run_calls
from fivetran_emulator.sync.result import AcceptedAnswer, SyncResult
from fivetran_emulator.warehouse.load import Loaded
from fivetran_emulator.warehouse.row_checks import CheckedTables

__all__ = ["SyncObserver", "SyncPlan", "SyncRun"]

_SIX_HOURS = 6 * 3600


class SyncObserver(Protocol):
    """Follows a sync while it runs."""

    def started(self, result: SyncResult) -> None:
        """The first call is about to be made."""

    def call_started(self, number: int) -> None:
        """The function is being called and may take its time."""

    def accepted(self, accepted: AcceptedAnswer) -> None:
        """An answer is in the warehouse."""


@dataclass(frozen=True, kw_only=True)
class SyncPlan:
    """What to sync, and how.

    Attributes:
        schema: the connection, which is the name of its destination schema.
        path: the warehouse's file, only to be shown.
        sync_id: the id that every request has.
        rules: the readings of Fivetran's behaviour.
        resync: whether to begin with an empty state.
        members: root members of the request beside Fivetran's own.
        repeat: numbers of the calls whose answer is loaded while its state is lost, so that they are made again.
        source: what the rows come from; None when nobody says.
        overlapping: whether the next call begins as soon as an answer is checked, while its rows are being loaded.
    """

    schema: str
    path: str
    sync_id: str
    rules: Rules = field(default_factory=Rules)
    resync: bool = False
    members: Mapping[str, object] = field(default_factory=dict)
    repeat: Collection[int] = ()
    source: str | None = None
    overlapping: bool = True


@dataclass(frozen=True)
class _Received:
    """An answer that was read and checked, and how it came."""

    answer: Answer
    checked: CheckedTables
    reply: FunctionReply
    read_from: float

    @property
    def has_more(self) -> bool:
        return self.answer.has_more


class SyncRun:
    """A sync of `function` into an open `warehouse`. Raises UsageError when the schema's rows are another source's.

    `result` shows how far it got, at any time.
    """

    def __init__(
        self,
        function: Sender,
        warehouse: duckdb.DuckDBPyConnection,
        plan: SyncPlan,
        *,
        secrets: Secrets,
        clock: SyncClock,
        observer: SyncObserver,
    ) -> None:
        self._function, self._plan, self._secrets = function, plan, secrets
        self._clock, self._observer = clock, observer
        self._destination = Destination(
            warehouse,
            plan.schema,
            plan.rules,
            secrets,
            source=plan.source,
            resync_at=clock.now() if plan.resync else None,
        )
        self._digest, self._empty = b"", 0
        self._begun: BackgroundCall | None = None
        self.result = SyncResult(
            url=function.url,
            warehouse=plan.path,
            schema=plan.schema,
            sync_id=plan.sync_id,
            state_before=self._destination.state,
            state=self._destination.state,
            rules=plan.rules,
            resync=self._destination.is_resync,
            tables_before=dict(self._destination.tables),
            tables=self._destination.tables,
        )

    def run(self) -> SyncResult:
        """Sync until `hasMore` is false or six hours are over.

        Raises FunctionError, WarehouseError or KeyboardInterrupt; `result` shows how far it got.
        """
        began = self._clock.elapsed()
        self._call_until = began + _SIX_HOURS
        self._begin()
        try:
            complete = run_calls(
                self._call,
                self._commit,
                may_call=lambda _number: self._begun is not None or self._may_call(),
                kept=lambda number: Kept.ROWS if number in self._plan.repeat else Kept.ALL,
                begin_next=self._begin_next,
            )
            self.result.outcome = "complete" if complete else "paused"
        except BaseException as error:
            self.result.outcome = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
            raise
        finally:
            self.result.seconds = self._clock.elapsed() - began
        self._end(None)
        return self.result

    def give_up(self, error: BaseException) -> None:
        """Record how a sync ended that raised `error`; call it when nothing of it is running any more."""
        reason = "; ".join(error.problems) if isinstance(error, EmulatorError) else type(error).__name__
        self._end(self._secrets.redact(reason))

    def _begin(self) -> None:
        past = self._destination.past
        if past is not None and past.outcome != "complete" and self.result.state_before != "{}":
            how = {
                "running": "was killed",
                "interrupted": "was interrupted",
                "paused": "stopped at six hours",
            }.get(past.outcome, past.outcome)
            self.result.resuming = (
                f"the sync before ({past.sync_id}) {how} after {past.accepted} accepted answers"
            )
        self._began = self._clock.now()
        self._destination.begin(self._plan.sync_id, self._function.url, self._began)
        self._observer.started(self.result)

    def _end(self, error: str | None) -> None:
        self._destination.end(
            self.result, error, began=self._began, now=self._clock.now, whole=not self._plan.repeat
        )

    def _call(self, number: int) -> _Received:
        """Call the function and check its answer. Raises FunctionError unless Fivetran would accept it."""
        begun, self._begun = self._begun or self._begin_call(self._destination.state), None
        self._observer.call_started(number)
        reply = begun.reply()
        if reply.status != 200:
            self.result.findings.add_counted(reported_invocation(reply.headers).findings())
            reply = self._cleaned(reply)
        require_success(reply)
        began = self._clock.elapsed()
        with _collector_paused():
            answer = self._read(reply)
            return _Received(answer, self._destination.check(answer), reply, began)

    def _may_call(self) -> bool:
        return self._clock.elapsed() < self._call_until

    def _begin_call(self, state: str) -> BackgroundCall:
        # Without a reference to the warehouse: nobody waits for a call that an interrupt has ended.
        return BackgroundCall(partial(_timed, self._function, self._request(state), self._clock))

    def _begin_next(self, received: _Received, kept: Kept) -> None:
        """Make the call that follows an answer, which is checked and about to be committed.

        So a call may have been made with a state that was not kept in the end, if it was the warehouse that failed: the next
        sync begins with the one before. Calls and loads that take turns make a sync a fifth to a third longer: 200,000 rows from
        a function that takes 0.27 s a call in 7.7 s, not 6.5.
        """
        answer, before = received.answer, self._destination.state
        if kept is Kept.ALL:
            self._count_empty(answer, before)
        if self._plan.overlapping and not self._is_stuck and self._may_call():
            self._begun = self._begin_call(answer.state if kept is Kept.ALL else before)

    def _request(self, state: str) -> FunctionRequest:
        return FunctionRequest(
            agent=f"Fivetran Google Cloud Functions Connector/fivetran_emulator/{self._plan.schema}",
            state=state,
            secrets=self._secrets.json,
            sync_id=self._plan.sync_id,
            members=self._plan.members,
        )

    def _read(self, reply: FunctionReply) -> Answer:
        try:
            return read_answer(reply.body, self._plan.rules, self._destination.fitting)
        except FunctionError:
            # What is shown of a broken answer is cut and escaped, and no longer looks like the secret that is in it.
            read_answer(self._cleaned(reply).body, self._plan.rules)
            raise

    def _cleaned(self, reply: FunctionReply) -> FunctionReply:
        """An answer without secrets, to be quoted from."""
        text = reply.body.decode(errors="replace")
        hidden = self._secrets.redact(text)
        return reply if hidden == text else replace(reply, body=hidden.encode())

    def _commit(self, received: _Received, kept: Kept) -> None:
        before, answer, reply = self._destination.state, received.answer, received.reply
        if kept is not Kept.ALL:
            answer = replace(answer, state=before)
        with _collector_paused():
            loaded, accepted = self._destination.commit(
                self._plan.sync_id,
                answer.state,
                received.checked,
                self._clock.now(),
                partial(self._accepted, answer, received),
            )
        self.result.findings.add(*answer.findings)
        self.result.take(accepted, loaded)
        self.result.findings.add(*_content_type(reply), *self._no_progress(answer, reply, before))
        if kept is not Kept.ALL:
            self.result.findings.add(*_doubled(accepted.number, answer))
        self.result.state, self._digest = answer.state, _digest(reply.body)
        self._observer.accepted(accepted)
        if answer.has_more and self._is_stuck:
            raise self._stuck()

    def _accepted(self, answer: Answer, received: _Received, loaded: Loaded) -> AcceptedAnswer:
        return AcceptedAnswer(
            number=len(self.result.accepted) + 1,
            has_more=answer.has_more,
            rows=sum(map(len, answer.insert.values())),
            deletes=sum(map(len, answer.delete.values())),
            size=len(received.reply.body),
            seconds=received.reply.seconds,
            load_seconds=self._clock.elapsed() - received.read_from,
            invocation=reported_invocation(received.reply.headers),
            tables=loaded.counts,
        )

    def _count_empty(self, answer: Answer, before: str) -> None:
        moved = self._plan.rules.empty == "no-change" and answer.state != before
        self._empty = self._empty + 1 if answer.is_empty and not moved else 0

    @property
    def _is_stuck(self) -> bool:
        """Whether too many answers in a row had neither a row nor a delete."""
        return self._empty > MAX_EMPTY_ANSWERS

    def _stuck(self) -> FunctionError:
        problem = f"{self._empty} answers in a row had neither a row nor a delete; Fivetran ends a sync after {MAX_EMPTY_ANSWERS}"
        return FunctionError(
            problem, hint="Look for rows within one invocation before answering `hasMore: true`."
        )

    def _no_progress(self, answer: Answer, reply: FunctionReply, before: str) -> Iterator[Finding]:
        if (
            answer.has_more
            and answer.state == before
            and (answer.is_empty or _digest(reply.body) == self._digest)
        ):
            rows = "no rows and" if answer.is_empty else "the rows and"
            text = f"an answer with `hasMore: true` had {rows} the state of the one before: the next will be the same"
            yield Finding("no-progress", text, "Move the state on, or answer `hasMore: false`.")


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(body).digest()


def _timed(function: Sender, request: FunctionRequest, clock: SyncClock) -> FunctionReply:
    """The reply with its seconds by this sync's own clock, which may be a fixed one."""
    asked = clock.elapsed()
    reply = function.send(request)
    return replace(reply, seconds=clock.elapsed() - asked)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """No garbage collection inside.

    An answer of 10 MB becomes half a million objects without one cycle, and walking them again and again doubles the time it
    takes to decode them.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _doubled(number: int, answer: Answer) -> Iterator[Finding]:
    """What a repeated call does to tables without a key."""
    keyless = sorted(table for table, rows in answer.insert.items() if rows and not answer.keys.get(table))
    if keyless:
        text = f"call {number} was repeated, and the rows of {', '.join(keyless)} are there twice: no key distinguishes them"
        hint = "Any call may be repeated with the same state. Declare a primary_key in `schema`."
        yield Finding("repeat-doubled", text, hint)


def _content_type(reply: FunctionReply) -> Iterator[Finding]:
    found = reply.headers.get("Content-Type", "")
    if found.partition(";")[0].strip().lower() != "application/json":
        text = f"the answer's Content-Type is {found or 'missing'}"
        yield Finding(
            "content-type", text, "Send it as application/json; returning a dict does that in Flask."
        )
