"""The sync loop: call, load, commit, and again while the answer says `hasMore`.

A newcomer would expect a retry. Fivetran documents none within a sync: a failed call ends it, the state stays that of the
last accepted answer, and the next sync goes on from there.

Source: "Sync overview" of Fivetran's documentation, see `docs/protocol.md`.
"""

# ruff: noqa: S608 - every identifier in the SQL is quoted or our own, every value is a parameter

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import duckdb

from fivetran_emulator.answer import Answer, read_answer
from fivetran_emulator.clock import Clock
from fivetran_emulator.collector import collector_held_off
from fivetran_emulator.errors import EmulatorError, FunctionError
from fivetran_emulator.findings import Finding
from fivetran_emulator.function import Function, Reply, Request
from fivetran_emulator.invocation import told_by
from fivetran_emulator.ledger import Ledger, write_ledger_schema
from fivetran_emulator.load import Loaded, load_answer
from fivetran_emulator.merge import Counts
from fivetran_emulator.report import Accepted, SyncReport
from fivetran_emulator.secrets import Secrets
from fivetran_emulator.warehouse import quoted, transaction

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
    """One sync of the connection `schema` in an open `warehouse`. `path` is only shown."""

    def __init__(
        self,
        function: Function,
        warehouse: duckdb.DuckDBPyConnection,
        *,
        path: str,
        schema: str,
        secrets: Secrets,
        sync_id: str,
        clock: Clock,
        watcher: Watcher,
    ) -> None:
        self._function, self._warehouse, self._secrets = function, warehouse, secrets
        self._clock, self._watcher = clock, watcher
        self._ledger = Ledger(warehouse, schema)
        with transaction(warehouse):
            write_ledger_schema(warehouse)
            state = self._ledger.state()
            self._batch = self._ledger.batch()
            self._tables = self._ledger.tables()
            self._past = self._ledger.last_sync()
        self.report = SyncReport(
            url=function.url, warehouse=path, schema=schema, sync_id=sync_id, state_before=state, state=state
        )
        self.report.tables_before, self.report.tables = dict(self._tables), self._tables

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
        if past is not None and past.outcome != "complete":
            how = {"running": "was killed", "paused": "stopped after six hours"}.get(
                past.outcome, past.outcome
            )
            self.report.resuming = f"the sync before ({past.sync_id}) {how} after accepting {past.accepted}"
        with transaction(self._warehouse):
            self._ledger.begin(self.report.sync_id, self._function.url, self._clock.now())
        self._watcher.started(self.report)

    def _loop(self, *, until: float) -> str:
        empty = 0
        while self._clock.elapsed() < until:
            answer = self._step(len(self.report.accepted) + 1)
            empty = empty + 1 if answer.is_empty else 0
            if not answer.has_more:
                return "complete"
            if empty > _MOST_EMPTY:
                problem = f"{empty} answers in a row had neither a row nor a delete; Fivetran ends a sync after {_MOST_EMPTY}"
                raise FunctionError(
                    problem, hint="Look for rows within one invocation before answering `hasMore: true`."
                )
        return "paused"

    def _step(self, number: int) -> Answer:
        self._watcher.calling(number)
        reply = self._function.call(self._request())
        with collector_held_off():
            began = self._clock.elapsed()
            answer = read_answer(reply.body)
            loaded, accepted = self._commit(number, answer, reply, began)
        self._note(answer, loaded, reply)
        self.report.accepted.append(accepted)
        self._watcher.accepted(accepted)
        return answer

    def _request(self) -> Request:
        return Request(
            agent=f"Fivetran Google Cloud Functions Connector/fivetran_emulator/{self.report.schema}",
            state=self.report.state,
            secrets=self._secrets.json,
            sync_id=self.report.sync_id,
        )

    def _commit(self, number: int, answer: Answer, reply: Reply, began: float) -> tuple[Loaded, Accepted]:
        """Rows, state and the record of the answer, in one transaction."""
        at = self._clock.now()
        with transaction(self._warehouse):
            loaded = load_answer(
                self._warehouse, self.report.schema, answer, self._tables, batch=self._batch + 1, at=at
            )
            for table in loaded.changed:
                self._ledger.keep_table(table)
            self._ledger.accept(answer.state, self._batch + 1)
            accepted = _accepted(number, answer, reply, loaded, self._clock.elapsed() - began)
            self._record(accepted, at, answer.state)
        self._tables |= {table.name: table for table in loaded.changed}
        self._batch += 1
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
        report.findings.add(*answer.findings, *loaded.findings, *_content_type(reply))
        if answer.has_more and answer.is_empty and answer.state == report.state:
            text = "an answer with `hasMore: true` had no rows and the state of the one before: the next will be the same"
            report.findings.add(
                Finding("no-progress", text, "Move the state on, or answer `hasMore: false`.")
            )
        report.state = answer.state

    def _end(self, error: str | None) -> None:
        with transaction(self._warehouse):
            self._ledger.end(self.report.sync_id, self.report.outcome, self._clock.now(), error)
            self._ledger.warn(self.report.sync_id, self.report.findings.counted())
            self.report.rows_now = {name: self._rows_in(name) for name in self._tables}

    def _rows_in(self, table: str) -> int:
        found = self._warehouse.execute(
            f"SELECT count(*) FROM {quoted(self.report.schema, table)}"
        ).fetchone()
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
