"""The parents of tables that are read parent by parent, and what becomes of them."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass

NUMBERS = (1, 2, 3, 7, 11)


@dataclass
class Parents:
    """Which parents a source lists, and which of these have nothing to read at present.

    Attributes:
        rest: whether they stay as they are.
    """

    chance: random.Random
    happened: Counter[str]
    rest: bool = False

    def __post_init__(self) -> None:
        self.listed = {number for number in NUMBERS if self.chance.random() < 0.6} or {NUMBERS[0]}
        self.refused: set[int] = set()
        self.known = {*self.listed}

    @property
    def shown(self) -> set[int]:
        """Those whose rows can be read."""
        return self.listed - self.refused

    def change(self) -> None:
        """One is added, vanishes, is refused, or is back."""
        if self.rest:
            return
        number = self.chance.choice(NUMBERS)
        if number not in self.listed:
            self.happened["a parent is back" if number in self.known else "a parent added"] += 1
            self.listed.add(number)
            self.known.add(number)
        elif number in self.refused:
            self.refused.remove(number)
            self.happened["a parent that was refused is back"] += 1
        elif self.chance.random() < 0.5:
            self.listed.remove(number)
            self.happened["a parent vanishes"] += 1
        else:
            self.refused.add(number)
            self.happened["a parent is refused"] += 1

    def heal(self) -> None:
        """Most are there again; at least one is."""
        if self.rest:
            return
        self.refused = {number for number in self.refused if self.chance.random() < 0.2}
        if not self.shown:
            self.listed, self.refused = {*NUMBERS}, set()
