"""An accepted answer into the warehouse: check every table first, then shape, then load.

A newcomer would load table by table and stop at the first mistake. All tables are checked before anything is written, so
that the author of the function sees every problem of an answer at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import duckdb

from fivetran_emulator.answer import Answer
from fivetran_emulator.checks import TableOfAnswer, check_answer
from fivetran_emulator.columns import Kind, kind_of, wider
from fivetran_emulator.findings import Finding
from fivetran_emulator.ledger import LoadedTable
from fivetran_emulator.merge import Counts, Target, append, delete, upsert
from fivetran_emulator.shape import add_soft_delete, create, fit
from fivetran_emulator.staging import stage
from fivetran_emulator.warehouse import quoted

__all__ = ["Loaded", "load_answer"]


@dataclass(frozen=True)
class Loaded:
    """What became of an answer: counts by table, the tables whose record changed, and what is worth a warning."""

    counts: Mapping[str, Counts]
    changed: tuple[LoadedTable, ...]
    findings: tuple[Finding, ...]


def load_answer(
    warehouse: duckdb.DuckDBPyConnection,
    schema: str,
    answer: Answer,
    known: Mapping[str, LoadedTable],
    *,
    batch: int,
    at: datetime,
) -> Loaded:
    """Load every row and delete of `answer` into `schema`; call it inside a transaction.

    `known` are the tables loaded before, by name; `batch` is the number of the answer, `at` the UTC time of loading. Raises
    FunctionError, with every problem in every table and before anything is written, when Fivetran would not load it.
    """
    parts, findings = check_answer(answer, known)
    warehouse.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)}")
    loader = _Loader(warehouse, schema, batch, at.replace(tzinfo=None))
    counts: dict[str, Counts] = {}
    changed: list[LoadedTable] = []
    for part in parts:
        table, found = loader.shape(part, known.get(part.name))
        findings += found
        if table is None:
            continue
        counts[part.name] = loader.load(part, table)
        if table != known.get(part.name):
            changed.append(table)
    return Loaded(counts, tuple(changed), tuple(findings))


@dataclass(frozen=True)
class _Loader:
    """Loads an answer's tables, each after it was given its shape."""

    warehouse: duckdb.DuckDBPyConnection
    schema: str
    batch: int
    at: datetime

    def shape(
        self, part: TableOfAnswer, table: LoadedTable | None
    ) -> tuple[LoadedTable | None, list[Finding]]:
        """The table as every row of `part` fits into it; None when there is none and no value to make one of."""
        columns = _kinds(part)
        findings: list[Finding] = []
        if table is not None:
            table, findings = fit(self.warehouse, self.schema, replace(table, source=part.source), columns)
        elif columns:
            table = create(self.warehouse, self.schema, part, columns)
        if table is not None and part.soft_delete and not table.soft_delete:
            table = add_soft_delete(self.warehouse, self.schema, table)
        return table, findings

    def load(self, part: TableOfAnswer, table: LoadedTable) -> Counts:
        """Delete, then insert: a row that is in both ends as the inserted one."""
        counts = self._delete(part, table) if part.delete else Counts()
        return counts + self._insert(part, table) if part.insert else counts

    def _insert(self, part: TableOfAnswer, table: LoadedTable) -> Counts:
        named = {member: name for member, name in part.columns.items() if name in table.columns}
        members = {member: (name, table.columns[name]) for member, name in named.items()}
        stage(self.warehouse, "staged", part.insert, members)
        if not table.key:
            return append(self.warehouse, self._target(table), "staged", self.batch, self.at)
        return upsert(self.warehouse, self._target(table), "staged", self.at)

    def _delete(self, part: TableOfAnswer, table: LoadedTable) -> Counts:
        members: dict[str, tuple[str, Kind]] = {}
        for member, name in part.key_members.items():
            seen = kind_of([row.get(member) for row in part.delete])
            members[member] = (name, wider(table.columns[name], seen or table.columns[name]))
        stage(self.warehouse, "gone", part.delete, members)
        return delete(self.warehouse, self._target(table), "gone", self.at)

    def _target(self, table: LoadedTable) -> Target:
        return Target(
            sql=quoted(self.schema, table.name),
            key=table.key,
            columns=list(table.columns),
            soft_delete=table.soft_delete,
        )


def _kinds(part: TableOfAnswer) -> dict[str, Kind]:
    """The kind of each column that has a value in one of the inserted rows."""
    kinds = (
        (name, kind_of([row.get(member) for row in part.insert])) for member, name in part.columns.items()
    )
    return {name: kind for name, kind in kinds if kind is not None}
