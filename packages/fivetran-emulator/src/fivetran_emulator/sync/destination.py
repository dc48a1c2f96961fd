"""The destination of a sync: what past syncs left of a connection, and what an accepted answer makes of it."""

# ruff: noqa: S608 - every identifier in the SQL is quoted or our own, every value is a parameter

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import datetime

import duckdb

from fivetran_emulator.errors import Finding, UsageError, WarehouseError
from fivetran_emulator.protocol.answer import Answer
from fivetran_emulator.protocol.rules import Rules
from fivetran_emulator.secrets import Secrets
from fivetran_emulator.sync.left_out import signs_of_rows_left_out
from fivetran_emulator.sync.result import AcceptedAnswer, SyncResult
from fivetran_emulator.warehouse.database import table_sql, transaction, use_little, use_more
from fivetran_emulator.warehouse.ledger import Ledger, PastSync, write_ledger_schema
from fivetran_emulator.warehouse.load import FittingTable, Loaded, load_answer
from fivetran_emulator.warehouse.merge import Counts
from fivetran_emulator.warehouse.row_checks import CheckedTables, Spellings, check_answer
from fivetran_emulator.warehouse.shape import flag_unseen, unseen_rows

__all__ = ["Destination"]


class Destination:
    """The connection `schema` in an open `warehouse`, where answers are loaded by `rules`.

    `source` says what the rows come from. Raises UsageError when those in the schema come from another: a state and a table
    belong to one source. `resync_at` begins a re-sync at that time.
    """

    def __init__(
        self,
        warehouse: duckdb.DuckDBPyConnection,
        schema: str,
        rules: Rules,
        secrets: Secrets,
        *,
        source: str | None = None,
        resync_at: datetime | None = None,
    ) -> None:
        self.schema, self._warehouse, self._rules, self._source = schema, warehouse, rules, source
        self._ledger, self._secrets = Ledger(warehouse, schema), secrets
        self._spellings = Spellings()
        self._soft: set[str] = set()
        self.fitting: dict[str, FittingTable] = {}
        self._members: dict[str, dict[str, str]] = {}
        with transaction(warehouse):
            write_ledger_schema(warehouse)
            self._require_source(secrets)
            if resync_at is not None:
                self._ledger.begin_resync(resync_at)
            self.past = self._ledger.last_sync()
            self.state = _first_state(self._ledger.state(), self.past, rules)
            self.tables = self._ledger.tables()
            self._resync_from = self._ledger.resync_from()
            self._settled = dict(self.tables) if self._ledger.was_ever_complete() else None
        use_little(warehouse)

    def _require_source(self, secrets: Secrets) -> None:
        had = self._ledger.source()
        if had in (None, self._source):
            return
        this = f"is from {self._source}" if self._source is not None else "does not say where it is from"
        problem = f"the schema `{self.schema}` holds rows of {had}, and this sync {this}"
        same = f' If it is the same: --source "{had}".' if self._source is None else ""
        hint = (
            f"They would be mixed. Sync into another: --schema {self.schema}_2, or another --warehouse.{same}"
        )
        raise UsageError(secrets.redact(problem), hint=secrets.redact(hint))

    @property
    def is_resync(self) -> bool:
        """Whether a re-sync began that is not complete."""
        return self._resync_from is not None

    def begin(self, sync_id: str, url: str, at: datetime) -> None:
        """Record that a sync starts from the state."""
        with transaction(self._warehouse):
            self._ledger.begin(sync_id, url, at, self.state)

    def check(self, answer: Answer) -> CheckedTables:
        """The tables of an answer. Raises FunctionError when Fivetran would not load them; what passes can be committed."""
        return check_answer(answer, self.tables, self._rules, self._spellings)

    def commit(
        self,
        sync_id: str,
        state: str,
        checked: CheckedTables,
        at: datetime,
        describe: Callable[[Loaded], AcceptedAnswer],
    ) -> tuple[Loaded, AcceptedAnswer]:
        """Rows, state and the record of an answer, in one transaction: all of it is kept, or nothing."""
        try:
            return self._commit(sync_id, state, checked, at, describe)
        except WarehouseError as error:
            if not isinstance(error.__cause__, duckdb.OutOfMemoryException):
                raise
        use_more(self._warehouse)
        return self._commit(sync_id, state, checked, at, describe)

    def _commit(
        self,
        sync_id: str,
        state: str,
        checked: CheckedTables,
        at: datetime,
        describe: Callable[[Loaded], AcceptedAnswer],
    ) -> tuple[Loaded, AcceptedAnswer]:
        with transaction(self._warehouse):
            batch = self._ledger.batch() + 1
            loaded = load_answer(
                self._warehouse,
                self.schema,
                checked,
                self.tables,
                batch=batch,
                at=at,
                rules=self._rules,
                settled=self._settled,
            )
            for table in loaded.changed:
                self._ledger.keep_table(table)
            self._ledger.accept(state, batch)
            if self._source is not None:
                self._ledger.keep_source(self._source)
            accepted = describe(loaded)
            self._record(sync_id, accepted, at, state)
        self.tables |= {table.name: table for table in loaded.changed}
        self._learn(checked)
        self._soft.update(loaded.soft)
        self.state = state
        return loaded, accepted

    def _learn(self, checked: CheckedTables) -> None:
        """Make readers for rows like those that were loaded; `fitting` has them by the function's name of the table."""
        for part in checked.parts:
            if not part.unknown or part.name not in self.tables:
                continue
            members = self._members.setdefault(part.source, {})
            members |= part.columns
            self.fitting.pop(part.source, None)
            with suppress(ValueError):
                self.fitting[part.source] = FittingTable(self.tables[part.name], members)

    def _record(self, sync_id: str, accepted: AcceptedAnswer, at: datetime, state: str) -> None:
        facts = (
            accepted.has_more,
            accepted.invocation.cut,
            accepted.rows,
            accepted.deletes,
            accepted.size,
            accepted.seconds,
        )
        self._ledger.invoked(sync_id, accepted.number, at, *facts, state)

    def end(
        self,
        result: SyncResult,
        error: str | None,
        *,
        began: datetime,
        now: Callable[[], datetime],
        whole: bool,
    ) -> None:
        """Record how a sync ended, with everything that only its end shows, in one transaction.

        `whole` is False when answers were repeated on purpose, which looks like rows that a function leaves out.
        """
        with transaction(self._warehouse):
            use_more(self._warehouse)
            if result.outcome == "complete":
                if whole:
                    result.findings.add(*signs_of_rows_left_out(self._warehouse, result, began))
                self._end_resync(result, now)
            result.findings.add(*(_not_seen_again(table, rows) for table, rows in result.unseen.items()))
            result.findings.add(
                *(_key_repeated(name, counts) for name, counts in result.counts.items() if counts.replaced)
            )
            self._ledger.end(result.sync_id, result.outcome, now(), error)
            self._ledger.warn(result.sync_id, result.findings.counted(), redact=self._secrets.redact)
            result.rows_now = {name: self._rows_in(name) for name in self.tables}

    def _end_resync(self, result: SyncResult, now: Callable[[], datetime]) -> None:
        """Find the rows that a complete re-sync, or a reload of the tables in `softDelete`, did not send again."""
        if self._resync_from is not None:
            flag = self._rules.unseen == "flag"
            result.unseen |= self._unseen(self.tables, self._resync_from, now(), flag=flag)
            self._ledger.end_resync()
        elif self._rules.soft_delete == "reload":
            since = self._ledger.unfinished_since()
            result.unseen |= self._unseen(self._soft & self.tables.keys(), since, now(), flag=True)

    def _unseen(self, names: Collection[str], since: datetime, at: datetime, *, flag: bool) -> dict[str, int]:
        """How many rows of each table were last sent before `since`, flagged as deleted if asked for."""
        unseen: dict[str, int] = {}
        for name in sorted(names):
            table = self.tables[name]
            if not table.key or not (rows := unseen_rows(self._warehouse, self.schema, table, since)):
                continue
            unseen[name] = rows
            if flag:
                self.tables[name] = flag_unseen(self._warehouse, self.schema, table, since, at)
                self._ledger.keep_table(self.tables[name])
        return unseen

    def _rows_in(self, table: str) -> int:
        sql = table_sql(self._warehouse, self.schema, table)
        found = self._warehouse.execute(f"SELECT count(*) FROM {sql}").fetchone()
        return int(found[0]) if found else 0


def _first_state(state: str, past: PastSync | None, rules: Rules) -> str:
    failed = past is not None and past.outcome not in ("complete", "paused")
    return past.state_before if past is not None and failed and rules.after_failure == "sync-start" else state


def _not_seen_again(table: str, rows: int) -> Finding:
    text = f"table {table}: {rows} rows were not sent again"
    hint = "They are deleted in the source, or the function does not read everything."
    return Finding("not-seen-again", text, hint)


def _key_repeated(table: str, counts: Counts) -> Finding:
    """Rows that another row of the same answer replaced: a key that does not distinguish rows loses them so."""
    text = f"table {table}: {counts.replaced:,} of {counts.sent:,} rows sent had the key of a later row of their answer"
    hint = (
        "Only the last of each is kept. Does the key distinguish rows? Are its numbers rounded, above 2**53?"
    )
    return Finding("key-repeated", text, hint)
