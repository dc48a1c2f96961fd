"""One invocation's part of a sync: which tables to read, where to stop, and what to answer.

A sync is as many invocations as it takes until `hasMore` is false. Tables that are finished are not called again
before it ends; a table that fails is set aside, with what it has committed, until the others are done.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from fivetran_runtime.batch import Batch
from fivetran_runtime.budget import OutOfBudget
from fivetran_runtime.errors import SEVEREST_FIRST, ConnectorError, DefectError, TransientError
from fivetran_runtime.failures import as_connector_error
from fivetran_runtime.invocation import Invocation
from fivetran_runtime.passes import Pass
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
    for table in _in_order(tables, sync):
        if _read_table(table, client, config=config, state=state, invocation=invocation, progress=progress):
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


def _in_order(tables: Iterable[Table], sync: SyncState) -> list[Table]:
    """The unfinished tables as declared, those that failed earlier in this sync last."""
    unfinished = [table for table in tables if table.name not in sync.done]
    return sorted(unfinished, key=lambda table: table.name in sync.failed)


def _read_table(
    table: Table, client: Any, *, config: Any, state: State, invocation: Invocation, progress: Progress
) -> bool:
    """Read one table on; true when the budget has ended."""
    part = state.table(table.name)
    before = msgspec.to_builtins(part)
    try:
        floor = table.floor(config) if callable(table.floor) else table.floor
        reading = Pass(table, part, batch=progress.batch, budget=invocation.budget, floor=floor)
        progress.cut = reading.run(client)
    except OutOfBudget as stop:
        progress.cut = stop.cut
        progress.moved |= msgspec.to_builtins(part) != before
        if not progress.batch and not progress.moved:
            raise _no_progress(table, stop, invocation) from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it is, the other tables go on
        progress.failures[table.name] = as_connector_error(error, table=table.name)
    else:
        progress.moved = True
        if progress.cut is None:
            _finish(table, state)
    return progress.cut is not None


def _finish(table: Table, state: State) -> None:
    sync = state.begin(None)
    sync.done = [*sync.done, table.name]
    sync.failed = [name for name in sync.failed if name != table.name]


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
    """One error for all failed tables, of the kind that a person can act on first."""
    kinds = [kind for kind in SEVEREST_FIRST for error in failures.values() if isinstance(error, kind)]
    if len(failures) == 1:
        return next(iter(failures.values()))
    told = " ".join(f"[{table}] {error}" for table, error in failures.items())
    return kinds[0](f"{len(failures)} tables failed. {told}")


def _without_counter(state: dict[str, Any]) -> dict[str, Any]:
    sync = {name: value for name, value in state.get("sync", {}).items() if name not in ("empty", "id")}
    return {**state, "sync": sync}
