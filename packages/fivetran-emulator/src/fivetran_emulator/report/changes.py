"""What changed in the state over a sync, a line for each value that did.

Two states are mostly equal; what a reader asks is which cursor moved, from where to where.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

__all__ = ["Change", "shortened", "state_changes"]

_LONGEST_VALUE = 48


@dataclass(frozen=True)
class Change:
    """One value of the state: its path, as in `tables.users.mark`, and its JSON text before and after, "" when absent."""

    path: str
    before: str
    after: str


def state_changes(before: str, after: str) -> list[Change]:
    """Every value that differs between two states, both JSON text, sorted by path."""
    old, new = dict(_values("", msgspec.json.decode(before))), dict(_values("", msgspec.json.decode(after)))
    paths = sorted(old.keys() | new.keys())
    return [
        Change(path, old.get(path, ""), new.get(path, "")) for path in paths if old.get(path) != new.get(path)
    ]


def _values(path: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for name, member in value.items():
            yield from _values(f"{path}.{name}" if path else str(name), member)
    elif path:
        yield path, msgspec.json.encode(value).decode()


def shortened(value: str) -> str:
    """A value of the state as far as it says something: of packed ones only the size does."""
    if not value:
        return "(none)"
    if len(value) <= _LONGEST_VALUE:
        return value
    if re.fullmatch(r'"\S+"', value):
        return f"({len(value) - 2:,} characters)"
    return value[: _LONGEST_VALUE - 3] + "..."
