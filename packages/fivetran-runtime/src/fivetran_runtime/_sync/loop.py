"""One invocation's part of a sync: which tables to read, where to stop, and what came of it.

A sync is as many invocations as it takes until nothing is left. Tables that are finished are not called again
before it ends; a table that fails, or comes to nothing in a whole call, is set aside until the others are done.

Each sync stands on its own: what is done and what failed counts under the same sync id only. What a call that brings
nothing new means, or one without rows, the host's rules say (`HostRules`). Why a sync ends: every answer that goes on
moves a position, finishes a table, or sets one aside (once each in a sync), and a source has an end. An open pass whose
position has expired begins again `MAX_RESTARTS` times in a sync.

A table that waits for its source (`Client.wait`) lets the others be read first, and then has the rest of the call's time.
Without a sync id, what was finished before may be read again (`reread.py`).
"""

from __future__ import annotations

import copy
from collections.abc import Generator, Sequence
from threading import current_thread, main_thread
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from fivetran_runtime._invocation import logs
from fivetran_runtime._invocation.budget import LimitReached, OutOfBudget, StillWaiting, TokenRanOut
from fivetran_runtime._invocation.context import Invocation
from fivetran_runtime._invocation.failures import as_connector_error, combined
from fivetran_runtime._sync.batch import Batch, digest_text
from fivetran_runtime._sync.readings import Passes, Reader, Reading, readings, take_turns
from fivetran_runtime._sync.state import State, SyncState
from fivetran_runtime._sync.table_pass import CallHasEnded, Pass
from fivetran_runtime.errors import ConfigurationError, ConnectorError, DefectError, TransientError
from fivetran_runtime.tables import Table

if TYPE_CHECKING:
    from fivetran_runtime._sync.reread import Rereading

MAX_RESTARTS = 3
"""How often a pass begins again in one sync because the source no longer knows its position."""


class Progress(msgspec.Struct):
    """What an invocation came to.

    Attributes:
        cut: why it stopped before everything was read; None when nothing did.
        failures: the tables that failed, and how.
        waits: what each table waits for at its source, by the name of its reading.
        limits: the error of each that waits for a rate limit, for the case that it waits for too long.
        is_new: whether another call is worth it: it would find another state, or rows were read to their end.
        leaves_the_rest: whether the rest waits for the next sync although something is unfinished.
    """

    batch: Batch = msgspec.field(default_factory=Batch)
    cut: str | None = None
    failures: dict[str, ConnectorError] = msgspec.field(default_factory=dict)
    waits: dict[str, str] = msgspec.field(default_factory=dict)
    limits: dict[str, ConnectorError] = msgspec.field(default_factory=dict)
    is_new: bool = True
    leaves_the_rest: bool = False

    @property
    def is_unfinished(self) -> bool:
        """Whether something was left: by a cut, or by a table that failed."""
        return self.cut is not None or bool(self.failures)

    @property
    def has_more(self) -> bool:
        """Whether the sync goes on with another invocation."""
        return self.is_unfinished and not self.leaves_the_rest

    def failure(self) -> ConnectorError:
        """The error of an invocation that has brought nothing new."""
        failures = self.failures | self.limits
        return combined(failures) if failures else _unmoving()


class Leave(msgspec.Struct, frozen=True):
    """The rest is left: to the next sync, or to this one from its beginning.

    Attributes:
        why: a part of a sentence.
        ends: whether the sync ends here.
    """

    why: str
    ends: bool

    @classmethod
    def after_empty(cls, progress: Progress, sync: SyncState, *, ends: bool) -> Leave:
        """Because many answers in a row have brought no rows."""
        waits = "".join(f"; table {name} waits: {why}" for name, why in progress.waits.items())
        return cls(f"{sync.empty} answers in a row have brought no rows{waits}", ends)


class HostRules(Protocol):
    """What the host makes of answers that bring little."""

    max_empty_answers: int
    """How many answers in a row may be without rows."""

    def settle(self, progress: Progress, sync: SyncState) -> Leave | None:
        """What to make of an answer that brings something new and leaves something unfinished; None to go on.

        `sync.empty` counts it already.

        Raises:
            ConnectorError: a failure that would never be reported otherwise.
        """


def read_tables(
    tables: Sequence[Table],
    client: Any,
    *,
    config: Any,
    state: State,
    invocation: Invocation,
    rules: HostRules,
) -> Progress:
    """Read tables until all are finished or the budget ends; moves the state on.

    Raises:
        ConnectorError: nothing was read that is worth an answer; the state that is held stays as it is.
    """
    return _Call(tables, client, config, state, invocation, rules).run()


def leave_to_next_call(state: State, invocation: Invocation, rules: HostRules) -> Progress:
    """Read nothing: what has changed in the state has to arrive before the source is asked for rows."""
    return _Call([], None, None, state, invocation, rules).leave()


class _Call:
    """One invocation."""

    def __init__(
        self,
        tables: Sequence[Table],
        client: Any,
        config: Any,
        state: State,
        invocation: Invocation,
        rules: HostRules,
    ) -> None:
        self._client, self._state, self._rules = client, state, rules
        self._invocation, self._budget = invocation, invocation.budget
        self._sync = state.begin(invocation.sync_id)
        self._readings = list(readings(tables, config))
        self._passes = Passes(client, config, state, self._budget)
        self._finished_before = list(self._sync.done)
        self._progress = Progress()
        self._waits = self._progress.waits
        """What each reading waits for that has come to a wait in this call, and has not gone on since."""
        self._began_again = False
        self._again: Rereading | None = None

    def run(self) -> Progress:
        before = copy.deepcopy((self._state.parts(), self._sync.done, self._sync.failed))
        progress = self._progress
        if self._would_be_starved() and self._read_finished_again():
            progress.cut = "time"
            self._settle()
            return progress
        self._invocation.answer = progress.batch
        self._read_unfinished()
        self._invocation.answer = None  # which outlives the call
        self._note_too_many_keys()
        self._sync.failed = sorted({*self._sync.failed, *progress.failures} - {*self._sync.done})
        progress.is_new = self._is_new(*before)
        if self._may_be_another_sync(failed=before[2]):
            progress.is_new |= self._read_finished_again() or self._has_to_read_again_next(before[2])
        self._settle()
        return progress

    def leave(self) -> Progress:
        self._progress.cut = "token"
        self._settle()
        return self._progress

    # The order of reading

    def _read_unfinished(self) -> None:
        """Read what is unfinished, as declared; what brought no rows or failed earlier in this sync comes last."""
        sync = self._sync
        unfinished = [reading for reading in self._readings if reading.name not in sync.done]
        unfinished.sort(key=lambda reading: (reading.name in sync.failed, reading.table.name in sync.waiting))
        fresh = [reading for reading in unfinished if reading.name not in sync.failed]
        failed = unfinished[len(fresh) :]
        # Of an answer after which the sync would end, without a word of what failed: nothing is waited for then.
        is_last_chance = bool(failed) and self._sync.empty + 1 >= self._rules.max_empty_answers
        in_turns = self._in_turns(fresh)
        self._read_in_turns(in_turns)
        in_a_row = [reading for reading in fresh if reading not in in_turns]
        self._read_each(in_a_row, is_first=not in_turns, others_first=len(fresh) > 1 or is_last_chance)
        if len(fresh) > 1 and not is_last_chance:
            self._read_each([reading for reading in fresh if reading.name in self._waits], shared=True)
        if is_last_chance or not self._waits:
            self._read_each(failed, is_first=not fresh)
        if self._waits and not self._progress.cut:
            self._progress.cut = "wait"

    def _read_each(
        self,
        readings: Sequence[Reading],
        *,
        is_first: bool = True,
        others_first: bool = False,
        shared: bool = False,
    ) -> None:
        """Read them in turn, unless the call has ended; those that wait for their source stay in `_waits`."""
        for place, reading in enumerate(readings):
            if self._has_ended():
                return
            self._waits.pop(reading.name, None)
            self._progress.limits.pop(reading.name, None)
            before = self._progress.batch.bytes
            share = 1 / (len(readings) - place) if shared else self._share(readings[place:])
            self._invocation.others_first = others_first
            with self._budget.part(share):
                self._read(reading, is_first=is_first and place == 0)
            if self._progress.cut:
                self._let_others_first(reading, has_rows=self._progress.batch.bytes > before)

    def _in_turns(self, fresh: Sequence[Reading]) -> Sequence[Reading]:
        """Those that are declared to be read at the same time; one that takes whole calls for itself is not."""
        found = [one for one in fresh if one.table.parallel and one.table.name not in self._sync.waiting]
        return found if len(found) > 1 else ()

    def _read_in_turns(self, readings: Sequence[Reading]) -> None:
        """Read tables at the same time; the first that is cut ends the call."""
        if not readings:
            return
        self._invocation.others_first = True
        batch = self._progress.batch
        readers = [
            Reader(reading, self._steps(reading, is_first=place == 0))
            for place, reading in enumerate(readings)
        ]
        for one in take_turns(readers, self._invocation, size=lambda: batch.bytes, has_ended=self._has_ended):
            if self._progress.cut:
                self._let_others_first(one.reading, has_rows=one.has_rows)

    def _has_ended(self) -> bool:
        """Whether what is left has to wait for another call."""
        progress = self._progress
        if progress.failures and not self._budget.remaining():
            progress.cut = progress.cut or "time"
        progress.cut = progress.cut or self._budget.ended_by(progress.batch.bytes)
        return progress.cut is not None

    def _share(self, left: Sequence[Reading]) -> float:
        """What the first of these may take of the time that is left.

        Without a sync id an error forgets which table took all the time, so the next call would read it first again.
        """
        has_failed = left[0].name in self._sync.failed
        return 1 / len(left) if self._sync.id is None and has_failed else 1

    def _let_others_first(self, reading: Reading, *, has_rows: bool) -> None:
        """A list that goes on for ever without a row must not keep the other tables out."""
        sync, name = self._sync, reading.table.name
        if self._progress.cut not in ("bytes", "token") and not has_rows and name not in sync.waiting:
            sync.waiting = [*sync.waiting, name]

    # One reading

    def _read(self, reading: Reading, *, is_first: bool) -> None:
        """Read on until its end or the budget's."""
        for _ in self._steps(reading, is_first=is_first):
            pass

    def _steps(self, reading: Reading, *, is_first: bool) -> Generator[None, bool | None, None]:
        """The same; stops at each `At`."""
        part = self._state.table(reading.name)
        before = part.dump()
        tried = is_first or reading.name in self._sync.failed
        reader = None
        try:
            reader = self._pass(reading, may_wait=not tried)
            self._progress.cut = yield from reader.steps(self._client)
        except CallHasEnded:
            pass
        except OutOfBudget as stop:
            self._stopped(reading, stop, has_moved=part.dump() != before, tried=tried)
        except BaseException as error:  # whatever it is, the other tables go on
            if isinstance(error, KeyboardInterrupt) and current_thread() is main_thread():
                raise  # Ctrl-C: Python raises it in no other thread
            self._progress.failures[reading.name] = as_connector_error(error, table=reading.table.name)
        else:
            if self._progress.cut is None:
                self._finish(reading, reader)
        if reader is not None and reader.restarted:
            self._count_restart(reading)

    def _stopped(self, reading: Reading, stop: OutOfBudget, *, has_moved: bool, tried: bool) -> None:
        """The budget has ended between two Ats, or the table waits for its source."""
        progress, table = self._progress, reading.table
        if isinstance(stop, LimitReached):
            self._waits[reading.name] = stop.why
            progress.limits[reading.name] = _limited(table, stop, self._sync.empty + 1)
        elif isinstance(stop, StillWaiting):
            if self._state.table(reading.name).at is None:
                progress.failures[reading.name] = _waits_for_nothing(table, stop)
            else:
                self._waits[reading.name] = stop.why
        elif tried and not has_moved and self._outruns_tokens(reading, stop):
            progress.failures[reading.name] = _outrun(table, stop)
        elif stop.cut in ("bytes", "token") or has_moved or not tried:
            progress.cut = stop.cut
        else:
            progress.failures[reading.name] = self._no_progress(table, stop)

    def _outruns_tokens(self, reading: Reading, stop: OutOfBudget) -> bool:
        """Whether fresh access tokens have run out again and again before a table's first `At`, and no table has sent a row.

        Behind an `At` it may wait for its source, which ends at some time.
        """
        is_at_its_beginning = self._state.table(reading.name).at is None and not self._progress.batch
        return isinstance(stop, TokenRanOut) and is_at_its_beginning and self._sync.empty >= _EMPTY_BY_TOKENS

    def _pass(self, reading: Reading, *, may_wait: bool) -> Pass:
        sync = self._sync
        return self._passes.of(
            reading,
            self._progress.batch,
            failing={*sync.failed, *self._progress.failures} - {*sync.done},
            may_restart=self._may_restart(reading),
            may_wait=may_wait,
            digests=sync.id is None,
        )

    def _may_restart(self, reading: Reading) -> bool:
        """Without a sync id nothing ends the count but an answer, so there the host's rules end the sync."""
        return self._sync.id is None or self._sync.restarts.get(reading.name, 0) < MAX_RESTARTS

    def _count_restart(self, reading: Reading) -> None:
        self._sync.restarts[reading.name] = self._sync.restarts.get(reading.name, 0) + 1
        self._began_again |= reading.name not in self._progress.failures

    def _finish(self, reading: Reading, reader: Pass) -> None:
        sync = self._sync
        sync.done = [*sync.done, reading.name]
        sync.restarts.pop(reading.name, None)
        if reader.digest is not None:
            sync.read[reading.name] = digest_text(reader.digest)

    def _no_progress(self, table: Table, stop: OutOfBudget) -> TransientError:
        more_time = self._budget.wording.more_time
        if_it_stays = "" if stop.cut == "wait" else f" If this stays, {more_time}."
        return TransientError(
            f"Table {table.name}: nothing could be completed{self._budget.allotted()}: {stop.why}.",
            hint=f"The next sync tries again from the same state.{if_it_stays}",
        )

    def _note_too_many_keys(self) -> None:
        """Tables whose keys had no room fail at the end, when their rows and all others were sent."""
        if self._progress.cut:
            return
        for reading in self._readings:
            if reading.name in self._sync.done:
                self._note_no_room(reading)

    def _note_no_room(self, reading: Reading) -> None:
        part = self._state.table(reading.keys) if reading.keys else None
        lacking = self._state.table(reading.name).no_room
        if not lacking and (part is None or not part.over):
            return
        from fivetran_runtime._sync.deletes import no_room, too_many  # noqa: PLC0415 - most connectors infer none

        if part is not None and part.over:
            self._progress.failures.setdefault(reading.keys or "", too_many(reading.table, part))
        for what, count in lacking.items():
            self._progress.failures.setdefault(reading.name, no_room(reading.table, what, count))

    # Whether it was worth an answer

    def _is_new(self, parts: dict[str, Any], done: list[str], failed: list[str]) -> bool:
        """Whether another call is worth it: it would find another state, or rows were read to their end."""
        if self._progress.cut == "token":
            return True
        hopeless = self._failed_for_good(failed)
        now = self._state.parts()
        if self._began_again or any(
            now.get(name) != parts.get(name) for name in (now.keys() | parts.keys()) - hopeless
        ):
            return True
        finished = self._sync.done != done
        if self._progress.cut:
            waits = bool(self._waits) and not self._progress.batch
            return finished or waits or self._sync.failed != failed
        return finished and bool(self._progress.batch)

    def _failed_for_good(self, failed: list[str]) -> set[str]:
        """The parts of tables that have failed twice in this sync, for a reason that another try does not change.

        However far they got: a source that gives one page again and again moves a position for ever. Those that were read
        to their end, and only lack room for their keys, do not.
        """
        names = {
            name
            for name, error in self._progress.failures.items()
            if name in failed and name not in self._sync.done and not isinstance(error, TransientError)
        }
        return names | {f"{name}.keys" for name in names}

    def _settle(self) -> None:
        """Let the host's rules decide what failures and emptiness mean for the sync.

        Raises:
            ConnectorError: nothing new has come, so another call would find the same; or by the rules.
        """
        progress, sync = self._progress, self._sync
        if not progress.is_unfinished:
            self._state.sync = None
            return
        if not progress.is_new:
            raise progress.failure()
        sync.empty = 0 if progress.batch else sync.empty + 1
        leave = self._rules.settle(progress, sync)
        if leave is not None:
            self._leave_the_rest(leave)

    def _leave_the_rest(self, leave: Leave) -> None:
        """Forget what this sync has finished: the next call starts over, in the next sync or within this one."""
        self._state.sync = None
        self._progress.leaves_the_rest = leave.ends
        if leave.ends:
            logs.emit("WARNING", f"The sync ends here and the next one goes on from this state: {leave.why}.")

    # Without a sync id

    def _may_be_another_sync(self, *, failed: list[str]) -> bool:
        """Whether what is called finished may be so since an earlier sync, one that has failed."""
        if self._sync.id is not None or self._progress.cut:
            return False
        return not self._progress.is_new if self._progress.failures else bool(failed)

    def _would_be_starved(self) -> bool:
        """Whether all that is left has used up a call or failed before: it may take the time of this one, too."""
        sync = self._sync
        left = [reading for reading in self._readings if reading.name not in sync.done]
        return (
            sync.id is None
            and bool(sync.done)
            and all(reading.name in sync.failed or reading.table.name in sync.waiting for reading in left)
        )

    def _read_finished_again(self) -> bool:
        """Read what was finished by an earlier call once more; whether that brought anything new."""
        if self._again is None:
            from fivetran_runtime._sync.reread import Rereading  # noqa: PLC0415 - only without a sync id

            self._again = Rereading(self._passes, self._client, self._state, self._sync, self._budget)
        self._invocation.others_first = True
        finished = [reading for reading in self._readings if reading.name in self._finished_before]
        return self._again.read(finished, self._progress.batch)

    def _has_to_read_again_next(self, failed: list[str]) -> bool:
        """Whether finished ones wait behind a table that has taken their time, and the state does not name it yet.

        An answer that names it costs a call; an error would forget it, and the call after it would begin with that table.
        """
        return self._again is not None and self._again.lacked_time and self._sync.failed != failed


def _unmoving() -> DefectError:
    return DefectError(
        "The position does not move: another call would get the same state and read the same rows again.",
        hint="Yield At(...) with arguments that change.",
    )


def _limited(table: Table, stop: LimitReached, answers: int) -> TransientError:
    return TransientError(
        f"Table {table.name}: {answers} answers in a row have brought no rows, since the source asks to wait: {stop.why}.",
        hint="The next sync goes on from the same state.",
    )


_EMPTY_BY_TOKENS = 3  # an exchange, a call that its token was too short for, and another exchange


def _outrun(table: Table, stop: OutOfBudget) -> ConfigurationError:
    return ConfigurationError(
        f"Table {table.name} needs longer before its first row than an access token holds: {stop.why}.",
        hint="Let access tokens hold for longer at the source, or let the table ask for less before its first row.",
    )


def _waits_for_nothing(table: Table, stop: StillWaiting) -> DefectError:
    return DefectError(
        f"Table {table.name}: wait(...) without an At before it ({stop.why}): the next call would not know what to ask for.",
        hint="Yield At(...) with what names it, such as the job's id, before waiting.",
    )
