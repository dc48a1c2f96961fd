"""How a list is paged: its parameters, and what its answer says of the next page.

A token or a link in the answer is believed before a number in the query: it is what the source says of the end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tools.locked.creating.openapi.operations import Listing, Parameter, Place
from tools.locked.creating.openapi.schemas import ABSENT, Shape
from tools.locked.creating.openapi.words import squeezed

PAGES = ("page", "pagenumber", "pageno", "pagenum", "pageindex", "currentpage", "p")
OFFSETS = ("offset", "skip", "start", "startat", "startindex", "pageoffset", "startposition", "startrow")
SIZES = (
    "perpage", "pagesize", "limit", "pagelimit", "size", "count", "maxresults", "pagecount", "resultsperpage", "itemsperpage",
    "numberperpage", "top", "take", "num", "max", "first",
)  # fmt: skip
TOKENS = (
    "cursor", "pagetoken", "nextpagetoken", "continuationtoken", "bookmark", "marker", "nexttoken", "nextcursor",
    "startcursor", "pagecursor", "continue", "scrollid", "after", "pageafter", "paginationtoken", "next", "offset",
    "startingafter", "startingtoken", "token", "nextmarker", "nextpage",
)  # fmt: skip
KEYSETS = ("startingafter", "sinceid", "afterid", "startafter", "startafterid", "lastid")
"""Parameters that take the last row's key. `after` alone more often takes a token."""
NEXT_TOKENS = (
    "nextpagetoken", "nextcursor", "nexttoken", "nextmarker", "nextbookmark", "continuationtoken", "endcursor", "cursor",
    "bookmark", "marker", "after", "next", "nextpage", "nextoffset", "offset", "scrollid", "continue", "pagetoken", "token",
)  # fmt: skip
NEXT_LINKS = (
    "next", "nexturl", "nextlink", "nextpageurl", "nextpagelink", "nextpage", "nexthref", "nextpageuri", "nexturi",
    "odatanextlink", "url", "uri", "href",
)  # fmt: skip
MORE = (
    "hasmore",
    "hasnext",
    "hasnextpage",
    "hasmorepages",
    "hasmoreitems",
    "more",
    "moreresults",
    "nextpage",
)
LAST = ("totalpages", "pagecount", "lastpage", "numpages", "pagestotal", "pages")
MAX_SIZE = 1000
SAID_MAXIMUM = re.compile(
    r"(?:max(?:imum)?|up to|at most|no more than)\D{0,30}?(\d{1,5})|(?:between|from) \d+ (?:and|to) (\d{1,5})",
    re.IGNORECASE,
)
LAST_ROW = re.compile(r"\b(last|object)\b.{0,30}\b(id|item|row|object|record)\b", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Paging:
    """How a list is paged. `style` is token, link, page, offset, keyset or none.

    `place` is where the answer says what follows (empty: nowhere, or in the header Link); `last` where it has the last
    page's number. `numbered` are links that lead on by page or offset, and so move with each row that is deleted.
    `column` is a keyset's. `guessed` is that the description has a token's parameter and not where the next one is.
    """

    style: str
    param: str = ""
    place: Place = ()
    size_param: str = ""
    size: int | None = None
    first: int = 1
    last: Place = ()
    numbered: bool = False
    column: str = ""
    numeric: bool = False
    guessed: bool = False

    @property
    def moves(self) -> bool:
        """Whether a row that is deleted can pull another one out of sight while the list is read."""
        return self.style == "page" or self.numbered


def paging_of(listing: Listing, key: str, *, numeric_key: bool) -> Paging:
    """How the list is paged, as far as the description tells."""
    size_param, size = _size(listing)
    token, page, offset = (_parameter(listing, names) for names in (TOKENS, PAGES, OFFSETS))
    if (place := _next_token(listing, token)) and token:
        return Paging("token", token.name, place, size_param, size)
    numbered = page is not None or offset is not None
    if (place := _next_link(listing)) or _has_link_header(listing):
        return Paging("link", "", place, size_param, size, numbered=numbered)
    if page:
        return _numbered(listing, page, size_param, size)
    if offset and offset.shape.kind != "string":
        return Paging("offset", offset.name, (), size_param, size)
    keyset = _parameter(listing, KEYSETS) or token
    if keyset and (squeezed(keyset.name) in KEYSETS or LAST_ROW.search(keyset.description[:200])):
        return Paging("keyset", keyset.name, (), size_param, size, column=key, numeric=numeric_key)
    if token:
        return Paging("token", token.name, ("next",), size_param, size, guessed=True)
    return Paging("none")


def _numbered(listing: Listing, page: Parameter, size_param: str, size: int | None) -> Paging:
    more, last = _place(listing, MORE, ("boolean", "integer")), _place(listing, LAST, ("integer",))
    first = 0 if 0 in (page.shape.default, page.shape.minimum) and page.shape.default != 1 else 1
    return Paging("page", page.name, more, size_param, size, first, () if more else last)


def _has_link_header(listing: Listing) -> bool:
    """Whether the answer has the header Link, or a parameter is said to come from it."""
    said = (one.description[:500].lower() for name, one in listing.query.items() if is_paging(name))
    return "link" in listing.headers or any("link header" in one for one in said)


def names_of(paging: Paging) -> set[str]:
    """The query's parameters that the paging takes care of."""
    return {paging.param, paging.size_param}


def is_paging(name: str) -> bool:
    """Whether a query's parameter looks like one that pages."""
    return squeezed(name) in {*PAGES, *OFFSETS, *SIZES, *TOKENS, *KEYSETS}


def _parameter(listing: Listing, names: Iterable[str]) -> Parameter | None:
    by_name = {squeezed(name): one for name, one in reversed(list(listing.query.items()))}
    return next((by_name[name] for name in names if name in by_name), None)


def _size(listing: Listing) -> tuple[str, int | None]:
    """The parameter for a page's size, and the largest that the source is known to take: a larger one may be refused."""
    found = _parameter(listing, SIZES)
    if found is None:
        return "", None
    said = SAID_MAXIMUM.search(found.description[:500])
    sizes = [found.shape.maximum, int(said[1] or said[2]) if said else None]
    known = [int(size) for size in sizes if size is not None and size >= 1]
    if known:
        return found.name, min(*known, MAX_SIZE)
    default = found.shape.default
    return (found.name, min(default, MAX_SIZE)) if isinstance(default, int) and default >= 1 else ("", None)


def _next_token(listing: Listing, token: Parameter | None) -> Place:
    """Where the answer has what the token's parameter takes: under the parameter's own name, or as usually called."""
    if token is None:
        return ()
    own = squeezed(token.name)
    numeric = token.shape.kind in ("integer", "number")
    for name in (f"next{own}", *NEXT_TOKENS, own):
        for place, shape in listing.envelope.items():
            if (
                squeezed(place[-1]) == name
                and not _is_link(place, shape)
                and _fits(place, shape, own, numeric=numeric)
            ):
                return place
    return ()


def _fits(place: Place, shape: Shape, own: str, *, numeric: bool) -> bool:
    """Whether a value can be the next token; what only repeats the present position stands under the parameter's name."""
    leads = any("next" in squeezed(step) for step in place)
    if squeezed(place[-1]) == own and own in ("offset", "start", "page") and not leads:
        return False
    return shape.kind in (("integer", "number", "string", "") if numeric else ("string", ""))


def _next_link(listing: Listing) -> Place:
    for name in NEXT_LINKS:
        for place, shape in listing.envelope.items():
            if squeezed(place[-1]) == name and _is_link(place, shape):
                return place
    return ()


def _is_link(place: Place, shape: Shape) -> bool:
    """Whether a value is an address, and the next page's."""
    if shape.kind not in ("string", "") or not any("next" in squeezed(step) for step in place):
        return False
    example = shape.example if shape.example is not ABSENT else ""
    said = f"{shape.description} {' '.join(place)}".lower()
    looks_like_one = isinstance(example, str) and example.startswith(("http", "/"))
    return (
        shape.format in ("uri", "url", "uri-reference")
        or looks_like_one
        or bool(re.search(r"\b(url|uri|link|links|href)\b|link$|url$|_links|nextlink", said))
    )


def _place(listing: Listing, names: Iterable[str], kinds: Iterable[str]) -> Place:
    for name in names:
        for place, shape in listing.envelope.items():
            if squeezed(place[-1]) == name and shape.kind in kinds:
                return place
    return ()
