"""How the tables of a history are declared, and what their sources do."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

LONGEST_LATE = 20
"""Seconds after which a row that is committed late is there."""

Order = Literal["id", "random", "parent", "ascending", "descending"]
ORDERS: tuple[Order, ...] = ("id", "random", "parent", "ascending", "descending")
Kind = Literal["whole", "cursor", "kept"]
NO_LONGER_KNOWN = (400, 404, 410, 422)


@dataclass(frozen=True)
class Lines:
    """How a table's rows have children, and how these are read.

    Attributes:
        way: inside the row; with requests of their own, which can be sent again or only once.
        are_counted: whether they are numbered from 1 within their row, or have numbers of their own and can move.
        page: how many a request of their own gives.
        most: how many a row has.
    """

    way: Literal["inside", "again", "once"]
    are_counted: bool
    page: int
    most: int


@dataclass(frozen=True)
class Plan:
    """How one table is declared, and what its source does.

    Attributes:
        windows: positions without rows that every pass goes through first.
        asks_before: whether something else is asked before the first page.
        padding: characters that make a row as long as rows are.
        unknown: the status that the source answers to a position it no longer knows.
        token: of a kept table, whether its token is asked for before the list, or comes with the last page.
        says_expired: whether the author recognizes an expired token, or leaves it to the status.
        parents: whether it is read parent by parent; "named" if their keys are texts, "shared" if other tables that are
            have the same function.
        lines: the children of its rows.
    """

    name: str
    kind: Kind
    unit: Literal["instant", "seconds", "number"]
    order: Order
    deletes: bool
    fetches: bool
    lookback: int
    in_order: bool
    page: int
    windows: int
    asks_before: bool
    max_missing: float
    padding: int
    unknown: int
    token: Literal["before", "end"] = "end"
    says_expired: bool = False
    parents: Literal["", "numbered", "named", "shared"] = ""
    lines: Lines | None = None

    @property
    def finds_hidden(self) -> bool:
        """Whether rows that come back with an old date are found."""
        return self.kind != "cursor" or self.deletes

    @property
    def lines_name(self) -> str:
        """The table of its rows' children."""
        return f"{self.name}_lines"

    @property
    def keys(self) -> dict[str, tuple[str, ...]]:
        """The key columns of the table, and of its children's."""
        keys: dict[str, tuple[str, ...]] = {self.name: ("id",)}
        if self.lines:
            keys[self.lines_name] = ("thing_id", "line") if self.lines.are_counted else ("line",)
        return keys

    @property
    def is_parallel(self) -> bool:
        """Whether it takes turns with others of which this is said."""
        has_listing = self.kind == "cursor" and self.deletes
        return self.order not in ("random", "parent") and not has_listing

    @property
    def keys_part(self) -> str:
        """The part of the state that holds its keys."""
        return f"{self.name}.keys" if self.kind == "cursor" else self.name


def draw_plan(chance: random.Random, number: int) -> Plan:
    """How one table is declared, and what its source does."""
    kind: Kind = chance.choice(["whole", "cursor", "cursor", "cursor", "kept"])
    order = chance.choice(ORDERS)
    lookback = chance.choice([0, LONGEST_LATE, 60])
    deletes, page = chance.random() < 0.6, chance.choice([1, 3, 10, 40])
    parents = chance.choice(["", "", "", "numbered", "named", "shared"]) if kind != "kept" else ""
    lines = _draw_lines(chance) if chance.random() < 0.3 else None
    if lines:
        page = min(page, 10 if lines.way == "inside" else 3)  # a page and its lines fit into a call
    return Plan(
        name=f"t{number}",
        kind=kind,
        unit=chance.choice(["instant", "instant", "seconds", "number"]),
        order=order,
        deletes=deletes,
        fetches=kind == "cursor" and deletes and chance.random() < 0.5,
        lookback=lookback,
        in_order=order == "ascending" and lookback > 0 and not parents and chance.random() < 0.7,
        page=page,
        windows=0 if kind == "kept" or parents else chance.choice([0, 0, 0, 0, 12]),
        asks_before=chance.random() < 0.3,
        max_missing=chance.choice([0.5, 0.5, 1]),
        padding=chance.choice([0, 200, 300]) if page < 40 else 0,  # a page fits into the smallest answer
        unknown=chance.choice(NO_LONGER_KNOWN),
        token=chance.choice(["before", "end"]),
        says_expired=chance.random() < 0.3,
        parents=parents,  # type: ignore[arg-type]
        lines=lines,
    )


def _draw_lines(chance: random.Random) -> Lines:
    return Lines(
        way=chance.choice(["inside", "inside", "again", "again", "once"]),
        are_counted=chance.random() < 0.5,
        page=chance.choice([1, 2, 5]),
        most=chance.choice([2, 4, 40]),
    )
