"""How sources page: by offset, page number, token, next link or key.

A paginator is a value: the position where it stands, what to ask for there, and from a page the paginator for the next one.
Where a source may cap the page size, "fewer rows than asked for" does not mean "the last page"; paginators end on what
the source says, or on an empty page.

Silence is not an answer. Where the place that leads on is missing from a page, that is the end only if the source may
leave it out there: see `absent` of each paginator.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from string import Formatter
from typing import Any, Literal, Protocol
from urllib.parse import urljoin

import msgspec

from fivetran_runtime._encoding import encode
from fivetran_runtime.errors import ConfigurationError, DefectError, ExpiredError, TransientError
from fivetran_runtime.http._places import (
    ABSENT,
    Header,
    Place,
    first_missing,
    header_that_leads_on,
    is_there,
    is_true,
    leads_on,
    look_up,
    shown_place,
)
from fivetran_runtime.operations import At

Absent = Literal["end", "error"] | None
"""What it means that the place is missing from a page; see `absent` of `PageToken` and `PageNumber`."""
Empty = Literal["end", "error", "skip"]
"""What a page without rows means that says more follows; see `empty` of `PageToken` and `PageNumber`."""
Param = str | Sequence[str] | Header
"""What takes a position: a query parameter; with json= or form=, a place in the body; or a header."""


class Trail(msgspec.Struct):
    """What the pages of one list have shown so far, in this call.

    Attributes:
        found: whether any page had the place that leads on.
        silent: how many pages with rows did not.
        longest: the most rows of a page.
        pages: how many pages there were.
        count: the total, or the number of the last page, as it was said last.
        promise: where the page that was read last says that more follow; None where it does not.
        previous: the number of the page that the last one repeated; None if it was new.
        positions: hash of each position that was asked for, and the number of its page.
        ends: hash of each page's length, first and last row, and the number of the last page with these.
    """

    found: bool = False
    silent: int = 0
    longest: int = 0
    pages: int = 0
    count: int | None = None
    promise: Place | None = None
    previous: int | None = None
    positions: dict[int, int] = msgspec.field(default_factory=dict)
    ends: dict[int, int] = msgspec.field(default_factory=dict)


class Page(msgspec.Struct, frozen=True):
    """One page.

    Attributes:
        url: its address for messages.
        body: its decoded body.
        headers: its headers.
        status: the HTTP status.
        sizes: what parameters that are called like the size of a page asked for.
        follow: makes of a link on it the address to ask, on the client's own host if it is to; raises DefectError where it
            leads to another host.
        trail: what the pages before it have shown.
    """

    url: str
    body: Any
    headers: Mapping[str, str]
    status: int = 200
    sizes: frozenset[int] = frozenset()
    follow: Callable[[str, bool], str] | None = None
    trail: Trail = msgspec.field(default_factory=Trail)


class Paginator(Protocol):
    """How to go from page to page."""

    def target(self, path: str) -> str:
        """What to ask for: the path itself unless the source gave a link."""

    def query(self) -> Mapping[Any, Any]:
        """What to ask with for the page the paginator stands at, by `Param`; None leaves one to the author."""

    def following(self, page: Page, rows: list[Any]) -> Paginator | None:
        """The paginator standing at the next page, or None after the last."""

    def position(self) -> Mapping[str, Any]:
        """The arguments of the `At` that resumes here."""

    def is_first(self) -> bool:
        """Whether it stands where a list begins."""


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
        total: where the number of all rows is, if it is said: on every page, or on the first one only. An empty page
            before it is an error. Where it is the page's own count, and the page as full as was asked for, the next one
            is asked for all the same.
        param, size_param: names of the query parameters; size_param=None leaves the size to the source. With json= or
            form=, places in the body; or a `Header`.
        at: name of the table function's parameter.
        cap: the most rows that the source lists of one search, such as 10_000. A list that ends there is an error:
            what is behind it would be left out.
    """

    offset: int = 0
    size: int = 100
    overlap: int = 0
    total: Place | None = None
    param: Param = "offset"
    size_param: Param | None = "limit"
    at: str = "offset"
    cap: int | None = None

    def __post_init__(self) -> None:
        if self.cap is not None and (type(self.cap) is not int or self.cap < 1):
            raise DefectError(f"Offset(cap={self.cap!r}): it has to be a number of rows above 0, or None.")

    def query(self) -> Mapping[Any, Any]:
        return _asked(self.param, self.offset, self.size_param, self.size)

    def following(self, page: Page, rows: list[Any]) -> Paginator | None:
        end = self.offset + len(rows)
        if self.cap is not None and end >= self.cap:
            raise _capped(page, self.cap)
        if self.total is not None:
            total = _count(page, self.total, is_first=self.is_first())
            if total is not None and not rows and end < total:
                raise _contradiction(
                    page, f"{shown_place(self.total)} is {total}, and no rows came from {end} on"
                )
            if total is not None and end >= total and not (total == len(rows) and self._is_full(page, rows)):
                return None
            page.trail.promise = self.total if total is not None and end < total else None
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

    def is_first(self) -> bool:
        return self.offset <= 1  # some count from 1


class PageNumber(_OnPath, frozen=True):
    """Numbered pages: `?page=3&per_page=100`. Ends where the source says, or at an empty page.

    Args:
        page: the position, the table function's parameter.
        size: rows asked for.
        more: where it says whether more pages follow; it is false, null or empty on the last.
        last: where the number of the last page is: on every page, or on the first one only.
        param, size_param, at: names, as for `Offset`.
        absent: what a page without `more` means. By default the next page is asked for, and an empty one is the end;
            two pages with rows on which it was never found are an error. "end" or "error" at once.
        empty: what a page without rows means that says more follow: "error", since they contradict each other; "skip"
            where filters of the source's leave some pages empty; "end".
        first: the number of the first page, 0 for some sources; `past_end=` of `Client.pages` counts on it.
    """

    page: int = 1
    size: int = 100
    more: Place | None = None
    last: Place | None = None
    param: Param = "page"
    size_param: Param | None = "per_page"
    at: str = "page"
    absent: Absent = None
    empty: Empty = "error"
    first: int = 1

    def query(self) -> Mapping[Any, Any]:
        return _asked(self.param, self.page, self.size_param, self.size)

    def following(self, page: Page, rows: list[Any]) -> Paginator | None:
        place = self.more if self.more is not None else self.last
        if place is None:
            return self._next() if rows else None
        goes_on = (
            _goes_on(page, rows, place, self.absent) if self.more is not None else self._goes_on(page, rows)
        )
        if not goes_on:
            return None
        return self._next() if _is_followed(page, rows, place, self.empty) else None

    def _goes_on(self, page: Page, rows: list[Any]) -> bool:
        place = self.last or ""
        last = _count(page, place, is_first=self.is_first())
        if last is None:
            return bool(rows)
        if rows and last < self.page:
            raise _contradiction(page, f"{shown_place(place)} is {last}, and page {self.page} has rows")
        page.trail.promise = place if self.page < last else None
        return self.page < last

    def _next(self) -> Paginator:
        return msgspec.structs.replace(self, page=self.page + 1)

    def position(self) -> Mapping[str, Any]:
        return {self.at: self.page}

    def is_first(self) -> bool:
        return self.page <= self.first


class PageToken(_OnPath, frozen=True):
    """An opaque token for the next page, also called bookmark or cursor. Ends when there is none.

    Args:
        token: the position, the table function's parameter; None for the first page.
        next: where the next page's token is.
        more: where it says whether more follows, for sources that give a token on the last page, too.
        param: what takes it: the name of a query parameter; with json= or form=, a place in the body, such as
            "variables.after"; or a `Header`.
        size, size_param: as for `Offset`, when the source takes a size.
        at: name of the table function's parameter; by default the last name of `param`.
        absent: what a page without `next` means. By default it is the end, unless the page is as full as was asked
            and no page of the pass had it, or another member says that more follows: those are errors. "end" for a
            source that leaves it out even from a full page that is the last; "error" for one that never leaves it
            out (null is the end). A page without `more` is an error, or with "end" the end.
        empty: what a page without rows means that has a token: "skip", the next one is asked for; "end" for sources
            that always give one; "error".
    """

    token: Any = None
    next: Place = "next"
    more: Place | None = None
    param: Param = "token"
    size: int | None = None
    size_param: Param = "limit"
    at: str | None = None
    absent: Absent = None
    empty: Empty = "skip"

    def query(self) -> Mapping[Any, Any]:
        return _asked(self.param, self.token, self.size_param if self.size else None, self.size)

    def following(self, page: Page, rows: list[Any]) -> Paginator | None:
        if self.more is not None and not _says_more(page, self.more, self.absent):
            return None
        token = said(page, self.next)
        if token is ABSENT:
            _require_end(page, rows, self.next, self.absent, size=self.size, found=self.token is not None)
        if token is ABSENT or token is None or token in ("", False):
            _require_no_promise(page, f"there is no {shown_place(self.next)}")
            return None
        if not isinstance(token, str | int | Decimal) or token is True:
            raise _no_lead(page, self.next, token, "a token")
        if not _is_followed(page, rows, self.more or self.next, self.empty):
            return None
        if token == self.token:
            raise _unmoving(page, "token")
        return msgspec.structs.replace(self, token=token)

    def position(self) -> Mapping[str, Any]:
        return {self.at or _argument(self.param): self.token}

    def is_first(self) -> bool:
        return self.token is None


class NextLink(msgspec.Struct, frozen=True):
    """The next page's whole address, in the body or in a `Link: <...>; rel="next"` header (RFC 8288).

    Args:
        link: the position, the table function's parameter; None for the first page.
        next: where the address is; by default the header `Link` is read.
        more: where it says whether more follows, for sources that give an address on the last page, too.
        size, size_param: for the first page; later links carry their own.
        at: name of the table function's parameter.
        absent: what an answer without `next` or `more` means, as for `PageToken`. No `Link` header is the end.
        empty: what a page without rows means that has an address, as for `PageToken`.
        own_host: whether a link to another host is asked from the client's own address, if its path is that of the page
            or the end of it: for a server behind a proxy. Names that exist inside a network only (localhost, 10.0.0.7,
            api.internal) are taken so anyway.
    """

    link: str | None = None
    next: Place | None = None
    more: Place | None = None
    size: int | None = None
    size_param: Param = "per_page"
    at: str = "link"
    absent: Absent = None
    empty: Empty = "skip"
    own_host: bool = False

    def target(self, path: str) -> str:
        return self.link or path

    def query(self) -> Mapping[Any, Any]:
        return {_named(self.size_param): self.size} if self.size and self.link is None else {}

    def following(self, page: Page, rows: list[Any]) -> Paginator | None:
        if self.more is not None and not _says_more(page, self.more, self.absent):
            return None
        place = self.next or ["Link"]
        link = said(page, self.next) if self.next else _linked(page)
        if link is ABSENT:
            size = self.size if self.next else None
            _require_end(page, rows, place, self.absent, size=size, found=self.link is not None)
        if link is ABSENT or link is None or link == "" or link is False:
            _require_no_promise(page, f"there is no {shown_place(place)}")
            return None
        if not isinstance(link, str):
            raise _no_lead(page, place, link, "an address")
        if not _is_followed(page, rows, self.more or place, self.empty):
            return None
        link = page.follow(link, self.own_host) if page.follow else urljoin(page.url, link)
        if link == self.link:
            raise _unmoving(page, "link")
        return msgspec.structs.replace(self, link=link)

    def position(self) -> Mapping[str, Any]:
        return {self.at: self.link}

    def is_first(self) -> bool:
        return self.link is None


class Keyset(_OnPath, frozen=True):
    """Rows after a key: `?after_id=4711`, sorted by it; nothing moves under it. Ends at an empty page.

    Args:
        after: the position, the table function's parameter; None for the first page. With `then` a list of two.
        column: the column of the listed rows that holds the key, or its place, such as "properties.id".
        then: a second column, for lists that are sorted by one that many rows may share, and then by this one.
        condition: how the source wants to be asked for the rows after a key: a text that holds {0}, and {1} for `then`,
            such as ">{0}" or "changed > '{0}' OR (changed = '{0}' AND id > {1})"; or a function of the one key or the
            two that makes it. The first page is asked with what `Client.pages` says for `param`, if anything.
        param: what takes it: as for `PageToken`.
        more: where it says whether more rows follow; false, null or empty on the last page.
        size, size_param: as for `Offset`.
        at: name of the table function's parameter.
        absent: as for `PageNumber`.
    """

    after: Any = None
    column: Place = "id"
    then: Place | None = None
    condition: str | Callable[..., Any] | None = None
    param: Param = "after"
    more: Place | None = None
    size: int | None = 100
    size_param: Param = "limit"
    at: str = "after"
    absent: Absent = None

    def __post_init__(self) -> None:
        if self.condition is not None:
            _require_condition(self.condition, has_then=self.then is not None)

    def query(self) -> Mapping[Any, Any]:
        after = None if self.after is None else self._after()
        return _asked(self.param, after, self.size_param if self.size else None, self.size)

    def _after(self) -> Any:
        keys = [self.after] if self.then is None else self.after
        if not isinstance(keys, list) or len(keys) != 1 + (self.then is not None):
            message = f"The position {self.at} has another form than Keyset's column= and then= give it."
            raise ExpiredError(message)  # as an earlier release has left it
        return self.after if self.condition is None else _condition(self.condition, keys)

    def following(self, page: Page, rows: list[Any]) -> Paginator | None:
        goes_on = bool(rows) if self.more is None else _goes_on(page, rows, self.more, self.absent)
        if goes_on and not rows:
            raise _contradiction(
                page, f"no rows came, and {shown_place(self.more or '')} says that more follow"
            )
        if not goes_on:
            return None
        after = _key(page, rows[-1], self.column)
        if self.then is not None:
            after = [after, _key(page, rows[-1], self.then)]
        if after == self.after:
            raise _stuck(page, self.column)
        return msgspec.structs.replace(self, after=after)

    def position(self) -> Mapping[str, Any]:
        return {self.at: self.after}

    def is_first(self) -> bool:
        return self.after is None


def _asked(param: Param, position: Any, size_param: Param | None, size: int | None) -> Mapping[Any, Any]:
    asked = {_named(param): position}
    if size_param:
        asked[_named(size_param)] = size
    return asked


def _named(param: Param) -> str | Header | tuple[str, ...]:
    return param if isinstance(param, str | Header) else tuple(param)


def _argument(param: Param) -> str:
    """What a table function calls a parameter that takes a token, unless it says otherwise."""
    if isinstance(param, Header):
        return "token"
    return param.rpartition(".")[2] if isinstance(param, str) else param[-1]


def _key(page: Page, row: Any, column: Place) -> Any:
    key = None
    if isinstance(row, dict):
        key = row[column] if isinstance(column, str) and column in row else look_up(row, column)
    if key is None or key is ABSENT:
        msg = f"{page.url}: the last row of a page has no {shown_place(column)} to go on from."
        raise DefectError(msg)
    return key


def _condition(condition: str | Callable[..., Any], keys: list[Any]) -> Any:
    if not isinstance(condition, str):
        made = condition(*keys)
        if made is None or made == "":
            msg = f"Keyset: the function condition= gave {made!r} for a key; the first page would come again."
            raise DefectError(msg, hint="It has to return what the source is to be asked with.")
        return made
    for key in keys:
        if isinstance(key, str) and not {"'", '"', "\\"}.isdisjoint(key):
            msg = f"Keyset: condition={condition!r} cannot hold the key {key!r}, which has a quote or a backslash."
            raise DefectError(msg, hint="Give condition= a function that writes it as the source reads it.")
    try:
        return condition.format(*keys)
    except (LookupError, ValueError, AttributeError):
        raise _no_condition(condition) from None


def _require_condition(condition: object, *, has_then: bool) -> None:
    """Raise for a text that leaves a key out: each page would be asked for with the same condition."""
    if callable(condition):
        return
    names = {"0", "1"} if has_then else {"0"}
    if not isinstance(condition, str) or _names_in(condition) != names:
        raise _no_condition(condition)


def _names_in(text: str) -> set[str]:
    """What a text has in braces: `str.format` fills it in."""
    try:
        fields = [name for _, name, _, _ in Formatter().parse(text) if name is not None]
    except ValueError:
        return set()
    heads = [name.partition(".")[0].partition("[")[0] for name in fields]
    return {head or str(number) for number, head in enumerate(heads)}


def _no_condition(condition: object) -> DefectError:
    return DefectError(
        f"Keyset: condition={condition!r} is no text with {{0}} for the key, and {{1}} for that of then=."
    )


class NoRows(msgspec.Struct, frozen=True):
    """How a source says that there are no rows, other than with an empty list; see `Client.pages`.

    Attributes:
        past_end: statuses of a page behind the last one.
        statuses: those of a list, or of its rest, that has none.
        null: whether null where the rows should be says so.
        absent: whether an object without the place does.
    """

    past_end: frozenset[int] = frozenset()
    statuses: frozenset[int] = frozenset()
    null: bool = False
    absent: bool = False

    @classmethod
    def parse(cls, paginator: Paginator, no_rows: Any, past_end: Any) -> NoRows:
        """What an author said.

        Raises:
            DefectError: it is nothing that a source may say, or the paginator cannot go with it.
        """
        if (no_rows, past_end) == ((), ()):
            return _EMPTY_LIST_ONLY
        none, ends = _collected(no_rows), _collected(past_end)
        words = {"null": "null" in none, "absent": "absent" in none}
        statuses = [one for one in none if one not in ("null", "absent")]
        _require_statuses("no_rows", statuses, '"null", "absent" and ')
        _require_statuses("past_end", ends, "")
        if ends and isinstance(paginator, PageToken | NextLink):
            msg = f"pages(): past_end= goes with positions that are counted, and not with {type(paginator).__name__}."
            hint = "A token or a link that is refused has expired; its list is not at its end."
            raise DefectError(msg, hint=hint)
        return cls(frozenset(ends), frozenset(statuses), **words)

    def accepted(self, *, is_first: bool) -> frozenset[int]:
        """The statuses of a page that are no errors.

        A refusal (400 and more) means that there are no rows at the beginning of a list, and its end behind it.
        """
        if is_first or not (self.statuses or self.past_end):
            return self.statuses
        return frozenset(one for one in self.statuses if one < _REFUSAL) | self.past_end


_REFUSAL = 400
_EMPTY_LIST_ONLY = NoRows()
_NEVER_NO_ROWS = frozenset({401, 408, 425, 429})  # about who asks, and when


def _collected(said_none: Any) -> list[Any]:
    is_many = isinstance(said_none, Collection) and not isinstance(said_none, str | Mapping)
    return list(said_none) if is_many else [said_none]


def _require_statuses(name: str, statuses: list[Any], words: str) -> None:
    for one in statuses:
        is_status = type(one) is int and (
            one in (204, 304) or (_REFUSAL <= one < 500 and one not in _NEVER_NO_ROWS)
        )
        if not is_status:
            msg = (
                f"pages(): {name}= holds {one!r}; it takes {words}statuses: 204, 304, or those of a refusal."
            )
            raise DefectError(msg)


def read_pages(
    ask: Callable[[str, Mapping[Any, Any], frozenset[int]], Page],
    path: str,
    paginator: Paginator,
    *,
    rows: Place | None,
    at: Mapping[str, Any],
    no_rows: NoRows = _EMPTY_LIST_ONLY,
) -> Iterator[Any]:
    """Rows of all pages with an `At` between them; `ask` gets a page, for which some statuses are no errors.

    Raises:
        DefectError: a page has no list of rows, or one that was read comes again: the source ignores the position.
    """
    _require_words(paginator)
    trail = Trail()
    while True:
        trail.pages += 1
        _note_position(trail, paginator.position())
        accepted = no_rows.accepted(is_first=trail.pages == 1 and paginator.is_first())
        try:
            answer = ask(paginator.target(path), paginator.query(), accepted)
        except ConfigurationError as refused:
            _hint_at_the_end(refused, paginator)
            raise
        page = msgspec.structs.replace(answer, trail=trail)
        if page.status in accepted:
            _require_no_promise(page, f"the answer is HTTP {page.status}")
            return
        listed = _listed(page, rows, no_rows)
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


_WORDS: tuple[tuple[str, tuple[str | None, ...]], ...] = (
    ("absent", (None, "end", "error")),
    ("empty", ("skip", "end", "error")),
)


def _require_words(paginator: Paginator) -> None:
    for name, words in _WORDS:
        word = getattr(paginator, name, words[0])
        if word not in words:
            allowed = ", ".join(map(repr, words))
            msg = f"{type(paginator).__name__}: {name}={word!r} is none of {allowed}."
            raise DefectError(msg)


def _hint_at_the_end(refused: ConfigurationError, paginator: Paginator) -> None:
    is_counted = isinstance(paginator, Offset | PageNumber | Keyset)
    if is_counted and not paginator.is_first() and refused.status in _PAST_END:
        refused.hint = f"If the source answers so behind its last page, say past_end={refused.status}."


_PAST_END = frozenset({400, 404, 410, 416, 422})


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


def said(page: Page, place: Place) -> Any:
    """What a page says at a place; `ABSENT` where there is nothing."""
    return page.headers.get(place.name, ABSENT) if isinstance(place, Header) else look_up(page.body, place)


def _goes_on(page: Page, rows: list[Any], place: Place, absent: Absent) -> bool:
    """Whether a source that counts pages says that more follow.

    Where it says nothing, the next page is asked for: its rows, or that there are none, is an answer.
    """
    value, trail = said(page, place), page.trail
    if value is not ABSENT:
        return _promised(page, place, value)
    trail.promise = None
    if absent == "end":
        return False
    _require_one_lead(page, place, found=trail.found)
    trail.silent += bool(rows)
    if absent == "error" or (trail.silent > 1 and not trail.found):
        raise _never_said(page, place, f"on {trail.silent} pages with rows" if trail.silent > 1 else "")
    return bool(rows) and not (trail.found and len(rows) < trail.longest)


def _says_more(page: Page, place: Place, absent: Absent) -> bool:
    """Whether a source that gives a token or a link with every page says that it leads to more."""
    value = said(page, place)
    if value is ABSENT and absent != "end":
        raise _never_said(page, place, "")
    return value is not ABSENT and _promised(page, place, value)


def _promised(page: Page, place: Place, value: Any) -> bool:
    goes_on = is_true(value)
    page.trail.found = True
    page.trail.promise = place if goes_on else None
    return goes_on


def _require_no_promise(page: Page, instead: str) -> None:
    """Raise for an end that comes although the source has said that more follows."""
    if page.trail.promise is not None:
        raise _contradiction(page, f"{shown_place(page.trail.promise)} said that more follow, and {instead}")


def _is_followed(page: Page, rows: list[Any], place: Place, empty: Empty) -> bool:
    """Whether the next page is asked for where a source says that there is one."""
    if rows or empty == "skip":
        return True
    if empty == "error":
        raise _contradiction(page, f"no rows came, and {shown_place(place)} says that more follow")
    return False


def _capped(page: Page, cap: int) -> DefectError:
    return DefectError(
        f"{page.url}: the list ends at the {cap:,} rows that the source lists of one search (cap=); there may be more.",
        hint="Ask for less at a time, or go on from the last key: Keyset has no cap.",
    )


def _require_end(
    page: Page, rows: list[Any], place: Place, absent: Absent, *, size: int | None, found: bool
) -> None:
    """Raise unless a page without the place that leads on is the last one."""
    if absent == "end":
        return
    _require_one_lead(page, place, found=found)
    if absent == "error":
        raise _never_said(page, place, "")
    full = bool(rows) and (len(rows) in page.sizes or (size is not None and len(rows) >= size))
    if full and not found:
        raise _never_said(page, place, f"on a full page of {len(rows)} rows")


def _require_one_lead(page: Page, place: Place, *, found: bool) -> None:
    """Raise when the page says elsewhere than at the place that more follows; in a header, unless it was ever found there."""
    other = leads_on(page.body)
    if other is None and _linked(page) not in (ABSENT, None) and place != ["Link"]:
        other = "the header Link"
    if other is None and not found and (name := header_that_leads_on(page.headers)) is not None:
        other = f"the header {name}"
    if other is not None:
        raise _never_said(page, place, f"but {other} says that more follows")


def _never_said(page: Page, place: Place, why: str) -> DefectError:
    name, there = _missing(page, place)
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


def _missing(page: Page, place: Place) -> tuple[str, str]:
    if isinstance(place, Header):
        return place.name, ", ".join(sorted(page.headers)) or "no header"
    return first_missing(page.body, place)


def _listed(page: Page, rows: Place | None, no_rows: NoRows) -> list[Any]:
    listed = page.body if rows is None else said(page, rows)
    if isinstance(listed, list):
        return listed
    if no_rows.null and listed is None:
        return []
    if no_rows.absent and (listed is ABSENT or rows is None) and _says_nothing(page.body):
        return []
    if rows is not None and listed is ABSENT:
        raise _not_there(page, rows)
    place = f"{shown_place(rows)} is" if rows else "the body is"
    msg = f"{page.url}: {place} a {type(listed).__name__}, not a list of rows."
    said_none = page.status if page.status != 200 else "null"
    hint = f"If the source says so that it has none, say no_rows={said_none!r}." if listed is None else ""
    raise DefectError(msg, hint=hint)


_NO_ANSWERS = frozenset({"error", "errors", "fault", "exception", "message", "detail"})


def _says_nothing(body: Any) -> bool:
    """Whether an object holds neither rows under another name, nor an error."""
    return isinstance(body, dict) and not any(
        is_there(value) and (isinstance(value, list) or str(name).lower() in _NO_ANSWERS)
        for name, value in body.items()
    )


def _not_there(page: Page, place: Place) -> DefectError:
    """The source has changed, or has answered something else."""
    name, there = _missing(page, place)
    return DefectError(
        f"{page.url}: no {name!r} in the answer (looking for {shown_place(place)}); there is: {there}."
    )


def _count(page: Page, place: Place, *, is_first: bool) -> int | None:
    """A total, or the number of the last page: what this page says, else what the first one said in this call."""
    value, trail = said(page, place), page.trail
    if (value is ABSENT or value is None) and not (is_first and trail.pages == 1):
        return trail.count
    trail.count = _number(page, place, value)
    return trail.count


def _number(page: Page, place: Place, value: Any) -> int:
    """A number of rows or pages; some sources write it as text."""
    if value is ABSENT:
        raise _not_there(page, place)
    if isinstance(value, str):
        # "items 0-24/3573" is how Content-Range says it (RFC 9110, 14.4).
        text = value.rpartition("/")[2].strip() if isinstance(place, Header) else value.strip()
        value = int(text) if text.isascii() and text.isdigit() else value
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


def _stuck(page: Page, column: Place) -> DefectError:
    error = _unmoving(page, shown_place(column))
    error.hint = "If the source lists rows from the key on, condition= can ask for what is behind it; if many rows share it, then= names a second column."
    return error
