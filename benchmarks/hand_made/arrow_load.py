"""Rows as dicts into DuckDB, merged by `id` through Arrow: the fastest way that a short loader has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import orjson
import pyarrow as pa

NESTED = ("requester", "tags")


class Loader:
    """One DuckDB file with the table `tickets`, which the first rows give its columns."""

    def __init__(self, database: str) -> None:
        self._warehouse = duckdb.connect(database)
        self._made = False

    def load(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Merge these rows in one transaction; of two with the same key, neither may be among them."""
        staged = pa.table({name: _column(name, rows) for name in rows[0]})
        run = self._warehouse.execute
        self._warehouse.register("staged", staged)
        run("BEGIN")
        if not self._made:
            run("CREATE TABLE IF NOT EXISTS tickets AS FROM staged LIMIT 0")
            self._made = True
        run("DELETE FROM tickets USING staged WHERE tickets.id = staged.id")
        run("INSERT INTO tickets FROM staged")
        run("COMMIT")
        self._warehouse.unregister("staged")

    def close(self) -> None:
        """Write what is left of the log into the file."""
        self._warehouse.close()


def _column(name: str, rows: Sequence[Mapping[str, Any]]) -> pa.Array:
    if name in NESTED:
        return pa.array([orjson.dumps(row[name]).decode() for row in rows], pa.string())
    return pa.array([row[name] for row in rows])
