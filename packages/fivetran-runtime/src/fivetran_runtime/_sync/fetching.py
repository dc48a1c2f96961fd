"""Asking for single rows, which a listing shows and the pass beside it did not bring.

What belongs to one key may be more than an answer holds, such as an order with very many lines. There is no position
within it to go on from, so the table is read from its floor, which sends it in parts. A key that this does not bring
either is asked for again ever more seldom, as others are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fivetran_runtime._invocation import logs
from fivetran_runtime._sync.delete_strategies import BesideListing
from fivetran_runtime._sync.keys import Key
from fivetran_runtime._sync.state import TableState
from fivetran_runtime._sync.table_pass import Pass, Steps, rows_of
from fivetran_runtime.operations import Children, Delete
from fivetran_runtime.tables import Fetch

FETCHED_AT_ONCE = 100
"""Keys that a `fetch=` function gets at once, at most."""

_FETCHED_FIRST = 10
"""Keys that it gets first, since it may ask for each of them alone, and slowly."""


class Fetching(Pass):
    """Asks for the rows of keys that a listing shows and no answer has sent, some at a time.

    Args:
        deletes: what the listing shows.
        of_table: the state of the table's own pass.
        others: as `Pass`.
    """

    def __init__(self, deletes: BesideListing, of_table: TableState, **others: Any) -> None:
        super().__init__(deletes, TableState(), **others)
        self._missing, self._of_table = deletes.missing, of_table

    def _read(self, client: Any, _: Mapping[str, Any]) -> Steps:
        missing, fetch = self._missing, self._table.fetch
        if fetch is None or missing.fetches_too_many:
            return None
        size = _FETCHED_FIRST
        while keys := missing.to_fetch(size):
            began = self._budget.worked()
            self._fetch(client, fetch, keys)
            if cut := self._cut():
                return cut
            if (yield) and (cut := self._resumed()):
                return cut
            size = self._as_many_as_fit((self._budget.worked() - began) / len(keys))
        return None

    def _as_many_as_fit(self, seconds: float) -> int:
        """How many keys are asked for next, where one takes so long: half of the time that is left may go by."""
        fit = self._budget.remaining() / 2 / seconds if seconds > 0 else FETCHED_AT_ONCE
        return max(1, int(min(fit, FETCHED_AT_ONCE)))

    def _fetch(self, client: Any, fetch: Fetch, keys: list[Key]) -> None:
        """Take the rows of some keys into the answer, in halves where it does not hold all of them."""
        self._begin_unit()
        values = [tuple(self._missing.columns(key).values()) for key in keys]
        given = fetch(client, [value[0] if len(value) == 1 else value for value in values])
        rows = rows_of(self._table, "fetch=", given)
        if any(self._write(item) for item in rows):
            if len(keys) == 1:
                self._leave_to_whole_pass(keys)
                return
            half = len(keys) // 2
            self._fetch(client, fetch, keys[:half])
            self._fetch(client, fetch, keys[half:])
            return
        self._commit()
        self._missing.fetched(keys)

    def _write(self, item: object) -> str | None:
        """Take a row, a delete or a set into the open unit; why the call ends here, if it does."""
        return self._follow(item) if isinstance(item, Children | Delete) else self._take(item)

    def _leave_to_whole_pass(self, keys: list[Key]) -> None:
        """An answer does not hold what belongs to one key: a pass from the floor sends it in parts."""
        self._begin_unit()
        self._missing.fetched(keys)
        self._of_table.whole = True
        name = self._table.name
        text = f"Table {name}: the rows that fetch= brings for one key are more than an answer holds"
        hint = "the next pass reads the table from its floor and sends them in parts."
        logs.emit("WARNING", f"{text}; {hint}", table=name)

    def _commit_part(self, following: object) -> str:
        """The rows of the keys that were asked for are larger than an answer."""
        return "bytes" if self._in_unit else super()._commit_part(following)
