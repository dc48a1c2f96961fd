"""The sync loop: call, load, commit, and again while the answer says `hasMore`.

A newcomer would expect a retry. Fivetran documents none within a sync: a failed call ends it, the state stays that of the
last accepted answer, and the next sync goes on from there.

Source: "Sync overview" of Fivetran's documentation, see `docs/protocol.md`.
"""

# ruff: noqa: S608 - every identifier in the SQL is quoted or our own, every value is a parameter

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Protocol

import duckdb

from fivetran_emulator.clock import Clock
from fivetran_emulator.collector import collector_held_off
from fivetran_emulator.errors import EmulatorError, FunctionError, UsageError
from fivetran_emulator.left_out import signs_of_rows_left_out
from fivetran_emulator.protocol.answer import Answer, read_answer
from fivetran_emulator.protocol.findings import Finding
from fivetran_emulator.protocol.function import Reply, Request, Sender, refuse_status
from fivetran_emulator.protocol.invocation import told_by
from fivetran_emulator.protocol.rules import Rules
from fivetran_emulator.report.figures import Accepted, SyncReport
from fivetran_emulator.secrets import Secrets
from fivetran_emulator.warehouse.database import table_sql, transaction
from fivetran_emulator.warehouse.ledger import Ledger, write_ledger_schema
from fivetran_emulator.warehouse.load import Loaded, load_answer
from fivetran_emulator.warehouse.merge import Counts
from fivetran_emulator.warehouse.row_checks import Spellings
from fivetran_emulator.warehouse.shape import flag_unseen, unseen_rows

__all__ = ["Sync", "Watcher"]

_MOST_EMPTY = 10
_SIX_HOURS = 6 * 3600


class Watcher(Protocol):
    """Who is told how a sync goes, while it goes."""

    def started(self, report: SyncReport) -> None:
        """The first call is about to be made."""

    def calling(self, number: int) -> None:
        """The function is being called and may take its time."""

    def accepted(self, accepted: Accepted) -> None:
        """An answer is in the warehouse."""


class Sync:
    """One sync of the connection `schema` in an open `warehouse`. `path` is only shown.

    `further` are root members of the request beside Fivetran's own; `repeat` are the numbers of the calls whose answer is
    loaded while its state is lost, so that they are made again. `source` says what the rows come from. Raises UsageError
    when those in the schema come from another: a state and a table belong to one source.
    """

    def __init__(
        self,
        function: Sender,
        warehouse: duckdb.DuckDBPyConnection,
        *,
        path: str,
        schema: str,
        secrets: Secrets,
        sync_id: str,
        clock: Clock,
        watcher: Watcher,
        rules: Rules | None = None,
        resync: bool = False,
        further: Mapping[str, object] | None = None,
        repeat: Collection[int] = (),
        source: str | None = None,
    ) -> None:
        self._function, self._warehouse, self._secrets = function, warehouse, secrets
        self._clock, self._watcher = clock, watcher
        self._rules, self._further, self._repeat = rules or Rules(), further or {}, repeat
        self._ledger, self._source = Ledger(warehouse, schema), source
        self._soft: set[str] = set()
        self._spellings = Spellings()
        self._body = b""
        with transaction(warehouse):
            write_ledger_schema(warehouse)
            self._refuse_other_source()
            if resync:
                self._ledger.begin_resync(clock.now())
            self._read_ledger()
        self.report = SyncReport(
            url=function.url,
            warehouse=path,
            schema=schema,
            sync_id=sync_id,
            state_before=self._state,
            state=self._state,
            rules=self._rules,
            resync=self._resync_from is not None,
            tables_before=dict(self._tables),
            tables=self._tables,
        )

    def _refuse_other_source(self) -> None:
        had = self._ledger.source()
        if self._source is not None and had not in (None, self._source):
            schema = self._ledger.connection
            problem = f"the schema `{schema}` holds rows of {had}, and this sync is from {self._source}"
            hint = f"They would be mixed. Sync into another: --schema {schema}_2, or another --warehouse."
            raise UsageError(self._secrets.redact(problem), hint=hint)

    def _read_ledger(self) -> None:
        """What past syncs left; the clock decides nothing of it."""
        self._state = self._ledger.state()
        self._batch = self._ledger.batch()
        self._tables = self._ledger.tables()
        self._settled = dict(self._tables) if self._ledger.was_ever_complete() else None
        self._past = self._ledger.last_sync()
        self._resync_from = self._ledger.resync_from()
        past = self._past
        if past and past.outcome not in ("complete", "paused") and self._rules.after_failure == "sync-start":
            self._state = past.state_before

    def run(self) -> SyncReport:
        """Sync until `hasMore` is false or six hours are over.

        Raises FunctionError, WarehouseError or KeyboardInterrupt; `report` tells how far it got.
        """
        began = self._clock.elapsed()
        self._begin()
        try:
            self.report.outcome = self._loop(until=began + _SIX_HOURS)
        except BaseException as error:
            self.report.outcome = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
            raise
        finally:
            self.report.seconds = self._clock.elapsed() - began
        self._end(None)
        return self.report

    def give_up(self, error: BaseException) -> None:
        """Record how a sync ended that raised `error`; call it when nothing of it is running any more."""
        told = "; ".join(error.problems) if isinstance(error, EmulatorError) else type(error).__name__
        self._end(self._secrets.redact(told))

    def _begin(self) -> None:
        past = self._past
        if past is not None and past.outcome != "complete" and self.report.state_before != "{}":
            how = {
                "running": "was killed",
                "interrupted": "was interrupted",
                "paused": "stopped at six hours",
            }.get(past.outcome, past.outcome)
            self.report.resuming = (
                f"the sync before ({past.sync_id}) {how} after {past.accepted} accepted answers"
            )
        self._began = self._clock.now()
        with transaction(self._warehouse):
            self._ledger.begin(self.report.sync_id, self._function.url, self._began, self.report.state_before)
        self._watcher.started(self.report)

    def _loop(self, *, until: float) -> str:
        empty = 0
        while self._clock.elapsed() < until:
            before = self.report.state
            answer = self._step(len(self.report.accepted) + 1)
            moved = self._rules.empty == "no-change" and answer.state != before
            empty = empty + 1 if answer.is_empty and not moved else 0
            if not answer.has_more:
                return "complete"
            if empty > _MOST_EMPTY:
                problem = f"{empty} answers in a row had neither a row nor a delete; Fivetran ends a sync after {_MOST_EMPTY}"
                raise FunctionError(
                    problem, hint="Look for rows within one invocation before answering `hasMore: true`."
                )
        return "paused"

    def _step(self, number: int) -> Answer:
        if number in self._repeat:
            self._take(number, keep_state=True)
        return self._take(len(self.report.accepted) + 1)

    def _take(self, number: int, *, keep_state: bool = False) -> Answer:
        """One call and its answer; with `keep_state` as if the answer's state had been lost."""
        self._watcher.calling(number)
        asked = self._clock.elapsed()
        reply = self._function.send(self._request())
        # By this sync's own clock, which may be a fixed one.
        reply = replace(reply, seconds=self._clock.elapsed() - asked)
        refuse_status(reply if reply.status == 200 else self._cleaned(reply))
        with collector_held_off():
            began = self._clock.elapsed()
            answer = self._read(reply)
            answer = replace(answer, state=self.report.state) if keep_state else answer
            loaded, accepted = self._commit(number, answer, reply, began)
        self._note(answer, loaded, reply)
        if keep_state:
            self._note_repeat(number, answer)
        self.report.accepted.append(accepted)
        self._watcher.accepted(accepted)
        return answer

    def _read(self, reply: Reply) -> Answer:
        try:
            return read_answer(reply.body, self._rules)
        except FunctionError:
            # What is shown of a broken answer is cut and escaped, and no longer looks like the secret that is in it.
            read_answer(self._cleaned(reply).body, self._rules)
            raise

    def _cleaned(self, reply: Reply) -> Reply:
        """An answer without secrets, to be quoted from."""
        text = reply.body.decode(errors="replace")
        hidden = self._secrets.redact(text)
        return reply if hidden == text else replace(reply, body=hidden.encode())

    def _request(self) -> Request:
        return Request(
            agent=f"Fivetran Google Cloud Functions Connector/fivetran_emulator/{self.report.schema}",
            state=self.report.state,
            secrets=self._secrets.json,
            sync_id=self.report.sync_id,
            further=self._further,
        )

    def _commit(self, number: int, answer: Answer, reply: Reply, began: float) -> tuple[Loaded, Accepted]:
        """Rows, state and the record of the answer, in one transaction."""
        at = self._clock.now()
        with transaction(self._warehouse):
            loaded = load_answer(
                self._warehouse,
                self.report.schema,
                answer,
                self._tables,
                batch=self._batch + 1,
                at=at,
                rules=self._rules,
                settled=self._settled,
                spellings=self._spellings,
            )
            for table in loaded.changed:
                self._ledger.keep_table(table)
            self._ledger.accept(answer.state, self._batch + 1)
            if self._source is not None:
                self._ledger.keep_source(self._source)
            accepted = _accepted(number, answer, reply, loaded, self._clock.elapsed() - began)
            self._record(accepted, at, answer.state)
        self._tables |= {table.name: table for table in loaded.changed}
        self._batch += 1
        self._soft.update(loaded.soft)
        return loaded, accepted

    def _record(self, accepted: Accepted, at: datetime, state: str) -> None:
        facts = (
            accepted.has_more,
            accepted.told.cut,
            accepted.rows,
            accepted.deletes,
            accepted.size,
            accepted.seconds,
        )
        self._ledger.invoked(self.report.sync_id, accepted.number, at, *facts, state)

    def _note(self, answer: Answer, loaded: Loaded, reply: Reply) -> None:
        """Take an accepted answer into the report."""
        report = self.report
        for name, counts in loaded.counts.items():
            report.counts[name] = report.counts.get(name, Counts()) + counts
        report.shapes += [(len(report.accepted) + 1, table) for table in loaded.changed]
        report.absent = (report.absent | set(loaded.absent)) - self._tables.keys()
        report.findings.add(*answer.findings, *loaded.findings, *_content_type(reply))
        if answer.has_more and answer.state == report.state and (answer.is_empty or reply.body == self._body):
            rows = "no rows and" if answer.is_empty else "the rows and"
            text = f"an answer with `hasMore: true` had {rows} the state of the one before: the next will be the same"
            report.findings.add(
                Finding("no-progress", text, "Move the state on, or answer `hasMore: false`.")
            )
        report.state, self._body = answer.state, reply.body

    def _note_repeat(self, number: int, answer: Answer) -> None:
        keyless = sorted(
            table for table, rows in answer.insert.items() if rows and not answer.keys.get(table)
        )
        if keyless:
            text = f"call {number} was repeated, and the rows of {', '.join(keyless)} are there twice: no key tells them apart"
            hint = "Any call may be repeated with the same state. Declare a primary_key in `schema`."
            self.report.findings.add(Finding("repeat-doubled", text, hint))

    def _end(self, error: str | None) -> None:
        with transaction(self._warehouse):
            if self.report.outcome == "complete":
                if not self._repeat:
                    self.report.findings.add(
                        *signs_of_rows_left_out(self._warehouse, self.report, self._began)
                    )
                self._look_for_unseen()
            self._look_for_replaced()
            self._ledger.end(self.report.sync_id, self.report.outcome, self._clock.now(), error)
            self._ledger.warn(self.report.sync_id, self.report.findings.counted())
            self.report.rows_now = {name: self._rows_in(name) for name in self._tables}

    def _look_for_unseen(self) -> None:
        """The rows that a complete re-sync, or a reload of the tables in `softDelete`, did not send again."""
        report, rules = self.report, self._rules
        if self._resync_from is not None:
            self._mark_unseen(self._tables, self._resync_from, flag=rules.unseen == "flag")
            self._ledger.end_resync()
        elif rules.soft_delete == "reload":
            self._mark_unseen(self._soft & self._tables.keys(), self._ledger.unfinished_since(), flag=True)
        for table, rows in report.unseen.items():
            text = f"table {table}: {rows} rows were not sent again"
            hint = "They are deleted in the source, or the function does not read everything."
            report.findings.add(Finding("not-seen-again", text, hint))

    def _look_for_replaced(self) -> None:
        """Rows that another row of the same answer replaced: a key that does not tell rows apart loses them so."""
        for table, counts in self.report.counts.items():
            if counts.replaced:
                text = f"table {table}: {counts.replaced:,} of {counts.sent:,} rows sent had the key of a later row of their answer"
                hint = "Only the last of each is kept. Does the key tell rows apart? Are its numbers rounded, above 2**53?"
                self.report.findings.add(Finding("key-repeated", text, hint))

    def _mark_unseen(self, names: Collection[str], since: datetime, *, flag: bool) -> None:
        schema, at = self.report.schema, self._clock.now()
        for name in sorted(names):
            table = self._tables[name]
            if not table.key or not (rows := unseen_rows(self._warehouse, schema, table, since)):
                continue
            self.report.unseen[name] = rows
            if flag:
                self._tables[name] = flag_unseen(self._warehouse, schema, table, since, at)
                self._ledger.keep_table(self._tables[name])

    def _rows_in(self, table: str) -> int:
        sql = table_sql(self._warehouse, self.report.schema, table)
        found = self._warehouse.execute(f"SELECT count(*) FROM {sql}").fetchone()
        return int(found[0]) if found else 0


def _accepted(number: int, answer: Answer, reply: Reply, loaded: Loaded, load_seconds: float) -> Accepted:
    return Accepted(
        number=number,
        has_more=answer.has_more,
        rows=sum(map(len, answer.insert.values())),
        deletes=sum(map(len, answer.delete.values())),
        size=len(reply.body),
        seconds=reply.seconds,
        load_seconds=load_seconds,
        told=told_by(reply.headers),
        tables=loaded.counts,
    )


def _content_type(reply: Reply) -> list[Finding]:
    told = reply.headers.get("Content-Type", "")
    if told.partition(";")[0].strip().lower() == "application/json":
        return []
    text = f"the answer's Content-Type is {told or 'missing'}"
    return [
        Finding("content-type", text, "Send it as application/json; returning a dict does that in Flask.")
    ]
