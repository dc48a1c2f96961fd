"""A report page as a reader of its structure sees it."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

_EMPTY = {"meta", "br"}


@dataclass
class Node:
    """An element: its name, attributes, and what is in it."""

    name: str
    attributes: dict[str, str]
    children: list[Node | str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All text in it, with single spaces."""
        return " ".join(
            " ".join(child if isinstance(child, str) else child.text for child in self.children).split()
        )

    def all(self, name: str = "", class_: str = "") -> list[Node]:
        """Every element below with this name, if given, and this class, if given."""
        found = []
        for child in self.children:
            if isinstance(child, Node):
                named = name in ("", child.name)
                classed = class_ == "" or class_ in child.attributes.get("class", "").split()
                found += [child] if named and classed else []
                found += child.all(name, class_)
        return found

    def one(self, name: str = "", class_: str = "") -> Node:
        """The only such element."""
        [found] = self.all(name, class_)
        return found


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open = [Node("page", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(node)
        if tag not in _EMPTY:
            self.open.append(node)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().name == tag, f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def read_page(html: str) -> Node:
    """The page as a tree. Every element must be closed in order."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    assert len(reader.open) == 1, f"<{reader.open[-1].name}> is not closed"
    return reader.open[0]
