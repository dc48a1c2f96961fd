"""The ways an API hands out a long list, seen from the API's side.

None of them says more than real ones do: each says that there is more only where its arguments name a place for that, and any
of them may give fewer rows than asked (`cap`), so a connector that takes a short page for the last one loses rows here
as it would in production.

What a page is asked by (`param`, `size_param`) stands in the query, or in the body of a POST: there it is a place, like "paging.after".
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlencode

from werkzeug.wrappers import Request

from fivetran_emulator.errors import PracticeError, Refusal, checks_arguments
from fivetran_emulator.practice.rows import ordered

Row = dict[str, Any]


@dataclass(frozen=True)
class Header:
    """A place that is no member of the body: a header of the answer.

    Args:
        name: the header's.
    """

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
    """A page of a page style of your own.

    Args:
        rows: its rows.
        members: what stands beside them in the body, by place: a tuple where a name has a dot.
        headers: headers of the answer.
    """

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
    """What a page style cuts its page from.

    Args:
        rows: all rows of the answer.
        identity: the key of a row, a function of it: ``Rows.identity``.
        cap: the most rows that a page has now, whatever is asked: ``source.cap``.
    """

    rows: Sequence[Row]
    identity: Callable[[Row], tuple[object, ...]]
    cap: int | None = None

    def size(self, request: Request, param: str, default: int) -> int:
        """How many rows this page has at most: what was asked, but never more than the cap.

        Args:
            request: the request.
            param: the parameter that asks for a size.
            default: the size where none is asked for.
        """
        asked = whole(request, param, default, least=1)
        return asked if self.cap is None else min(asked, self.cap)

    def after(self, key: Sequence[object]) -> int:
        """The place behind a row; `Refusal` (400) when it is no longer listed.

        Args:
            key: the row's key.
        """
        for place, row in enumerate(self.rows):
            if list(self.identity(row)) == list(key):
                return place + 1
        raise Refusal(400, "the page token is no longer valid")


class PageStyle(Protocol):
    """Anything that can cut the asked page out of a listing: what `pages=` takes."""

    def page(self, listed: Listed, request: Request) -> Page:
        """The page this request asks for; `Refusal` (400) for one that asks nonsense.

        Args:
            listed: what it is cut from.
            request: what is asked.
        """


@checks_arguments
@dataclass(frozen=True)
class Offset:
    """``?offset=200&limit=100``: rows counted from the start. A page behind the last row is empty.

    Args:
        size: rows of a page, where fewer are not asked for.
        param, size_param: names of the parameters for the offset and the size; in the body of a POST their places.
        total: where the answer says how many rows there are in all, e.g. "meta.total" or Header("X-Total"); by default nothing
            says whether there is more.
        past_end: the status of a page behind the last row, 404 at some sources.
        cap: how many rows can be reached at all; what leads behind them is refused with 400, as search engines do.
    """

    size: int = 100
    param: str = "offset"
    size_param: str = "limit"
    total: SaidAt = None
    past_end: int | None = None
    cap: int | None = None

    def page(self, listed: Listed, request: Request) -> Page:
        """The rows from the offset on."""
        start, size = (
            whole(request, self.param, 0, least=0),
            listed.size(request, self.size_param, self.size),
        )
        _require_within(self.cap, start + size)
        rows = _cut(listed, start, size, self.past_end)
        return page_saying(rows, [(self.total, len(listed.rows))])


@checks_arguments
@dataclass(frozen=True)
class PageNumber:
    """``?page=3&per_page=100``: numbered pages. One behind the last is empty.

    Args:
        size: rows of a page, where fewer are not asked for.
        param, size_param: as for `Offset`.
        first: the number of the first page, 0 at some sources.
        more: where the answer says whether there is a next page; by default nowhere.
        total: where it says how many rows there are.
        last: where it says which number the last page has.
        past_end, cap: as for `Offset`.
    """

    size: int = 100
    param: str = "page"
    size_param: str = "per_page"
    first: int = 1
    more: SaidAt = None
    total: SaidAt = None
    last: SaidAt = None
    past_end: int | None = None
    cap: int | None = None

    def page(self, listed: Listed, request: Request) -> Page:
        """The asked page."""
        size = listed.size(request, self.size_param, self.size)
        start = (whole(request, self.param, self.first, least=self.first) - self.first) * size
        _require_within(self.cap, start + size)
        there = len(listed.rows)
        last = self.first - 1 + -(-there // size)
        said = [(self.more, start + size < there), (self.total, there), (self.last, last)]
        return page_saying(_cut(listed, start, size, self.past_end), said)


@checks_arguments
@dataclass(frozen=True)
class PageToken:
    """``?token=<opaque>``: a token in each answer leads to the next page.

    The token names the page's last row. Once that row is deleted the token is refused, as an expired one would be.

    Args:
        size: rows of a page, where fewer are not asked for.
        param, size_param: as for `Offset`, for the token and the size.
        next: where the answer has the next page's token; on the last page it is null.
        omit: whether the last page leaves `next` out instead, as many sources do.
        more: where the answer says whether there is a next page; by default nowhere.
        always: whether the last page has a token too, so that only `more` says that it is the last.
    """

    size: int = 100
    param: str = "token"
    next: SaidAt = "next"
    size_param: str = "limit"
    omit: bool = False
    more: SaidAt = None
    always: bool = False

    def page(self, listed: Listed, request: Request) -> Page:
        """The page behind the token's row."""
        size = listed.size(request, self.size_param, self.size)
        _require_asked_by(self.param, request)
        rows, token = _behind(listed, request, self.param, size, always=self.always)
        more = bool(rows) and rows[-1] is not listed.rows[-1]
        leading = (
            [] if token is None and (self.omit or isinstance(self.next, Header)) else [(self.next, token)]
        )
        return page_saying(rows, [*leading, (self.more, more)])


@checks_arguments
@dataclass(frozen=True)
class NextLink:
    """The whole address of the next page, in the body or in a ``Link: <...>; rel="next"`` header.

    Args:
        size: rows of a page, where fewer are not asked for.
        next: where in the body the address is, e.g. "paging.next"; null on the last page. By default it is in the header.
        param: the parameter of the address that holds its place.
        size_param: as for `Offset`.
        omit: whether the last page leaves `next` out instead, as OData does with ``["@odata.nextLink"]``.
        results: whether the header leads on from the last page too, and says ``results="false"`` there.
        host: what the addresses begin with, for a source that knows itself by another name, e.g. "http://api.internal:8080";
            "" for addresses without a host. By default they begin as they were asked.
    """

    size: int = 100
    next: Place | None = None
    param: str = "cursor"
    size_param: str = "per_page"
    omit: bool = False
    results: bool = False
    host: str | None = None

    def page(self, listed: Listed, request: Request) -> Page:
        """The page behind the link's row; the last one has no link (in the body: null)."""
        size = listed.size(request, self.size_param, self.size)
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


@checks_arguments
@dataclass(frozen=True)
class Keyset:
    """``?after=120``: the rows whose key is greater, sorted by it. Nothing can slip through.

    Args:
        size: rows of a page, where fewer are not asked for.
        column: the column that holds the key.
        param, size_param: as for `Offset`, for the key and the size.
        condition: what the key looks like where it stands in a query language: with ``param="issue_id"`` ">={0}" for
            ``?issue_id=>=120``. One with "=" before the key gives the row with this very key too.
    """

    size: int = 100
    column: str = "id"
    param: str = "after"
    size_param: str = "limit"
    condition: str = "{0}"

    def page(self, listed: Listed, request: Request) -> Page:
        """The rows behind the given value, in order of the column."""
        rows = sorted(listed.rows, key=lambda row: ordered(row[self.column]))
        if after := value_in(parameter(request, self.param) or "", self.condition, self.param):
            numeric = any(isinstance(row[self.column], int) for row in rows)
            bound = ordered(_number(after, self.param) if numeric else after)
            too = self.condition.partition("{0}")[0].endswith("=")
            rows = [
                row
                for row in rows
                if (value := ordered(row[self.column])) > bound or (too and value == bound)
            ]
        return Page(rows[: listed.size(request, self.size_param, self.size)])


def parameter(request: Request, name: str) -> str | None:
    """What is asked under a name: in the query, else in the form or at that place of a JSON body; None if it isn't there.

    Args:
        request: the request.
        name: the parameter's, e.g. "after" or "filter.after".
    """
    if (given := request.args.get(name, request.form.get(name))) is not None or not request.is_json:
        return given
    value: Any = request.get_json(silent=True)
    for step in name.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value if value is None or isinstance(value, str) else json.dumps(value)


def value_in(text: str, form: str, param: str) -> str:
    """The value in a text of this form: ">=7" of the form ">={0}" -> "7". `Refusal` (400) for another form; empty stays empty."""
    before, _, behind = form.replace("{0}", "{}").partition("{}")
    if not text:
        return ""
    if not (text.startswith(before) and text.endswith(behind) and len(text) > len(before) + len(behind)):
        raise Refusal(400, f"{param} must look like {before}...{behind}, not {text!r}")
    return text[len(before) : len(text) - len(behind)]


def whole(request: Request, param: str, default: int, *, least: int | None) -> int:
    """A whole number among what is asked; `Refusal` (400) for anything else.

    Args:
        request: the request.
        param: the parameter's name.
        default: what it is where it isn't asked.
        least: the smallest that is taken; None for no bound.
    """
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


def _require_within(cap: int | None, end: int) -> None:
    if cap is not None and end > cap:
        raise Refusal(400, f"only the first {cap} results can be reached: narrow the search")


def _require_asked_by(param: str, request: Request) -> None:
    """`Refusal` (400) where the token of a page is asked by another name: the same page would come for ever."""
    for name, value in request.args.items():
        if name != param and is_token(value):
            raise Refusal(
                400,
                f"{name} holds the token of a page, and practice.py has PageToken(param={param!r}): make them the same",
            )


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


def is_token(text: str) -> bool:
    """Whether `token_of` can have made a text."""
    try:
        return isinstance(json.loads(base64.urlsafe_b64decode(text)), list)
    except ValueError:
        return False


def key_of(token: str) -> list[Any]:
    """The key in a text that `token_of` made; `Refusal` (400) for any other."""
    try:
        key = json.loads(base64.urlsafe_b64decode(token))
    except ValueError:
        raise Refusal(400, "the page token is not one of ours") from None
    return list(key) if isinstance(key, list) else [key]
