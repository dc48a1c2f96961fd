"""Which column is a row's key, and which says when it changed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tools.locked.creating.openapi.operations import Listing, Parameter, last_word
from tools.locked.creating.openapi.schemas import Shape
from tools.locked.creating.openapi.words import singular, squeezed

KEYS = ("id", "gid", "uuid", "guid", "uid", "pk", "identifier")
OTHER_KEYS = ("key", "slug", "code", "sku", "number", "handle", "login", "username", "email", "name")
"""Unique in most sources, and asked about all the same."""
CHANGED = (
    "updatedat", "updated", "updatedon", "lastupdated", "lastupdatedat", "lastupdate", "updatedate", "updatetime",
    "updatedtime", "dateupdated", "modifiedat", "modified", "modifiedon", "lastmodified", "lastmodifiedat",
    "lastmodifieddate", "modifieddate", "modifiedtime", "datemodified", "changedat", "lastchanged", "lastchangedat",
    "lastedited", "lastediteddate", "lasteditedtime", "systemmodstamp",
)  # fmt: skip
SINCE = re.compile(
    r"(last)?(update|updated|modified|change|changed|modify|edited)(at|on|time|date)?"
    r"(since|after|from|gte|gt|min|start|greaterthan|greaterthanorequalto|ge)"
    r"|(filter|q)?(updated|modified)(at|on)?(since|after|gte|gt)"
    r"|(since|from|min|start|after)(last)?(updated|update|modified|changed)(at|on|time|date)?|since|(if)?modifiedsince"
)
"""A parameter that asks for rows changed since a moment, without case and punctuation."""

INSTANTS = ("date-time", "datetime", "iso8601", "")
"""The standard's name for an instant's format, others in use, and none at all."""


@dataclass(frozen=True)
class Key:
    """The column that identifies a row. `asked` is why a person should look, if one should."""

    column: str
    kind: str
    format: str = ""
    asked: str = ""


@dataclass(frozen=True)
class Cursor:
    """The filter and the column by which changes are found. `kind` is datetime, date, seconds or milliseconds.

    `epoch` is seconds or milliseconds where the filter takes such a number and the column is an instant.
    """

    param: str
    column: str
    kind: str
    epoch: str = ""


def key_of(listing: Listing, members: Mapping[str, Shape], details: Iterable[str]) -> Key | None:
    """The key of a list's rows; `details` are the names of the parameters under which one row can be asked for."""
    usable = {name: one for name, one in members.items() if one.kind in ("string", "integer")}
    columns = _by_squeezed_name(usable)
    for name, asked in _candidates(listing, usable, details):
        if column := columns.get(name):
            return Key(column, usable[column].kind, usable[column].format, asked)
    return None


def _by_squeezed_name(members: Mapping[str, Shape]) -> dict[str, str]:
    """Columns by their names without case and punctuation; of two alike the first."""
    found: dict[str, str] = {}
    for name in members:
        found.setdefault(squeezed(name), name)
    return found


def _candidates(
    listing: Listing, usable: Mapping[str, Shape], details: Iterable[str]
) -> Iterator[tuple[str, str]]:
    """Names that a key may have, the likeliest first, each with why a person should look at it, or nothing."""
    noun = squeezed(singular(last_word(listing.path)))
    yield "id", ""
    for detail in map(squeezed, details):
        names = (detail, detail.removeprefix(noun), *(key for key in KEYS if detail.endswith(key)))
        yield from ((name, "") for name in names)
    yield from ((name, "") for name in (*KEYS, *(f"{noun}{key}" for key in KEYS)))
    for name, one in usable.items():
        if one.format == "uuid" or "unique id" in one.description[:200].lower():
            yield squeezed(name), "the description only hints at it"
    required = {squeezed(name) for name in listing.item.required}
    for name in (*(f"{noun}{key}" for key in OTHER_KEYS), *OTHER_KEYS):
        if name in required:
            yield name, "nothing says that no two rows share it"


def cursor_of(listing: Listing, members: Mapping[str, Shape]) -> Cursor | None:
    """The pair of a filter by time of change and the column it compares with."""
    columns = _by_squeezed_name(members)
    column = next((columns[name] for name in CHANGED if name in columns), None)
    param = next((one for name, one in listing.query.items() if SINCE.fullmatch(squeezed(name))), None)
    if column is None or param is None:
        return None
    kind = _moment(members[column])
    if kind == "datetime" and param.shape.kind in ("integer", "number"):
        return Cursor(param.name, column, kind, _unit(param.shape, param.description))
    return Cursor(param.name, column, kind) if kind and _takes(param, kind) else None


def has_change_filter(listing: Listing) -> str | None:
    """The name of a filter by time of change, if there is one."""
    return next((name for name in listing.query if SINCE.fullmatch(squeezed(name))), None)


def _moment(shape: Shape) -> str:
    if shape.kind == "string":
        return "date" if shape.format == "date" else "datetime" if shape.format in INSTANTS else ""
    return _unit(shape, shape.description) if shape.kind == "integer" else ""


def _unit(shape: Shape, description: str) -> str:
    """The unit of a number since 1970, as it is described; seconds where it is not."""
    milliseconds = re.search(r"milli|\bms\b", f"{description} {shape.format}", re.IGNORECASE)
    return "milliseconds" if milliseconds else "seconds"


def _takes(param: Parameter, kind: str) -> bool:
    """Whether a filter is in the notation of the column."""
    shape = param.shape
    if kind in ("seconds", "milliseconds"):
        return shape.kind in ("integer", "number", "string", "") and shape.format not in ("date", "date-time")
    formats = ("date", "") if kind == "date" else INSTANTS
    return shape.kind in ("string", "") and shape.format in formats
