"""Complete sets of children: an order's lines as they are now, so that a line that is no longer there is deleted.

`Children` says: these are all rows of a child table that belong to one row. What belonged to it before and is not among
them is deleted, in the unit that holds the set, so a cut inside one deletes nothing. What was read over several answers
of the source may lack a row that a page has hidden, and is read a second time before anything is deleted.

The state holds which children each row had, packed: keys that count from 1 or 0 as their number alone, others in full.
They share the room of all keys. Where they have none, keys that count are replaced by the highest number there ever was,
since deleting a row that is not there is no fault; others are reported by table and number, and their rows go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from fivetran_runtime._arguments import kind_of, takes
from fivetran_runtime._invocation import logs
from fivetran_runtime._invocation.context import running
from fivetran_runtime._sync.keys import Key, in_order, key_of, kinds_of, part
from fivetran_runtime._sync.known_children import KnownChildren, NoRoomError, dumped, restored
from fivetran_runtime._sync.row_encoder import Writer
from fivetran_runtime._sync.state import TableState
from fivetran_runtime.errors import DefectError
from fivetran_runtime.operations import At, Children, Delete, Row
from fivetran_runtime.tables import Table

Take = Callable[[object], str | None]
"""Takes a row or a delete into the open unit; why the call ends there, if it does."""


class _SetRow(Row):
    """A row of a complete set."""


class ChildSets:
    """The children of the rows of one table.

    Args:
        table: the table, with its children.
        state: its part of the state.
        room: gives the bytes that all keys in that part may take, when they are written down.
    """

    def __init__(self, table: Table, state: TableState, room: Callable[[], int]) -> None:
        self._table, self._state, self._room = table, state, room
        self._loaded: dict[str, KnownChildren | None] = {}
        self._pending: dict[tuple[str, Key], set[Key]] = {}
        self._owners: dict[str, dict[Key, Any]] = {}
        self._changed: set[str] = set()
        self._is_said: set[str] = set()

    def begin(self, *, whole: bool) -> None:
        """A pass begins; one that brings every row may find room for what had none."""
        if whole:
            for name in self._table.children or ():
                self._state.no_room.pop(name, None)

    # What the table yields

    def read(self, item: Children, writer: Writer, take: Take) -> str | None:
        """Take a set into the open unit, with the deletes of what is no longer in it; why the call ends, if it does.

        Raises:
            DefectError: the set does not fit the declaration, or holds what is no row of it.
        """
        known = self._declared(item)
        if known is None:
            return self._rows(item, None, writer, take, set())
        row, answers = key_of(list(item.of.values())), running().distinct_requests
        known.kinds |= dict(zip(known.of, kinds_of(item.of.values()), strict=True))
        had, now = self._had(item.table, known, row), set[Key]()
        self._pending.pop((item.table, row), None)  # so that it is the last
        self._pending[item.table, row] = now
        if cut := self._rows(item, known, writer, take, now):
            return cut
        if had - now and running().distinct_requests - answers > 1:
            if not callable(item.rows):
                self._say_once(item, had - now)
                now |= had
            elif cut := self._rows(item, known, writer, take, now):
                return cut
        if item.table in self._owners:
            self._owners[item.table].update(dict.fromkeys(now, row))
        missing = self._still_its_own(item.table, known, row, had - now)
        return _first(take(Delete(item.table, **known.columns(row, key))) for key in in_order(missing))

    def _rows(
        self, item: Children, known: KnownChildren | None, writer: Writer, take: Take, now: set[Key]
    ) -> str | None:
        for found in _given(self._table, item):
            if isinstance(found, At):
                continue  # a paginator's; the position of this table is another one
            if not isinstance(found, Mapping):
                message = (
                    f"Table {self._table.name}: {item!r} gave {kind_of(found)}; it gives the rows, as dicts."
                )
                raise DefectError(message)
            columns = self._joined(item, found)
            writer.key(item.table, columns)
            if cut := take(_SetRow(item.table, columns)):
                return cut
            if known is not None:
                values = [columns[name] for name in known.rest]
                now.add(key_of(values))
                known.kinds |= dict(zip(known.rest, kinds_of(values), strict=True))
        return None

    def _joined(self, item: Children, found: Mapping[str, Any]) -> dict[str, Any]:
        """A child's columns with those that say whose it is."""
        for name, value in item.of.items():
            if name in found and part(found[name]) != part(value):
                message = f"Table {self._table.name}: {item!r} gave a row whose {name} is {found[name]!r}."
                raise DefectError(message, hint="It gives the rows of that one alone.")
        return {**item.of, **found}

    def _say_once(self, item: Children, before: set[Key]) -> None:
        if item.table not in self._is_said:
            self._is_said.add(item.table)
            text = f"Table {item.table}: {item!r} came in several answers, and {len(before)} rows of before were not among them"
            hint = f'give a function, Children("{item.table}", lambda: ..., ...), so that they can be read again first.'
            logs.emit("WARNING", f"{text}. None is deleted: {hint}", table=self._table.name)

    def delete(self, key: Key, take: Take) -> str | None:
        """A row of the table is deleted, and its children with it."""
        for name in self._names():
            if (known := self._load(name)) is not None:
                missing = self._still_its_own(name, known, key, self._had(name, known, key))
                self._pending[name, key] = set()
                if cut := _first(take(Delete(name, **known.columns(key, one))) for one in in_order(missing)):
                    return cut
        return None

    # Units

    def discard(self) -> None:
        """The open unit is read again."""
        self._pending, self._owners = {}, {}

    def hold_back(self) -> set[Key]:
        """The open unit is sent in parts and asked for again: what it deletes is still known then.

        Returns:
            The rows of which it has sets.
        """
        for (name, row), now in self._pending.items():
            if (known := self._loaded[name]) is not None:
                now.update(known.children_of(row))
        return {row for _, row in self._pending}

    def commit(self) -> None:
        """The open unit is whole."""
        for (name, row), now in self._pending.items():
            if (known := self._loaded[name]) is not None:
                self._put(name, known, row, now)
        self._pending = {}

    def _put(self, name: str, known: KnownChildren, row: Key, now: set[Key]) -> None:
        if known.may_move:
            known.recent.pop(row, None)
            known.recent[row] = None
        if known.largest is None and known.children_of(row) == now:
            return
        self._changed.add(name)
        try:
            known.put(row, now)
        except NoRoomError:
            self._drop(name, len(now))

    # Deletes of rows that are inferred

    def children_of(self, key: Key) -> Iterator[tuple[str, Key, Key, dict[str, Any]]]:
        """Of each child of a row: its table, its key there, its key in the set, and its key columns."""
        for name in self._names():
            if (known := self._load(name)) is not None:
                for one in in_order(self._still_its_own(name, known, key, known.children_of(key))):
                    columns = known.columns(key, one)
                    yield name, key_of(list(columns.values())), one, columns

    def sent(self, name: str, row: Key, deleted: Iterable[Key]) -> None:
        """An answer holds the deletes of these children."""
        if (known := self._load(name)) is not None:
            self._put(name, known, row, known.children_of(row) - {*deleted})

    # What is known

    def _names(self) -> list[str]:
        return [
            name for name in self._table.children or () if name in self._state.keys_of or name in self._loaded
        ]

    def _had(self, name: str, known: KnownChildren, row: Key) -> set[Key]:
        """What belonged to a row until now, in this unit, too."""
        return known.children_of(row) | self._pending.get((name, row), set())

    def _still_its_own(self, name: str, known: KnownChildren, row: Key, missing: set[Key]) -> set[Key]:
        """Those of a row's former children that are not another row's now."""
        if not missing or not known.may_move:
            return missing
        owners = self._owners.get(name)
        if owners is None:
            owners = self._owners[name] = self._owners_of(name, known)
        return {key for key in missing if owners.get(key, row) == row}

    def _owners_of(self, name: str, known: KnownChildren) -> dict[Key, Any]:
        owners = known.owners()
        for (table, row), now in self._pending.items():
            owners.update(dict.fromkeys(now if table == name else (), row))
        return owners

    def _declared(self, item: Children) -> KnownChildren | None:
        """What is known of the child table; None where its keys have no room."""
        name, table = item.table, self._table
        if name not in (table.children or {}):
            message = f"Table {table.name} yielded {item!r}, which is not among its children."
            raise DefectError(message, hint=f"Declare it: children={{{name!r}: [...key columns...]}}.")
        if len(item.of) != len(table.primary_key):
            message = f"Table {table.name} yielded {item!r}; it names whose they are by as many columns as {table.name} has in its key"
            raise DefectError(f"{message}, {', '.join(table.primary_key)}, in their order.")
        for column, value in item.of.items():
            if value is None or isinstance(value, dict | list | tuple):
                message = f"Table {table.name} yielded {item!r}: {column} is {kind_of(value)}"
                raise DefectError(f"{message}; it names whose they are, by a value of the key.")
        if name in self._state.no_room:
            return None
        known = self._load(name)
        if known is None or known.of != [*item.of]:
            if known is not None:
                text = f"Table {name}: its rows belonged to {', '.join(known.of)}; what is no longer there is found from now on."
                logs.emit("WARNING", text, table=table.name)
            known = self._loaded[name] = _new(table.keys[name], item)
        return known

    def _load(self, name: str) -> KnownChildren | None:
        if name not in self._loaded:
            try:
                self._loaded[name] = restored(self._state.keys_of.get(name), self._table.keys[name])
            except ValueError:
                text = f"Table {name}: the state's keys of it cannot be read: they are collected again, and what was deleted since stays."
                logs.emit("WARNING", text, table=self._table.name)
                self._loaded[name] = None
        return self._loaded[name]

    # The state

    def save(self) -> None:
        """At the end of an invocation: write down what is known; gives up where there is no room."""
        for name in sorted(self._changed):
            if (known := self._loaded[name]) is None:
                continue
            known.settle_moves()
            self._store(name, dumped(known))
            if self._state.packed_bytes() > self._room() and known.can_count():
                known.only_count()
                self._store(name, dumped(known))
            if self._state.packed_bytes() > self._room():
                self._drop(name, known.number())
        self._changed = set()

    def _store(self, name: str, packed: str | None) -> None:
        others = {other: one for other, one in self._state.keys_of.items() if other != name}
        self._state.keys_of = others | ({name: packed} if packed else {})

    def _drop(self, name: str, number: int) -> None:
        self._store(name, None)
        self._loaded[name] = None
        self._state.no_room = {**self._state.no_room, name: number}


def _given(table: Table, item: Children) -> Iterable[Any]:
    """What is given as the rows.

    Raises:
        DefectError: neither that nor a function without arguments that gives them.
    """
    rows: Any = item.rows
    if callable(rows) and not takes(rows):
        message = f"Table {table.name}: the function of {item!r} takes arguments; it is called without any."
        raise DefectError(message, hint=f'Write Children("{item.table}", lambda: ..., ...).')
    given = rows() if callable(rows) else rows
    if not isinstance(given, Iterable) or isinstance(given, str | bytes | Mapping):
        by = "the function of " if callable(rows) else ""
        message = f"Table {table.name}: {by}{item!r} gave {kind_of(given)} for the rows; it gives a list of dicts, or yields them."
        raise DefectError(message, hint="Where there are none, give [].")
    return given


def _first(cuts: Iterable[str | None]) -> str | None:
    """The first of them that is one; no more are made."""
    return next((cut for cut in cuts if cut), None)


def _new(key: tuple[str, ...], item: Children) -> KnownChildren:
    return KnownChildren([*item.of], [column for column in key if column not in item.of], [*key])
