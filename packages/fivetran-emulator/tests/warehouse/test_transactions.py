"""All of an answer or nothing of it, whatever ends it."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from fivetran_emulator.warehouse.database import transaction


class Interrupted:
    """A warehouse at which a Ctrl-C arrives while it rolls back: DuckDB reports that as a RuntimeError, not as an error of its own."""

    def __init__(self, warehouse: duckdb.DuckDBPyConnection) -> None:
        self._warehouse, self._is_first = warehouse, True

    def execute(self, sql: str) -> Any:
        if sql == "ROLLBACK" and self._is_first:
            self._is_first = False
            raise RuntimeError("Query interrupted")
        return self._warehouse.execute(sql)


def load(warehouse: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Run it in a transaction at which the Ctrl-C arrives."""
    with transaction(Interrupted(warehouse)):  # type: ignore[arg-type] # as far as it goes
        warehouse.execute(sql)


@pytest.mark.parametrize(
    ("sql", "kept"),
    [("INSERT INTO t VALUES (1)", [(1,), (2,)]), ("INSERT INTO t VALUES (1); SELECT error('x')", [(2,)])],
)
def test_a_ctrl_c_during_the_rollback_is_a_ctrl_c(sql: str, kept: list[tuple[int]]) -> None:
    """No traceback of Python's; of what failed nothing stays, and the warehouse takes another transaction."""
    with duckdb.connect() as warehouse:
        warehouse.execute("CREATE TABLE t (a INT)")
        with pytest.raises(KeyboardInterrupt):
            load(warehouse, sql)
        with transaction(warehouse):
            warehouse.execute("INSERT INTO t VALUES (2)")
        assert warehouse.execute("FROM t ORDER BY a").fetchall() == kept
