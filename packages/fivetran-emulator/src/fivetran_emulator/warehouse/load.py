"""The tables of an answer into the warehouse: each gets its shape, then its rows.

Before anything of an answer is written all of its tables are checked, so that the author of the function sees every problem
at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from types import NoneType
from typing import Annotated, Any

import duckdb
import msgspec

from fivetran_emulator.errors import Finding
from fivetran_emulator.protocol.answer import FittingRows, RowTexts, exact_fraction
from fivetran_emulator.protocol.rules import Rules
from fivetran_emulator.warehouse.columns import ColumnKind, kind_of, types_in, wider
from fivetran_emulator.warehouse.database import quoted, table_sql
from fivetran_emulator.warehouse.ledger import LoadedTable
from fivetran_emulator.warehouse.merge import (
    CHUNK,
    Counts,
    Target,
    append,
    delete,
    nested_text,
    stage,
    stage_fitting,
    upsert,
)
from fivetran_emulator.warehouse.row_checks import CheckedTables, TableOfAnswer
from fivetran_emulator.warehouse.shape import add_soft_delete, admit, create, fit, lock

__all__ = ["FittingTable", "Loaded", "load_answer"]


@dataclass(frozen=True)
class Loaded:
    """What became of an answer: counts by table, the tables whose record changed, and what is worth a warning.

    `absent` are the tables that it declares and that are not there, because no row ever had a value; `soft` those of
    `softDelete`.
    """

    counts: Mapping[str, Counts]
    changed: tuple[LoadedTable, ...]
    findings: tuple[Finding, ...]
    absent: tuple[str, ...] = ()
    soft: tuple[str, ...] = ()


def load_answer(
    warehouse: duckdb.DuckDBPyConnection,
    schema: str,
    checked: CheckedTables,
    known: Mapping[str, LoadedTable],
    *,
    batch: int,
    at: datetime,
    rules: Rules | None = None,
    settled: Mapping[str, LoadedTable] | None = None,
) -> Loaded:
    """Load every row and delete of an answer's `checked` tables into `schema`; call it inside a transaction.

    `known` are the tables loaded before, by name, `settled` those that were there after the first sync; `batch` is the
    number of the answer, `at` the UTC time of loading.
    """
    rules = rules or Rules()
    parts, blocked = admit(checked.parts, settled, rules)
    findings = [*checked.findings, *blocked]
    warehouse.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)}")
    loader = _Loader(warehouse, schema, batch, at.replace(tzinfo=None), rules, settled or {})
    counts: dict[str, Counts] = {}
    changed: list[LoadedTable] = []
    for part in parts:
        table, counted, found = loader.take(part, known.get(part.name))
        findings += found
        if table is not None:
            counts[part.name] = counted
        if table is not None and table != known.get(part.name):
            changed.append(table)
    absent = tuple(part.name for part in parts if part.name not in counts)
    soft = tuple(part.name for part in parts if part.soft_delete)
    return Loaded(counts, tuple(changed), tuple(findings), absent, soft)


@dataclass(frozen=True)
class _Loader:
    """Loads an answer's tables, each after it was given its shape."""

    warehouse: duckdb.DuckDBPyConnection
    schema: str
    batch: int
    at: datetime
    rules: Rules
    settled: Mapping[str, LoadedTable]

    def take(
        self, part: TableOfAnswer, table: LoadedTable | None
    ) -> tuple[LoadedTable | None, Counts, list[Finding]]:
        """Shape and load one table; None when there is none and no value to make one of."""
        locked: list[Finding] = []
        if self.rules.type_lock == "on" and part.name in self.settled:
            part, locked = lock(part, self.settled[part.name])
        table, shaped = self._shape(part, table)
        if table is None:
            return None, Counts(), shaped
        counts, loaded = self._load(part, table)
        return table, counts, [*locked, *shaped, *loaded]

    def _shape(
        self, part: TableOfAnswer, table: LoadedTable | None
    ) -> tuple[LoadedTable | None, list[Finding]]:
        """The table as every row of `part` fits into it."""
        columns = _kinds(part)
        findings: list[Finding] = []
        mixed = _mixed(part, columns, table)
        if table is not None:
            table, findings = fit(self.warehouse, self.schema, replace(table, source=part.source), columns)
        elif columns:
            table = create(self.warehouse, self.schema, part, columns)
        if table is not None and part.soft_delete and not table.soft_delete:
            table = add_soft_delete(self.warehouse, self.schema, table)
        return table, [*findings, *mixed]

    def _load(self, part: TableOfAnswer, table: LoadedTable) -> tuple[Counts, list[Finding]]:
        """Delete, then insert: a row that is in both ends as the inserted one."""
        counts = self._delete(part, table) if part.delete else Counts()
        if not part.insert:
            return counts, []
        inserted, emptied = self._insert(part, table)
        return counts + inserted, [_emptied(table.name, column, rows) for column, rows in emptied.items()]

    def _insert(self, part: TableOfAnswer, table: LoadedTable) -> tuple[Counts, dict[str, int]]:
        named = {member: name for member, name in part.columns.items() if name in table.columns}
        members = {member: (name, table.columns[name]) for member, name in named.items()}
        if isinstance(part.insert, FittingRows):
            stage_fitting(self.warehouse, "staged", part.insert, members)
        else:
            stage(self.warehouse, "staged", part.unknown, members)
        if not table.key:
            return append(self.warehouse, self._target(table), "staged", self.batch, self.at), {}
        return upsert(self.warehouse, self._target(table), "staged", self.at)

    def _delete(self, part: TableOfAnswer, table: LoadedTable) -> Counts:
        members: dict[str, tuple[str, ColumnKind]] = {}
        for member, name in part.key_members.items():
            seen = kind_of([row.get(member) for row in part.delete])
            members[member] = (name, wider(table.columns[name], seen or table.columns[name]))
        stage(self.warehouse, "deleted", part.delete, members)
        return delete(self.warehouse, self._target(table), "deleted", self.at)

    def _target(self, table: LoadedTable) -> Target:
        return Target(
            sql=table_sql(self.warehouse, self.schema, table.name),
            key=table.key,
            columns=list(table.columns),
            soft_delete=table.soft_delete and self.rules.soft_delete != "hard",
        )


class FittingTable:
    """Reads rows that a table takes without a change of its shape, and of which nothing has to be said.

    Their types are checked while they are read, and DuckDB gets them as JSON: nothing looks at them one by one. A sync of
    200,000 rows costs the emulator 3.3 s of CPU so, its start included, and 4.4 s where each row is looked at.
    """

    def __init__(self, table: LoadedTable, columns: Mapping[str, str]) -> None:
        """`columns` gives for each member that a row may have its column.

        Raises ValueError for a table of which no row can be read so.
        """
        kinds = [table.columns.get(column) for column in columns.values()]
        if not {*kinds} <= _FITTING.keys() or not {*table.key} <= {*columns.values()} & table.columns.keys():
            raise ValueError("values of such a column have to be looked at")
        if len({member.lower() for member in columns}) < len(columns):
            raise ValueError("DuckDB cannot distinguish the members")
        names = {f"f{place}": member for place, member in enumerate(columns)}
        self._columns = {field: (member, columns[member]) for field, member in names.items()}
        of_kind = dict(zip(names, kinds, strict=True))
        self._nested = [field for field, kind in of_kind.items() if kind is ColumnKind.JSON]
        self._doubles = [field for field, kind in of_kind.items() if _FITTING[kind] is msgspec.Raw]
        keys = [field for field, (_, column) in self._columns.items() if column in table.key]
        if {*keys} & {*self._nested, *self._doubles}:
            raise ValueError("such a key has to be looked at")
        self._optional = [field for field in names if field not in keys and field not in self._doubles]
        fields: list[Any] = [
            (field, _FITTING[of_kind[field]]) for field in names if field not in self._optional
        ]
        fields += [
            (field, _FITTING[of_kind[field]] | None | msgspec.UnsetType, msgspec.UNSET)
            for field in self._optional
        ]
        row = msgspec.defstruct("FittingRow", fields, rename=names, forbid_unknown_fields=True, gc=False)
        self._decoder = msgspec.json.Decoder(list[row], float_hook=self._fraction)  # type: ignore[valid-type]

    def read(self, raw: msgspec.Raw) -> FittingRows | None:
        """The rows, or None when one of them would change the table, or is wrong."""
        self._has_fractions = False
        try:
            rows: list[Any] = self._decoder.decode(raw)
        except (msgspec.DecodeError, RecursionError):
            return None
        if not all(_are_short(getattr(row, field) for row in rows) for field in self._doubles):
            return None
        absent = {
            field for field in self._optional if all(getattr(row, field) is msgspec.UNSET for row in rows)
        }
        return FittingRows(
            count=len(rows),
            columns=dict(named for field, named in self._columns.items() if field not in absent),
            texts=partial(self._texts, rows, has_fractions=self._has_fractions),
            raw=raw,
        )

    def _texts(self, rows: Sequence[object], *, has_fractions: bool) -> RowTexts:
        arrays = _arrays(rows)
        # DuckDB takes fractions inside JSON for doubles, and spells some escapes another way.
        if not self._nested or not (has_fractions or any(b"\\u" in array for array in arrays)):
            return RowTexts(arrays, frozenset())
        _make_text(rows, self._nested)
        return RowTexts(_arrays(rows), frozenset(self._columns[field][0] for field in self._nested))

    def _fraction(self, text: str) -> float | Decimal:
        self._has_fractions = True
        return exact_fraction(text)


def _integers(bound: int) -> Any:
    return Annotated[int, msgspec.Meta(ge=-bound, le=bound - 1)]


_FITTING: Mapping[ColumnKind | None, Any] = {
    None: NoneType,  # a member that never had a value has no column
    ColumnKind.BOOLEAN: bool,
    ColumnKind.SMALL_INTEGER: _integers(2**53),
    ColumnKind.INTEGER: _integers(2**63),
    ColumnKind.SHORT_DOUBLE: msgspec.Raw,
    ColumnKind.DOUBLE: msgspec.Raw,
    ColumnKind.TEXT: str,
    ColumnKind.JSON: dict[str, Any] | list[Any],
}
"""What a value of a column of each kind is, if it leaves the column as it is. Numbers that need a DECIMAL are looked at."""

_SHORT = re.compile(rb"(?:(?=[^\n]{1,16}\n)(?:null|0|-?[1-9][0-9]*|-?(?:0|[1-9][0-9]*)\.[0-9]+)\n)*")
"""Numbers, a line each, that any column of doubles holds exactly: fifteen digits and a point, and no exponent."""


def _are_short(values: Iterable[bytes]) -> bool:
    return bool(_SHORT.fullmatch(b"".join(bytes(value) + b"\n" for value in values)))


def _arrays(rows: Sequence[object]) -> list[bytes]:
    return [_COMPACT.encode(rows[start : start + CHUNK]) for start in range(0, len(rows), CHUNK)]


_COMPACT = msgspec.json.Encoder()


def _make_text(rows: Iterable[object], fields: Iterable[str]) -> None:
    """Put the JSON text of nested values in their place."""
    for field in fields:
        for row in rows:
            if isinstance(value := getattr(row, field), dict | list):
                setattr(row, field, nested_text(value))


def _kinds(part: TableOfAnswer) -> dict[str, ColumnKind]:
    """The kind of each column that has a value in one of the inserted rows."""
    kinds = (
        (name, kind_of([row.get(member) for row in part.unknown])) for member, name in part.columns.items()
    )
    return {name: kind for name, kind in kinds if kind is not None}


def _mixed(
    part: TableOfAnswer, columns: Mapping[str, ColumnKind], table: LoadedTable | None
) -> list[Finding]:
    """Columns that are text although not only text was sent for them; a widening has a finding of its own."""
    findings = []
    for member, name in part.columns.items():
        seen = columns.get(name)
        had = table.columns.get(name) if table is not None else None
        if (
            seen is None
            or had not in (None, ColumnKind.TEXT)
            or wider(seen, had or seen) is not ColumnKind.TEXT
        ):
            continue
        types = types_in([row.get(member) for row in part.unknown])
        if types != ["text"]:
            text = f"column {part.name}.{name} is text, because its values are not of one type: this answer has {' and '.join(types)} in it"
            hint = "Send one type in a column, in every row of every sync."
            findings.append(Finding("mixed-types", text, hint))
    return findings


def _emptied(table: str, column: str, rows: int) -> Finding:
    text = f"column {table}.{column} lost its value in {rows} rows that came again without it"
    return Finding("column-absent", text, "A row replaces the whole row: send every column every time.")
