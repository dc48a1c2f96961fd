"""One invocation's part of a sync: which tables to read, where to stop, and what to answer.

A sync is as many invocations as it takes until `hasMore` is false. Tables that are finished are not called again
before it ends; a table that fails, or comes to nothing in a whole call, is set aside until the others are done.

Each sync stands on its own: what is done and what failed counts under the same `sync_id` only. A call is an error when
it brings nothing new, and then the state Fivetran holds stays as it is. Why a sync ends: every answer that goes on
moves a position, finishes a table, or sets one aside (once each in a sync), and a source has an end. An open pass whose
position has expired begins again `MAX_RESTARTS` times in a sync.

A table that waits for its source (`Client.wait`) lets the others be read first, and then has the rest of the call's time. An
answer in which nothing has come but that it waits is an empty one, of which there are `MAX_EMPTY_ANSWERS` in a row.

Requests without a `sync_id` cannot say whether they begin a sync or go on with one: an error carries no state, so the
call after it looks like the call before it. So a call that is left with failing tables reads the finished ones again.
A finished table is new when its reading comes to its end within the call and its digest differs from the last one's,
or a listing has decided on keys that it did not find; its rows are sent and the digest is kept. When nothing is new,
the failure is reported. That ends, too: each later answer needs a change at the source, or a mark that has moved, and
marks follow one reading behind the source.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from fivetran_runtime._invocation import logs
from fivetran_runtime._invocation.budget import OutOfBudget, StillWaiting
from fivetran_runtime._invocation.clock import clock
from fivetran_runtime._invocation.context import Invocation
from fivetran_runtime._invocation.failures import as_connector_error, combined
from fivetran_runtime._scope import settings_digest
from fivetran_runtime._sync.batch import Batch
from fivetran_runtime._sync.delete_strategies import BesideListing, ByListing, Deletes
from fivetran_runtime._sync.deletes import Missing, no_room, room_for, too_many
from fivetran_runtime._sync.fetching import Fetching
from fivetran_runtime._sync.start import Terms
from fivetran_runtime._sync.state import State, TableState
from fivetran_runtime._sync.table_pass import Pass
from fivetran_runtime.errors import ConnectorError, DefectError, TransientError
from fivetran_runtime.operations import At
from fivetran_runtime.tables import Parents, Table

if TYPE_CHECKING:
    from fivetran_runtime._sync.child_sets import ChildSets

MAX_EMPTY_ANSWERS = 9
"""Empty answers in a row, after which the rest waits for the next sync; Fivetran ends a sync as failed after more than
10 (docs/protocol.md, "The call loop")."""

MAX_RESTARTS = 3
"""How often a pass begins again in one sync because the source no longer knows its position."""


class Progress(msgspec.Struct):
    """What an invocation came to.

    Attributes:
        cut: why it stopped before everything was read; None when nothing did.
        failures: the tables that failed, and how.
        waits: whether the rest waits for the next sync although something is unfinished.
    """

    batch: Batch = msgspec.field(default_factory=Batch)
    cut: str | None = None
    failures: dict[str, ConnectorError] = msgspec.field(default_factory=dict)
    waits: bool = False

    @property
    def has_more(self) -> bool:
        """Whether Fivetran is to call again."""
        return not self.waits and (self.cut is not None or bool(self.failures))


def read_tables(
    tables: Sequence[Table], client: Any, *, config: Any, state: State, invocation: Invocation
) -> Progress:
    """Read tables until all are finished or the budget ends; moves the state on.

    Raises:
        ConnectorError: nothing was read that is worth an answer; the state Fivetran holds stays as it is.
    """
    return _Call(tables, client, config, state, invocation).run()


def leave_to_next_call(state: State, invocation: Invocation) -> Progress:
    """Read nothing: what has changed in the state has to arrive before the source is asked for rows."""
    return _Call([], None, None, state, invocation).leave()


class Reading(msgspec.Struct, frozen=True):
    """Something to read to its end once in a sync: a table, the listing of its keys, or what the listing shows.

    Attributes:
        name: what it is called in the state: the table's name, with ".keys" for a listing, ".fetch" for its rest.
        keys: the part of the state with the keys that deletes are inferred from; None when none are.
        is_listing: whether it shows which keys there are.
        is_fetching: whether it only asks for rows that a listing shows.
    """

    name: str
    table: Table
    keys: str | None = None
    is_listing: bool = False
    is_fetching: bool = False


def _readings(tables: Iterable[Table], config: Any) -> Iterator[Reading]:
    """All there is to read; a listing before its table, so that what the table brings after it stays."""
    for table in tables:
        if not table.deletes_missing(config):
            yield Reading(table.name, table)
        elif (listing := table.listing_table()) is None:
            yield Reading(table.name, table, table.name, is_listing=True)
        else:
            keys = f"{table.name}.keys"
            yield Reading(keys, listing, keys, is_listing=True)
            yield Reading(table.name, table, keys)
            if table.fetch is not None:
                yield Reading(f"{table.name}.fetch", table, keys, is_fetching=True)


def _deletes_of(reading: Reading, missing: Missing | None, children: ChildSets | None) -> Deletes:
    """How a reading's deletes are inferred."""
    if missing is None:
        return Deletes(reading.table)
    if reading.is_listing:
        return ByListing(reading.table, missing, children)
    return BesideListing(reading.table, missing)


class _Call:
    """One invocation."""

    def __init__(
        self, tables: Sequence[Table], client: Any, config: Any, state: State, invocation: Invocation
    ) -> None:
        self._client = client
        self._config = config
        self._state = state
        self._invocation = invocation
        self._budget = invocation.budget
        self._sync = state.begin(invocation.sync_id)
        self._readings = list(_readings(tables, config))
        self._finished_before = list(self._sync.done)
        self._progress = Progress()
        self._began_again = False
        self._lacked_time = False
        self._waits: dict[str, str] = {}
        """What each reading waits for that has come to a wait in this call, and has not gone on since."""
        self._now = clock().now()
        self._settings = settings_digest(config)
        self._parents: dict[Parents, list[int | str]] = {}

    def run(self) -> Progress:
        before = copy.deepcopy((self._state.parts(), self._sync.done, self._sync.failed))
        if self._would_be_starved() and self._read_finished_again():
            self._progress.cut = "time"
            self._settle(is_new=True)
            return self._progress
        self._read_unfinished()
        self._note_too_many_keys()
        self._sync.failed = sorted({*self._sync.failed, *self._progress.failures} - {*self._sync.done})
        is_new = self._is_new(*before)
        if self._may_be_another_sync(is_new=is_new, failed=before[2]):
            is_new |= self._read_finished_again() or self._has_to_read_again_next(before[2])
        self._settle(is_new=is_new)
        return self._progress

    def leave(self) -> Progress:
        self._progress.cut = "token"
        self._settle(is_new=True)
        return self._progress

    def _read_unfinished(self) -> None:
        """Read what is unfinished, as declared; what brought no rows or failed earlier in this sync comes last."""
        sync = self._sync
        unfinished = [reading for reading in self._readings if reading.name not in sync.done]
        unfinished.sort(key=lambda reading: (reading.name in sync.failed, reading.table.name in sync.waiting))
        fresh = [reading for reading in unfinished if reading.name not in sync.failed]
        failed = unfinished[len(fresh) :]
        # Of an answer after which the sync would end, without a word of what failed: nothing is waited for then.
        is_last_chance = bool(failed) and self._sync.empty + 1 >= MAX_EMPTY_ANSWERS
        self._read_each(fresh, others_first=len(fresh) > 1 or is_last_chance)
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
            before = self._progress.batch.bytes
            share = 1 / (len(readings) - place) if shared else self._share(readings[place:])
            self._invocation.others_first = others_first
            with self._budget.part(share):
                self._read(reading, is_first=is_first and place == 0)
            if self._progress.cut:
                self._let_others_first(reading, has_rows=self._progress.batch.bytes > before)

    def _has_ended(self) -> bool:
        """Whether what is left has to wait for another call."""
        progress = self._progress
        if progress.failures and not self._budget.remaining():
            progress.cut = progress.cut or "time"
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

    def _read(self, reading: Reading, *, is_first: bool) -> None:
        """Read on until its end or the budget's."""
        progress, part = self._progress, self._state.table(reading.name)
        before = part.dump()
        tried = is_first or reading.name in self._sync.failed
        reader = None
        try:
            reader = self._pass(reading, progress.batch, may_wait=not tried)
            progress.cut = reader.run(self._client)
        except StillWaiting as stop:
            if part.at is None:
                progress.failures[reading.name] = _waits_for_nothing(reading.table, stop)
            else:
                self._waits[reading.name] = stop.why
        except OutOfBudget as stop:
            if stop.cut in ("bytes", "token") or part.dump() != before or not tried:
                progress.cut = stop.cut
            else:
                progress.failures[reading.name] = self._no_progress(reading.table, stop)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever it is, the other tables go on
            progress.failures[reading.name] = as_connector_error(error, table=reading.table.name)
        else:
            if progress.cut is None:
                self._finish(reading, reader)
        if reader is not None and reader.restarted:
            self._sync.restarts[reading.name] = self._sync.restarts.get(reading.name, 0) + 1
            self._began_again |= reading.name not in progress.failures

    def _pass(self, reading: Reading, batch: Batch, *, may_wait: bool = False) -> Pass:
        table, missing = reading.table, self._missing(reading)
        terms = Terms(
            floor=table.floor(self._config) if callable(table.floor) else table.floor,
            scope=table.scope_of(self._config, self._settings),
            embedded=self._embedded(reading),
            place=self._settings,
            now=self._now,
        )
        options: dict[str, Any] = {
            "batch": batch,
            "budget": self._budget,
            "terms": terms,
            "may_restart": self._may_restart(reading),
            "may_wait": may_wait,
            "digests": self._sync.id is None,
        }
        children = self._children(table)
        options["children"] = children
        if missing is not None and reading.is_fetching:
            return Fetching(BesideListing(table, missing), TableState(), **options)
        deletes, part = _deletes_of(reading, missing, children), self._state.table(reading.name)
        if table.parents is None:
            return Pass(deletes, part, **options)
        from fivetran_runtime._sync.parents import ParentsPass  # noqa: PLC0415 - most connectors have no such table

        parents = self._listed(table, table.parents)
        return ParentsPass(deletes, part, listed=parents, room=room_for(part, self._state), **options)

    def _listed(self, table: Table, parents: Parents) -> list[int | str]:
        """The parents there are; tables that name the same function ask once in a call."""
        if parents not in self._parents:
            listed = parents(self._client)
            if isinstance(listed, str | Mapping) or not isinstance(listed, Iterable):
                message = f"Table {table.name}: parents= gave {listed!r:.40}; it gives the keys of several."
                raise DefectError(message, hint="Give a list of them, or yield them.")
            self._parents[parents] = [one for one in listed if not isinstance(one, At)]  # as pages() has them
        return self._parents[parents]

    def _children(self, table: Table) -> ChildSets | None:
        """The complete sets of the table's children, for its listing, too."""
        if not table.children:
            return None
        from fivetran_runtime._sync.child_sets import ChildSets  # noqa: PLC0415 - most connectors have no such table

        part = self._state.table(table.name)
        return ChildSets(table, part, room_for(part, self._state))

    def _missing(self, reading: Reading) -> Missing | None:
        if reading.keys is None:
            return None
        part = self._state.table(reading.keys)
        return Missing(reading.table, part, room_for(part, self._state))

    def _embedded(self, reading: Reading) -> Mapping[int, Any] | None:
        """What the table's rows hold of other objects; None where it does not say, or another table fails.

        A source that does not tell its names, or hangs when it is asked for them, keeps no rows back. The names that are
        known stay in the state, and the next sync compares.
        """
        embeds, sync = reading.table.embeds, self._sync
        others = {*sync.failed, *self._progress.failures} - {*sync.done, reading.name}
        if embeds is None or reading.is_fetching or others:
            return None
        try:
            return embeds(self._client)
        except Exception as error:  # noqa: BLE001 - whatever it is, the rows can be read
            why = as_connector_error(error)
            text = f"Table {reading.table.name}: the names that its rows hold were not compared: {why}"
            logs.emit("WARNING", text, table=reading.table.name)
            return None

    def _may_restart(self, reading: Reading) -> bool:
        """Without a sync id nothing ends the count but an answer, so there the sync is ended (`_settle`)."""
        return self._sync.id is None or self._sync.restarts.get(reading.name, 0) < MAX_RESTARTS

    def _finish(self, reading: Reading, reader: Pass) -> None:
        sync = self._sync
        sync.done = [*sync.done, reading.name]
        sync.restarts.pop(reading.name, None)
        if reader.digest is not None:
            sync.read[reading.name] = _text(reader.digest)

    def _no_progress(self, table: Table, stop: OutOfBudget) -> TransientError:
        seconds = f"{self._budget.limits.seconds:g} s"
        return TransientError(
            f"Table {table.name}: nothing could be completed within the function's {seconds}: {stop.why}.",
            hint=f"The next sync tries again from the same state.{'' if stop.cut == 'wait' else _IF_IT_STAYS}",
        )

    def _note_too_many_keys(self) -> None:
        """Tables whose keys had no room fail at the end, when their rows and all others were sent."""
        if self._progress.cut:
            return
        for reading in self._readings:
            if reading.name not in self._sync.done:
                continue
            part = self._state.table(reading.keys) if reading.keys else None
            if part is not None and part.over:
                self._progress.failures.setdefault(reading.keys or "", too_many(reading.table, part))
            for what, count in self._state.table(reading.name).no_room.items():
                self._progress.failures.setdefault(reading.name, no_room(reading.table, what, count))

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

        However far they got: a source that gives one page again and again moves a position for ever.
        """
        names = {
            name
            for name, error in self._progress.failures.items()
            if name in failed and not isinstance(error, TransientError)
        }
        return names | {f"{name}.keys" for name in names}

    # Without a sync id

    def _may_be_another_sync(self, *, is_new: bool, failed: list[str]) -> bool:
        """Whether what is called finished may be so since an earlier sync, one that has failed."""
        if self._sync.id is not None or self._progress.cut:
            return False
        return not is_new if self._progress.failures else bool(failed)

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
        """Read what was finished by an earlier call once more; whether that brought anything new.

        Each gets its share of the time that is left, so that one which hangs now keeps out neither the other finished
        ones nor those that are left.
        """
        is_new = False
        again = [reading for reading in self._readings if reading.name in self._finished_before]
        self._invocation.others_first = True
        for place, reading in enumerate(again):
            before, batch = copy.deepcopy(self._state.tables), Batch()
            with self._budget.part(1 / (len(again) - place + 1)):
                digest = self._digest_of(reading, batch)
            is_known = digest == self._sync.read.get(reading.name) and not self._has_decided(reading, before)
            if digest is None or is_known or not self._fits(batch):
                self._state.tables = before
                continue
            self._progress.batch.take(batch)
            self._sync.read[reading.name] = digest or ""
            is_new = True
        return is_new

    def _has_to_read_again_next(self, failed: list[str]) -> bool:
        """Whether finished ones wait behind a table that has taken their time, and the state does not name it yet.

        An answer that names it costs a call; an error would forget it, and the call after it would begin with that table.
        """
        return self._lacked_time and self._sync.failed != failed

    def _has_decided(self, reading: Reading, before: Mapping[str, TableState]) -> bool:
        """Whether a listing has decided on keys that it did not find: a second one like the first deletes them."""
        if not reading.is_listing or reading.keys is None:
            return False
        parts = (before.get(reading.keys, TableState()), self._state.table(reading.keys))
        old, new = ((part.missed, part.held, part.gone) for part in parts)
        return old != new

    def _digest_of(self, reading: Reading, batch: Batch) -> str | None:
        """The digest of a whole pass; None when it does not come to its end in this call."""
        try:
            reader = self._pass(reading, batch)
            cut = reader.run(self._client)
        except OutOfBudget as stop:
            self._lacked_time |= stop.cut != "bytes" and not isinstance(stop, StillWaiting)
            return None
        except Exception:  # noqa: BLE001 - the failure that is reported is the other table's
            return None
        self._lacked_time |= cut == "time"
        return None if cut or reader.digest is None else _text(reader.digest)

    def _fits(self, batch: Batch) -> bool:
        return self._progress.batch.bytes + batch.bytes <= self._budget.row_bytes

    # The answer

    def _settle(self, *, is_new: bool) -> None:
        """Decide what failures and emptiness mean for the answer."""
        progress, sync = self._progress, self._sync
        if not progress.has_more:
            self._state.sync = None
            return
        if not is_new:
            raise combined(progress.failures) if progress.failures else _unmoving()
        sync.empty = 0 if progress.batch else sync.empty + 1
        if self._waits and progress.failures and sync.empty >= MAX_EMPTY_ANSWERS:
            raise combined(progress.failures)
        if sync.empty >= MAX_EMPTY_ANSWERS:
            # With a failure to be reported it goes on until Fivetran ends it as failed; the positions are kept either way.
            waits = "".join(f"; table {name} waits: {why}" for name, why in self._waits.items())
            why = f"{sync.empty} answers in a row have brought no rows{waits}"
            self._leave_the_rest(why, ends=not sync.failed)
        elif sync.id is None and max(sync.restarts.values(), default=0) > MAX_RESTARTS:
            self._leave_the_rest(f"a pass has begun again more than {MAX_RESTARTS} times", ends=True)

    def _leave_the_rest(self, why: str, *, ends: bool) -> None:
        """Forget what this sync has finished: the next call starts over, in the next sync (`ends`) or within this one."""
        self._state.sync = None
        self._progress.waits = ends
        if ends:
            logs.emit("WARNING", f"The sync ends here and the next one goes on from this state: {why}.")


def _text(digest: int) -> str:
    return f"{digest % 2**64:016x}"


def _unmoving() -> DefectError:
    return DefectError(
        "The position does not move: another call would get the same state and read the same rows again.",
        hint="Yield At(...) with arguments that change.",
    )


def _waits_for_nothing(table: Table, stop: StillWaiting) -> DefectError:
    return DefectError(
        f"Table {table.name}: wait(...) without an At before it ({stop.why}): the next call would not know what to ask for.",
        hint="Yield At(...) with what names it, such as the job's id, before waiting.",
    )


_IF_IT_STAYS = " If this stays, raise the time-out or yield At(...) more often."
