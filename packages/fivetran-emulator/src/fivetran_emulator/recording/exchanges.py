"""What passes between a function and its source while it is recorded, by exchange and by column: real values, which never touch a disk.

Long lists are ended early: after some pages, by an answer that looks like the end. Nothing shows what a source's last page looks
like before it came. The page before it without its rows, and without whatever leads on, is understood by every way of paging; it
is marked as made up. A request that is repeated gets the first answer again, and once a list was ended no answer shows rows
from behind that end. So a recording is of one source at one moment, whichever way it is asked.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from fivetran_emulator.practice.recorded import ApiRequest, api_request
from fivetran_emulator.practice.rows import is_time

__all__ = [
    "INSTANT",
    "ApiExchange",
    "EndlessError",
    "PageLimit",
    "RecordedColumn",
    "Steering",
    "columns_of",
    "is_number",
    "leaves",
    "links_in",
]


@dataclass(frozen=True)
class ApiExchange:
    """A request and its answer: `body` is any JSON value. `made_up` answers are the recorder's own, not the source's."""

    request: ApiRequest
    status: int
    content_type: str
    body: object = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    made_up: bool = False

    def texts(self) -> Iterator[str]:
        """Every value of the answer as text, numbers too, and the parts of its links."""
        for value in [*(value for _, value in leaves(self.body)), *self.headers.values()]:
            if isinstance(value, bool) or value is None:
                continue
            yield str(value)
            for link in links_in(str(value)):
                yield from api_request("GET", link).texts()


def leaves(value: object, place: str = "") -> Iterator[tuple[str, object]]:
    """Every value in a JSON value that holds no other, with its place: `data[].owner.email`."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, f"{place}.{name}" if place else name)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, f"{place}[]")
    else:
        yield place, value


def _is_link(text: str) -> bool:
    """Whether a text is an address, whole or from the root on."""
    return " " not in text and text.startswith(("http://", "https://", "/"))


def links_in(text: str) -> list[str]:
    """The addresses a text is made of: itself, or those in a `Link` header."""
    if _is_link(text):
        return [text]
    return [piece.partition(">")[0] for piece in text.split("<")[1:] if _is_link(piece.partition(">")[0])]


def words(name: str) -> list[str]:
    """The words of a name in any notation: `nextPageToken` -> next, page, token."""
    return re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).lower())


_PATH_WORD = re.compile(r"([a-zA-Z_-]+(\.[a-z]+)?|v\d+)?")
_CREDENTIALS = frozenset({"token", "access token", "refresh token", "id token", "api key", "private key"})
_PERSONAL_NUMBERS = frozenset(
    words(
        "birth birthday dob phone mobile fax card passport ssn iban salary ip latitude longitude lat lon lng"
    )
)
"""Words in the names of columns whose numbers say who somebody is, or where."""
INSTANT = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?\s?(Z|UTC|[+-]\d\d:?\d\d)?)?")

_LEADS_ON = frozenset({"next", "more", "cursor", "bookmark", "continuation"})
_SAYS_LAST = frozenset({"last", "final", "complete", "done", "end"})
_MAX_ENDS = 500
"""A list of each of many things may well end this often; no list does."""
_NUMBER = re.compile(r"-?\d+")

_List = tuple[str, str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True)
class Steering:
    """What the person who records says: columns to `keep` and to `hide`, by last name or by whole place."""

    keep: frozenset[str] = frozenset()
    hide: frozenset[str] = frozenset()


class RecordedColumn:
    """All that stood at one `place` of the answers, such as `/users: data[].email`."""

    def __init__(self, place: str, steering: Steering) -> None:
        self.place = place
        self.texts: set[str] = set()
        self.numbers: set[str] = set()
        inner = place.rpartition(": ")[2]
        name = inner.rpartition(".")[2].removesuffix("[]")
        called = {place, inner, name}
        self.credential = _names_credential(name)
        self.hidden = bool(called & steering.hide)
        self.kept = bool(called & steering.keep) and not self.hidden
        self.personal = bool(_PERSONAL_NUMBERS & set(words(name))) and not self.kept

    @property
    def what(self) -> str:
        """What stood in it, and why that is kept or replaced."""
        if self.hidden or self.kept:
            return "--hide" if self.hidden else "--keep"
        if not any(self.texts):
            return "personal numbers" if self.replaced else "no text"
        return "dates" if all(INSTANT.fullmatch(text) for text in self.texts if text) else "text"

    @property
    def replaced(self) -> bool:
        """Whether any of its values are."""
        return not self.kept and (any(self.texts) or (bool(self.numbers) and (self.hidden or self.personal)))


def columns_of(exchanges: Iterable[ApiExchange], steering: Steering) -> dict[str, RecordedColumn]:
    """The columns by place, in the order they came up."""
    columns: dict[str, RecordedColumn] = {}
    for exchange in exchanges:
        # `*` for the parts of a path that are no plain words.
        parts = (part if _PATH_WORD.fullmatch(part) else "*" for part in exchange.request.segments)
        path = "/".join(parts)
        for inner, value in leaves(exchange.body):
            place = f"{path}: {inner}"
            column = columns.setdefault(place, RecordedColumn(place, steering))
            if isinstance(value, str):
                column.texts.add(value)
            elif is_number(value):
                column.numbers.add(str(value))
    return columns


def _names_credential(name: str) -> bool:
    """Whether a member's name says that its value opens something."""
    return " ".join(words(name)) in _CREDENTIALS


def is_number(value: object) -> bool:
    """Whether a JSON value is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


class EndlessError(Exception):
    """A function goes on asking for a list that has ended, as one does that checks whether the source changed."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"the recorder ended {path} early, and the function did not take it for the end: record with --pages 0"
        )


class PageLimit:
    """Counts the pages of each list; `pages` is how many the real source is asked for, 0 for all.

    Requests for the same list differ in numbers (offset, page) and in what the answer before said (token, link, key).
    """

    def __init__(self, pages: int) -> None:
        self._pages = pages
        self._answers: dict[_List, ApiExchange] = {}
        self._said: dict[str, set[str]] = {}
        self._last: dict[_List, ApiExchange] = {}
        self._count: Counter[_List] = Counter()
        self._ends: Counter[str] = Counter()
        self._names: dict[tuple[str, str], set[str]] = {}
        self._shown: dict[_List, set[str]] = {}
        self.ended: set[_List] = set()
        """Lists that were ended early: method, path and what else selects their rows."""

    def start_over(self) -> None:
        """Count pages from here on: those of a setup test are none of a sync's."""
        self._count.clear()
        self._names.clear()

    def answer_to(self, asked: ApiRequest) -> ApiExchange | None:
        """The answer if the source need not be asked: the one it gave, or the end of a list that is long enough.

        Raises `EndlessError` when a function does not take the end for one.
        """
        if asked.method not in ("GET", "HEAD"):
            return None
        if (before := self._answers.get(_question(asked))) is not None:
            self._count_end(before)
            return before
        listed = self._list(asked)
        if self._pages and self._count[listed] >= self._pages:
            last = self._last[listed]
            end = replace(last, request=asked, body=_closing(last.body), headers={}, made_up=True)
            self._answers[_question(asked)] = end
            self._count_end(end)
            self.ended.add(self._selection(asked))
            return end
        return None

    def _count_end(self, answer: ApiExchange) -> None:
        self._ends[answer.request.path] += answer.made_up
        if self._ends[answer.request.path] > _MAX_ENDS:
            raise EndlessError(answer.request.path)

    def kept(self, exchange: ApiExchange) -> ApiExchange:
        """An answer without the rows that lie behind the early end of a list that it is a part of."""
        method, path, params = self._selection(exchange.request)
        shown = [
            self._shown.get((method, path, selected), set())
            for ended_method, ended_path, selected in self.ended
            if (ended_method, ended_path) == (method, path) and set(selected) <= set(params)
        ]
        return replace(exchange, body=_only(exchange.body, set.intersection(*shown))) if shown else exchange

    def saw(self, exchange: ApiExchange) -> None:
        """Take note of what the source answered."""
        listed = self._list(exchange.request)
        if exchange.status < 400:
            self._answers[_question(exchange.request)] = exchange
        self._said[exchange.request.path] = set(exchange.texts())
        if exchange.status == 200 and _closing(exchange.body) != exchange.body:
            self._count[listed] += 1
            self._last[listed] = exchange
            self._shown.setdefault(self._selection(exchange.request), set()).update(_rows(exchange.body))

    def _list(self, asked: ApiRequest) -> _List:
        said = self._said.get(asked.path, set())
        params = sorted(
            (name, value)
            for name, value in asked.params
            if not _NUMBER.fullmatch(value) and value not in said
        )
        return asked.method, asked.path, tuple(params)

    def _selection(self, asked: ApiRequest) -> _List:
        """What selects the rows of a list, whichever page of it is asked for.

        Its parameters but for numbers, for bounds in time, since what changed since then is a part of what there is, and for
        those that its first request has not, which lead from page to page.
        """
        names = self._names.setdefault((asked.method, asked.path), {name for name, _value in asked.params})
        params = sorted(
            (name, value)
            for name, value in asked.params
            if name in names and not _NUMBER.fullmatch(value) and not is_time(value)
        )
        return asked.method, asked.path, tuple(params)


def _closing(body: Any) -> Any:
    """A page without its rows and without what leads on."""
    if isinstance(body, list):
        return []
    if not isinstance(body, dict):
        return body
    return {name: _closed(name, value) for name, value in body.items()}


def _closed(name: str, value: Any) -> Any:
    called = set(words(name))
    if isinstance(value, list):
        return [] if any(isinstance(row, dict | list) for row in value) else value
    if isinstance(value, bool):
        return (value or bool(called & _SAYS_LAST)) and not called & _LEADS_ON
    if called & _LEADS_ON:
        return None
    return _closing(value) if isinstance(value, dict) else value


def _only(body: Any, rows: set[str]) -> Any:
    """A page with those of its rows that are among some."""
    if isinstance(body, list):
        return [one for one in body if not isinstance(one, dict | list) or _text(one) in rows]
    if isinstance(body, dict):
        return {name: _only(value, rows) for name, value in body.items()}
    return body


def _rows(body: Any) -> Iterator[str]:
    if isinstance(body, list):
        yield from (_text(one) for one in body if isinstance(one, dict | list))
    elif isinstance(body, dict):
        for value in body.values():
            yield from _rows(value)


def _text(row: Any) -> str:
    return json.dumps(row, sort_keys=True)


def _question(asked: ApiRequest) -> _List:
    return asked.method, asked.path, tuple(sorted(asked.params))
