"""HTML as a tree of elements, written out in one place.

A newcomer would join strings. Here text becomes HTML only when the whole tree is written, so that no text of a function can
be taken for markup and no secret can slip past the one place where secrets are hidden.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import TypeAlias

__all__ = ["Content", "Element", "Style", "prose", "tag", "write"]

_EMPTY = frozenset({"meta", "br"})


@dataclass(frozen=True)
class Element:
    """An element with its attributes and what is in it."""

    name: str
    attributes: tuple[tuple[str, str], ...]
    children: tuple[Content, ...]


@dataclass(frozen=True)
class Style:
    """The text of a style sheet of our own, written as it is."""

    text: str


Content: TypeAlias = "Element | Style | str"


def tag(name: str, /, *children: Content, **attributes: str | None) -> Element:
    """The element `name`; an attribute is written without trailing underscores, and not at all when it is None."""
    given = tuple(
        (key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items() if value is not None
    )
    return Element(name, given, children)


def prose(text: str) -> list[Content]:
    """`text` with what stands between backticks as code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return [text]
    return [tag("code", part) if place % 2 else part for place, part in enumerate(parts)]


def write(content: Content, redact: Callable[[str], str]) -> str:
    """`content` as HTML. Every text and attribute passes `redact` and is escaped."""
    if isinstance(content, str):
        return escape(redact(content), quote=False)
    if isinstance(content, Style):
        return content.text
    attributes = "".join(f' {name}="{escape(redact(value))}"' for name, value in content.attributes)
    if content.name in _EMPTY:
        return f"<{content.name}{attributes}>"
    inside = "".join(write(child, redact) for child in content.children)
    return f"<{content.name}{attributes}>{inside}</{content.name}>"
