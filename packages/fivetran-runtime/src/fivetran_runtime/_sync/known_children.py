"""What a state knows of one child table: which children each row had, packed.

Keys that count from 1 or 0 are their number alone, others are kept in full; where the room is short, the highest number
there ever was stands for all rows. In the state it is compressed JSON in base 85: the rows' keys, and then for each row
a number, or a list of keys; where all of these are integers, a list of steps from the key before, since ids that were
given together are close together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Any

import msgspec

from fivetran_runtime._encoding import encode
from fivetran_runtime._sync.keys import Key, as_text, columns_of, from_text, in_order

Packed = int | tuple[Key, ...]
"""The keys of one row's children: 3 for 1, 2, 3, and -3 for 0, 1, 2."""

_MAX_COUNT = 1_000
"""More deletes than these for each row would be too many."""

_MANY = object()
"""The owner of a key that several rows have, in a state of a release that did not settle whose it is."""


class KnownChildren(msgspec.Struct):
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
                raise NoRoomError
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


class NoRoomError(Exception):
    """The keys do not count, and have no room."""


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


def dumped(known: KnownChildren) -> str | None:
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
    return as_text(encode(plain))


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


def restored(packed: str | None, key: tuple[str, ...]) -> KnownChildren | None:
    """What is known, if it is of a child table with this key.

    Raises:
        ValueError: it cannot be read.
    """
    if not packed:
        return None
    try:
        plain = msgspec.json.decode(from_text(packed))
        if tuple(plain["key"]) != key:
            return None
        of, rows = plain["of"], plain["rows"]
        rest = [one for one in key if one not in of]
        lists = (_lists_from_steps if plain["steps"] else _lists_from_keys)(plain["sets"])
        names: Iterable[Key] = accumulate(rows) if all(type(row) is int for row in rows) else map(_key, rows)
        sets = dict(zip(names, lists, strict=True))
        return KnownChildren(of, rest, [*key], plain["kinds"], sets, plain["largest"])
    except (TypeError, KeyError, IndexError, msgspec.DecodeError) as error:
        raise ValueError(str(error)) from None


def _lists_from_steps(lists: Iterable[Any]) -> Iterator[Packed]:
    last = 0
    for one in lists:
        if isinstance(one, int):
            yield one
        else:
            numbers = (*accumulate(one[1:], initial=last + one[0]),)
            yield numbers
            last = numbers[-1]


def _lists_from_keys(lists: Iterable[Any]) -> Iterator[Packed]:
    for one in lists:
        yield one if isinstance(one, int) else tuple(map(_key, one))


def _key(values: Any) -> Key:
    return tuple(values) if isinstance(values, list) else values
