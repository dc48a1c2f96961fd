"""Whether an answer's tables can be loaded: names, keys, deletes.

Every answer declares the key in `schema`, and Fivetran keeps to the first one: a table whose key changes, or is left out once,
is an error here.

Source: "Naming conventions" and "Upsert data" of Fivetran's documentation, see `docs/protocol.md`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain

from fivetran_emulator.errors import Finding, FunctionError
from fivetran_emulator.protocol.answer import Answer, FittingRows, Row
from fivetran_emulator.protocol.rules import Rules
from fivetran_emulator.warehouse.columns import NAMINGS, SYSTEM_PREFIX, Naming, collisions
from fivetran_emulator.warehouse.ledger import LoadedTable

__all__ = ["CheckedTables", "Spellings", "TableOfAnswer", "check_answer"]

_SCALARS = {bool, int, float, Decimal, str}


@dataclass(frozen=True, kw_only=True)
class TableOfAnswer:
    """One table's part of an answer that can be loaded.

    `name` and `key` are the warehouse's names, `source` is the function's. `columns` gives for each member of the inserted
    rows its column; `key_members` for each member of the deleted rows the key column it is. Rows that fit are not deleted from
    in the same answer.
    """

    name: str
    source: str
    key: tuple[str, ...]
    columns: Mapping[str, str]
    key_members: Mapping[str, str]
    insert: Sequence[Row] | FittingRows
    delete: Sequence[Row]
    soft_delete: bool

    @property
    def unknown(self) -> Sequence[Row]:
        """The inserted rows whose values nobody has looked at: not those that fit."""
        return [] if isinstance(self.insert, FittingRows) else self.insert


@dataclass(frozen=True)
class CheckedTables:
    """The tables of an answer that Fivetran would accept, ready to load, and what is odd about them."""

    parts: Sequence[TableOfAnswer]
    findings: Sequence[Finding]


def check_answer(
    answer: Answer, known: Mapping[str, LoadedTable], rules: Rules, spellings: Spellings | None = None
) -> CheckedTables:
    """The tables of `answer`. `known` are those loaded before, by name; `spellings` the names of earlier answers of the sync.

    Raises FunctionError with every problem in every table: what passes here can be loaded.
    """
    sources = list(dict.fromkeys(chain(answer.insert, answer.delete, answer.keys, answer.soft_delete or ())))
    naming = NAMINGS[rules.naming]
    by_name = {name.lower(): table for name, table in known.items()}
    checks = [
        _TableCheck(source, answer, by_name.get(naming.table(source).lower()), rules) for source in sources
    ]
    tables = [check.run() for check in checks]
    problems = _table_names(sources, naming) + [problem for check in checks for problem in check.problems]
    if problems:
        raise FunctionError(*problems, hint="Nothing of this answer was loaded and the state is as before.")
    if problems := (spellings or Spellings()).problems(tables):
        raise FunctionError(*problems, hint="Spell a name one way. Nothing of this answer was loaded.")
    return CheckedTables(tables, [finding for check in checks for finding in check.findings])


def _table_names(sources: Sequence[str], naming: Naming) -> list[str]:
    empty = [source for source in sources if not naming.table(source)]
    problems = [f"the table name {source!r} has no letter or digit to name a table by" for source in empty]
    # Without regard to case, as the warehouse compares names.
    for name, same in collisions(sources, lambda source: naming.table(source).lower()):
        problems.append(f"the tables {_and(same)} would all be named `{name}` by Fivetran")
    return problems


class _TableCheck:
    """The checks of one table; problems and findings gather while it runs."""

    def __init__(self, source: str, answer: Answer, known: LoadedTable | None, rules: Rules) -> None:
        self.problems: list[str] = []
        self.findings: list[Finding] = []
        self._source = source
        self._known = known
        self._rules = rules
        self._naming = NAMINGS[rules.naming]
        self._by_name = {column.lower(): column for column in known.columns} if known else {}
        self._declared = source in answer.keys
        self._key = tuple(map(self._column, answer.keys.get(source, ())))
        self._delete: Sequence[Row] = answer.delete.get(source, [])
        self._fitting, self._insert = _looked_at(answer.insert.get(source, []), decode=bool(self._delete))
        self._soft_delete = {
            "hard": False,
            "always": bool(self._key),
        }.get(rules.soft_delete, answer.soft_delete is None or source in answer.soft_delete)

    def _column(self, source: str) -> str:
        name = self._naming.column(source)
        return self._by_name.get(name.lower(), name)

    def run(self) -> TableOfAnswer:
        """Check everything; what is returned may be loaded only if there are no problems."""
        columns = dict(self._fitting.columns) if self._fitting else self._columns(self._insert)
        deleted = self._columns(self._delete)
        self._same_key()
        self._insert = self._with_key("insert", self._insert, columns)
        self._delete = self._with_key("delete", self._delete, deleted)
        self._deletable()
        self._warn_keyless()
        key_members = {member: column for member, column in deleted.items() if column in self._key}
        return TableOfAnswer(
            name=self._known.name if self._known else self._naming.table(self._source),
            source=self._source,
            key=self._key,
            columns=columns,
            key_members=key_members,
            insert=self._fitting or self._insert,
            delete=self._not_inserted(columns, key_members),
            soft_delete=self._soft_delete,
        )

    def _columns(self, rows: Sequence[Row]) -> dict[str, str]:
        shapes = dict.fromkeys(map(tuple, rows))
        columns = {member: self._column(member) for member in chain.from_iterable(shapes)}
        for name, same in collisions(columns, lambda member: columns[member].lower()):
            self._problem(f"has the columns {_and(same)}, which Fivetran would all name `{name}`")
        for member in [member for member, name in columns.items() if not self._may_be_named(member, name)]:
            del columns[member]
        return columns

    def _may_be_named(self, member: str, name: str) -> bool:
        system = name.lower().startswith(SYSTEM_PREFIX)
        if not name:
            self._problem("has a column with an empty name")
        elif system:
            text = f"has a column {member!r}; names that start with `{SYSTEM_PREFIX}` are Fivetran's own"
            self._reject(self._rules.system_columns == "refuse", "system-column", text, "Rename the column.")
        return bool(name) and not system

    def _same_key(self) -> None:
        if self._known is None or not (self._fitting or self._insert or self._delete or self._declared):
            return
        if set(self._key) != set(self._known.key):
            now, had = _named(self._key), _named(self._known.key)
            text = f"has {now} in `schema`, but was loaded with {had} before; Fivetran keeps to the first"
            self._reject(self._rules.keys == "refuse", "key-changed", text, "Keep to one key for good.")
            self._key = self._known.key

    def _with_key(self, where: str, rows: Sequence[Row], columns: Mapping[str, str]) -> Sequence[Row]:
        """The rows that have a value for each column of the key; the others are a problem, or left out."""
        members = {column: member for member, column in columns.items()}
        wrong: set[int] = set()
        for column in self._key if rows else ():
            values = [row.get(members.get(column, column)) for row in rows]
            if not set(map(type, values)) <= _SCALARS:
                text = _no_value(where, column, values)
                hint = "Give every row a value for each column of its key."
                self._reject(self._rules.keys == "refuse", "no-key-value", text, hint)
                wrong |= {row for row, value in enumerate(values) if type(value) not in _SCALARS}
        return [row for place, row in enumerate(rows) if place not in wrong] if wrong else rows

    def _deletable(self) -> None:
        if self._delete and not self._key:
            self._problem(
                "has rows in `delete` but no `primary_key` in `schema`, so nothing says which rows are meant"
            )

    def _warn_keyless(self) -> None:
        if (self._fitting or self._insert) and not self._key:
            text = f"table {self._source} has no key, so every row sent is a new row, also one that was sent before"
            self.findings.append(
                Finding("no-key", text, "Declare its primary_key in `schema` if its rows have one.")
            )

    def _not_inserted(self, columns: Mapping[str, str], key_members: Mapping[str, str]) -> Sequence[Row]:
        """The deletes that no insert of the same answer undoes."""
        if not (self._key and self._insert and self._delete):
            return self._delete
        inserted = set(_keys(self._insert, columns, self._key))
        deleted = _keys(self._delete, key_members, self._key)
        kept = [row for row, key in zip(self._delete, deleted, strict=True) if key not in inserted]
        if both := len(self._delete) - len(kept):
            text = (
                f"table {self._source}: {both} of the rows in `delete` are in `insert` of the same answer too"
            )
            hint = "Send a key in one of the two. Here the insert wins; Fivetran promises no order."
            self.findings.append(Finding("key-in-both", text, hint))
        return kept

    def _problem(self, text: str) -> None:
        self.problems.append(f"table {self._source} {text}")

    def _reject(self, fatal: bool, code: str, text: str, hint: str) -> None:
        """A problem if `fatal`, else a warning about what was left out."""
        if fatal:
            self._problem(text)
        else:
            self.findings.append(Finding(code, f"table {self._source} {text}: left out", hint))


def _looked_at(
    rows: Sequence[Row] | FittingRows, *, decode: bool
) -> tuple[FittingRows | None, Sequence[Row]]:
    """Rows that fit and need no look, else None, and those that do; all of them where `decode` says so."""
    if not isinstance(rows, FittingRows):
        return None, rows
    return (None, rows.decoded()) if decode else (rows, [])


def _keys(rows: Sequence[Row], columns: Mapping[str, str], key: Sequence[str]) -> list[tuple[object, ...]]:
    """Each row's key; the type is part of it, because to Python `1` and `true` are one."""
    members = {column: member for member, column in columns.items()}
    parts = [[row.get(members.get(column, column)) for row in rows] for column in key]
    return [tuple((type(value), value) for value in values) for values in zip(*parts, strict=True)]


def _no_value(where: str, column: str, values: Sequence[object]) -> str:
    wrong = [row for row, value in enumerate(values) if type(value) not in _SCALARS]
    what = "missing or null" if values[wrong[0]] is None else "an object or a list"
    more = f" and in {len(wrong) - 1} more" if len(wrong) > 1 else ""
    return f"has no value for its key column `{column}` ({what}) in row {wrong[0]} of `{where}`{more}"


def _named(key: Sequence[str]) -> str:
    return f"the key {_and(key)}" if key else "no key"


def _and(names: Sequence[str]) -> str:
    return " and ".join(f"`{name}`" for name in names)


class Spellings:
    """How each table and column was spelt so far in this sync.

    `userData` and `user_data` become one name in the warehouse. Within one answer `check_answer` sees both; here they are seen
    when one comes in the first answer and the other in the second.
    """

    def __init__(self) -> None:
        self._seen: dict[tuple[str, ...], str] = {}

    def problems(self, tables: Iterable[TableOfAnswer]) -> list[str]:
        """A sentence for each name that comes in another spelling than before; the others are kept for the next answers."""
        found = dict(_spelt(tables))
        wrong = {name: one for name, one in found.items() if self._seen.get(name, one) != one}
        self._seen |= {name: one for name, one in found.items() if name not in wrong}
        return [_spelling_problem(name, self._seen[name], one) for name, one in wrong.items()]


def _spelt(tables: Iterable[TableOfAnswer]) -> Iterator[tuple[tuple[str, ...], str]]:
    """The warehouse's name of each table and column, without regard to case, and the function's."""
    for table in tables:
        yield (table.name.lower(),), table.source
        for member, column in table.columns.items():
            yield (table.name.lower(), column.lower()), member


def _spelling_problem(name: tuple[str, ...], first: str, now: str) -> str:
    what = "the table" if len(name) == 1 else f"table {name[0]}: the column"
    return f"{what} {now!r} came as {first!r} in an earlier answer, and Fivetran names both `{name[-1]}`"
