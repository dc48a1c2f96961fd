"""How sources page: by offset, page number, token, next link or key.

A paginator is a value: the position where it stands, what to ask for there, and from a page the paginator for the next one.
Where a source may cap the page size, "fewer rows than asked for" does not mean "the last page"; paginators end on what
the source says, or on an empty page.

Silence is not an answer. Where the place that leads on is missing from a page, that is the end only if the source may
leave it out there: see `absent` of each paginator.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Literal, Protocol
from urllib.parse import urljoin

import msgspec

from fivetran_runtime._encoding import encode
from fivetran_runtime.errors import DefectError, TransientError
from fivetran_runtime.http._places import (
    ABSENT,
    Place,
    first_missing,
    is_true,
    leads_on,
    look_up,
    shown_place,
)
from fivetran_runtime.operations import At

Absent = Literal["end", "error"] | None
"""What it means that the place is missing from a page; see `absent` of `PageToken` and `PageNumber`."""


class Trail(msgspec.Struct):
    """What the pages of one list have shown so far, in this call.

    Attributes:
        found: whether any page had the place that leads on.
        silent: how many pages with rows did not.
        longest: the most rows of a page.
        pages: how many pages there were.
        previous: the number of the page that the last one repeated; None if it was new.
        positions: hash of each position that was asked for, and the number of its page.
        ends: hash of each page's length, first and last row, and the number of the last page with these.
    """

    found: bool = False
    silent: int = 0
    longest: int = 0
    pages: int = 0
    previous: int | None = None
    positions: dict[int, int] = msgspec.field(default_factory=dict)
    ends: dict[int, int] = msgspec.field(default_factory=dict)


class Page(msgspec.Struct, frozen=True):
    """One page.

    Attributes:
        url: its address for messages.
        body: its decoded body.
        headers: its headers.
        sizes: numbers that were asked for with it; one of them may be the size of a page.
        follow: makes of a link on it the address to ask; raises DefectError where it leads to another host.
        trail: what the pages before it have shown.
    """

    url: str
    body: Any
    headers: Mapping[str, str]
    sizes: frozenset[int] = frozenset()
    follow: Callable[[str], str] | None = None
    trail: Trail = msgspec.field(default_factory=Trail)


class Paginator(Protocol):
    """How to go from page to page."""

    def target(self, path: str) -> str:
        """What to ask for: the path itself unless the source gave a link."""

    def query(self) -> Mapping[str, Any]:
        """Query parameters for the page the paginator stands at."""

    def following(self, page: Page, rows: list[Any]) -> Paginator | None:
        """The paginator standing at the next page, or None after the last."""

    def position(self) -> Mapping[str, Any]:
        """The arguments of the `At` that resumes here."""


class _OnPath(msgspec.Struct, frozen=True):
    def target(self, path: str) -> str:
        return path


class Offset(_OnPath, frozen=True):
    """Rows counted from the start: `?offset=200&limit=100`. Ends at an empty page, or at the total.

    Args:
        offset: the position, the table function's parameter.
        size: rows asked for.
        overlap: rows of each page to read again with the next one, so that rows which move up while the list is
            read are not missed; never more than half of the page. 0 for a list that does not move.
        total: where in the body the number of all rows is, if it is there. An empty page before it is an error. Where
            it is the page's own count, and the page as full as was asked for, the next one is asked for all the same.
        param, size_param: names of the query parameters; size_param=None leaves the size to the source.
        at: name of the table function's parameter.
    """

    offset: int = 0
    size: int = 100
    overlap: int = 0
    total: Place | None = None
    param: str = "offset"
    size_param: str | None = "limit"
    at: str = "offset"

    def query(self) -> Mapping[str, Any]:
        size = {self.size_param: self.size} if self.size_param else {}
        return {self.param: self.offset, **size}

    def following(self, page: Page, rows: list[Any]) -> Paginator | None:
        end = self.offset + len(rows)
        if self.total is not None:
            total = _number(page, self.total)
            if not rows and end < total:
                raise _contradiction(
                    page, f"{shown_place(self.total)} is {total}, and no rows came from {end} on"
                )
            if end >= total and not (total == len(rows) and self._is_full(page, rows)):
                return None
        if not rows:
            return None
        return msgspec.structs.replace(self, offset=end - self._repeated(page, rows))

    def _is_full(self, page: Page, rows: list[Any]) -> bool:
        return bool(rows) and (
            len(rows) in page.sizes or (self.size_param is not None and len(rows) >= self.size)
        )

    def _repeated(self, page: Page, rows: list[Any]) -> int:
        """Rows of this page to read again; half at most, else pages capped just above the overlap never get on."""
        is_tail = len(rows) <= self.overlap and len(rows) < page.trail.longest
        return 0 if is_tail else min(self.overlap, len(rows) // 2)

    def position(self) -> Mapping[str, Any]:
        return {self.at: self.offset}


class PageNumber(_OnPath, frozen=True):
    """Numbered pages: `?page=3&per_page=100`. Ends where the source says, or at an empty page.

    Args:
        page: the position, the table function's parameter.
        size: rows asked for.
        more: where in the body it says whether more pages follow; it is false or null on the last.
        last: where in the body the number of the last page is.
        param, size_param, at: names, as for `Offset`.
        absent: what a page without `more` means. By default the next page is asked for, and an empty one is the end;
            two pages with rows on which it was never found are an error. "end" or "error" at once.
        empty_pages: whether a page may be empty although more follow; else that is an error.
    """

    page: int = 1
    size: int = 100
    more: Place | None = None
    last: Place | None = None
    param: str = "page"
    size_param: str | None = "per_page"
    at: str = "page"
    absent: Absent = None
    empty_pages: bool = False

    def query(self) -> Mapping[str, Any]:
        size = {self.size_param: self.size} if self.size_param else {}
        return {self.param: self.page, **size}

    def following(self, page: Page, rows: list[Any]) -> Paginator | None:
        if self.more is not None:
            goes_on = _goes_on(page, rows, self.more, self.absent)
        elif self.last is not None:
            last = _number(page, self.last)
            if rows and last < self.page:
                raise _contradiction(
                    page, f"{shown_place(self.last)} is {last}, and page {self.page} has rows"
                )
            goes_on = self.page < last
        else:
            return msgspec.structs.replace(self, page=self.page + 1) if rows else None
        if goes_on and not rows and not self.empty_pages:
            place = shown_place(self.more or self.last or "")
            raise _contradiction(page, f"page {self.page} has no rows, and {place} says that more follow")
        return msgspec.structs.replace(self, page=self.page + 1) if goes_on else None

    def position(self) -> Mapping[str, Any]:
        return {self.at: self.page}


class PageToken(_OnPath, frozen=True):
    """An opaque token for the next page, also called bookmark or cursor. Ends when there is none.

    Args:
        token: the position, the table function's parameter; None for the first page.
        next: where in the body the next page's token is.
        param: name of the query parameter that takes it.
        size, size_param: as for `Offset`, when the source takes a size.
        at: name of the table function's parameter; by default that of the query.
        absent: what a page without `next` means. By default it is the end, unless the page is as full as was asked
            and no page of the pass had it, or another member says that more follows: those are errors. "end" for a
            source that leaves it out even from a full page that is the last; "error" for one that never leaves it
            out (null is the end).
    """

    token: Any = None
    next: Place = "next"
    param: str = "token"
    size: int | None = None
    size_param: str = "limit"
    at: str | None = None
    absent: Absent = None

    def query(self) -> Mapping[str, Any]:
        size = {self.size_param: self.size} if self.size else {}
        return {self.param: self.token, **size}

    def following(self, page: Page, rows: list[Any]) -> Paginator | None:
        token = look_up(page.body, self.next)
        if token is ABSENT:
            _require_end(page, rows, self.next, self.absent, size=self.size, found=self.token is not None)
            return None
        if token is None or token in ("", False):
            return None
        if not isinstance(token, str | int | Decimal) or token is True:
            raise _no_lead(page, self.next, token, "a token")
        if token == self.token:
            raise _unmoving(page, "token")
        return msgspec.structs.replace(self, token=token)

    def position(self) -> Mapping[str, Any]:
        return {self.at or self.param: self.token}


class NextLink(msgspec.Struct, frozen=True):
    """The next page's whole address, in the body or in a `Link: <...>; rel="next"` header (RFC 8288).

    Args:
        link: the position, the table function's parameter; None for the first page.
        next: where in the body the address is; by default the header is read.
        size, size_param: for the first page; later links carry their own.
        at: name of the table function's parameter.
        absent: what a body without `next` means, as for `PageToken`. No `Link` header is the end.
    """

    link: str | None = None
    next: Place | None = None
    size: int | None = None
    size_param: str = "per_page"
    at: str = "link"
    absent: Absent = None

    def target(self, path: str) -> str:
        return self.link or path

    def query(self) -> Mapping[str, Any]:
        return {self.size_param: self.size} if self.size and self.link is None else {}

    def following(self, page: Page, rows: list[Any]) -> Paginator | None:
        link = look_up(page.body, self.next) if self.next else _linked(page)
        if link is ABSENT:
            place = self.next or ["Link"]
            size = self.size if self.next else None
            _require_end(page, rows, place, self.absent, size=size, found=self.link is not None)
            return None
        if link is None or link == "" or link is False:
            return None
        if not isinstance(link, str):
            raise _no_lead(page, self.next or "Link", link, "an address")
        link = page.follow(link) if page.follow else urljoin(page.url, link)
        if link == self.link:
            raise _unmoving(page, "link")
        return msgspec.structs.replace(self, link=link)

    def position(self) -> Mapping[str, Any]:
        return {self.at: self.link}


class Keyset(_OnPath, frozen=True):
    """Rows after a key: `?after_id=4711`, sorted by it; nothing moves under it. Ends at an empty page.

    Args:
        after: the position, the table function's parameter; None for the first page.
        column: the column of the listed rows that holds the key.
        param: name of the query parameter that takes it.
        more: where in the body it says whether more rows follow; false, null or empty on the last page.
        size, size_param: as for `Offset`.
        at: name of the table function's parameter.
        absent: as for `PageNumber`.
    """

    after: Any = None
    column: str = "id"
    param: str = "after"
    more: Place | None = None
    size: int | None = 100
    size_param: str = "limit"
    at: str = "after"
    absent: Absent = None

    def query(self) -> Mapping[str, Any]:
        size = {self.size_param: self.size} if self.size else {}
        return {self.param: self.after, **size}

    def following(self, page: Page, rows: list[Any]) -> Paginator | None:
        goes_on = bool(rows) if self.more is None else _goes_on(page, rows, self.more, self.absent)
        if goes_on and not rows:
            raise _contradiction(
                page, f"no rows came, and {shown_place(self.more or '')} says that more follow"
            )
        if not goes_on:
            return None
        after = rows[-1].get(self.column) if isinstance(rows[-1], dict) else None
        if after is None:
            msg = f"{page.url}: the last row of a page has no {self.column} to go on from."
            raise DefectError(msg)
        if after == self.after:
            raise _unmoving(page, self.column)
        return msgspec.structs.replace(self, after=after)

    def position(self) -> Mapping[str, Any]:
        return {self.at: self.after}


def read_pages(
    ask: Callable[[str, Mapping[str, Any]], Page],
    path: str,
    paginator: Paginator,
    *,
    rows: Place | None,
    at: Mapping[str, Any],
) -> Iterator[Any]:
    """Rows of all pages with an `At` between them; `ask` gets a page.

    Raises:
        DefectError: a page has no list of rows, or one that was read comes again: the source ignores the position.
    """
    trail = Trail()
    while True:
        trail.pages += 1
        _note_position(trail, paginator.position())
        page = msgspec.structs.replace(ask(paginator.target(path), paginator.query()), trail=trail)
        listed = _listed(page, rows)
        following = paginator.following(page, listed)
        _require_new_rows(page, listed)
        if following is not None:
            _require_new_position(page, following.position())
        trail.longest = max(trail.longest, len(listed))
        yield from listed
        if following is None:
            return
        paginator = following
        yield At(**at, **paginator.position())


def _note_position(trail: Trail, position: Mapping[str, Any]) -> None:
    # A hash of each is little to keep, and enough to know it again.
    trail.positions[hash(encode(position))] = trail.pages


def _require_new_position(page: Page, position: Mapping[str, Any]) -> None:
    """Raise for a position that was stood at before: the pages would go round for ever."""
    before = page.trail.positions.get(hash(encode(position)))
    if before is not None:
        names = ", ".join(position)
        message = (
            f"{page.url}: the {names} for the next page leads back to page {before} of {page.trail.pages}"
        )
        msg = f"{message} that were read: the pages go in a circle."
        raise DefectError(msg)


def _require_new_rows(page: Page, listed: list[Any]) -> None:
    """Raise for pages that come again: one like the page before it, or two like two in a row before."""
    trail = page.trail
    if not listed:
        trail.previous = None
        return
    ends = hash((len(listed), encode(listed[:1]), encode(listed[-1:])))
    before, trail.ends[ends] = trail.ends.get(ends), trail.pages
    previous, trail.previous = trail.previous, before
    if before is None:
        return
    if before == trail.pages - 1:
        message = f"{page.url}: the same page came twice in a row."
        raise DefectError(message, hint="The source ignores the position; is its parameter's name right?")
    if previous == before - 1:
        message = (
            f"{page.url}: pages {previous} and {before} came again as {trail.pages - 1} and {trail.pages}."
        )
        raise DefectError(
            message, hint="The source starts over behind its last page; say where it tells the end."
        )


def _goes_on(page: Page, rows: list[Any], place: Place, absent: Absent) -> bool:
    """Whether a source that counts pages says that more follow.

    Where it says nothing, the next page is asked for: its rows, or that there are none, is an answer.
    """
    said, trail = look_up(page.body, place), page.trail
    if said is not ABSENT:
        trail.found = True
        return is_true(said)
    if absent == "end":
        return False
    _require_one_lead(page, place)
    trail.silent += bool(rows)
    if absent == "error" or (trail.silent > 1 and not trail.found):
        raise _never_said(page, place, f"on {trail.silent} pages with rows" if trail.silent > 1 else "")
    return bool(rows) and not (trail.found and len(rows) < trail.longest)


def _require_end(
    page: Page, rows: list[Any], place: Place, absent: Absent, *, size: int | None, found: bool
) -> None:
    """Raise unless a page without the place that leads on is the last one."""
    if absent == "end":
        return
    _require_one_lead(page, place)
    if absent == "error":
        raise _never_said(page, place, "")
    full = bool(rows) and (len(rows) in page.sizes or (size is not None and len(rows) >= size))
    if full and not found:
        raise _never_said(page, place, f"on a full page of {len(rows)} rows")


def _require_one_lead(page: Page, place: Place) -> None:
    """Raise when the page says elsewhere than at the place that more follows."""
    other = leads_on(page.body)
    if other is None and _linked(page) not in (ABSENT, None) and place != ["Link"]:
        other = "the header Link"
    if other is not None:
        raise _never_said(page, place, f"but {other} says that more follows")


def _never_said(page: Page, place: Place, why: str) -> DefectError:
    name, there = first_missing(page.body, place)
    message = f"{page.url}: no {name!r} in the answer (looking for {shown_place(place)}) {why}".rstrip()
    hint = (
        "It says whether more rows follow. Name the place as the source writes it (as a list of names if one has a dot);"
        ' where the source leaves it out on its last page, say absent="end".'
    )
    return DefectError(f"{message}; there is: {there}.", hint=hint)


def _contradiction(page: Page, what: str) -> TransientError:
    return TransientError(
        f"{page.url}: {what}.",
        hint="The next sync asks again. If it stays: the source counts rows that it does not list; leave the place out.",
    )


def _no_lead(page: Page, place: Place, value: Any, what: str) -> DefectError:
    return DefectError(f"{page.url}: {shown_place(place)} is a {type(value).__name__}, not {what}.")


def _listed(page: Page, rows: Place | None) -> list[Any]:
    listed = find(page, rows) if rows else page.body
    if not isinstance(listed, list):
        place = f"{shown_place(rows)} is" if rows else "the body is"
        msg = f"{page.url}: {place} a {type(listed).__name__}, not a list of rows."
        raise DefectError(msg)
    return listed


def find(page: Page, place: Place) -> Any:
    """What a body holds at a place like "metadata.nextPage.bookmark".

    Raises:
        DefectError: it is not there: the source has changed, or answered something else.
    """
    value = look_up(page.body, place)
    if value is ABSENT:
        name, there = first_missing(page.body, place)
        message = (
            f"{page.url}: no {name!r} in the answer (looking for {shown_place(place)}); there is: {there}."
        )
        raise DefectError(message)
    return value


def _number(page: Page, place: Place) -> int:
    """A number of rows or pages; some sources write it as text."""
    value = find(page, place)
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise _no_lead(page, place, value, "a number")
    if not value >= 0:  # nor is NaN
        message = f"{page.url}: {shown_place(place)} is {value}, which is no number of rows or pages."
        raise DefectError(
            message, hint="A source that does not know the number says so like this: leave the place out."
        )
    return int(value)


_PARAMETER = r'\s*;\s*([\w*-]+)\s*(?:=\s*(?:"([^"]*)"|([^\s",;]*)))?'
_LINK = re.compile(rf"<([^>]*)>((?:{_PARAMETER})*)")


def _linked(page: Page) -> Any:
    """The header's next link; None where one says that nothing is behind it, `ABSENT` where there is none."""
    for link, text, *_ in _LINK.findall(page.headers.get("Link", "")):
        parameters = {name.lower(): (quoted or bare) for name, quoted, bare in re.findall(_PARAMETER, text)}
        if "next" in parameters.get("rel", "").lower().split():
            return link if parameters.get("results", "").lower() != "false" else None
    return ABSENT


def _unmoving(page: Page, what: str) -> DefectError:
    return DefectError(f"{page.url}: the {what} for the next page is the one that was just used.")
