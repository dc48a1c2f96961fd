"""Complete sets of children: an order's lines as they are now, so that a line that is no longer there is deleted.

`Children` says: these are all rows of a child table that belong to one row. What belonged to it before and is not among
them is deleted, in the unit that holds the set, so a cut inside one deletes nothing. What was read over several answers
of the source may lack a row that a page has hidden, and is read a second time before anything is deleted.

The state holds which children each row had, packed: keys that count from 1 or 0 as their number alone, others in full.
They share the room of all keys. Where they have none, keys that count are replaced by the highest number there ever was,
since deleting a row that is not there is no fault; others are reported by table and number, and their rows go on.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Any

import msgspec

from fivetran_runtime._arguments import kind_of, takes
from fivetran_runtime._encoding import encode
from fivetran_runtime._invocation import logs
from fivetran_runtime._invocation.context import running
from fivetran_runtime._sync.keys import Key, columns_of, in_order, key_of, kinds_of, part
from fivetran_runtime._sync.row_encoder import Writer
from fivetran_runtime._sync.state import TableState
from fivetran_runtime.errors import DefectError
from fivetran_runtime.operations import At, Children, Delete, Row
from fivetran_runtime.tables import Table

Take = Callable[[object], str | None]
"""Takes a row or a delete into the open unit; why the call ends there, if it does."""

Packed = int | tuple[Key, ...]
"""The keys of one row's children: 3 for 1, 2, 3, and -3 for 0, 1, 2."""

_MAX_COUNT = 1_000
"""More deletes than these for each row would be too many."""

_MANY = object()
"""The owner of a key that several rows have, in a state of a release that did not settle whose it is."""


class _SetRow(Row):
    """A row of a complete set."""


class _Known(msgspec.Struct):
    """What is known of one child table.

    Attributes:
        of: the columns that name the row that the children belong to.
        rest: the other columns of the key.
        kinds: how the source writes each of these columns.
        sets: the row's key to the keys of its children, without what `of` says.
        largest: in the place of `sets`: the largest of all sets there ever was.
        recent: the rows whose sets were read in this call, the last one at the end: a child of two is the later one's.
    """

    of: list[str]
    rest: list[str]
    key: list[str]
    kinds: dict[str, str] = {}
    sets: dict[Key, Packed] = {}
    largest: int | None = None
    recent: dict[Key, None] = {}

    def children_of(self, row: Key) -> set[Key]:
        """The keys of a row's children, or more than these."""
        return _unpacked(self.sets.get(row, 0) if self.largest is None else self.largest)

    def put(self, row: Key, keys: set[Key]) -> None:
        """These are a row's children."""
        packed = _packed(keys)
        if self.largest is not None:
            if not isinstance(packed, int):
                raise _NoRoomError
            if abs(packed) > abs(self.largest):
                self.largest = packed
        elif keys:
            self.sets[row] = packed
        else:
            self.sets.pop(row, None)

    def owners(self) -> dict[Key, Any]:
        """Whose each child is at the destination."""
        owners: dict[Key, Any] = {}
        for row, packed in self.sets.items():
            for key in () if row in self.recent else _unpacked(packed):
                owners[key] = _MANY if key in owners else row
        for row in self.recent:
            owners.update(dict.fromkeys(self.children_of(row), row))
        return owners

    def settle_moves(self) -> None:
        """A child that was read as another row's is no longer one of the row that had it."""
        owners: dict[Key, Key] = {}
        for row in self.recent:
            owners.update(dict.fromkeys(self.children_of(row), row))
        for row in [*self.sets]:
            keys = self.children_of(row)
            if moved := {key for key in keys if owners.get(key, row) != row}:
                self.put(row, keys - moved)

    def columns(self, row: Key, key: Key) -> dict[str, Any]:
        """The key columns of a child."""
        values = self._typed(self.of, row) | self._typed(self.rest, key)
        return {column: values[column] for column in self.key}

    def _typed(self, names: list[str], key: Key) -> dict[str, Any]:
        return columns_of(key, names, [self.kinds.get(name, "int") for name in names]) if names else {}

    @property
    def may_move(self) -> bool:
        """Whether a child can change from one row to another, and keep its key."""
        return not {*self.of} <= {*self.key}

    def can_count(self) -> bool:
        """Whether the largest number of children says enough."""
        counts = [one for one in self.sets.values() if isinstance(one, int) and abs(one) <= _MAX_COUNT]
        return not self.may_move and len(counts) == len(self.sets) and len({one > 0 for one in counts}) == 1

    def only_count(self) -> None:
        self.largest, self.sets = (
            max((one for one in self.sets.values() if isinstance(one, int)), key=abs),
            {},
        )

    def number(self) -> int:
        """How many children are known."""
        return sum(abs(one) if isinstance(one, int) else len(one) for one in self.sets.values())


class _NoRoomError(Exception):
    """The keys do not count, and have no room."""


class ChildSets:
    """The children of the rows of one table.

    Args:
        table: the table, with its children.
        state: its part of the state.
        room: gives the bytes that all keys in that part may take, when they are written down.
    """

    def __init__(self, table: Table, state: TableState, room: Callable[[], int]) -> None:
        self._table, self._state, self._room = table, state, room
        self._loaded: dict[str, _Known | None] = {}
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
        row, answers = key_of(list(item.of.values())), _answers()
        known.kinds |= dict(zip(known.of, kinds_of(item.of.values()), strict=True))
        had, now = self._had(item.table, known, row), set[Key]()
        self._pending.pop((item.table, row), None)  # so that it is the last
        self._pending[item.table, row] = now
        if cut := self._rows(item, known, writer, take, now):
            return cut
        if had - now and _answers() - answers > 1:
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
        self, item: Children, known: _Known | None, writer: Writer, take: Take, now: set[Key]
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

    def _put(self, name: str, known: _Known, row: Key, now: set[Key]) -> None:
        if known.may_move:
            known.recent.pop(row, None)
            known.recent[row] = None
        if known.largest is None and known.children_of(row) == now:
            return
        self._changed.add(name)
        try:
            known.put(row, now)
        except _NoRoomError:
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

    def _had(self, name: str, known: _Known, row: Key) -> set[Key]:
        """What belonged to a row until now, in this unit, too."""
        return known.children_of(row) | self._pending.get((name, row), set())

    def _still_its_own(self, name: str, known: _Known, row: Key, missing: set[Key]) -> set[Key]:
        """Those of a row's former children that are not another row's now."""
        if not missing or not known.may_move:
            return missing
        owners = self._owners.get(name)
        if owners is None:
            owners = self._owners[name] = self._owners_of(name, known)
        return {key for key in missing if owners.get(key, row) == row}

    def _owners_of(self, name: str, known: _Known) -> dict[Key, Any]:
        owners = known.owners()
        for (table, row), now in self._pending.items():
            owners.update(dict.fromkeys(now if table == name else (), row))
        return owners

    def _declared(self, item: Children) -> _Known | None:
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

    def _load(self, name: str) -> _Known | None:
        if name not in self._loaded:
            try:
                self._loaded[name] = _restored(self._state.keys_of.get(name), self._table.keys[name])
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
            self._store(name, _dumped(known))
            if self._state.packed_bytes() > self._room() and known.can_count():
                known.only_count()
                self._store(name, _dumped(known))
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


def _answers() -> int:
    invocation = running()
    return invocation.requests - invocation.retries


def _first(cuts: Iterable[str | None]) -> str | None:
    """The first of them that is one; no more are made."""
    return next((cut for cut in cuts if cut), None)


def _new(key: tuple[str, ...], item: Children) -> _Known:
    return _Known([*item.of], [column for column in key if column not in item.of], [*key])


def _packed(keys: set[Key]) -> Packed:
    if all(type(key) is int for key in keys):
        for start in (1, 0):
            if keys == {*range(start, start + len(keys))}:
                return len(keys) if start else -len(keys)
    return tuple(in_order(keys))


def _unpacked(packed: Packed) -> set[Key]:
    if isinstance(packed, int):
        return {*range(1, packed + 1)} if packed > 0 else {*range(-packed)}
    return {*packed}


# In the state: compressed JSON in base 85. The rows' keys, and then for each row a number, or a list of keys; where all
# of these are integers, a list of steps from the key before, since ids that were given together are close together.


def _dumped(known: _Known) -> str | None:
    if not known.sets and known.largest is None:
        return None
    rows = in_order(known.sets)
    lists = [known.sets[row] for row in rows]
    steps = all(type(key) is int for one in lists if not isinstance(one, int) for key in one)
    plain = {
        "of": known.of,
        "key": known.key,
        "kinds": known.kinds,
        "largest": known.largest,
        "rows": [*_steps(rows)] if all(type(row) is int for row in rows) else [_values(row) for row in rows],
        "steps": steps,
        "sets": [*_lists_as_steps(lists)] if steps else [_list_of(one) for one in lists],
    }
    return base64.b85encode(zlib.compress(encode(plain), 9)).decode()


def _steps(numbers: Iterable[Any], before: int = 0) -> Iterator[int]:
    for number in numbers:
        yield number - before
        before = number


def _lists_as_steps(lists: Iterable[Any]) -> Iterator[Any]:
    last = 0
    for one in lists:
        if isinstance(one, int):
            yield one
        else:
            yield [*_steps(one, last)]
            last = one[-1]


def _list_of(packed: Packed) -> Any:
    return packed if isinstance(packed, int) else [_values(key) for key in packed]


def _values(key: Key) -> Any:
    return [*key] if isinstance(key, tuple) else key


def _restored(packed: str | None, key: tuple[str, ...]) -> _Known | None:
    """What is known, if it is of a child table with this key.

    Raises:
        ValueError: it cannot be read.
    """
    if not packed:
        return None
    try:
        plain = msgspec.json.decode(zlib.decompress(base64.b85decode(packed)))
        if tuple(plain["key"]) != key:
            return None
        rows, lists = plain["rows"], plain["sets"]
        known = _Known(
            plain["of"],
            [one for one in key if one not in plain["of"]],
            [*key],
            plain["kinds"],
            {},
            plain["largest"],
        )
        names: list[Key] = (
            [*accumulate(rows)] if all(type(row) is int for row in rows) else [*map(_key, rows)]
        )
        last = 0
        for name, one in zip(names, lists, strict=True):
            if isinstance(one, int):
                known.sets[name] = one
            elif plain["steps"]:
                numbers = [*accumulate(one[1:], initial=last + one[0])]
                known.sets[name], last = tuple(numbers), numbers[-1]
            else:
                known.sets[name] = tuple(map(_key, one))
    except (TypeError, KeyError, IndexError, zlib.error, msgspec.DecodeError) as error:
        raise ValueError(str(error)) from None
    return known


def _key(values: Any) -> Key:
    return tuple(values) if isinstance(values, list) else values
