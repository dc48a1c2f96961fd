"""What the emulator remembers of a connection, in the warehouse file itself.

The state is in the same file as the rows and is written in the same transaction, which is the whole reason that a kill at
any moment loses nothing and doubles nothing.
"""

# ruff: noqa: S608 - every identifier in the SQL is quoted or our own, every value is a parameter

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb

from fivetran_emulator.errors import Finding
from fivetran_emulator.warehouse.columns import ColumnKind
from fivetran_emulator.warehouse.database import LEDGER_SCHEMA

__all__ = [
    "Ledger",
    "LoadedTable",
    "PastSync",
    "connections",
    "syncs_begun",
    "timestamp",
    "write_ledger_schema",
]

_TABLES = f"""
CREATE SCHEMA IF NOT EXISTS {LEDGER_SCHEMA};
CREATE TABLE IF NOT EXISTS {LEDGER_SCHEMA}.connections (connection VARCHAR, state VARCHAR, batch BIGINT);
CREATE TABLE IF NOT EXISTS {LEDGER_SCHEMA}.syncs (connection VARCHAR, sync_id VARCHAR, url VARCHAR, outcome VARCHAR,
    started_at TIMESTAMP, ended_at TIMESTAMP, error VARCHAR);
CREATE TABLE IF NOT EXISTS {LEDGER_SCHEMA}.invocations (connection VARCHAR, sync_id VARCHAR, number BIGINT, accepted_at TIMESTAMP,
    has_more BOOLEAN, cut VARCHAR, row_count BIGINT, delete_count BIGINT, bytes BIGINT, seconds DOUBLE, state VARCHAR);
CREATE TABLE IF NOT EXISTS {LEDGER_SCHEMA}.warnings (connection VARCHAR, sync_id VARCHAR, code VARCHAR, text VARCHAR,
    hint VARCHAR, times BIGINT);
CREATE TABLE IF NOT EXISTS {LEDGER_SCHEMA}.tables (connection VARCHAR, name VARCHAR, source VARCHAR, key VARCHAR[],
    soft_delete BOOLEAN);
CREATE TABLE IF NOT EXISTS {LEDGER_SCHEMA}.columns (connection VARCHAR, table_name VARCHAR, name VARCHAR, kind VARCHAR);
ALTER TABLE {LEDGER_SCHEMA}.connections ADD COLUMN IF NOT EXISTS resync_from TIMESTAMP;
ALTER TABLE {LEDGER_SCHEMA}.syncs ADD COLUMN IF NOT EXISTS state_before VARCHAR;
CREATE TABLE IF NOT EXISTS {LEDGER_SCHEMA}.sources (connection VARCHAR, source VARCHAR);
"""


@dataclass(frozen=True)
class PastSync:
    """The latest sync of a connection: how it ended ("running" when it was killed) and how many answers it accepted.

    `state_before` is the state that it began with, as JSON text.
    """

    sync_id: str
    outcome: str
    accepted: int
    state_before: str = "{}"


@dataclass(frozen=True, kw_only=True)
class LoadedTable:
    """A table that exists in the warehouse. `columns` are the function's own, in the order they came."""

    name: str
    source: str
    key: tuple[str, ...]
    columns: dict[str, ColumnKind]
    soft_delete: bool = False


def write_ledger_schema(warehouse: duckdb.DuckDBPyConnection) -> None:
    """Make the emulator's own tables where they are not there yet."""
    warehouse.execute(_TABLES)


def connections(warehouse: duckdb.DuckDBPyConnection) -> list[str]:
    """The connections that the file has records of, sorted; none in a file that no sync has written to."""
    names = f"SELECT connection FROM {LEDGER_SCHEMA}.connections UNION SELECT connection FROM {LEDGER_SCHEMA}.syncs"
    try:
        found = warehouse.execute(names).fetchall()
    except duckdb.CatalogException:
        return []
    return sorted(str(name) for (name,) in found)


def syncs_begun(warehouse: duckdb.DuckDBPyConnection, connection: str) -> int:
    """How many syncs of `connection` were begun; 0 in a file that no sync has written to."""
    return Ledger(warehouse, connection).syncs() if connection in connections(warehouse) else 0


class Ledger:
    """The records of one `connection`, which is the name of its destination schema.

    Methods write where they are called: to be one with the rows, call them inside the rows' transaction.
    """

    def __init__(self, warehouse: duckdb.DuckDBPyConnection, connection: str) -> None:
        self.connection = connection
        self._warehouse = warehouse

    def state(self) -> str:
        """The state of the last accepted answer as JSON text; `{}` before the first."""
        return self.written_state() or "{}"

    def written_state(self) -> str | None:
        """The state as JSON text; None when none was ever written."""
        found = self._rows("SELECT state FROM {ledger}.connections WHERE connection = $1")
        return str(found[0][0]) if found else None

    def source(self) -> str | None:
        """What the rows come from, in the words of the sync that brought the first of them; None when nobody said."""
        found = self._rows("SELECT source FROM {ledger}.sources WHERE connection = $1")
        return str(found[0][0]) if found else None

    def keep_source(self, source: str) -> None:
        """Remember what the rows come from, for good."""
        if self.source() is None:
            self._run("INSERT INTO {ledger}.sources VALUES ($1, $2)", source)

    def batch(self) -> int:
        """How many answers were accepted so far, over all syncs."""
        found = self._rows("SELECT batch FROM {ledger}.connections WHERE connection = $1")
        return int(str(found[0][0])) if found else 0

    def accept(self, state: str, batch: int) -> None:
        """Keep `state` as that of the answer number `batch`."""
        if self.written_state() is None:
            self._run(
                "INSERT INTO {ledger}.connections (connection, state, batch) VALUES ($1, $2, $3)",
                state,
                batch,
            )
        else:
            self._run(
                "UPDATE {ledger}.connections SET state = $2, batch = $3 WHERE connection = $1", state, batch
            )

    def resync_from(self) -> datetime | None:
        """When a re-sync began that is not complete yet; None when there is none."""
        found = self._rows("SELECT resync_from FROM {ledger}.connections WHERE connection = $1")
        at = found[0][0] if found else None
        return at if isinstance(at, datetime) else None

    def begin_resync(self, at: datetime) -> None:
        """Forget the state; rows synced before `at` count as not sent again until they are."""
        self.accept("{}", self.batch())
        self._run("UPDATE {ledger}.connections SET resync_from = $2 WHERE connection = $1", timestamp(at))

    def end_resync(self) -> None:
        """The re-sync is complete."""
        self._run("UPDATE {ledger}.connections SET resync_from = NULL WHERE connection = $1")

    def last_sync(self) -> PastSync | None:
        """The sync begun last; None before the first."""
        found = self._rows(
            """SELECT sync_id, outcome, (SELECT count(*) FROM {ledger}.invocations i
                WHERE i.connection = s.connection AND i.sync_id = s.sync_id), coalesce(state_before, '{{}}')
            FROM {ledger}.syncs s WHERE connection = $1 ORDER BY rowid DESC LIMIT 1"""
        )
        return (
            PastSync(str(found[0][0]), str(found[0][1]), int(str(found[0][2])), str(found[0][3]))
            if found
            else None
        )

    def syncs(self) -> int:
        """How many syncs were begun."""
        return int(str(self._rows("SELECT count(*) FROM {ledger}.syncs WHERE connection = $1")[0][0]))

    def was_ever_complete(self) -> bool:
        """Whether a first sync has come to its end."""
        found = self._rows(
            "SELECT count(*) FROM {ledger}.syncs WHERE connection = $1 AND outcome = 'complete'"
        )
        return found[0][0] != 0

    def unfinished_since(self) -> datetime:
        """When the first sync began after the last complete one; there is one while a sync runs."""
        [(at,)] = self._rows(
            """SELECT min(started_at) FROM {ledger}.syncs WHERE connection = $1 AND rowid > coalesce(
                (SELECT max(rowid) FROM {ledger}.syncs WHERE connection = $1 AND outcome = 'complete'), -1)"""
        )
        return at  # type: ignore[return-value]

    def begin(self, sync_id: str, url: str, at: datetime, state: str) -> None:
        """A sync starts, from `state`."""
        self._run(
            """INSERT INTO {ledger}.syncs (connection, sync_id, url, outcome, started_at, state_before)
            VALUES ($1, $2, $3, 'running', $4, $5)""",
            sync_id,
            url,
            timestamp(at),
            state,
        )

    def end(self, sync_id: str, outcome: str, at: datetime, error: str | None) -> None:
        """A sync is over, for whatever reason."""
        self._run(
            "UPDATE {ledger}.syncs SET outcome = $3, ended_at = $4, error = $5 WHERE connection = $1 AND sync_id = $2",
            sync_id,
            outcome,
            timestamp(at),
            error,
        )

    def invoked(self, sync_id: str, number: int, at: datetime, *facts: object) -> None:
        """An answer was accepted; `facts` are has_more, cut, rows, deletes, bytes, seconds and the new state."""
        places = ", ".join(f"${place}" for place in range(5, 5 + len(facts)))
        self._run(
            f"INSERT INTO {{ledger}}.invocations VALUES ($1, $2, $3, $4, {places})",
            sync_id,
            number,
            timestamp(at),
            *facts,
        )

    def warn(
        self, sync_id: str, counted: Sequence[tuple[Finding, int]], *, redact: Callable[[str], str]
    ) -> None:
        """Keep the warnings of a sync, which quote the function, as `redact` leaves them."""
        for finding, times in counted:
            facts = (finding.code, redact(finding.text), redact(finding.hint), times)
            self._run("INSERT INTO {ledger}.warnings VALUES ($1, $2, $3, $4, $5, $6)", sync_id, *facts)

    def tables(self) -> dict[str, LoadedTable]:
        """Every table loaded so far, by its name in the warehouse."""
        columns: dict[str, dict[str, ColumnKind]] = {}
        for table, name, kind in self._rows(
            "SELECT table_name, name, kind FROM {ledger}.columns WHERE connection = $1 ORDER BY rowid"
        ):
            columns.setdefault(str(table), {})[str(name)] = ColumnKind(kind)
        found = self._warehouse.execute(
            f"SELECT name, source, key, soft_delete FROM {LEDGER_SCHEMA}.tables WHERE connection = $1 ORDER BY name",
            [self.connection],
        ).fetchall()
        return {
            name: LoadedTable(
                name=name, source=source, key=tuple(key), columns=columns.get(name, {}), soft_delete=soft
            )
            for name, source, key, soft in found
        }

    def keep_table(self, table: LoadedTable) -> None:
        """Write down what a table is like now."""
        self._run("DELETE FROM {ledger}.tables WHERE connection = $1 AND name = $2", table.name)
        self._run("DELETE FROM {ledger}.columns WHERE connection = $1 AND table_name = $2", table.name)
        facts = (table.name, table.source, list(table.key), table.soft_delete)
        self._run("INSERT INTO {ledger}.tables VALUES ($1, $2, $3, $4, $5)", *facts)
        # One statement for all columns: a statement for each is what a wide table would spend its time on.
        names, kinds = list(table.columns), [kind.value for kind in table.columns.values()]
        self._run(
            "INSERT INTO {ledger}.columns SELECT $1, $2, unnest($3::VARCHAR[]), unnest($4::VARCHAR[])",
            table.name,
            names,
            kinds,
        )

    def _rows(self, sql: str) -> list[tuple[object, ...]]:
        return self._warehouse.execute(sql.format(ledger=LEDGER_SCHEMA), [self.connection]).fetchall()

    def _run(self, sql: str, *values: object) -> None:
        self._warehouse.execute(sql.format(ledger=LEDGER_SCHEMA), [self.connection, *values])


def timestamp(at: datetime) -> datetime:
    """A UTC time as DuckDB's TIMESTAMP, which has no zone, takes it."""
    return at.replace(tzinfo=None)
