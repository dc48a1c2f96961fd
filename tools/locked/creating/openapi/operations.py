"""The lists of an API: each GET whose answer is a list of objects, or an object with one such list.

What is no list for a connector has a reason in a few words, which a person reads in the made README.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tools.locked.creating.openapi.document import Document, mapping, sequence, text
from tools.locked.creating.openapi.schemas import Schemas, Shape
from tools.locked.creating.openapi.words import singular, snake, squeezed

MAX_ENVELOPE_DEPTH = 3
MAX_LOOK = 6
"""How deep lists are looked for that are only named, for a person to say whether these are the rows."""
PARAMETER = re.compile(r"\{([^{}/]+)\}")
ROWS_ARE_CALLED = (
    "data",
    "items",
    "results",
    "result",
    "records",
    "rows",
    "values",
    "value",
    "entries",
    "list",
    "content",
)
SEARCHES = {
    "search",
    "autocomplete",
    "suggest",
    "suggestions",
    "typeahead",
    "lookup",
    "count",
    "export",
    "stats",
}

ONE_ROW = "its address ends in a parameter"
"""Why most operations are no list: they answer with one row."""

Place = tuple[str, ...]


class NotAListError(Exception):
    """Why an operation's answer is no table."""


@dataclass(frozen=True)
class Parameter:
    """A parameter of an operation. `place` is query, path, header or cookie."""

    name: str
    place: str
    required: bool
    shape: Shape
    description: str


@dataclass(frozen=True)
class Listing:
    """A GET that lists rows. `rows` is where in the body they are, `envelope` what else is there, by its place."""

    path: str
    parameters: tuple[Parameter, ...]
    rows: Place
    item: Shape
    envelope: Mapping[Place, Shape]
    headers: frozenset[str]
    security: list[Any] | None
    deprecated: bool = False

    @property
    def query(self) -> Mapping[str, Parameter]:
        """Its query's parameters by name."""
        return {one.name: one for one in self.parameters if one.place == "query"}

    @property
    def path_parameters(self) -> tuple[str, ...]:
        """The names in its path."""
        return tuple(PARAMETER.findall(self.path))


@dataclass(frozen=True)
class Operations:
    """A document's operations."""

    document: Document
    schemas: Schemas

    def gets(self) -> Iterator[tuple[str, Mapping[Any, Any], Mapping[Any, Any]]]:
        """Each path with a GET: the path, what belongs to the path, and the operation."""
        for path, item in self.document.paths():
            if mapping(item.get("get")):
                yield path, item, mapping(item.get("get"))

    def listing(self, path: str, item: Mapping[Any, Any], get: Mapping[Any, Any]) -> Listing:
        """The operation as a list. NotAListError, with the reason, if it is none."""
        _require_collection(path)
        response = self._answer(get)
        body = self.schemas.shape(self._json(response))
        rows, row = self._rows(body, path)
        return Listing(
            path=path,
            parameters=tuple(self._parameters(item, get)),
            rows=rows,
            item=row,
            envelope=dict(self._envelope(body, rows)),
            headers=frozenset(squeezed(str(name)) for name in mapping(response.get("headers"))),
            security=get["security"] if isinstance(get.get("security"), list) else None,
            deprecated=get.get("deprecated") is True,
        )

    def _answer(self, get: Mapping[Any, Any]) -> Mapping[Any, Any]:
        responses = {str(status).upper(): one for status, one in mapping(get.get("responses")).items()}
        for status in ("200", "2XX", "DEFAULT"):
            if status in responses:
                return self.document.resolved(responses[status])
        raise NotAListError("no answer with status 200 is described")

    def _json(self, response: Mapping[Any, Any]) -> Any:
        content = {str(name).lower(): one for name, one in mapping(response.get("content")).items()}
        for name, one in content.items():
            if "json" in name or name.startswith("*/*"):
                return mapping(one).get("schema")
        raise NotAListError(
            f"it answers {', '.join(content)[:60]}" if content else "its answer has no described body"
        )

    def _parameters(self, item: Mapping[Any, Any], get: Mapping[Any, Any]) -> Iterator[Parameter]:
        """Those of the path and of the operation, whose own ones replace the path's."""
        both = [*sequence(item.get("parameters")), *sequence(get.get("parameters"))]
        found = {}
        for one in map(self.document.resolved, both):
            name, place = text(one.get("name")), text(one.get("in"))
            schema = one.get("schema") or next(
                (mapping(content).get("schema") for content in mapping(one.get("content")).values()), None
            )
            shape = self.schemas.shape(schema)
            said = text(one.get("description")) or shape.description
            found[name, place] = Parameter(name, place, one.get("required") is True, shape, said)
        yield from found.values()

    def _rows(self, body: Shape, path: str) -> tuple[Place, Shape]:
        """Where the rows are, and what a row is."""
        if body.kind == "array":
            return (), self._item(body)
        if body.kind != "object":
            raise NotAListError("its answer is no list and no object with one")
        lists = dict(sorted(self._lists(body), key=lambda found: len(found[0])))
        if not lists:
            raise NotAListError(_no_list([".".join(deep) for deep, _ in self._lists(body, most=MAX_LOOK)]))
        place = _chosen(lists, path)
        return place, lists[place]

    def _item(self, listed: Shape) -> Shape:
        item = self.schemas.shape(listed.items)
        if item.kind != "object" or not item.properties:
            raise NotAListError("what it lists are no objects with described members")
        return item

    def _lists(
        self, body: Shape, place: Place = (), *, most: int = MAX_ENVELOPE_DEPTH
    ) -> Iterator[tuple[Place, Shape]]:
        for name, shape in self.schemas.members(body):
            if shape.kind == "array":
                item = self.schemas.shape(shape.items)
                if item.kind == "object" and item.properties:
                    yield (*place, name), item
            elif shape.kind == "object" and len(place) + 1 < most:
                yield from self._lists(shape, (*place, name), most=most)

    def _envelope(self, body: Shape, rows: Place, place: Place = ()) -> Iterator[tuple[Place, Shape]]:
        """The single values beside the rows, and objects on the way to them."""
        for name, shape in self.schemas.members(body) if body.kind == "object" else ():
            here = (*place, name)
            if here == rows:
                continue
            if shape.kind == "object" and shape.properties and len(here) < MAX_ENVELOPE_DEPTH:
                yield from self._envelope(shape, rows, here)
            elif shape.kind not in ("array", "object"):
                yield here, shape


def _no_list(deeper: list[str]) -> str:
    if not deeper:
        return "its answer has no list of objects"
    return f'are its rows at {" or ".join(deeper[:4])}? Then write its table by hand, with rows="{deeper[0]}"'


def _require_collection(path: str) -> None:
    segments = [segment for segment in path.split("/") if segment]
    if not segments or len(path) > 200 or not re.fullmatch(r"[\w\-.~/{}:@$()]+", path, re.ASCII):
        raise NotAListError("its address is none of a list")
    if any("{" in segment and not PARAMETER.fullmatch(segment) for segment in segments):
        raise NotAListError("its address mixes text and a parameter")
    if "{" in segments[-1]:
        raise NotAListError(ONE_ROW)
    if snake(segments[-1]) in SEARCHES:
        raise NotAListError("it is a search or a summary")


def last_word(path: str) -> str:
    """The last word of an address: what is listed there."""
    return path.rstrip("/").rpartition("/")[2].removesuffix(".json")


def _chosen(lists: Mapping[Place, Shape], path: str) -> Place:
    """The list that holds the rows: the only one, the one called like the path, or like lists of rows usually are."""
    if len(lists) == 1:
        return next(iter(lists))
    last = singular(squeezed(last_word(path)))
    like_path = [place for place in lists if singular(squeezed(place[-1])) == last]
    usual = [place for name in ROWS_ARE_CALLED for place in lists if squeezed(place[-1]) == name]
    if not (like_path or usual):
        names = ", ".join(".".join(place) for place in list(lists)[:4])
        raise NotAListError(f"its answer has several lists: {names}")
    return (like_path or usual)[0]
