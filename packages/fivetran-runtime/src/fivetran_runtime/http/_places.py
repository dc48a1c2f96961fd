"""Places in a decoded body: where its rows are, or what it says of the next page; and where a position goes in a request.

A place is text like "metadata.nextPage.bookmark", or a list of names. Names themselves may hold dots
("@odata.nextLink"), so a text is tried with every way of dividing it; a list is taken as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from fivetran_runtime._arguments import kind_of, wrong
from fivetran_runtime.errors import DefectError

_HEADER_NAME = r"(?a)[\w!#$%&'*+.^`|~-]+"  # a token: RFC 9110, 5.6.2


class Header(msgspec.Struct, frozen=True):
    """A header, where an argument is a place in the body otherwise: `Offset(total=Header("X-Total-Count"))`.

    Args:
        name: the header's name; case does not matter.

    Raises:
        DefectError: no header can be called so.
    """

    name: str

    def __post_init__(self) -> None:
        if not is_header_name(self.name):
            raise wrong("Header", "name", self.name, "the name of a header, such as 'X-Next-Cursor'")


def is_header_name(name: object) -> bool:
    """Whether a header can be called so."""
    return type(name) is str and re.fullmatch(_HEADER_NAME, name) is not None


Place = str | Sequence[str] | Header
"""Where in an answer something is: "result.items", ["@odata.nextLink"], or Header("X-Total")."""

ABSENT: Any = object()
"""What `look_up` gives where there is nothing, which is not the same as null."""


def is_place(value: object) -> bool:
    """Whether it is a `Place`, and not an empty one."""
    if isinstance(value, str | Header):
        return value != ""
    return isinstance(value, list | tuple) and bool(value) and all(type(name) is str for name in value)


A_PLACE = "a place, such as 'meta.next', ['a.b', 'c'], or Header('X-Next')"


def look_up(body: Any, place: Place) -> Any:
    """What a body holds at a place, or `ABSENT`; None where something on the way is null or empty.

    Raises:
        DefectError: a text fits two places of this body.
    """
    names = names_of(place)
    found = list(_readings(body, names) if isinstance(place, str) else _reading(body, names))
    if len(found) > 1:
        message = (
            f"{shown_place(place)} is in the answer twice: as a name with dots and as names within names."
        )
        raise DefectError(message, hint="Give the place as a list of names.")
    return found[0] if found else ABSENT


def names_of(place: Place) -> list[str]:
    """The names of a place; a text is divided at its dots."""
    if isinstance(place, Header):
        return [place.name]
    return place.split(".") if isinstance(place, str) else list(place)


def _readings(value: Any, names: list[str], *, inner: bool = False) -> Iterator[Any]:
    if not names:
        yield value
    elif inner and _is_empty(value):
        yield None
    elif isinstance(value, dict):
        for count in range(1, len(names) + 1):
            if (name := ".".join(names[:count])) in value:
                yield from _readings(value[name], names[count:], inner=True)


def _is_empty(value: Any) -> bool:
    """Whether a source says with it that there is nothing: null, false, "", {} or []."""
    return value is None or value is False or value in ("", {}, [])


def _reading(value: Any, names: list[str]) -> Iterator[Any]:
    for place, name in enumerate(names):
        if place and _is_empty(value):
            yield None
            return
        if not isinstance(value, dict) or name not in value:
            return
        value = value[name]
    yield value


def shown_place(place: Place) -> str:
    """A place as a person reads it."""
    if isinstance(place, Header):
        return f"the header {place.name}"
    return place if isinstance(place, str) else ".".join(place)


def put(body: Any, place: str | Sequence[str], value: Any) -> Any:
    """A copy of a body that has the value at a place; objects on the way are made where there are none."""
    if isinstance(place, str) and isinstance(body, dict) and place in body:
        return {**body, place: value}
    return _put_into(body, names_of(place), value, place)


def _put_into(body: Any, names: list[str], value: Any, place: Place) -> Any:
    if not names:
        return value
    name, *inner = names
    if isinstance(body, list) and name.isdecimal() and int(name) < len(body):
        number = int(name)
        return [*body[:number], _put_into(body[number], inner, value, place), *body[number + 1 :]]
    if body is None or isinstance(body, dict):
        body = body or {}
        return {**body, name: _put_into(body.get(name), inner, value, place)}
    msg = f"json= has {members(body)} where {shown_place(place)!r}, the place of the position, has {name!r}."
    raise DefectError(msg, hint="A position goes into an object, or into an element of a list by its number.")


def first_missing(body: Any, place: Place) -> tuple[str, str]:
    """The first name of a place that is not there, and what is there in its stead."""
    names = names_of(place)
    for name in names:
        if not isinstance(body, dict) or name not in body:
            return name, members(body)
        body = body[name]
    return names[-1], members(body)


def members(value: Any) -> str:
    """The names of an object's members, or what else it is."""
    if isinstance(value, dict):
        return ", ".join(sorted(map(str, value))) or "nothing"
    return kind_of(value)


_WORD = (
    r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+"  # as a text, which re compiles at its first use: few syncs need it
)
_LEADS = frozenset(
    [
        "odata",
        "has",
        "is",
        "exists",
        "next",
        "page",
        "pages",
        "token",
        "link",
        "links",
        "url",
        "uri",
        "href",
        "cursor",
        "offset",
        "bookmark",
        "marker",
        "key",
        "records",
        "start",
        "index",
        "id",
    ]
)
_DEPTH = 4


def leads_on(body: Any, depth: int = _DEPTH) -> str | None:
    """A member beside the rows that looks as if it said that more follows, e.g. "next_page" or "paging.hasMore".

    Only members called so, and only with a value: null, false and empty say that nothing follows.
    """
    if not isinstance(body, dict) or depth == 0:
        return None
    for name, value in body.items():
        if _says_more(_words(name), value):
            return str(name)
        if inner := leads_on(value, depth - 1):
            return f"{name}.{inner}"
    return None


def _words(name: object) -> list[str]:
    return [word.lower() for word in re.findall(_WORD, str(name))]


def _says_more(words: list[str], value: Any) -> bool:
    if "more" in words:
        return value is True or (isinstance(value, str) and value.lower() == "true")
    # "nextSyncToken" is for the next sync, "next_run" for the clock: only what names a page leads to one.
    return "next" in words and _LEADS.issuperset(words) and is_there(value)


_LEADING_HEADER = r"""(?ix)
    (.*[-_])?next([-_]?(page|cursor|token|link|url|uri|href|offset|bookmark|marker|key|start|index|id|number))*
    | (.*[-_])?continuation[-_a-z]*
    | (.*[-_])?(has[-_]?)?more
    | (x[-_])?((page|pagination|end)[-_]?)?(cursor|bookmark|marker)
    | (x[-_])?(page|pagination)[-_]?token"""
_NEXT = r"""(?i)\brel\s*=\s*["']?next\b"""


def header_that_leads_on(headers: Mapping[str, str]) -> str | None:
    """A header, other than `Link`, that looks as if it said that more follows, e.g. "X-Next-Cursor".

    As in a body, false and empty say that nothing follows; "X-Next-Sync-Token" and "X-Prev-Cursor" lead to no page.
    """
    for name, value in headers.items():
        if (
            name.lower() != "link"
            and (re.fullmatch(_LEADING_HEADER, name) or re.search(_NEXT, value))
            and is_there(value)
        ):
            return name
    return None


def is_there(value: Any) -> bool:
    """Whether a value says something: not null, false, zero, empty, nor an object of only such."""
    if isinstance(value, Mapping):
        return any(map(is_there, value.values()))
    return is_true(value)


def is_true(value: Any) -> bool:
    """Whether a source's flag is set; some sources write it as text."""
    return (
        value.strip().lower() not in ("", "false", "0", "no", "none", "null")
        if isinstance(value, str)
        else bool(value)
    )
