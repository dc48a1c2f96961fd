"""What a source tells to a token only: which rows have changed since it was given, and which are no longer there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Token(NamedTuple):
    """What a token stands for: how often tokens had expired, how many changes there had been, and its filter."""

    generation: int
    place: int
    products: tuple[str, ...]

    @classmethod
    def read(cls, text: str) -> Token:
        """The token that a text is."""
        generation, place, products = text.split("/")
        return cls(int(generation), int(place), tuple(filter(None, products.split("+"))))

    def __str__(self) -> str:
        return f"{self.generation}/{self.place}/{'+'.join(self.products)}"


@dataclass
class Delta:
    """The changes of one table.

    Attributes:
        log: the number of each row that has changed, appeared, or is no longer there, in this order.
        generation: how often all tokens have expired.
        was_listed: whether a listing was begun since a token was last noted.
        gaps: the changes that no token tells of, since a listing has taken their place.
    """

    log: list[int] = field(default_factory=list)
    generation: int = 0
    was_listed: bool = False
    noted: int = 0
    gaps: list[range] = field(default_factory=list)

    def token(self, products: list[str]) -> Token:
        """One that tells of what changes from now on."""
        return Token(self.generation, len(self.log), tuple(products))

    def note(self, part: dict[str, Any]) -> None:
        """An answer with this part of the state has landed."""
        text = (part.get("kept") or {}).get("token")
        if text is None:
            return
        place = Token.read(text).place
        if self.was_listed:
            self.gaps.append(range(self.noted, place))
            self.was_listed = "at" in part
        self.noted = place

    def is_reported(self, number: int) -> bool:
        """Whether a token tells of the last change of a row."""
        place = max((place for place, one in enumerate(self.log) if one == number), default=-1)
        gaps = [*self.gaps, *([range(self.noted, len(self.log))] if self.was_listed else [])]
        return place >= 0 and not any(place in gap for gap in gaps)
