"""Places in a decoded body: where its rows are, or what it says of the next page.

A place is text like "metadata.nextPage.bookmark", or a list of names. Names themselves may hold dots
("@odata.nextLink"), so a text is tried with every way of dividing it; a list is taken as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fivetran_runtime.errors import DefectError

Place = str | Sequence[str]
"""Where in a body something is: "result.items", or ["@odata.nextLink"]."""

ABSENT: Any = object()
"""What `look_up` gives where there is nothing, which is not the same as null."""


def look_up(body: Any, place: Place) -> Any:
    """What a body holds at a place, or `ABSENT`; None where something on the way is null or empty.

    Raises:
        DefectError: a text fits two places of this body.
    """
    names = place.split(".") if isinstance(place, str) else list(place)
    found = list(_readings(body, names) if isinstance(place, str) else _reading(body, names))
    if len(found) > 1:
        message = (
            f"{shown_place(place)} is in the answer twice: as a name with dots and as names within names."
        )
        raise DefectError(message, hint="Give the place as a list of names.")
    return found[0] if found else ABSENT


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
    return place if isinstance(place, str) else ".".join(place)


def first_missing(body: Any, place: Place) -> tuple[str, str]:
    """The first name of a place that is not there, and what is there in its stead."""
    names = place.split(".") if isinstance(place, str) else list(place)
    for name in names:
        if not isinstance(body, dict) or name not in body:
            return name, members(body)
        body = body[name]
    return names[-1], members(body)


def members(value: Any) -> str:
    """The names of an object's members, or what else it is."""
    if isinstance(value, dict):
        return ", ".join(sorted(map(str, value))) or "nothing"
    return f"a {type(value).__name__}"


_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_LEADS = frozenset(
    {
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
    }
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
    return [word.lower() for word in _WORD.findall(str(name))]


def _says_more(words: list[str], value: Any) -> bool:
    if "more" in words:
        return value is True or (isinstance(value, str) and value.lower() == "true")
    # "nextSyncToken" is for the next sync, "next_run" for the clock: only what names a page leads to one.
    return "next" in words and _LEADS.issuperset(words) and is_there(value)


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
