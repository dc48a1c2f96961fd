"""Functions made up by hypothesis: tables, columns, names in every spelling, rows of every type, deletes, in many answers."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from hypothesis import strategies as st
from model.in_memory import Row

_WORDS = ("user", "name", "ticket", "zone", "overs", "amount", "grand", "kind")
_SPELLINGS: Mapping[str, Callable[[tuple[str, ...]], str]] = {
    "snake": "_".join,
    "camel": lambda words: words[0] + "".join(map(str.capitalize, words[1:])),
    "pascal": lambda words: "".join(map(str.capitalize, words)),
    "kebab": "-".join,
    "dotted": ".".join,
    "spaced": " ".join,
    "shout": lambda words: "_".join(words).upper(),
    "double": "__".join,
    "accented": lambda words: (
        "_".join(words).replace("e", "\u00e9").replace("o", "\u00f6").replace("a", "\u00e5")
    ),
    "decomposed": lambda words: unicodedata.normalize("NFD", "_".join(words).replace("e", "\u00e9")),
}

_mostly = st.sampled_from([True, True, False])
_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_integers = st.one_of(
    st.integers(-5, 5), st.integers(-(2**63), 2**63 - 1), st.integers(-(2**127) + 1, 2**127 - 1)
)
_floats = st.floats(allow_nan=False, allow_infinity=False)
_scalars = st.one_of(st.none(), st.booleans(), _integers, _floats, _text, st.integers(-(2**200), 2**200))
_nested = st.recursive(
    _scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_text, inner, max_size=3)),
    max_leaves=8,
)
_kinds: Sequence[st.SearchStrategy[object]] = (
    st.booleans(), st.integers(-5, 5), _integers, _floats, _text, _nested, st.none(),
)  # fmt: skip


@dataclass(frozen=True)
class Part:
    """One table in one answer: as it is sent, and the same under the warehouse's names."""

    table: str
    source: str
    key: tuple[str, ...]
    soft: bool
    sent: Mapping[str, object]
    insert: Sequence[Row]
    delete: Sequence[Row]


@dataclass(frozen=True)
class _Table:
    words: tuple[str, ...]
    key: tuple[tuple[str, ...], ...]
    others: tuple[tuple[str, ...], ...]
    soft: bool
    key_kind: st.SearchStrategy[object]
    source: str
    spelling: Mapping[tuple[str, ...], str]
    """How it and its columns are spelt, the same in every answer: two spellings in one sync are refused."""


def _names(count: int) -> st.SearchStrategy[list[tuple[str, ...]]]:
    words = st.lists(st.sampled_from(_WORDS), min_size=1, max_size=3).map(tuple)
    return st.lists(words, min_size=1, max_size=count, unique=True)


@st.composite
def _tables(draw: st.DrawFn) -> list[_Table]:
    tables = []
    for words in draw(_names(3)):
        columns = draw(_names(5))
        keys = min(draw(st.sampled_from([1, 1, 2, 0])), len(columns))
        keyed = draw(st.sampled_from([st.sampled_from([0, 1, 2]), st.sampled_from(["0", "1", "x"]),
                                      st.one_of(st.integers(0, 2), st.sampled_from(["0", "1", "x"]))]))  # fmt: skip
        soft = keys > 0 and draw(_mostly)
        spelling = {column: _spelt(draw, column) for column in columns}
        key, others = tuple(columns[:keys]), tuple(columns[keys:])
        tables.append(_Table(words, key, others, soft, keyed, _spelt(draw, words), spelling))
    return tables


def _spelt(draw: st.DrawFn, words: tuple[str, ...]) -> str:
    return _SPELLINGS[draw(st.sampled_from(sorted(_SPELLINGS)))](words)


@st.composite
def _part(draw: st.DrawFn, table: _Table) -> Part:
    spelling = table.spelling
    columns = [words for words in table.others if draw(_mostly)]
    kinds = {words: draw(st.sampled_from(_kinds)) for words in columns}
    insert = [_row(draw, table, kinds) for _ in range(draw(st.sampled_from([1, 2, 3, 0])))]
    delete = [_row(draw, table, {}) for _ in range(draw(st.sampled_from([1, 0, 2])))] if table.key else []
    key = [spelling[words] for words in table.key]
    sent = {
        "insert": [{spelling[words]: value for words, value in row.items()} for row in insert],
        "delete": [{spelling[words]: value for words, value in row.items()} for row in delete],
        "schema": {"primary_key": key} if key else {},
    }
    named = [
        [{_landed(words): value for words, value in row.items()} for row in rows] for rows in (insert, delete)
    ]
    return Part("_".join(table.words), table.source, tuple(map(_landed, table.key)), table.soft, sent, *named)


def _landed(words: tuple[str, ...]) -> str:
    return "_".join(words)


def _row(
    draw: st.DrawFn, table: _Table, kinds: Mapping[tuple[str, ...], st.SearchStrategy[object]]
) -> dict[tuple[str, ...], object]:
    row: dict[tuple[str, ...], object] = {words: draw(table.key_kind) for words in table.key}
    return row | {words: draw(kind) for words, kind in kinds.items() if draw(_mostly)}


@st.composite
def histories(draw: st.DrawFn) -> list[list[Part]]:
    """A few tables, and answers that each have some of them."""
    tables = draw(_tables())
    return [
        [draw(_part(table)) for table in tables if draw(st.booleans())]
        for _ in range(draw(st.integers(1, 5)))
    ]


def body(parts: Sequence[Part], number: int, *, has_more: bool) -> dict[str, object]:
    """An answer with these parts; its state is its number."""
    return {
        "state": {"n": number},
        "insert": {part.source: part.sent["insert"] for part in parts if part.sent["insert"]},
        "delete": {part.source: part.sent["delete"] for part in parts if part.sent["delete"]},
        "schema": {part.source: part.sent["schema"] for part in parts},
        "softDelete": [part.source for part in parts if part.soft],
        "hasMore": has_more,
    }
