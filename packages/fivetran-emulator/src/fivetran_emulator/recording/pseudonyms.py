"""Made-up values in place of real ones: the same type, the same shape, the same length or nearly so.

Equal values get equal pseudonyms and different ones different ones, so that joins and page tokens still work. They come
from a keyed hash; nobody who lacks the key, which is thrown away, can try names until one fits.
"""

from __future__ import annotations

import hashlib
import math
import re
import string

__all__ = ["EMAIL", "INSTANT", "Pseudonyms"]

EMAIL = re.compile(r"[^\s@<>\"'(),;:]+@[^\s@<>\"'(),;:]+\.[^\W\d_]{2,}")
INSTANT = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?\s?(Z|UTC|[+-]\d\d:?\d\d)?)?")
_HEX = re.compile(r"(?=.*\d)[0-9a-f-]{8,}")

_TRIES = 20

_LOWER, _UPPER, _OTHER = string.ascii_lowercase, string.ascii_uppercase, "àäçéîñöøšü"


class Pseudonyms:
    """The pseudonyms under one `key`; remembers those given, so that no two values share one."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._given: dict[str, str] = {}
        self._taken: set[str] = set()

    def text(self, value: str) -> str:
        """The pseudonym of a text: letters for letters, digits for digits; e-mail addresses become ones that reach nobody."""
        if value in self._given:
            return self._given[value]
        if not any(character.isalnum() for character in value):
            return value
        attempt = 0
        while (made := self._made(value, attempt)) in self._taken or made == value:
            attempt += 1
        self._taken.add(made)
        self._given[value] = made
        return made

    def number(self, value: float) -> int | float:
        """The pseudonym of a number: as many digits, the same sign."""
        mantissa, exponent, power = repr(value).partition("e")
        made = type(value)(self._shaped(mantissa, 0) + exponent + power)
        return made if math.isfinite(made) else type(value)(self._shaped(mantissa, 0))

    def _made(self, value: str, attempt: int) -> str:
        if INSTANT.fullmatch(value) and attempt < _TRIES:
            return self._day(value, attempt) + value[10:]
        if EMAIL.fullmatch(value):
            local, _, domain = value.rpartition("@")
            return f"{self._shaped(local, attempt)}@{self._shaped(domain.partition('.')[0], 0)}.example"
        if EMAIL.search(value):
            return "".join(
                self.text(piece) if EMAIL.fullmatch(piece) else self._shaped(piece, attempt)
                for piece in re.split(f"({EMAIL.pattern})", value)
            )
        # A text of one or two characters has too few shapes for all its kind: after some tries it may grow.
        return self._shaped(value, attempt) + (str(attempt - _TRIES) if attempt > _TRIES else "")

    def _day(self, value: str, attempt: int) -> str:
        year, month, day, *_ = self._noise(value, attempt, 3)
        return f"{1950 + year % 70}-{1 + month % 12:02}-{1 + day % 28:02}"

    def _shaped(self, value: str, attempt: int) -> str:
        letters = "abcdef" if _HEX.fullmatch(value) else _LOWER
        noise = self._noise(value, attempt, len(value))
        return "".join(
            _like(character, noise[place], letters, first=place == 0) for place, character in enumerate(value)
        )

    def _noise(self, value: str, attempt: int, size: int) -> bytes:
        secret = self._key + attempt.to_bytes(4, "big") + value.encode("utf-8", "surrogatepass")
        return hashlib.shake_256(secret).digest(size)


def _like(character: str, noise: int, letters: str, *, first: bool) -> str:
    """A character of the same kind; punctuation and spaces stay."""
    if character.isascii() and character.isdigit():
        # A number that begins with a digit other than 0 still does.
        return str(1 + noise % 9 if first and character != "0" else noise % 10)
    if character in _LOWER:
        return letters[noise % len(letters)]
    if character in _UPPER:
        return _UPPER[noise % 26]
    return _OTHER[noise % len(_OTHER)] if character.isalnum() else character
