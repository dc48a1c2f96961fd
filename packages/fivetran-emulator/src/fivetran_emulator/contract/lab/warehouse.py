"""The warehouse as plain dicts: what Fivetran would have loaded, at the speed of a test.

It loads leniently, also what Fivetran would refuse: each breach has a check of its own, and a warehouse that stopped at
the first one would blame it on all the others.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from json.encoder import encode_basestring
from typing import Any

from fivetran_emulator.contract.check import counted

__all__ = ["Difference", "Key", "MemoryWarehouse", "differences", "key_of"]

Key = str
"""The values of a row's key columns as JSON text: 1, "1" and true are three keys."""


def key_of(row: Mapping[str, Any], columns: Collection[str]) -> Key:
    """The key of a row."""
    return f"[{', '.join([_text_of(row.get(column)) for column in columns])}]"


# json.dumps with these settings would make an encoder for each of a great many keys.
_as_text = json.JSONEncoder(ensure_ascii=False, default=str).encode


def _text_of(value: Any) -> str:
    # Nearly every key is one of these, and a suite makes hundreds of thousands.
    kind = type(value)
    if kind is int:
        return repr(value)
    return encode_basestring(value) if kind is str else _as_text(value)


@dataclass
class MemoryWarehouse:
    """Rows by table and key; the rows of a table without a key lie in `appended`."""

    tables: dict[str, dict[Key, Mapping[str, Any]]] = field(default_factory=dict)
    keys: dict[str, tuple[str, ...]] = field(default_factory=dict)
    appended: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)

    def load(self, answer: Mapping[str, Any]) -> None:
        """Deletes, then rows; of several rows with one key the last one stays."""
        for table, declared in _objects(answer.get("schema")):
            if (
                isinstance(declared, dict)
                and isinstance(columns := declared.get("primary_key"), list)
                and columns
            ):
                self.keys[table] = tuple(map(str, columns))
        for table, row in rows_of(answer, "delete"):
            self.tables.get(table, {}).pop(key_of(row, self.keys.get(table, ())), None)
        for table, row in rows_of(answer, "insert"):
            if table in self.keys:
                self.tables.setdefault(table, {})[key_of(row, self.keys[table])] = row
            else:
                self.appended.setdefault(table, []).append(row)


def rows_of(answer: Mapping[str, Any], member: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Table and row of everything in `insert` or `delete` that is a row at all."""
    for table, rows in _objects(answer.get(member)):
        yield from ((table, row) for row in rows or () if isinstance(row, dict))


def _objects(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield from value.items()


@dataclass(frozen=True)
class Difference:
    """What one table has too few, too many, or other than it should; keys as JSON text."""

    table: str
    missing: tuple[Key, ...] = ()
    extra: tuple[Key, ...] = ()
    changed: tuple[Key, ...] = ()

    def __str__(self) -> str:
        listed = (
            ("never arrived", self.missing),
            ("too many", self.extra),
            ("other than at the source", self.changed),
        )
        return "; ".join(
            f"{counted(len(keys), 'row')} of {self.table} {what}: {_few(keys)}"
            for what, keys in listed
            if keys
        )


def differences(
    seen: MemoryWarehouse,
    expected: MemoryWarehouse,
    *,
    may_stay: Mapping[str, Collection[Key] | None] | None = None,
) -> list[Difference]:
    """How two warehouses differ; `may_stay` has by table the keys that may be in `seen` only, None for any."""
    found = []
    for table in sorted({*seen.tables, *expected.tables}):
        one, other = seen.tables.get(table, {}), expected.tables.get(table, {})
        stays = (may_stay or {}).get(table, ())
        extra = set() if stays is None else one.keys() - other.keys() - set(stays)
        changed = [key for key in one.keys() & other.keys() if one[key] != other[key]]
        if (missing := other.keys() - one.keys()) or extra or changed:
            found.append(Difference(table, _sorted(missing), _sorted(extra), _sorted(changed)))
    return found


def _sorted(keys: Collection[Key]) -> tuple[Key, ...]:
    return tuple(sorted(keys))


def _few(keys: Collection[Key]) -> str:
    shown = ", ".join(list(keys)[:4])
    return shown if len(keys) <= 4 else f"{shown} and {len(keys) - 4} more"
