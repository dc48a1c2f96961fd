"""What a contestant is called with."""

from __future__ import annotations

import sys
from dataclasses import dataclass

PAGE = 1_000
"""Rows a page, for every contestant."""


@dataclass(frozen=True)
class Task:
    """Where the tickets are, the DuckDB file they go into, and the Pythons of a contestant's other parts."""

    url: str
    database: str
    pythons: tuple[str, ...]


def task() -> Task:
    """The command line's."""
    url, database, *pythons = sys.argv[1:]
    return Task(url, database, tuple(pythons))
