"""Rows that a function leaves out, found without a look into its source: by signs in one sync, and by two readings compared.

Of the signs each alone can be chance: a list of exactly a hundred rows, a source where nothing
has happened since the last sync. Two that agree are a warning. None needs a practice source: they are in the answers, in the
state and in the warehouse. Two readings are those of two schemas, or a sync and a second one from an empty state.
"""

# ruff: noqa: S608 - every identifier in the SQL is quoted or our own, every value is a parameter

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb
import msgspec

from fivetran_emulator.errors import Finding
from fivetran_emulator.protocol.kept_state import is_number, is_ours
from fivetran_emulator.sync.result import SyncResult, leaves
from fivetran_emulator.warehouse.columns import ColumnKind
from fivetran_emulator.warehouse.database import quoted, table_sql
from fivetran_emulator.warehouse.ledger import Ledger, LoadedTable
from fivetran_emulator.warehouse.merge import DELETED, SYNCED, Counts

__all__ = ["differences", "key_differences", "signs_of_rows_left_out"]


_SHARE = 0.1
"""Fewer rows that came again than this share are pages that overlap by a row or two, as careful ones do."""

_SMALLEST_PAGE = 10

_ROUND = re.compile(r"(?:1|2|25|3|4|5)0+")
"""The sizes that pages have: 10, 20, 50, 100, 250, 1000."""


def signs_of_rows_left_out(
    warehouse: duckdb.DuckDBPyConnection, report: SyncResult, began: datetime
) -> list[Finding]:
    """A warning where two signs agree in a complete sync that began at `began` (UTC); nothing else."""
    seen = _Seen(warehouse, report, began)
    found = [*seen.came_again(), *seen.full_pages(), *seen.counters()]
    if found:  # the last one reads whole columns, so it is only asked where it would be the second
        found += seen.ahead()
    if len(found) < 2:
        return []
    text = f"the function may leave rows out: {'; '.join(found)}"
    hint = (
        "Each of these alone can be chance. `--verify` reads everything a second time and compares the keys."
    )
    return [Finding("rows-left-out", text, hint)]


class _Seen:
    """What can be seen of one sync. Every sign is a sentence, or there is none."""

    def __init__(self, warehouse: duckdb.DuckDBPyConnection, report: SyncResult, began: datetime) -> None:
        self._warehouse, self._report, self._began = warehouse, report, began.replace(tzinfo=None)
        self._new = {name: self._synced(report.tables[name]) for name in report.counts}

    def came_again(self) -> Iterator[str]:
        """Rows that came a second time within the sync, though later answers had new ones too: a window that moves too slowly.

        A table that each answer holds whole is sent again on purpose.
        """
        tables = [
            f"{again:,} of {counts.sent:,} rows of {name}"
            for name, counts in sorted(self._report.counts.items())
            if self._report.tables[name].key and not self._is_whole(name)
            if (again := self._again(name, counts)) > _SHARE * counts.sent and counts.unchanged >= again
        ]
        if tables:
            yield f"{_some(tables)} came again unchanged within this sync"

    def full_pages(self) -> Iterator[str]:
        """A last page with no place for another row: the one after it may not have been asked for."""
        tables = [
            f"{size:,} rows of {name}"
            for name, size in sorted(self._last_pages().items())
            if _ROUND.fullmatch(str(size)) or self._is_usual(name, size)
        ]
        if tables:
            yield f"the last answer was a full page ({_some(tables)})"

    def counters(self) -> Iterator[str]:
        """A number in the state that counts calls or rows and is still there: the next sync begins behind the first row.

        The numbers in fivetran-runtime's own states are its affair.
        """
        if is_ours(msgspec.json.decode(self._report.state)):
            return
        before = dict(leaves(msgspec.json.decode(self._report.state_before)))
        for path, value in leaves(msgspec.json.decode(self._report.state)):
            if is_number(value) and self._counts(before.get(path), value) and not self._is_a_mark(value):
                yield f"`{path}` of the state is still {value:,} after `hasMore: false`"
                return

    def ahead(self) -> Iterator[str]:
        """A time in the state that is later than that of every row: what changes before it may never be asked for."""
        times = [
            (at, path)
            for path, value in leaves(msgspec.json.decode(self._report.state))
            if (at := _instant(value))
        ]
        if not times:
            return
        # Most often a row of this sync is as late. A look at all 2,000,000 rows of a table takes 1.6 s.
        newest = self._newest_of_all(of_this_sync=True)
        if newest is None or max(times)[0] > newest:
            newest = self._newest_of_all(of_this_sync=False)
        if newest is not None and max(times)[0] > newest:
            yield f"`{max(times)[1]}` of the state is later than every row ({newest:%Y-%m-%dT%H:%M:%SZ})"

    def _synced(self, table: LoadedTable) -> int:
        """Its rows that came in this sync and are there, each once."""
        alive = f" AND NOT coalesce({DELETED}, false)" if table.soft_delete else ""
        found = self._one(f"SELECT count(*) FROM {self._sql(table)} WHERE {SYNCED} >= $1{alive}", self._began)
        return int(str(found))

    def _again(self, name: str, counts: Counts) -> int:
        return counts.sent - counts.replaced - counts.deleted - self._new[name]

    def _is_whole(self, name: str) -> bool:
        """Whether no answer after the first with rows of this table brought a new one."""
        return self._new[name] <= next((sent for sent in self._pages(name) if sent), 0)

    def _pages(self, name: str) -> list[int]:
        return [one.tables[name].sent if name in one.tables else 0 for one in self._report.accepted]

    def _last_pages(self) -> Mapping[str, int]:
        """The rows of each table in the last answer that had any; a table that is sent whole again and again is no page."""
        pages = {name: self._pages(name) for name in self._report.counts}
        once = len(self._report.accepted) == 1
        return {
            name: sent[-1] for name, sent in pages.items() if sent[-1] and (once or not self._is_whole(name))
        }

    def _is_usual(self, name: str, size: int) -> bool:
        """Whether at least two answers before had as many rows of the table, and none had more or fewer."""
        earlier = [sent for sent in self._pages(name)[:-1] if sent]
        return size >= _SMALLEST_PAGE and len(earlier) > 1 and set(earlier) == {size}

    def _counts(self, before: object, after: int) -> bool:
        had = before if is_number(before) else 0
        calls, rows = len(self._report.accepted), [counts.sent for counts in self._report.counts.values()]
        counted = {calls, calls + 1, *rows, *(sent + 1 for sent in rows), sum(rows)}
        # One more than nothing is more often the version of a state than a count.
        return after > 1 and after - had > 0 and after - had in counted and sum(rows) > 0

    def _is_a_mark(self, value: int) -> bool:
        """Whether it is the largest value of a column, as the mark of a table in order of its ids is."""
        return any(
            self._one(f"SELECT max({quoted(column)}) FROM {self._sql(table)}") == value
            for table in self._report.tables.values()
            for column, kind in table.columns.items()
            if kind in (ColumnKind.SMALL_INTEGER, ColumnKind.INTEGER, ColumnKind.HUGE_INTEGER)
        )

    def _newest_of_all(self, *, of_this_sync: bool) -> datetime | None:
        """The latest time in any table, of rows that came in this sync or of all."""
        since = self._began if of_this_sync else datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None)
        newest = (self._newest(table, since) for table in self._report.tables.values())
        return max((at for at in newest if at is not None), default=None)

    def _newest(self, table: LoadedTable, since: datetime) -> datetime | None:
        """The latest time (UTC) in a column of text, of rows synced `since`; one without a zone is taken as the latest it may be."""
        texts = [quoted(column) for column, kind in table.columns.items() if kind is ColumnKind.TEXT]
        if not texts:
            return None
        latest = ", ".join(
            f"max(CASE WHEN regexp_matches({column}, '^\\d{{4}}-\\d\\d-\\d\\d') THEN CASE"
            f" WHEN regexp_matches({column}, '(Z|[+-]\\d\\d:?\\d\\d)$') AND length({column}) > 11 THEN try_cast({column} AS TIMESTAMP)"
            f" ELSE try_cast({column} AS TIMESTAMP) + INTERVAL 24 HOURS END END)"
            for column in texts
        )
        sql = f"SELECT {latest} FROM {self._sql(table)} WHERE {SYNCED} >= $1"
        found = self._warehouse.execute(sql, [since]).fetchone() or ()
        times = [at.replace(tzinfo=UTC) for at in found if isinstance(at, datetime)]
        return max(times, default=None)

    def _sql(self, table: LoadedTable) -> str:
        return table_sql(self._warehouse, self._report.schema, table.name)

    def _one(self, sql: str, *values: object) -> object:
        return (self._warehouse.execute(sql, list(values)).fetchone() or (None,))[0]


def _instant(value: object) -> datetime | None:
    """A time with a zone; dashes for the colons are some connectors' way to write it."""
    if not isinstance(value, str) or not re.match(r"\d{4}-\d\d-\d\d[T ]\d\d", value):
        return None
    try:
        at = datetime.fromisoformat(re.sub(r"([T ]\d\d)-(\d\d)-(\d\d)", r"\1:\2:\3", value))
    except ValueError:
        return None
    return at.astimezone(UTC) if at.tzinfo is not None else None


def _some(texts: list[str]) -> str:
    return ", ".join(texts[:3]) + (f" and {len(texts) - 3} more tables" if len(texts) > 3 else "")


_EXAMPLES = 3
_TEXTS = (ColumnKind.TEXT, ColumnKind.JSON)


def differences(warehouse: duckdb.DuckDBPyConnection, one: str, other: str) -> list[str]:
    """A sentence for each keyed table whose rows differ between two schemas; nothing when they are the same.

    Fivetran's own columns and the order of columns do not count.
    """
    first, second = Ledger(warehouse, one).tables(), Ledger(warehouse, other).tables()
    keyed = sorted(name for name, table in (first | second).items() if table.key)
    return [
        difference
        for name in keyed
        if (difference := _row_difference(warehouse, (one, first.get(name)), (other, second.get(name))))
    ]


def _row_difference(
    warehouse: duckdb.DuckDBPyConnection,
    one: tuple[str, LoadedTable | None],
    other: tuple[str, LoadedTable | None],
) -> str:
    (schema, table), (schema_2, table_2) = one, other
    if table is None or table_2 is None:
        there, name = (schema, table) if table else (schema_2, table_2)
        return f"table {name.name if name else ''} is in {there} only"
    if table.columns != table_2.columns and set(table.columns) != set(table_2.columns):
        odd = sorted(set(table.columns) ^ set(table_2.columns))
        return f"table {table.name}: not both have the column {', '.join(odd)}"
    columns = ", ".join(quoted(name) for name in table.columns)
    rows = [
        f"SELECT {columns} FROM {table_sql(warehouse, schema, table.name)}" for schema in (schema, schema_2)
    ]
    counts = [_count(warehouse, f"{a} EXCEPT ALL {b}") for a, b in (rows, rows[::-1])]
    if not any(counts):
        return ""
    return f"table {table.name}: {counts[0]} rows are in {schema} only, {counts[1]} in {schema_2} only"


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


def key_differences(
    warehouse: duckdb.DuckDBPyConnection,
    schema: str,
    tables: Mapping[str, LoadedTable],
    second: Mapping[str, LoadedTable],
    attached: str,
) -> Iterator[Finding]:
    """A finding for each keyed table of `schema` whose keys differ from those in the file that is attached by that name.

    `tables` and `second` are the tables of each, by name.
    """
    for name in sorted(tables.keys() | second.keys()):
        here, there = tables.get(name), second.get(name)
        if not all(table.key for table in (here, there) if table is not None):
            continue
        one = _Side(sql=table_sql(warehouse, schema, name), table=here) if here else None
        other = _Side(sql=quoted(attached, schema, name), table=there) if there else None
        yield from _key_difference(warehouse, name, one, other)


def _key_difference(
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
