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


@pytest.mark.parametrize("fails", [False, True])
def test_a_ctrl_c_during_the_rollback_is_a_ctrl_c(*, fails: bool) -> None:
    """No traceback of Python's; nothing of the transaction stays, and the warehouse takes another one."""
    with duckdb.connect() as warehouse:
        warehouse.execute("CREATE TABLE t (a INT)")
        with pytest.raises(KeyboardInterrupt), transaction(Interrupted(warehouse)):  # type: ignore[arg-type] # as far as it goes
            warehouse.execute("INSERT INTO t VALUES (1)")
            if fails:
                raise ValueError
        with transaction(warehouse):
            warehouse.execute("INSERT INTO t VALUES (2)")
        assert warehouse.execute("FROM t ORDER BY a").fetchall() == ([(2,)] if fails else [(1,), (2,)])
