"""Lists whose source says what to ask for next: a token, or a link."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar
from urllib.parse import urljoin

import msgspec

from fivetran_runtime.http._pages import Absent, Empty, Page
from fivetran_runtime.http._places import ABSENT, Header, Place, shown_place
from fivetran_runtime.http.pagination import OnPath, Paginator, Param, asked, named


class _Led(OnPath, frozen=True):
    """A paginator that stands where the source's own token or link has led it."""

    is_counted: ClassVar[bool] = False


class PageToken(_Led, frozen=True):
    """An opaque token for the next page, also called bookmark or cursor. Ends when there is none.

    Args:
        token: the position, the table function's parameter; None for the first page.
        next: where the next page's token is.
        more: where it says whether more follows, for sources that give a token on the last page, too; what says yes is as
            for `PageNumber`.
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
        return asked(self.param, self.token, self.size_param if self.size else None, self.size)

    def following(self, page: Page, rows: list[Any]) -> Paginator | None:
        if self.more is not None and not page.says_more(self.more, self.absent):
            return None
        token = self._next(page, rows)
        if token is None or not page.is_followed(rows, self.more or self.next, self.empty):
            return None
        if token == self.token:
            raise page.unmoving("token")
        return msgspec.structs.replace(self, token=token)

    def _next(self, page: Page, rows: list[Any]) -> str | int | Decimal | None:
        """The next page's token; None after the last."""
        token = page.said(self.next)
        if token is ABSENT:
            page.require_end(rows, self.next, self.absent, size=self.size, found=self.token is not None)
        if token is ABSENT or token is None or token in ("", False):
            page.require_no_promise(f"there is no {shown_place(self.next)}")
            return None
        if not isinstance(token, str | int | Decimal) or token is True:
            raise page.wrong_lead(self.next, token, "a token")
        return token

    def position(self) -> Mapping[str, Any]:
        return {self.at or _argument(self.param): self.token}

    def is_first(self) -> bool:
        return self.token is None


class NextLink(_Led, frozen=True):
    """The next page's whole address, in the body or in a `Link: <...>; rel="next"` header (RFC 8288).

    Args:
        link: the position, the table function's parameter; None for the first page.
        next: where the address is; by default the header `Link` is read.
        more: where it says whether more follows, for sources that give an address on the last page, too; as for `PageToken`.
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
        return {named(self.size_param): self.size} if self.size and self.link is None else {}

    def following(self, page: Page, rows: list[Any]) -> Paginator | None:
        if self.more is not None and not page.says_more(self.more, self.absent):
            return None
        link = self._next(page, rows)
        if link is None or not page.is_followed(rows, self.more or self._place, self.empty):
            return None
        link = page.follow(link, self.own_host) if page.follow else urljoin(page.url, link)
        if link == self.link:
            raise page.unmoving("link")
        return msgspec.structs.replace(self, link=link)

    @property
    def _place(self) -> Place:
        return self.next or ["Link"]

    def _next(self, page: Page, rows: list[Any]) -> str | None:
        """The next page's address as the source writes it; None after the last."""
        link = page.said(self.next) if self.next else page.next_link()
        if link is ABSENT:
            size = self.size if self.next else None
            page.require_end(rows, self._place, self.absent, size=size, found=self.link is not None)
        if link is ABSENT or link is None or link == "" or link is False:
            page.require_no_promise(f"there is no {shown_place(self._place)}")
            return None
        if not isinstance(link, str):
            raise page.wrong_lead(self._place, link, "an address")
        return link

    def position(self) -> Mapping[str, Any]:
        return {self.at: self.link}

    def is_first(self) -> bool:
        return self.link is None


def _argument(param: Param) -> str:
    """What a table function calls a parameter that takes a token, unless it says otherwise."""
    if isinstance(param, Header):
        return "token"
    return param.rpartition(".")[2] if isinstance(param, str) else param[-1]
