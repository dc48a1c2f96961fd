"""How sources page: by offset, page number, token, next link or key.

A style is a value: the position where it stands, what to ask for there, and from a page the style for the next one.
Where a source may cap the page size, "fewer rows than asked for" does not mean "the last page"; styles end on what
the source says, or on an empty page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

from fivetran_runtime.encoding import encode
from fivetran_runtime.errors import DefectError
from fivetran_runtime.records import At


@dataclass(frozen=True)
class Page:
    """One page: its address for messages, its decoded body, its headers, and which query parameters hold a key."""

    url: str
    body: Any
    headers: Mapping[str, str]
    keys: frozenset[str] = frozenset()


class Style(Protocol):
    """How to go from page to page."""

    def target(self, path: str) -> str:
        """What to ask for: the path itself unless the source gave a link."""

    def query(self) -> Mapping[str, Any]:
        """Query parameters for the page the style stands at."""

    def following(self, page: Page, rows: list[Any]) -> Style | None:
        """The style standing at the next page, or None after the last."""

    def position(self) -> Mapping[str, Any]:
        """The arguments of the `At` that resumes here."""


class _OnPath:
    def target(self, path: str) -> str:
        return path


@dataclass(frozen=True)
class Offset(_OnPath):
    """Rows counted from the start: `?offset=200&limit=100`. Ends at an empty page, or at the total.

    Args:
        offset: the position, the table function's parameter.
        size: rows asked for.
        overlap: rows of each page to read again with the next one, so that rows which move up while the list is
            read are not missed; 0 for a list that does not move.
        total: where in the body the number of all rows is, if it is there.
        param, size_param: names of the query parameters; size_param=None leaves the size to the source.
        at: name of the table function's parameter.
    """

    offset: int = 0
    size: int = 100
    overlap: int = 0
    total: str | None = None
    param: str = "offset"
    size_param: str | None = "limit"
    at: str = "offset"

    def query(self) -> Mapping[str, Any]:
        size = {self.size_param: self.size} if self.size_param else {}
        return {self.param: self.offset, **size}

    def following(self, page: Page, rows: list[Any]) -> Style | None:
        if not rows:
            return None
        end = self.offset + len(rows)
        if self.total is not None and end >= find(page, self.total):
            return None
        # A page no longer than the overlap is the end, or the source caps its pages there: only the next one tells.
        return replace(self, offset=end - self.overlap if len(rows) > self.overlap else end)

    def position(self) -> Mapping[str, Any]:
        return {self.at: self.offset}


@dataclass(frozen=True)
class PageNumber(_OnPath):
    """Numbered pages: `?page=3&per_page=100`. Ends where the source says, or at an empty page.

    Args:
        page: the position, the table function's parameter.
        size: rows asked for.
        more: where in the body it says whether more pages follow; it is false, null or missing on the last.
        last: where in the body the number of the last page is.
        param, size_param, at: names, as for `Offset`.
    """

    page: int = 1
    size: int = 100
    more: str | None = None
    last: str | None = None
    param: str = "page"
    size_param: str | None = "per_page"
    at: str = "page"

    def query(self) -> Mapping[str, Any]:
        size = {self.size_param: self.size} if self.size_param else {}
        return {self.param: self.page, **size}

    def following(self, page: Page, rows: list[Any]) -> Style | None:
        if self.more is not None:
            ended = not find(page, self.more, default=False)
        elif self.last is not None:
            ended = self.page >= find(page, self.last)
        else:
            ended = not rows
        return None if ended else replace(self, page=self.page + 1)

    def position(self) -> Mapping[str, Any]:
        return {self.at: self.page}


@dataclass(frozen=True)
class Token(_OnPath):
    """An opaque token for the next page, also called bookmark or cursor. Ends when there is none.

    Args:
        token: the position, the table function's parameter; None for the first page.
        next: where in the body the next page's token is.
        param: name of the query parameter that takes it.
        size, size_param: as for `Offset`, when the source takes a size.
        at: name of the table function's parameter; by default that of the query.
    """

    token: Any = None
    next: str = "next"
    param: str = "token"
    size: int | None = None
    size_param: str = "limit"
    at: str | None = None

    def query(self) -> Mapping[str, Any]:
        size = {self.size_param: self.size} if self.size else {}
        return {self.param: self.token, **size}

    def following(self, page: Page, rows: list[Any]) -> Style | None:
        token = find(page, self.next, default=None)
        if token is None or token in ("", False):
            return None
        if token == self.token:
            raise _unmoving(page, "token")
        return replace(self, token=token)

    def position(self) -> Mapping[str, Any]:
        return {self.at or self.param: self.token}


@dataclass(frozen=True)
class NextLink:
    """The next page's whole address, in the body or in a `Link: <...>; rel="next"` header (RFC 8288).

    Args:
        link: the position, the table function's parameter; None for the first page.
        next: where in the body the address is; by default the header is read.
        size, size_param: for the first page; later links carry their own.
        at: name of the table function's parameter.
    """

    link: str | None = None
    next: str | None = None
    size: int | None = None
    size_param: str = "per_page"
    at: str = "link"

    def target(self, path: str) -> str:
        return self.link or path

    def query(self) -> Mapping[str, Any]:
        return {self.size_param: self.size} if self.size and self.link is None else {}

    def following(self, page: Page, rows: list[Any]) -> Style | None:
        link = find(page, self.next, default=None) if self.next else _linked(page)
        if not link:
            return None
        link = without(page.keys, urljoin(page.url, link))
        if link == self.link:
            raise _unmoving(page, "link")
        return replace(self, link=link)

    def position(self) -> Mapping[str, Any]:
        return {self.at: self.link}


@dataclass(frozen=True)
class Keyset(_OnPath):
    """Rows after a key: `?after_id=4711`, sorted by it; nothing moves under it. Ends at an empty page.

    Args:
        after: the position, the table function's parameter; None for the first page.
        column: the column of the listed rows that holds the key.
        param: name of the query parameter that takes it.
        more: where in the body it says whether more rows follow; false, null, empty or missing on the last page.
        size, size_param: as for `Offset`.
        at: name of the table function's parameter.
    """

    after: Any = None
    column: str = "id"
    param: str = "after"
    more: str | None = None
    size: int | None = 100
    size_param: str = "limit"
    at: str = "after"

    def query(self) -> Mapping[str, Any]:
        size = {self.size_param: self.size} if self.size else {}
        return {self.param: self.after, **size}

    def following(self, page: Page, rows: list[Any]) -> Style | None:
        if not rows or (self.more is not None and not find(page, self.more, default=False)):
            return None
        after = rows[-1].get(self.column) if isinstance(rows[-1], dict) else None
        if after is None:
            raise DefectError(f"{page.url}: the last row of a page has no {self.column} to go on from.")
        if after == self.after:
            raise _unmoving(page, self.column)
        return replace(self, after=after)

    def position(self) -> Mapping[str, Any]:
        return {self.at: self.after}


def read_pages(
    ask: Callable[[str, Mapping[str, Any]], Page],
    path: str,
    style: Style,
    *,
    rows: str | None,
    at: Mapping[str, Any],
) -> Iterator[Any]:
    """Rows of all pages with an `At` between them; `ask` gets a page.

    Raises:
        DefectError: a page has no list of rows, or is the page before once more: the source ignores the position.
    """
    before: Ends | None = None
    while True:
        page = ask(style.target(path), style.query())
        listed = _listed(page, rows)
        following = style.following(page, listed)
        ends = _ends(listed)
        if listed and ends == before:
            message = f"{page.url}: the same page came twice in a row."
            raise DefectError(
                message, hint="The source does not heed the position; is its parameter's name right?"
            )
        yield from listed
        if following is None:
            return
        style, before = following, ends
        yield At(**at, **style.position())


Ends = tuple[int, bytes, bytes]
"""A page by its length and its first and last row: enough to know it again, and little to keep."""


def _ends(listed: list[Any]) -> Ends:
    return len(listed), encode(listed[:1]), encode(listed[-1:])


def _listed(page: Page, rows: str | None) -> list[Any]:
    listed = find(page, rows) if rows else page.body
    if not isinstance(listed, list):
        place = f"{rows} is" if rows else "the body is"
        raise DefectError(f"{page.url}: {place} a {type(listed).__name__}, not a list of rows.")
    return listed


_REQUIRED: Any = object()


def find(page: Page, place: str, default: Any = _REQUIRED) -> Any:
    """What a body holds at a place like "metadata.nextPage.bookmark".

    Raises:
        DefectError: it is not there and there is no default: the source has changed, or answered something else.
    """
    value = page.body
    for name in place.split("."):
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif default is not _REQUIRED:
            return default
        else:
            there = (
                ", ".join(sorted(map(str, value))) if isinstance(value, dict) else f"a {type(value).__name__}"
            )
            raise DefectError(
                f"{page.url}: no {name!r} in the answer (looking for {place}); there is: {there}."
            )
    return value


_PARAMETER = r'\s*;\s*([\w*-]+)\s*(?:=\s*(?:"([^"]*)"|([^\s",;]*)))?'
_LINK = re.compile(rf"<([^>]*)>((?:{_PARAMETER})*)")


def _linked(page: Page) -> str | None:
    for link, parameters, *_ in _LINK.findall(page.headers.get("Link", "")):
        for name, quoted, bare in re.findall(_PARAMETER, parameters):
            if name.lower() == "rel" and "next" in (quoted or bare).lower().split():
                return str(link)
    return None


def without(keys: frozenset[str], url: str) -> str:
    """A link without the client's own key: it goes into the state, and the client adds the key anyway."""
    parts = urlsplit(url)
    if not keys & {name for name, _ in parse_qsl(parts.query)}:
        return url
    query = [
        (name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in keys
    ]
    return urlunsplit(parts._replace(query=urlencode(query)))


def _unmoving(page: Page, what: str) -> DefectError:
    return DefectError(f"{page.url}: the {what} for the next page is the one that was just used.")
