"""The children of rows: how a row's set of them changes, and how it is read."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass

from histories.plans import Lines

Numbered = dict[int, int]
"""A row's children: number to value."""


@dataclass
class Sets:
    """Draws the children of a table's rows."""

    lines: Lines
    chance: random.Random
    happened: Counter[str]
    number: int = 100
    value: int = 0

    def new(self) -> Numbered:
        """Those of a row that has appeared."""
        found: Numbered = {}
        for _ in range(self.chance.randrange(1 + min(self.lines.most, 4))):
            self._grow(found)
        if self.lines.most > 4 and self.chance.random() < 0.1:
            while len(found) < self.lines.most:
                self._grow(found)
            self.happened["a large set"] += 1
        return found

    def _grow(self, found: Numbered) -> None:
        self.number, self.value = self.number + 1, self.value + 1
        found[len(found) + 1 if self.lines.are_counted else self.number] = self.value

    def change(self, found: Numbered) -> None:
        """A row's set grows, shrinks, or a child of it changes."""
        what = self.chance.choice(["grow", "shrink", "shrink", "empty", "edit", "nothing"])
        if what == "grow" or (not found and what != "nothing"):
            self._grow(found)
        elif what == "shrink":
            del found[max(found) if self.lines.are_counted else self.chance.choice(list(found))]
            self.happened["a set shrinks"] += 1
        elif what == "empty":
            found.clear()
            self.happened["a set becomes empty"] += 1
        elif what == "edit":
            self.value += 1
            found[self.chance.choice(list(found))] = self.value

    def move(self, here: Numbered, there: Numbered) -> None:
        """A child with a number of its own becomes another row's."""
        number = self.chance.choice(list(here))
        there[number] = here.pop(number)
        self.happened["a child moves to another row"] += 1
