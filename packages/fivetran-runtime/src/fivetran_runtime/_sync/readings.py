"""What there is to read in a sync, and the pass that reads it in one invocation."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from fivetran_runtime._arguments import kind_of
from fivetran_runtime._invocation import logs
from fivetran_runtime._invocation.budget import Budget
from fivetran_runtime._invocation.clock import clock
from fivetran_runtime._invocation.context import Invocation, Turn
from fivetran_runtime._invocation.failures import as_connector_error
from fivetran_runtime._scope import settings_digest
from fivetran_runtime._sync.batch import Batch, Deletes
from fivetran_runtime._sync.start import Terms
from fivetran_runtime._sync.state import State, TableState
from fivetran_runtime._sync.table_pass import CallHasEnded, Pass
from fivetran_runtime.errors import DefectError
from fivetran_runtime.operations import At
from fivetran_runtime.tables import Parents, Table

if TYPE_CHECKING:
    from fivetran_runtime._sync.child_sets import ChildSets
    from fivetran_runtime._sync.deletes import Missing


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


def readings(tables: Iterable[Table], config: Any) -> Iterator[Reading]:
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


class Passes:
    """Makes the passes of one invocation.

    Args:
        client: what table functions get.
        config: the configuration, for what a table makes of it.
        state: the connection's; its parts are moved on.
        budget: when to stop.
    """

    def __init__(self, client: Any, config: Any, state: State, budget: Budget) -> None:
        self._client, self._config = client, config
        self._state, self._budget = state, budget
        self._now = clock().now()
        self._settings = settings_digest(config)
        self._parents: dict[Parents, list[int | str]] = {}

    def of(
        self,
        reading: Reading,
        batch: Batch,
        *,
        failing: Collection[str] = (),
        may_restart: bool = True,
        may_wait: bool = False,
        digests: bool = False,
    ) -> Pass:
        """The pass of a reading, whose rows go into a batch; `failing` are the readings that fail in this sync.

        The other arguments are those of `Pass`.

        Raises:
            DefectError: the floor is not of the cursor's kind, or `parents=` gives no list.
        """
        table = reading.table
        children = self._children(table)
        options: dict[str, Any] = {
            "batch": batch,
            "budget": self._budget,
            "terms": self._terms(reading, failing),
            "children": children,
            "may_restart": may_restart,
            "may_wait": may_wait,
            "digests": digests,
        }
        if reading.keys is not None and reading.is_fetching:
            return self._fetching(reading, reading.keys, options)
        deletes, part = self._deletes(reading, children), self._state.table(reading.name)
        if table.parents is None:
            return Pass(deletes, part, **options)
        return self._by_parents(deletes, part, self._listed(table, table.parents), options)

    def _terms(self, reading: Reading, failing: Collection[str]) -> Terms:
        table = reading.table
        return Terms(
            floor=table.floor(self._config) if callable(table.floor) else table.floor,
            scope=table.scope_of(self._config, self._settings),
            embedded=self._embedded(reading, failing),
            place=self._settings,
            now=self._now,
        )

    def _fetching(self, reading: Reading, keys: str, options: dict[str, Any]) -> Pass:
        from fivetran_runtime._sync.delete_strategies import BesideListing  # noqa: PLC0415 - see `_deletes`
        from fivetran_runtime._sync.fetching import Fetching  # noqa: PLC0415 - see `_deletes`

        deletes = BesideListing(reading.table, self._missing(reading.table, keys))
        return Fetching(deletes, self._state.table(reading.table.name), **options)

    def _deletes(self, reading: Reading, children: ChildSets | None) -> Deletes:
        """How a reading's deletes are inferred."""
        if reading.keys is None:
            return Deletes(reading.table)
        from fivetran_runtime._sync.delete_strategies import BesideListing, ByListing  # noqa: PLC0415 - most infer none

        missing = self._missing(reading.table, reading.keys)
        if reading.is_listing:
            return ByListing(reading.table, missing, children)
        return BesideListing(reading.table, missing)

    def _missing(self, table: Table, keys: str) -> Missing:
        from fivetran_runtime._sync.deletes import Missing, room_for  # noqa: PLC0415 - see `_deletes`

        part = self._state.table(keys)
        return Missing(table, part, partial(room_for, part, self._state))

    def _by_parents(
        self, deletes: Deletes, part: TableState, listed: list[int | str], options: dict[str, Any]
    ) -> Pass:
        from fivetran_runtime._sync.deletes import room_for  # noqa: PLC0415 - most connectors have no such table
        from fivetran_runtime._sync.parents import ParentsPass  # noqa: PLC0415 - most connectors have no such table

        room = partial(room_for, part, self._state)
        return ParentsPass(deletes, part, listed=listed, room=room, **options)

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
        from fivetran_runtime._sync.deletes import room_for  # noqa: PLC0415 - most connectors have no such table

        part = self._state.table(table.name)
        return ChildSets(table, part, partial(room_for, part, self._state))

    def _embedded(self, reading: Reading, failing: Collection[str]) -> Mapping[int, Any] | None:
        """What the table's rows hold of other objects; None where it does not say, or another table fails.

        A source that does not tell its names, or hangs when it is asked for them, keeps no rows back. The names that are
        known stay in the state, and the next sync compares.
        """
        embeds = reading.table.embeds
        if embeds is None or reading.is_fetching or {*failing} - {reading.name}:
            return None
        try:
            return _names_of(embeds(self._client))
        except Exception as error:  # noqa: BLE001 - whatever it is, the rows can be read
            why = as_connector_error(error)
            text = f"Table {reading.table.name}: the names that its rows hold were not compared: {why}"
            logs.emit("WARNING", text, table=reading.table.name)
            return None


def _names_of(given: object) -> Mapping[int, Any]:
    """What `embeds=` gives, once it was looked at."""
    if not isinstance(given, Mapping) or not all(type(number) is int for number in given):
        message = (
            f"embeds= gave {kind_of(given)}; it gives a dict of each object's number (an int) to its name."
        )
        raise DefectError(message)
    return given


# Tables that are read at the same time
#
# Each goes on to its next `At` in its turn. Rows never run beside rows: one table's function runs at a time, and the order of
# turns is that of the declarations. What overlaps is the waiting, since the pages that tables have asked for ahead are on
# their way while the others have their turn. To a table it looks as if it were alone: what the others ask is none of its
# answers, and how long they take is none of its time.


class Reader:
    """One of the tables that take turns.

    Args:
        reading: which.
        steps: its part of this call.

    Attributes:
        reading: as above.
        has_rows: whether its turns have brought any.
    """

    def __init__(self, reading: Reading, steps: Generator[None, bool | None, object]) -> None:
        self.reading, self._steps, self._turn = reading, steps, Turn()
        self.has_rows = False

    def goes_on(self, invocation: Invocation) -> bool:
        """Whether it comes to another `At`; else it has ended."""
        is_first = self._turn.left_at is None
        with invocation.turn(self._turn), suppress(StopIteration):
            self._steps.send(None if is_first else True)
            return True
        return False

    def leave(self, invocation: Invocation) -> None:
        """End its part of the call at the `At` where it stands."""
        with invocation.turn(self._turn), suppress(StopIteration, CallHasEnded):
            self._steps.throw(CallHasEnded())


def take_turns(
    readers: Iterable[Reader],
    invocation: Invocation,
    *,
    size: Callable[[], int],
    has_ended: Callable[[], bool],
) -> Iterator[Reader]:
    """Let them read until all have ended, or the call has; gives each that has ended.

    Args:
        readers: the tables.
        invocation: the call.
        size: gives the bytes of the answer so far.
        has_ended: whether the call has; looked at before each turn.
    """
    waiting = deque(readers)
    while waiting and not has_ended():
        reader, before = waiting.popleft(), size()
        goes_on = reader.goes_on(invocation)
        reader.has_rows |= size() > before
        if goes_on:
            waiting.append(reader)
        else:
            yield reader
    for reader in waiting:
        reader.leave(invocation)
