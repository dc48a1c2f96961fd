"""One page of a list: what it says of the next one, and what its silence means.

Silence is not an answer. Where the place that leads on is missing from a page, that is the end only if the source may
leave it out there: see `absent` of each paginator.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Literal

import msgspec

from fivetran_runtime._arguments import kind_of
from fivetran_runtime.errors import DefectError, TransientError
from fivetran_runtime.http._places import (
    ABSENT,
    Header,
    Place,
    first_missing,
    header_that_leads_on,
    is_true,
    leads_on,
    look_up,
    shown_place,
)

Absent = Literal["end", "error"] | None
"""What it means that the place is missing from a page; see `absent` of `PageToken` and `PageNumber`."""
Empty = Literal["end", "error", "skip"]
"""What a page without rows means that says more follows; see `empty` of `PageToken` and `PageNumber`."""


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
        size: the bytes of its body.
    """

    url: str
    body: Any
    headers: Mapping[str, str]
    status: int = 200
    sizes: frozenset[int] = frozenset()
    follow: Callable[[str, bool], str] | None = None
    trail: Trail = msgspec.field(default_factory=Trail)
    size: int = 0

    def said(self, place: Place) -> Any:
        """What it says at a place; `ABSENT` where there is nothing."""
        return (
            self.headers.get(place.name, ABSENT) if isinstance(place, Header) else look_up(self.body, place)
        )

    def goes_on(self, rows: list[Any], place: Place, absent: Absent) -> bool:
        """Whether a source that counts pages says that more follow.

        Where it says nothing, the next page is asked for: its rows, or that there are none, is an answer.
        """
        value, trail = self.said(place), self.trail
        if value is not ABSENT:
            return self._promised(place, value)
        trail.promise = None
        if absent == "end":
            return False
        self._require_one_lead(place, found=trail.found)
        trail.silent += bool(rows)
        if absent == "error" or (trail.silent > 1 and not trail.found):
            raise self._never_said(place, f"on {trail.silent} pages with rows" if trail.silent > 1 else "")
        return bool(rows) and not (trail.found and len(rows) < trail.longest)

    def says_more(self, place: Place, absent: Absent) -> bool:
        """Whether a source that gives a token or a link with every page says that it leads to more."""
        value = self.said(place)
        if value is ABSENT and absent != "end":
            raise self._never_said(place, "")
        return value is not ABSENT and self._promised(place, value)

    def _promised(self, place: Place, value: Any) -> bool:
        is_no = isinstance(value, str) and value.strip().lower() in _NO
        goes_on = is_true(value) and not is_no
        self.trail.found = True
        self.trail.promise = place if goes_on else None
        return goes_on

    def require_no_promise(self, instead: str) -> None:
        """Raise for an end that comes although the source has said that more follows."""
        if self.trail.promise is not None:
            raise self.contradiction(
                f"{shown_place(self.trail.promise)} said that more follow, and {instead}"
            )

    def is_followed(self, rows: list[Any], place: Place, empty: Empty) -> bool:
        """Whether the next page is asked for where a source says that there is one."""
        if rows or empty == "skip":
            return True
        if empty == "error":
            value = self.said(place)
            text = (
                f" ({value!r})" if isinstance(value, str) and value.isalpha() and len(value) <= _SHORT else ""
            )
            raise self.contradiction(f"no rows came, and {shown_place(place)}{text} says that more follow")
        return False

    def require_end(
        self, rows: list[Any], place: Place, absent: Absent, *, size: int | None, found: bool
    ) -> None:
        """Raise unless a page without the place that leads on is the last one."""
        if absent == "end":
            return
        self._require_one_lead(place, found=found)
        if absent == "error":
            raise self._never_said(place, "")
        full = bool(rows) and (len(rows) in self.sizes or (size is not None and len(rows) >= size))
        if full and not found:
            raise self._never_said(place, f"on a full page of {len(rows)} rows")

    def _require_one_lead(self, place: Place, *, found: bool) -> None:
        """Raise when the page says elsewhere than at the place that more follows; in a header, unless it was ever found there."""
        other = leads_on(self.body)
        if other is None and self.next_link() not in (ABSENT, None) and place != ["Link"]:
            other = "the header Link"
        if other is None and not found and (name := header_that_leads_on(self.headers)) is not None:
            other = f"the header {name}"
        if other is not None:
            raise self._never_said(place, f"but {other} says that more follows")

    def _never_said(self, place: Place, why: str) -> DefectError:
        name, there = self._missing(place)
        message = f"{self.url}: no {name!r} in the answer (looking for {shown_place(place)}) {why}".rstrip()
        hint = (
            "It says whether more rows follow. Name the place as the source writes it (as a list of names if one has a dot);"
            ' where the source leaves it out on its last page, say absent="end".'
        )
        return DefectError(f"{message}; there is: {there}.", hint=hint)

    def contradiction(self, what: str) -> TransientError:
        """The error for a page that says two things of which one is wrong."""
        return TransientError(
            f"{self.url}: {what}.",
            hint="The next sync asks again. If it stays: the source counts rows that it does not list; leave the place out.",
        )

    def wrong_lead(self, place: Place, value: Any, what: str) -> DefectError:
        """The error for a value that cannot be what its place is to hold."""
        return DefectError(f"{self.url}: {shown_place(place)} is {kind_of(value)}, not {what}.")

    def not_there(self, place: Place) -> DefectError:
        """The error for a place that is missing: the source has changed, or has answered something else."""
        name, there = self._missing(place)
        if self.body is None and not isinstance(place, Header):
            return DefectError(
                f"{self.url}: the answer has no body, or null (looking for {shown_place(place)})."
            )
        return DefectError(
            f"{self.url}: no {name!r} in the answer (looking for {shown_place(place)}); there is: {there}."
        )

    def unmoving(self, what: str) -> DefectError:
        """The error for a page that leads to itself."""
        return DefectError(f"{self.url}: the {what} for the next page is the one that was just used.")

    def _missing(self, place: Place) -> tuple[str, str]:
        if isinstance(place, Header):
            return place.name, ", ".join(sorted(self.headers)) or "no header"
        return first_missing(self.body, place)

    def count(self, place: Place, *, is_first: bool) -> int | None:
        """A total, or the number of the last page: what this page says, else what the first one said in this call."""
        value, trail = self.said(place), self.trail
        if (value is ABSENT or value is None) and not (is_first and trail.pages == 1):
            return trail.count
        trail.count = self._number(place, value)
        return trail.count

    def _number(self, place: Place, value: Any) -> int:
        """A number of rows or pages; some sources write it as text."""
        if value is ABSENT:
            raise self.not_there(place)
        if isinstance(value, str):
            # "items 0-24/3573" is how Content-Range says it (RFC 9110, 14.4).
            text = value.rpartition("/")[2].strip() if isinstance(place, Header) else value.strip()
            value = int(text) if text.isascii() and text.isdigit() else value
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
            raise self.wrong_lead(place, value, "a number")
        if not value >= 0:  # nor is NaN
            message = f"{self.url}: {shown_place(place)} is {value}, which is no number of rows or pages."
            raise DefectError(
                message, hint="A source that does not know the number says so like this: leave the place out."
            )
        return int(value)

    def next_link(self) -> Any:
        """The header's next link; None where one says that nothing is behind it, `ABSENT` where there is none."""
        for link, text, *_ in re.findall(_LINK, self.headers.get("Link", "")):
            parameters = {
                name.lower(): (quoted or bare) for name, quoted, bare in re.findall(_PARAMETER, text)
            }
            if "next" in parameters.get("rel", "").lower().split():
                return link if parameters.get("results", "").lower() != "false" else None
        return ABSENT


_NO = frozenset({"n", "f", "off"})  # of a flag; elsewhere they may be tokens
_SHORT = 20  # characters of a flag that is written as text
_PARAMETER = r'\s*;\s*([\w*-]+)\s*(?:=\s*(?:"([^"]*)"|([^\s",;]*)))?'
_LINK = rf"<([^>]*)>((?:{_PARAMETER})*)"
