"""Which columns of a recording keep their values: decided by a column's name and by everything it held.

When in doubt a column is replaced. A name in a column called `status` would be kept if it were a short word that repeats;
that is why every verdict is shown to a person, with its reason, before anything is committed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from fivetran_emulator.practice.exchanges import Exchange, is_link, leaves
from fivetran_emulator.practice.pseudonyms import EMAIL, INSTANT

__all__ = ["Column", "Steering", "Verdict", "columns_of", "judge", "words"]


def words(name: str) -> list[str]:
    """The words of a name in any notation: `nextPageToken` -> next, page, token."""
    return re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).lower())


_SENSITIVE = frozenset(
    words(
        "password passwd passphrase secret apikey credential credentials authorization ssn iban salary birth "
        "birthday birthdate dob phone mobile fax card passport ip latitude longitude lat lon lng"
    )
)
_CREDENTIALS = frozenset({"token", "access token", "refresh token", "id token", "api key", "private key"})
_PERSONAL = frozenset(
    words(
        "name user username login nick nickname owner author creator reporter assignee assigned by email mail "
        "contact customer person people first last display address street city zip agent member employee from to "
        "cc who signature"
    )
)
_IDENTIFYING = frozenset({"id", "ids", "key", "keys", "uuid", "guid", "rowid", "number", "no"})
_OPAQUE = re.compile(
    r"\d{1,20}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|(?=.*\d)[0-9a-f]{16,64}|[a-z]{1,2}[-_]?\d+|[A-Z]{1,10}-\d+"
)
_WORD = re.compile(r"[a-z][a-z0-9]*([_.-][a-z0-9]+)*|[A-Z][A-Z0-9]*([_-][A-Z0-9]+)*")
_PATH_WORD = re.compile(r"([a-zA-Z_-]+(\.[a-z]+)?|v\d+)?")
_MOST_WORDS, _LONGEST_WORD, _LEAST_REPEATS = 20, 30, 2


@dataclass(frozen=True)
class Steering:
    """What the person who records says: columns to `keep` and to `hide`, by last name or by whole place."""

    keep: frozenset[str] = frozenset()
    hide: frozenset[str] = frozenset()


@dataclass
class Column:
    """All that stood at one `place` of the answers, such as `/users: data[].email`."""

    place: str
    texts: Counter[str] = field(default_factory=Counter)
    others: int = 0

    @property
    def name(self) -> str:
        """The last name in its place."""
        return self.place.rpartition(": ")[2].rpartition(".")[2].removesuffix("[]")


@dataclass(frozen=True)
class Verdict:
    """Whether a column's texts are kept, and why.

    `hidden` ones lose their numbers too; `personal` ones are data even where they stand as a member's name.
    """

    kept: bool
    why: str
    hidden: bool = False
    personal: bool = False


def columns_of(exchanges: Iterable[Exchange]) -> dict[str, Column]:
    """The columns by place, in the order they came up."""
    columns: dict[str, Column] = {}
    for exchange in exchanges:
        for place, value in leaves(exchange.body):
            whole = place_of(exchange, place)
            column = columns.setdefault(whole, Column(whole))
            if isinstance(value, str):
                column.texts[value] += 1
            elif value is not None:
                column.others += 1
    return columns


def place_of(exchange: Exchange, place: str) -> str:
    """A column's whole place: where it was asked, with `*` for parts that are no plain words, and where in the answer."""
    path = "/".join(part if _PATH_WORD.fullmatch(part) else "*" for part in exchange.asked.segments)
    return f"{path}: {place}"


def judge(column: Column, steering: Steering) -> Verdict:
    """What becomes of a column."""
    called = {column.name, column.place, column.place.rpartition(": ")[2]}
    split = words(column.name)
    if called & steering.hide:
        return Verdict(kept=False, why="--hide", hidden=True)
    if called & steering.keep:
        return Verdict(kept=True, why="--keep")
    if set(split) & _SENSITIVE or is_credential(column.name):
        return Verdict(kept=False, why="its name says it is nobody's business", hidden=True)
    return _judge_texts([text for text in column.texts if text], column, split)


def _judge_texts(texts: list[str], column: Column, split: list[str]) -> Verdict:
    if not texts:
        return Verdict(kept=True, why="numbers, booleans or nothing" if column.others else "empty")
    if any(EMAIL.search(text) for text in texts):
        return Verdict(kept=False, why="e-mail addresses", personal=True)
    if all(INSTANT.fullmatch(text) for text in texts):
        return Verdict(kept=True, why="dates")
    if all(is_link(text) for text in texts):
        return Verdict(kept=False, why="addresses: their parts")
    if split and split[-1] in _IDENTIFYING and all(_OPAQUE.fullmatch(text) for text in texts):
        return Verdict(kept=True, why="keys that say nothing")
    if set(split) & _PERSONAL:
        return Verdict(kept=False, why="its name says who or where", personal=True)
    if _are_words_that_repeat(texts, column):
        return Verdict(kept=True, why=f"{len(texts)} short words that repeat")
    return Verdict(kept=False, why="text")


def _are_words_that_repeat(texts: list[str], column: Column) -> bool:
    times = sum(column.texts[text] for text in texts)
    return (
        len(texts) <= _MOST_WORDS
        and times >= _LEAST_REPEATS * len(texts)
        and all(len(text) <= _LONGEST_WORD and _WORD.fullmatch(text) for text in texts)
    )


def is_credential(name: str) -> bool:
    """Whether a member's name says that its value opens something."""
    return " ".join(words(name)) in _CREDENTIALS
