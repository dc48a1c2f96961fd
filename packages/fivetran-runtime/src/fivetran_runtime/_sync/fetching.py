"""Asking for single rows, which a listing shows and the pass beside it did not bring."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fivetran_runtime._sync.delete_strategies import BesideListing
from fivetran_runtime._sync.keys import Key
from fivetran_runtime._sync.state import TableState
from fivetran_runtime._sync.table_pass import Pass, rows_of
from fivetran_runtime.errors import DefectError
from fivetran_runtime.operations import Children, Delete
from fivetran_runtime.tables import Fetch

FETCHED_AT_ONCE = 100
"""Keys that a `fetch=` function gets in one call."""


class Fetching(Pass):
    """Asks for the rows of keys that a listing shows and no answer has sent, some at a time."""

    _asks_for_one = False

    def __init__(self, deletes: BesideListing, state: TableState, **others: Any) -> None:
        super().__init__(deletes, state, **others)
        self._missing = deletes.missing

    def _read(self, client: Any, _: Mapping[str, Any]) -> str | None:
        missing, fetch = self._missing, self._table.fetch
        if fetch is None or missing.fetches_too_many:
            return None
        for keys in missing.to_fetch(FETCHED_AT_ONCE):
            self._fetch(client, fetch, keys)
            if cut := self._cut():
                return cut
        return None

    def _fetch(self, client: Any, fetch: Fetch, keys: list[Key]) -> None:
        """Take the rows of some keys into the answer, in halves where it does not hold all of them."""
        self._begin_unit()
        self._asks_for_one = len(keys) == 1
        values = [tuple(self._missing.columns(key).values()) for key in keys]
        given = fetch(client, [value[0] if len(value) == 1 else value for value in values])
        rows = rows_of(self._table, "fetch=", given)
        if any(self._write(item) for item in rows):
            half = len(keys) // 2
            self._fetch(client, fetch, keys[:half])
            self._fetch(client, fetch, keys[half:])
            return
        self._commit()
        self._missing.fetched(keys)

    def _write(self, item: object) -> str | None:
        """Take a row, a delete or a set into the open unit; why the call ends here, if it does."""
        return self._follow(item) if isinstance(item, Children | Delete) else self._take(item)

    def _commit_part(self, _: object) -> str:
        """The rows of the keys that were asked for are larger than an answer."""
        if self._asks_for_one:
            message = f"Table {self._table.name}: the rows that fetch= brings for one key take {self._unit.bytes:,} bytes"
            limit = f"an answer holds {self._budget.row_bytes:,} bytes of rows."
            raise DefectError(f"{message}; {limit}", hint="Leave columns out or cut them.")
        return "bytes"
