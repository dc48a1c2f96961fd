"""What passed between a function and its source while it was recorded, as it was: real values, in memory only.

A newcomer would write these down and clean them later. They never touch a disk; `anonymizing.py` makes of them what may.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote, urlsplit

Params = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Asked:
    """A request: `path` with every segment quoted in one way, `params` in their order, `sent` the JSON body or None.

    `headers` are those that may hold credentials.
    """

    method: str
    path: str
    params: Params = ()
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    sent: object = field(default=None, repr=False)

    @property
    def segments(self) -> list[str]:
        """The path's parts, unquoted."""
        return [unquote(segment) for segment in self.path.split("/")]

    def texts(self) -> Iterator[str]:
        """Every value in its address."""
        yield from self.segments
        yield from (value for _, value in self.params)


@dataclass(frozen=True)
class Exchange:
    """A request and its answer: `body` is any JSON value. `made_up` answers are the recorder's own, not the source's."""

    asked: Asked
    status: int
    content_type: str
    body: object = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    made_up: bool = False


def asked_for(
    method: str, address: str, *, headers: Mapping[str, str] | None = None, sent: object = None
) -> Asked:
    """A request by its method and its address, of which only path and query count."""
    parts = urlsplit(address)
    path = quoted(unquote(segment) for segment in parts.path.split("/"))
    params = tuple(parse_qsl(parts.query, keep_blank_values=True))
    return Asked(method, path or "/", params, headers or {}, sent)


def quoted(segments: Iterator[str]) -> str:
    """A path of these segments, quoted so that equal paths are equal texts."""
    return "/".join(quote(segment, safe="") for segment in segments)


def leaves(value: object, place: str = "") -> Iterator[tuple[str, object]]:
    """Every value in a JSON value that holds no other, with its place: `data[].owner.email`."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, f"{place}.{name}" if place else name)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, f"{place}[]")
    else:
        yield place, value


def names(value: object) -> Iterator[str]:
    """Every member's name in a JSON value."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from names(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from names(inner)


def is_link(text: str) -> bool:
    """Whether a text is an address, whole or from the root on."""
    return " " not in text and text.startswith(("http://", "https://", "/"))


def texts_of(exchange: Exchange) -> Iterator[str]:
    """Every text that an answer holds, numbers as text too, and the parts of its links."""
    values = [value for _, value in leaves(exchange.body)] + list(exchange.headers.values())
    for value in values:
        if isinstance(value, bool) or value is None:
            continue
        yield str(value)
        for link in linked(str(value)):
            yield from asked_for("GET", link).texts()


def linked(text: str) -> list[str]:
    """The addresses a text is made of: itself, or those in a `Link` header."""
    if is_link(text):
        return [text]
    return [piece.partition(">")[0] for piece in text.split("<")[1:] if is_link(piece.partition(">")[0])]
