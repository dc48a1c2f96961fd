"""What may stay at the destination, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Leftovers:
    """What may stay at the destination (docs/what-holds.md).

    Attributes:
        stale: tables and keys that were there when the state was emptied: their deletes are not found.
        orphans: tables whose rows were deleted by a release that knows nothing of their children.
    """

    stale: set[tuple[str, str]] = field(default_factory=set)
    orphans: set[str] = field(default_factory=set)

    def note_all(self, tables: dict[str, dict[str, Any]]) -> None:
        """The state is emptied."""
        self.stale |= {(name, key) for name, rows in tables.items() for key in rows}
