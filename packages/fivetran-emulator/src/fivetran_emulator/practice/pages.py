"""The ways an API hands out a long list, seen from the API's side.

None of them says more than real ones do: each says that there is more only where its arguments name a place for that, and any
of them may give fewer rows than asked (`cap`), so a connector that takes a short page for the last one loses rows here
as it would in production.

What a page is asked by (`param`, `limit`) stands in the query, or in the body of a POST: there it is a place, like "paging.after".
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlencode

from werkzeug.wrappers import Request

from fivetran_emulator.errors import PracticeError, Refusal
from fivetran_emulator.practice.rows import ordered

Row = dict[str, Any]


@dataclass(frozen=True)
class Header:
    """A place that is no member of the body: the header with this name."""

    name: str


Place = str | Sequence[str]
"""Where in the body a member is: its names divided by dots, or a list of them, for names that hold dots themselves."""
SaidAt = Place | Header | None
"""Where an answer says something: a place in its body, a header, or (None) nowhere."""


def steps(place: Place) -> tuple[str, ...]:
    """The names of a place, from the outside in.

    Raises `PracticeError` for a text like "@odata.nextLink", which is one name at the real source.
    """
    if not isinstance(place, str):
        return tuple(place)
    if place.startswith("@") and "." in place:
        msg = f'practice source: {place!r} is one name with a dot: write it as ["{place}"]'
        raise PracticeError(msg)
    return tuple(place.split("."))


def put(body: dict[str, Any], path: Sequence[str], value: object) -> None:
    """Set a member by its path, making the objects on the way."""
    for name in path[:-1]:
        inner = body.setdefault(name, {})
        if not isinstance(inner, dict):
            msg = f"practice source: {'.'.join(path)} leads through {name}, which is not an object"
            raise PracticeError(msg)
        body = inner
    body[path[-1]] = value


@dataclass(frozen=True)
class Page:
    """Some rows, and what stands beside them: `members` by their places in the body (a tuple where a name has a dot), headers."""

    rows: Sequence[Row]
    members: Mapping[Any, object] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


def page_saying(rows: Sequence[Row], said: Sequence[tuple[SaidAt, object]]) -> Page:
    """A page that says each of these values at its place, or in its header: numbers as text there, True as true."""
    members = {
        steps(place): value for place, value in said if place is not None and not isinstance(place, Header)
    }
    headers = {
        place.name: value if isinstance(value, str) else json.dumps(value)
        for place, value in said
        if isinstance(place, Header)
    }
    return Page(rows, members, headers)


@dataclass(frozen=True)
class Listed:
    """What a page style cuts its page from: all rows of the answer, who is who, and the source's cap on a page."""

    rows: Sequence[Row]
    identity: Callable[[Row], tuple[object, ...]]
    cap: int | None = None

    def size(self, request: Request, param: str, default: int) -> int:
        """How many rows this page has at most: what was asked, but never more than the cap."""
        asked = whole(request, param, default, least=1)
        return asked if self.cap is None else min(asked, self.cap)

    def after(self, key: Sequence[object]) -> int:
        """The place behind the row with this key; `Refusal` (400) when it is no longer listed."""
        for place, row in enumerate(self.rows):
            if list(self.identity(row)) == list(key):
                return place + 1
        raise Refusal(400, "the page token is no longer valid")


class PageStyle(Protocol):
    """Anything that can cut the asked page out of a listing."""

    def page(self, listed: Listed, request: Request) -> Page:
        """The page this request asks for; `Refusal` (400) for one that asks nonsense."""


@dataclass(frozen=True)
class Offset:
    """``?offset=200&limit=100``.

    `total` is where the answer says how many rows there are in all; unless it is given, nothing says whether there is more.
    `past_end` is the status for an offset behind the last row, 404 at some sources; without it such a page is empty. `window` is how
    many rows can be reached at all: what leads behind it is refused with 400, as search engines do.
    """

    size: int = 100
    param: str = "offset"
    limit: str = "limit"
    total: SaidAt = None
    past_end: int | None = None
    window: int | None = None

    def page(self, listed: Listed, request: Request) -> Page:
        """The rows from the offset on."""
        start, size = (
            whole(request, self.param, 0, least=0),
            listed.size(request, self.limit, self.size),
        )
        _require_within(self.window, start + size)
        rows = _cut(listed, start, size, self.past_end)
        return page_saying(rows, [(self.total, len(listed.rows))])


@dataclass(frozen=True)
class PageNumber:
    """``?page=3&per_page=100``.

    Each of these is said where its argument names a place: `more`, whether there is a next page; `total`, the number of rows;
    `pages`, the number of pages. `past_end` and `window` are as in `Offset`.
    """

    size: int = 100
    param: str = "page"
    limit: str = "per_page"
    first: int = 1
    more: SaidAt = "has_next"
    total: SaidAt = None
    pages: SaidAt = None
    past_end: int | None = None
    window: int | None = None

    def page(self, listed: Listed, request: Request) -> Page:
        """The asked page."""
        size = listed.size(request, self.limit, self.size)
        start = (whole(request, self.param, self.first, least=self.first) - self.first) * size
        _require_within(self.window, start + size)
        there = len(listed.rows)
        said = [(self.more, start + size < there), (self.total, there), (self.pages, -(-there // size))]
        return page_saying(_cut(listed, start, size, self.past_end), said)


@dataclass(frozen=True)
class PageToken:
    """``?bookmark=<opaque>``, the next token standing at the place `next`; on the last page it is null.

    The token names the page's last row. Once that row is deleted the token is refused, as an expired one would be.
    With `omit` the last page leaves `next` out, as many sources do. `more` is where it says whether there is a next page; with
    `always` the last page has a token too, and only `more` says that it is the last.
    """

    size: int = 100
    param: str = "bookmark"
    next: SaidAt = "next"
    limit: str = "limit"
    omit: bool = False
    more: SaidAt = None
    always: bool = False

    def page(self, listed: Listed, request: Request) -> Page:
        """The page behind the token's row."""
        size = listed.size(request, self.limit, self.size)
        rows, token = _behind(listed, request, self.param, size, always=self.always)
        more = bool(rows) and rows[-1] is not listed.rows[-1]
        leading = (
            [] if token is None and (self.omit or isinstance(self.next, Header)) else [(self.next, token)]
        )
        return page_saying(rows, [*leading, (self.more, more)])


@dataclass(frozen=True)
class NextLink:
    """The address of the next page, at the place `next` or (None) in a ``Link: <...>; rel="next"`` header.

    With `omit` the last page leaves `next` out, as OData does with ``["@odata.nextLink"]``; else it is null there. With `results`
    the header leads on from the last page too, and says ``results="false"``. `host` begins the addresses as the source knows
    itself, behind a proxy, such as "http://api.internal:8080"; otherwise they begin as they were asked.
    """

    size: int = 100
    next: Place | None = "next"
    param: str = "cursor"
    limit: str = "limit"
    omit: bool = False
    results: bool = False
    host: str | None = None

    def page(self, listed: Listed, request: Request) -> Page:
        """The page behind the link's row; the last one has no link (in the body: null)."""
        size = listed.size(request, self.limit, self.size)
        rows, token = _behind(listed, request, self.param, size, always=self.results)
        link = self._link(request, token) if token else None
        if self.next is not None:
            return page_saying(rows, [] if link is None and self.omit else [(self.next, link)])
        more = bool(rows) and rows[-1] is not listed.rows[-1]
        results = f'; results="{json.dumps(more)}"' if self.results else ""
        return Page(rows, headers={"Link": f'<{link}>; rel="next"{results}'} if link else {})

    def _link(self, request: Request, token: str) -> str:
        asked = [(name, value) for name, value in request.args.items(multi=True) if name != self.param]
        base = request.base_url if self.host is None else f"{self.host}{request.path}"
        return f"{base}?{urlencode([*asked, (self.param, token)])}"


@dataclass(frozen=True)
class Keyset:
    """``?after_id=120``: the rows whose `column` is greater, in that column's order. Nothing can slip through.

    `form` is what the value looks like where it stands in a query language: ``param="issue_id", form=">={}"`` for
    ``?issue_id=>=120``. A form with "=" before the value gives the row with this very value too.
    """

    size: int = 100
    column: str = "id"
    param: str = "after_id"
    limit: str = "limit"
    form: str = "{}"

    def page(self, listed: Listed, request: Request) -> Page:
        """The rows behind the given value, in order of the column."""
        rows = sorted(listed.rows, key=lambda row: ordered(row[self.column]))
        if after := value_in(parameter(request, self.param) or "", self.form, self.param):
            numeric = any(isinstance(row[self.column], int) for row in rows)
            bound = ordered(_number(after, self.param) if numeric else after)
            too = self.form.partition("{}")[0].endswith("=")
            rows = [
                row
                for row in rows
                if (value := ordered(row[self.column])) > bound or (too and value == bound)
            ]
        return Page(rows[: listed.size(request, self.limit, self.size)])


def parameter(request: Request, name: str) -> str | None:
    """What is asked under a name: in the query, else in the form or at that place of a JSON body; None if it isn't there."""
    if (given := request.args.get(name, request.form.get(name))) is not None or not request.is_json:
        return given
    value: Any = request.get_json(silent=True)
    for step in name.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value if value is None or isinstance(value, str) else json.dumps(value)


def value_in(text: str, form: str, param: str) -> str:
    """The value in a text of this form: ">=7" of the form ">={}" -> "7". `Refusal` (400) for another form; empty stays empty."""
    before, _, behind = form.partition("{}")
    if not text:
        return ""
    if not (text.startswith(before) and text.endswith(behind) and len(text) > len(before) + len(behind)):
        raise Refusal(400, f"{param} must look like {form.format('...')}, not {text!r}")
    return text[len(before) : len(text) - len(behind)]


def whole(request: Request, param: str, default: int, *, least: int | None) -> int:
    """A whole number among what is asked; `Refusal` (400) for anything else or for one below `least`."""
    text = parameter(request, param)
    if text is None:
        return default
    number = _number(text, param)
    if least is not None and number < least:
        raise Refusal(400, f"{param} must be at least {least}, not {number}")
    return number


def _number(text: str, param: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise Refusal(400, f"{param} must be a whole number, not {text!r}") from None


def _cut(listed: Listed, start: int, size: int, past_end: int | None) -> Sequence[Row]:
    if past_end is not None and start and start >= len(listed.rows):
        raise Refusal(past_end, "there is no such page")
    return listed.rows[start : start + size]


def _require_within(window: int | None, end: int) -> None:
    if window is not None and end > window:
        raise Refusal(400, f"only the first {window} results can be reached: narrow the search")


def _behind(
    listed: Listed, request: Request, param: str, size: int, *, always: bool = False
) -> tuple[Sequence[Row], str | None]:
    token = parameter(request, param)
    start = listed.after(key_of(token)) if token else 0
    rows = listed.rows[start : start + size]
    more = start + size < len(listed.rows)
    if rows and (more or always):
        return rows, token_of(listed.identity(rows[-1]))
    return rows, token if always else None


def token_of(key: Sequence[object]) -> str:
    """An opaque text for a key."""
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode()


def key_of(token: str) -> list[Any]:
    """The key in a text that `token_of` made; `Refusal` (400) for any other."""
    try:
        key = json.loads(base64.urlsafe_b64decode(token))
    except ValueError:
        raise Refusal(400, "the page token is not one of ours") from None
    return list(key) if isinstance(key, list) else [key]
