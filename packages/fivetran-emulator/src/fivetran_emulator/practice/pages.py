"""The ways an API hands out a long list, seen from the API's side.

None of them says more than real ones do: only `PageNumber`, `PageToken` and `NextLink` say that there is more, and any of
them may give fewer rows than asked (`cap`), so a connector that takes a short page for the last one loses rows here
as it would in production.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlencode

from werkzeug.wrappers import Request

from fivetran_emulator.practice.errors import PracticeError, Refusal
from fivetran_emulator.practice.rows import ordered

Row = dict[str, object]
Place = str | Sequence[str]
"""Where in the body a member is: its names divided by dots, or a list of them, for names that hold dots themselves."""


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


@dataclass(frozen=True)
class Page:
    """Some rows, and what stands beside them: `members` by their places in the body (a tuple where a name has a dot), headers."""

    rows: Sequence[Row]
    members: Mapping[Any, object] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


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
    """``?offset=200&limit=100``; the answer does not say whether there is more."""

    size: int = 100
    param: str = "offset"
    limit: str = "limit"

    def page(self, listed: Listed, request: Request) -> Page:
        """The rows from the offset on; none past the end."""
        start = whole(request, self.param, 0, least=0)
        return Page(listed.rows[start : start + listed.size(request, self.limit, self.size)])


@dataclass(frozen=True)
class PageNumber:
    """``?page=3&per_page=100``, with a member that says whether there is a next page (`more`; None: no such member)."""

    size: int = 100
    param: str = "page"
    limit: str = "per_page"
    first: int = 1
    more: Place | None = "has_next"

    def page(self, listed: Listed, request: Request) -> Page:
        """The asked page; an empty one past the end."""
        size = listed.size(request, self.limit, self.size)
        start = (whole(request, self.param, self.first, least=self.first) - self.first) * size
        members = {steps(self.more): start + size < len(listed.rows)} if self.more else {}
        return Page(listed.rows[start : start + size], members)


@dataclass(frozen=True)
class PageToken:
    """``?bookmark=<opaque>``, the next token standing at the place `next`; on the last page it is null.

    The token names the page's last row. Once that row is deleted the token is refused, as an expired one would be.
    With `omit` the last page leaves `next` out, as many sources do.
    """

    size: int = 100
    param: str = "bookmark"
    next: Place = "next"
    limit: str = "limit"
    omit: bool = False

    def page(self, listed: Listed, request: Request) -> Page:
        """The page behind the token's row."""
        rows, token = _behind(listed, request, self.param, listed.size(request, self.limit, self.size))
        return Page(rows, _leading_on(self.next, token, omit=self.omit))


@dataclass(frozen=True)
class NextLink:
    """The address of the next page, at the place `next` or (None) in a ``Link: <...>; rel="next"`` header.

    With `omit` the last page leaves `next` out, as OData does with ``["@odata.nextLink"]``; else it is null there.
    """

    size: int = 100
    next: Place | None = "next"
    param: str = "cursor"
    limit: str = "limit"
    omit: bool = False

    def page(self, listed: Listed, request: Request) -> Page:
        """The page behind the link's row; the last one has no link (in the body: null)."""
        rows, token = _behind(listed, request, self.param, listed.size(request, self.limit, self.size))
        link = self._link(request, token) if token else None
        if self.next is not None:
            return Page(rows, _leading_on(self.next, link, omit=self.omit))
        return Page(rows, headers={"Link": f'<{link}>; rel="next"'} if link else {})

    def _link(self, request: Request, token: str) -> str:
        asked = [(name, value) for name, value in request.args.items(multi=True) if name != self.param]
        return f"{request.base_url}?{urlencode([*asked, (self.param, token)])}"


@dataclass(frozen=True)
class Keyset:
    """``?after_id=120``: the rows whose `column` is greater, in that column's order. Nothing can slip through."""

    size: int = 100
    column: str = "id"
    param: str = "after_id"
    limit: str = "limit"

    def page(self, listed: Listed, request: Request) -> Page:
        """The rows behind the given value, in order of the column."""
        rows = sorted(listed.rows, key=lambda row: ordered(row[self.column]))
        if (after := request.args.get(self.param, "")) != "":
            numeric = any(isinstance(row[self.column], int) for row in rows)
            bound = ordered(whole(request, self.param, 0, least=None) if numeric else after)
            rows = [row for row in rows if ordered(row[self.column]) > bound]
        return Page(rows[: listed.size(request, self.limit, self.size)])


def whole(request: Request, param: str, default: int, *, least: int | None) -> int:
    """A whole number among the query's parameters; `Refusal` (400) for anything else or for one below `least`."""
    text = request.args.get(param)
    if text is None:
        return default
    try:
        number = int(text)
    except ValueError:
        raise Refusal(400, f"{param} must be a whole number, not {text!r}") from None
    if least is not None and number < least:
        raise Refusal(400, f"{param} must be at least {least}, not {number}")
    return number


def _behind(listed: Listed, request: Request, param: str, size: int) -> tuple[Sequence[Row], str | None]:
    token = request.args.get(param)
    start = listed.after(_key_of(token)) if token else 0
    rows = listed.rows[start : start + size]
    more = start + size < len(listed.rows)
    return rows, _token_of(listed.identity(rows[-1])) if rows and more else None


def _leading_on(place: Place, value: str | None, *, omit: bool) -> Mapping[tuple[str, ...], object]:
    return {} if value is None and omit else {steps(place): value}


def _token_of(key: tuple[object, ...]) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode()


def _key_of(token: str) -> list[object]:
    try:
        key = json.loads(base64.urlsafe_b64decode(token))
    except ValueError:
        raise Refusal(400, "the page token is not one of ours") from None
    return list(key) if isinstance(key, list) else [key]
