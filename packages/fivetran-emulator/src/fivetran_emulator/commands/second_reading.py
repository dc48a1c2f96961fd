"""`sync --verify`: everything read a second time, and its keys compared with those in the warehouse.

A sync goes on from the state, and does not ask again for what the state says was read. So the second reading begins with an
empty state and asks for everything, into a file that is thrown away.
"""

# ruff: noqa: S608 - every identifier in the SQL is quoted or our own, every value is a parameter

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from fivetran_emulator.errors import Finding, FunctionError, WarehouseError
from fivetran_emulator.protocol.function import Sender
from fivetran_emulator.protocol.rules import Rules
from fivetran_emulator.secrets import Secrets
from fivetran_emulator.sync.loop import SyncClock
from fivetran_emulator.sync.result import AcceptedAnswer, SyncResult
from fivetran_emulator.sync.run import SyncPlan, SyncRun
from fivetran_emulator.warehouse.columns import ColumnKind
from fivetran_emulator.warehouse.database import open_warehouse, quoted, table_sql, transaction
from fivetran_emulator.warehouse.ledger import Ledger, LoadedTable
from fivetran_emulator.warehouse.merge import DELETED

__all__ = ["SecondReading"]

_ATTACHED = "fivetran_emulator_second_reading"
_EXAMPLES = 3
_TEXTS = (ColumnKind.TEXT, ColumnKind.JSON)


class _Silent:
    """Shows nothing of the second reading."""

    def started(self, report: SyncResult) -> None:
        """Nothing is shown."""

    def call_started(self, number: int) -> None:
        """Nothing is shown."""

    def accepted(self, accepted: AcceptedAnswer) -> None:
        """Nothing is shown."""


@dataclass(frozen=True, kw_only=True)
class _Side:
    """A table in one of the two readings: its SQL name, and what is known of it."""

    sql: str
    table: LoadedTable

    def keys(self, kinds: Mapping[str, ColumnKind]) -> str:
        """A query for the keys of its rows; as text where the other reading has another type for them."""
        columns = [
            f"CAST({quoted(name)} AS VARCHAR)" if self._is_other(name, kinds) else quoted(name)
            for name in self.table.key
        ]
        alive = f" WHERE NOT coalesce({DELETED}, false)" if self.table.soft_delete else ""
        return f"SELECT {', '.join(columns)} FROM {self.sql}{alive}"

    def _is_other(self, name: str, kinds: Mapping[str, ColumnKind]) -> bool:
        mine, other = self.table.columns[name], kinds[name]
        return mine is not other and (mine in _TEXTS or other in _TEXTS)


class SecondReading:
    """A sync of the same function from an empty state. It leaves nothing behind."""

    def __init__(
        self, function: Sender, *, secrets: Secrets, rules: Rules, members: Mapping[str, object]
    ) -> None:
        self._function, self._secrets = function, secrets
        self._rules, self._members = rules, members

    def compare(self, warehouse: duckdb.DuckDBPyConnection, report: SyncResult) -> list[Finding]:
        """A finding for each keyed table whose keys differ from those that `report`'s sync left in `warehouse`.

        They are kept with that sync's warnings. Raises FunctionError when the second reading fails, WarehouseError when its file
        cannot be used.
        """
        with TemporaryDirectory(prefix="second-reading-") as folder:
            # No schema can have this name, and a schema of the file's name could not be distinguished from it.
            file = Path(folder) / f"{uuid.uuid4()}.duckdb"
            tables = self._read(file, report.schema)
            try:
                with _attached(warehouse, file):
                    found = list(_differences(warehouse, report, tables))
            except duckdb.InterruptException as error:
                raise KeyboardInterrupt from error
            except duckdb.Error as error:
                raise WarehouseError(f"the two readings cannot be compared: {error}") from error
        with transaction(warehouse):
            Ledger(warehouse, report.schema).warn(
                report.sync_id, [(finding, 1) for finding in found], redact=self._secrets.redact
            )
        return found

    def _read(self, file: Path, schema: str) -> Mapping[str, LoadedTable]:
        with open_warehouse(file) as scratch:
            plan = SyncPlan(
                schema=schema,
                path=str(file),
                sync_id=str(uuid.uuid4()),
                rules=self._rules,
                members=self._members,
            )
            sync = SyncRun(
                self._function, scratch, plan, secrets=self._secrets, clock=SyncClock(), observer=_Silent()
            )
            try:
                sync.run()
            except FunctionError as error:
                problems = [f"the second reading failed: {problem}" for problem in error.problems]
                raise FunctionError(*problems, details=error.details, hint=error.hint) from error
            if sync.result.outcome != "complete":
                raise FunctionError("the second reading did not end within six hours")
            return sync.result.tables


@contextmanager
def _attached(warehouse: duckdb.DuckDBPyConnection, file: Path) -> Iterator[None]:
    place = str(file).replace("'", "''")
    warehouse.execute(f"ATTACH '{place}' AS {_ATTACHED} (READ_ONLY)")
    try:
        yield
    finally:
        warehouse.execute(f"DETACH {_ATTACHED}")


def _differences(
    warehouse: duckdb.DuckDBPyConnection, report: SyncResult, second: Mapping[str, LoadedTable]
) -> Iterator[Finding]:
    for name in sorted(report.tables.keys() | second.keys()):
        here, there = report.tables.get(name), second.get(name)
        if not all(table.key for table in (here, there) if table is not None):
            continue
        sql = quoted(_ATTACHED, report.schema, name)
        one = _Side(sql=table_sql(warehouse, report.schema, name), table=here) if here else None
        other = _Side(sql=sql, table=there) if there else None
        yield from _difference(warehouse, name, one, other)


def _difference(
    warehouse: duckdb.DuckDBPyConnection, name: str, here: _Side | None, there: _Side | None
) -> Iterator[Finding]:
    if here is not None and there is not None and here.table.key != there.table.key:
        keys = f"{', '.join(here.table.key)} here, {', '.join(there.table.key)} in the second reading"
        yield Finding("verify-key", f"table {name} has two keys: {keys}", "Declare one key for good.")
        return
    ours = here.keys((there or here).table.columns) if here else ""
    theirs = there.keys((here or there).table.columns) if there else ""
    counts = f"{_count(warehouse, ours):,} rows here, {_count(warehouse, theirs):,} there"
    if alone := _only_in(warehouse, theirs, ours):
        text = f"table {name}: missing in the warehouse, found by the second reading: {alone}; {counts}"
        hint = "The sync lost them, or they are younger than it: the next sync with --verify shows which."
        yield Finding("verify-missing", text, hint)
    if alone := _only_in(warehouse, ours, theirs):
        text = f"table {name}: in the warehouse, not found by the second reading: {alone}; {counts}"
        hint = "They were deleted in the source, and the function does not notice that; or a reading leaves rows out."
        yield Finding("verify-extra", text, hint)


def _only_in(warehouse: duckdb.DuckDBPyConnection, keys: str, others: str) -> str:
    """How many keys one reading has alone, with a few of them; empty where there is none."""
    if not keys:
        return ""
    keys_alone = f"{keys} EXCEPT {others}" if others else keys
    if not (rows := _count(warehouse, keys_alone)):
        return ""
    found = warehouse.execute(f"SELECT * FROM ({keys_alone}) ORDER BY ALL LIMIT {_EXAMPLES}").fetchall()
    examples = "; ".join(", ".join(map(str, key)) for key in found)
    return f"{rows:,} {'key' if rows == 1 else 'keys'} ({examples}{'; ...' if rows > len(found) else ''})"


def _count(warehouse: duckdb.DuckDBPyConnection, sql: str) -> int:
    found = warehouse.execute(f"SELECT count(*) FROM ({sql})").fetchone() if sql else None
    return int(found[0]) if found else 0
