"""One invocation's part of a sync: which tables to read, where to stop, and what to answer.

A sync is as many invocations as it takes until `hasMore` is false. Tables that are finished are not called again
before it ends; a table that fails is set aside, with what it has committed, until the others are done.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from fivetran_runtime.batch import Batch
from fivetran_runtime.budget import OutOfBudget
from fivetran_runtime.errors import SEVEREST_FIRST, ConnectorError, DefectError, TransientError
from fivetran_runtime.failures import as_connector_error
from fivetran_runtime.invocation import Invocation
from fivetran_runtime.missing import Missing
from fivetran_runtime.passes import Listing, Pass
from fivetran_runtime.state import State, SyncState
from fivetran_runtime.tables import Table

EMPTY_ANSWERS = 3
"""Empty answers in a row; Fivetran ends a sync after more than 10 (docs/protocol.md, "The call loop")."""


@dataclass
class Progress:
    """What an invocation came to.

    Attributes:
        cut: why it stopped before everything was read; None when nothing did.
        failures: the tables that failed, and how.
    """

    batch: Batch = field(default_factory=Batch)
    cut: str | None = None
    failures: dict[str, ConnectorError] = field(default_factory=dict)
    moved: bool = False

    @property
    def has_more(self) -> bool:
        """Whether Fivetran is to call again."""
        return self.cut is not None or bool(self.failures)


def read_tables(
    tables: Sequence[Table], client: Any, *, config: Any, state: State, invocation: Invocation
) -> Progress:
    """Read tables until all are finished or the budget ends; moves the state on.

    Raises:
        ConnectorError: nothing was read that is worth an answer; the state Fivetran holds stays as it is.
    """
    before = state.dump()
    sync = state.begin(invocation.sync_id)
    progress = Progress()
    for reading in _in_order(_readings(tables, config), sync):
        _read(reading, client, config=config, state=state, invocation=invocation, progress=progress)
        if progress.cut:
            break
    _settle(progress, sync)
    if not progress.has_more:
        state.sync = None
    elif _without_counter(state.dump()) == _without_counter(before):
        raise DefectError(
            "The position does not move: another call would get the same state and read the same rows again.",
            hint="Yield At(...) with arguments that change.",
        )
    return progress


@dataclass(frozen=True)
class Reading:
    """Something to read to its end once in a sync: a table, or the listing of its keys.

    Attributes:
        name: what it is called in the state: the table's name, with ".keys" for a listing.
        learns_for: the listing that must know which rows this table sent.
    """

    name: str
    table: Table
    deletes_missing: bool
    learns_for: Reading | None = None


def _readings(tables: Iterable[Table], config: Any) -> Iterator[Reading]:
    """All there is to read; a listing before its table, so that what the table brings after it stays."""
    for table in tables:
        deletes = table.deletes_missing(config)
        listing = table.listing_table() if deletes else None
        if listing is None:
            yield Reading(table.name, table, deletes)
        else:
            keys = Reading(f"{table.name}.keys", listing, deletes_missing=True)
            yield keys
            yield Reading(table.name, table, deletes_missing=False, learns_for=keys)


def _in_order(readings: Iterable[Reading], sync: SyncState) -> list[Reading]:
    """What is unfinished, as declared; what failed earlier in this sync comes last."""
    unfinished = [reading for reading in readings if reading.name not in sync.done]
    return sorted(unfinished, key=lambda reading: reading.name in sync.failed)


def _read(
    reading: Reading, client: Any, *, config: Any, state: State, invocation: Invocation, progress: Progress
) -> None:
    """Read on until its end or the budget's."""
    part = state.table(reading.name)
    before = msgspec.to_builtins(part)
    try:
        progress.cut = _pass(reading, state, config, progress.batch, invocation).run(client)
    except OutOfBudget as stop:
        progress.cut = stop.cut
        progress.moved |= msgspec.to_builtins(part) != before
        if not progress.batch and not progress.moved:
            raise _no_progress(reading.table, stop, invocation) from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it is, the other tables go on
        progress.failures[reading.name] = as_connector_error(error, table=reading.table.name)
    else:
        progress.moved = True
        if progress.cut is None:
            _finish(reading, state)


def _pass(reading: Reading, state: State, config: Any, batch: Batch, invocation: Invocation) -> Pass:
    table, part, budget = reading.table, state.table(reading.name), invocation.budget
    if reading.deletes_missing:
        return Listing(table, part, batch=batch, budget=budget)
    floor = table.floor(config) if callable(table.floor) else table.floor
    keys = reading.learns_for
    missing = Missing(keys.table, state.table(keys.name)) if keys else None
    return Pass(table, part, batch=batch, budget=budget, floor=floor, missing=missing)


def _finish(reading: Reading, state: State) -> None:
    sync = state.begin(None)
    sync.done = [*sync.done, reading.name]
    sync.failed = [name for name in sync.failed if name != reading.name]


def _no_progress(table: Table, stop: OutOfBudget, invocation: Invocation) -> TransientError:
    seconds = f"{invocation.budget.limits.seconds:g} s"
    return TransientError(
        f"Table {table.name}: nothing could be completed within the function's {seconds}: {stop.why}.",
        hint="The next sync tries again from the same state. If this stays, raise the time-out or yield At(...) more often.",
    )


def _settle(progress: Progress, sync: SyncState) -> None:
    """Decide what failures and emptiness mean for the answer."""
    if progress.failures and progress.cut is None and _is_final(progress, sync):
        raise _combined(progress.failures)
    sync.failed = sorted({*sync.failed, *progress.failures})
    if progress.batch or not progress.has_more:
        sync.empty = 0
        return
    sync.empty += 1
    if sync.empty > EMPTY_ANSWERS:
        raise TransientError(
            f"{EMPTY_ANSWERS} answers in a row brought no rows, and Fivetran ends a sync that goes on like this.",
            hint="The source takes too long over stretches without rows; raise the time-out or narrow what is asked for.",
        )


def _is_final(progress: Progress, sync: SyncState) -> bool:
    """Whether failures are to be told now: there is nothing to keep, or another try would end the same way."""
    again = all(name in sync.failed for name in progress.failures)
    hopeless = not any(isinstance(error, TransientError) for error in progress.failures.values())
    return not progress.batch or (again and hopeless)


def _combined(failures: dict[str, ConnectorError]) -> ConnectorError:
    """One error for all that failed, of the kind that a person can act on first; what is the same is said once."""
    by_text: dict[str, ConnectorError] = {}
    for name, error in failures.items():
        by_text.setdefault(str(error).removeprefix(f"Table {name}: "), error)
    if len(by_text) == 1:
        return next(iter(by_text.values()))
    kinds = [kind for kind in SEVEREST_FIRST for error in failures.values() if isinstance(error, kind)]
    return kinds[0](f"{len(failures)} tables failed. {' '.join(map(str, by_text.values()))}")


def _without_counter(state: dict[str, Any]) -> dict[str, Any]:
    sync = {name: value for name, value in state.get("sync", {}).items() if name not in ("empty", "id")}
    return {**state, "sync": sync}
