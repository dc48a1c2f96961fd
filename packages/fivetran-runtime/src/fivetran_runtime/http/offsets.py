"""Lists whose position is counted: in rows, or in pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from fivetran_runtime.errors import DefectError
from fivetran_runtime.http._pages import Absent, Empty, Page, Trail
from fivetran_runtime.http._places import Place, shown_place
from fivetran_runtime.http.pagination import OnPath, Paginator, Param, asked


class _Numbered(OnPath, frozen=True):
    """A paginator that says itself which page it wants: to ask for one that nobody reads does no harm."""

    reads_ahead: ClassVar[bool] = True


class Offset(_Numbered, frozen=True):
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

    def query(self) -> Mapping[Any, Any]:
        return asked(self.param, self.offset, self.size_param, self.size)

    def following(self, page: Page, rows: list[Any]) -> Paginator | None:
        end = self.offset + len(rows)
        if self.cap is not None and end >= self.cap:
            raise _capped(page, self.cap)
        if not rows if self.total is None else self._is_last(page, rows, self.total):
            return None
        return msgspec.structs.replace(self, offset=end - self._repeated(page, rows))

    def _is_last(self, page: Page, rows: list[Any], place: Place) -> bool:
        total, end = page.count(place, is_first=self.is_first()), self.offset + len(rows)
        if total is None:
            page.trail.promise = None
            return not rows
        if not rows and end < total:
            raise page.contradiction(f"{shown_place(place)} is {total}, and no rows came from {end} on")
        page.trail.promise = place if end < total else None
        return end >= total and not (total == len(rows) and self._is_full(page, rows))

    def _is_full(self, page: Page, rows: list[Any]) -> bool:
        return bool(rows) and (
            len(rows) in page.sizes or (self.size_param is not None and len(rows) >= self.size)
        )

    def expected(self, trail: Trail) -> Paginator | None:
        end = self.offset + self.size
        last = min((one for one in (trail.count, self.cap) if one is not None), default=end + 1)
        if self.size_param is None or end >= last:
            return None
        return msgspec.structs.replace(self, offset=end - min(self.overlap, self.size // 2))

    def _repeated(self, page: Page, rows: list[Any]) -> int:
        """Rows of this page to read again; half at most, else pages capped just above the overlap never get on."""
        is_tail = len(rows) <= self.overlap and len(rows) < page.trail.longest
        return 0 if is_tail else min(self.overlap, len(rows) // 2)

    def position(self) -> Mapping[str, Any]:
        return {self.at: self.offset}

    def is_first(self) -> bool:
        return self.offset <= 1  # some count from 1


class PageNumber(_Numbered, frozen=True):
    """Numbered pages: `?page=3&per_page=100`. Ends where the source says, or at an empty page.

    Args:
        page: the position, the table function's parameter.
        size: rows asked for.
        more: where it says whether more pages follow. Null, false, 0 and what is empty say no, and so do the texts "false",
            "no", "n", "f", "off", "0", "none" and "null", in capitals or not; anything else says yes.
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
        return asked(self.param, self.page, self.size_param, self.size)

    def following(self, page: Page, rows: list[Any]) -> Paginator | None:
        place = self.more if self.more is not None else self.last
        if place is None:
            return self._next() if rows else None
        goes_on = (
            page.goes_on(rows, place, self.absent) if self.more is not None else self._goes_on(page, rows)
        )
        if not goes_on:
            return None
        return self._next() if page.is_followed(rows, place, self.empty) else None

    def _goes_on(self, page: Page, rows: list[Any]) -> bool:
        place = self.last or ""
        last = page.count(place, is_first=self.is_first())
        if last is None:
            return bool(rows)
        if rows and last < self.page:
            raise page.contradiction(f"{shown_place(place)} is {last}, and page {self.page} has rows")
        page.trail.promise = place if self.page < last else None
        return self.page < last

    def expected(self, trail: Trail) -> Paginator | None:
        is_last = self.last is not None and trail.count is not None and self.page >= trail.count
        return None if is_last else self._next()

    def _next(self) -> Paginator:
        return msgspec.structs.replace(self, page=self.page + 1)

    def position(self) -> Mapping[str, Any]:
        return {self.at: self.page}

    def is_first(self) -> bool:
        return self.page <= self.first


def _capped(page: Page, cap: int) -> DefectError:
    return DefectError(
        f"{page.url}: the list ends at the {cap:,} rows that the source lists of one search (cap=); there may be more.",
        hint="Ask for less at a time, or go on from the last key: Keyset has no cap.",
    )
