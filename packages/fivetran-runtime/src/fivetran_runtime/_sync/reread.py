"""Without a sync id: what an earlier call has finished is read once more while another table fails.

Requests without a `sync_id` cannot say whether they begin a sync or go on with one: an error carries no state, so the
call after it looks like the call before it. So a call that is left with failing tables reads the finished ones again.
A finished table is new when its reading comes to its end within the call and its digest differs from the last one's,
or a listing has decided on keys that it did not find, or the next reading has to begin at the floor; its rows are sent
and the digest is kept. When nothing is new, the failure is reported. That ends, too: each later answer needs a change at the source, or a mark that has moved, and
marks follow one reading behind the source.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from fivetran_runtime._invocation.budget import Budget, OutOfBudget, StillWaiting
from fivetran_runtime._sync.batch import Batch, digest_text
from fivetran_runtime._sync.readings import Passes, Reading
from fivetran_runtime._sync.state import State, SyncState, TableState


class Rereading:
    """What was finished before, read once more.

    Args:
        passes: makes the passes.
        client: what table functions get.
        state: the connection's.
        sync: its part about the sync.
        budget: each gets its share of the time that is left, so that one which hangs now keeps out neither the other
            finished ones nor those that are left.

    Attributes:
        lacked_time: whether a finished one could not be read to its end for want of time.
    """

    def __init__(self, passes: Passes, client: Any, state: State, sync: SyncState, budget: Budget) -> None:
        self._passes, self._client = passes, client
        self._state, self._sync, self._budget = state, sync, budget
        self.lacked_time = False

    def read(self, readings: Sequence[Reading], answer: Batch) -> bool:
        """Read them; what is new goes into the answer. Whether anything was."""
        is_new = False
        for place, reading in enumerate(readings):
            with self._budget.part(1 / (len(readings) - place + 1)):
                is_new |= self._read_one(reading, answer)
        return is_new

    def _read_one(self, reading: Reading, answer: Batch) -> bool:
        before, batch = copy.deepcopy(self._state.tables), Batch()
        digest = self._digest_of(reading, batch)
        is_known = digest == self._sync.read.get(reading.name) and not self._has_decided(reading, before)
        is_known = is_known and not self._is_to_be_whole(reading, before)
        if digest is None or is_known or answer.bytes + batch.bytes > self._budget.row_bytes:
            self._state.tables = before
            return False
        answer.take(batch)
        self._sync.read[reading.name] = digest
        return True

    def _digest_of(self, reading: Reading, batch: Batch) -> str | None:
        """The digest of a whole pass; None when it does not come to its end in this call."""
        try:
            reader = self._passes.of(reading, batch, failing=self._failing(), digests=True)
            cut = reader.run(self._client)
        except OutOfBudget as stop:
            self.lacked_time |= stop.cut != "bytes" and not isinstance(stop, StillWaiting)
            return None
        except Exception:  # noqa: BLE001 - the failure that is reported is the other table's
            return None
        self.lacked_time |= cut == "time"
        return None if cut or reader.digest is None else digest_text(reader.digest)

    def _failing(self) -> set[str]:
        return {*self._sync.failed} - {*self._sync.done}

    def _has_decided(self, reading: Reading, before: Mapping[str, TableState]) -> bool:
        """Whether a listing has decided on keys that it did not find: a second one like the first deletes them."""
        if not reading.is_listing or reading.keys is None:
            return False
        parts = (before.get(reading.keys, TableState()), self._state.table(reading.keys))
        old, new = ((part.missed, part.held, part.gone) for part in parts)
        return old != new

    def _is_to_be_whole(self, reading: Reading, before: Mapping[str, TableState]) -> bool:
        """Whether the table is to be read from its floor, for rows that a listing shows and this reading has not brought."""
        name = reading.table.name
        return self._state.table(name).whole and not before.get(name, TableState()).whole
