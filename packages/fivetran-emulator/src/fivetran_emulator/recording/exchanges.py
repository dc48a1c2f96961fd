"""What passed between a function and its source while it was recorded: real values, which never touch a disk."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from fivetran_emulator.practice.recorded import ApiRequest, api_request

__all__ = ["ApiExchange", "leaves", "links_in", "words"]


@dataclass(frozen=True)
class ApiExchange:
    """A request and its answer: `body` is any JSON value. `made_up` answers are the recorder's own, not the source's."""

    request: ApiRequest
    status: int
    content_type: str
    body: object = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    made_up: bool = False

    def texts(self) -> Iterator[str]:
        """Every value of the answer as text, numbers too, and the parts of its links."""
        for value in [*(value for _, value in leaves(self.body)), *self.headers.values()]:
            if isinstance(value, bool) or value is None:
                continue
            yield str(value)
            for link in links_in(str(value)):
                yield from api_request("GET", link).texts()


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


def _is_link(text: str) -> bool:
    """Whether a text is an address, whole or from the root on."""
    return " " not in text and text.startswith(("http://", "https://", "/"))


def links_in(text: str) -> list[str]:
    """The addresses a text is made of: itself, or those in a `Link` header."""
    if _is_link(text):
        return [text]
    return [piece.partition(">")[0] for piece in text.split("<")[1:] if _is_link(piece.partition(">")[0])]


def words(name: str) -> list[str]:
    """The words of a name in any notation: `nextPageToken` -> next, page, token."""
    return re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).lower())
