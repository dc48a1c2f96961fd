"""Parts of a secret: what is left of it where a source shortens it, wraps it, or writes it with other separators.

Only letters and digits are compared, in one case: what stands between them is what sources change. A piece counts from
eight of them on and from half of the secret's, wherever it was cut; a run of small letters, or of capitals, is no piece,
since ordinary words look like that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_SHORTEST = 8
_JWT = re.compile(r"\s*([\w-]+)\.([\w-]+)\.([\w-]+)\s*")
_FRAME = "-----"  # of a PEM: the words between five dashes are no secret


def folded(text: str) -> str:
    """A text in small letters, each character in its place."""
    if text.isascii():
        return text.lower()
    return "".join(small if len(small := character.lower()) == 1 else character for character in text)


class Skeleton:
    """A text's letters and digits, in small letters, and where they stand in it."""

    def __init__(self, text: str) -> None:
        self.places = [place for place, character in enumerate(text) if character.isalnum()]
        self.written = "".join([text[place] for place in self.places])
        self.text = folded(self.written)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """From where to where in the text some of them stand."""
        return self.places[start], self.places[end - 1] + 1


def wholes_of(secret: str) -> Iterator[str]:
    """The letters and digits of a secret, of each of its lines, and of the parts of a JWT; never fewer than eight."""
    jwt = _JWT.fullmatch(secret)
    lines = [line for line in secret.splitlines() if _FRAME not in line]
    for part in (secret, *lines, *(jwt.groups() if jwt else ())):
        skeleton = Skeleton(part).text
        if len(skeleton) >= _SHORTEST:
            yield skeleton


def pieces_in(text: Skeleton, secret: str) -> Iterator[tuple[int, int]]:
    """From where to where a text holds a piece of a secret.

    A piece of at least `least` characters holds one of the anchors, since these lie close enough to each other.
    """
    whole = Skeleton(secret)
    least = max(_SHORTEST, (len(whole.text) + 1) // 2)
    for anchor in range(0, len(whole.text) - _SHORTEST + 1, least - _SHORTEST + 1):
        sought = whole.text[anchor : anchor + _SHORTEST]
        place = text.text.find(sought)
        while place >= 0:
            # No more of the text than the secret is long: a page full of zeros has its anchors everywhere.
            start, end = max(0, place - anchor), place + len(whole.text) - anchor
            before = _common(text.text[start:place][::-1], whole.text[:anchor][::-1])
            after = _common(text.text[place:end], whole.text[anchor:])
            piece = whole.written[anchor - before : anchor + after]
            is_found = len(piece) >= least and not _is_ordinary(piece)
            if is_found:
                yield text.span(place - before, place + after)
            place = text.text.find(sought, place + (after if is_found else 1))


def _common(one: str, other: str) -> int:
    """How many characters two texts begin alike with: by halves, since a secret may be long and found often."""
    alike, most = 0, min(len(one), len(other))
    while alike < most:
        middle = (alike + most + 1) // 2
        if one[:middle] == other[:middle]:
            alike = middle
        else:
            most = middle - 1
    return alike


def _is_ordinary(piece: str) -> bool:
    return piece.isalpha() and piece in (piece.lower(), piece.upper())
