"""The pictures of docs/architecture.md: what a room's parts import of each other, drawn from the sources.

The page is written by hand but for what stands between its markers, one pair a picture. A picture has a node for each
module and folder directly in the room, and an arrow where something in one imports something in the other; an arrow
that follows from two others is left out, so that the order of the room is seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tools.locked.house.modules import Edges, Modules, modules_below, package_modules
from tools.repository.errors import Problem, RepositoryError, run_as_command
from tools.repository.generated import write_or_check
from tools.repository.model import TOOLS, Repository

PAGE = "docs/architecture.md"
COMMAND = "nox -s update"
MARKED = re.compile(r"(<!-- imports of ([\w.]+), drawn by `nox -s update` -->\n).*?(<!-- end -->)", re.DOTALL)
MIN_PARTS = 2
"""A folder with no more is seen at a glance."""
MAX_PARTS = 20
"""What fits on a screen."""


@dataclass(frozen=True)
class Picture:
    """A room: the parts directly in it, and which imports which."""

    room: str
    edges: Edges

    def __str__(self) -> str:
        """It as a Mermaid flow chart, https://mermaid.js.org/syntax/flowchart.html."""
        lines = [f"    {part}" for part in self.edges]
        lines += [f"    {part} --> {used}" for part, uses in self.edges.items() for used in sorted(uses)]
        return "\n".join(["```mermaid", "flowchart TD", *lines, "```", ""])


def drawn(room: str, modules: Modules) -> Picture:
    """The picture of one room."""
    depth = room.count(".") + 1 if room else 0
    edges: dict[str, set[str]] = {
        part: set() for name in sorted(modules.files) if (part := _part(name, room, depth))
    }
    for name, imported in modules.imports().items():
        part = _part(name, room, depth)
        used = {_part(target, room, depth) for target in imported} - {part, ""}
        if part:
            edges[part] |= used
    return Picture(room, _without_shortcuts(edges))


def _part(name: str, room: str, depth: int) -> str:
    """The part of the room that a module is in; none for the room's own __init__ and what is outside."""
    inside = not room or name.startswith(f"{room}.")
    return name.split(".")[depth] if inside else ""


def _without_shortcuts(edges: Mapping[str, set[str]]) -> Edges:
    """The arrows that don't follow from others."""

    def reached(start: str, but: str) -> set[str]:
        waiting, seen = list(edges[start] - {but}), set[str]()
        while waiting:
            part = waiting.pop()
            if part not in seen and part != start:
                seen.add(part)
                waiting += edges[part]
        return seen

    return {
        part: frozenset(used for used in uses if used not in reached(part, used))
        for part, uses in edges.items()
    }


def all_modules(repository: Repository) -> Modules:
    """Those of the packages and of the tools, without tests."""
    tools = modules_below(repository.root / TOOLS, repository.root).files
    every = {**package_modules(repository).files, **tools}
    return Modules({name: path for name, path in every.items() if "tests" not in name.split(".")})


def rooms(modules: Modules) -> list[str]:
    """What has a picture: each package, the tools, and each folder in them with more than two modules."""
    below: dict[str, set[str]] = {}
    for name in modules.files:
        parts = name.split(".")
        for depth in range(1, len(parts)):
            below.setdefault(".".join(parts[:depth]), set()).add(parts[depth])
    return sorted(room for room, inside in below.items() if len(inside) > MIN_PARTS)


def rendered(page: str, modules: Modules) -> str:
    """The page with its pictures as they are now."""
    return MARKED.sub(lambda found: f"{found[1]}\n{drawn(found[2], modules)}\n{found[3]}", page)


def problems(repository: Repository) -> Iterator[Problem]:
    """A page that isn't current, a room without a picture, a picture that doesn't fit on a screen."""
    path = repository.root / PAGE
    if not path.is_file():
        yield Problem(
            PAGE, "it isn't there", "write a heading, a paragraph and a pair of markers for each room"
        )
        return
    page = path.read_text("utf-8")
    modules = all_modules(repository)
    if rendered(page, modules) != page:
        yield Problem(PAGE, "its pictures aren't current", f"run `{COMMAND}`")
    shown = {found[2] for found in MARKED.finditer(page)}
    for room in rooms(modules):
        if room not in shown:
            yield Problem(
                PAGE, f"{room} has no picture", "say what it is for, what it may import, what goes there"
            )
        if (parts := len(drawn(room, modules).edges)) > MAX_PARTS:
            what = f"{room} has {parts} parts, which don't fit on a screen"
            yield Problem(PAGE, what, "put what belongs together into a folder")


def current_page(repository: Repository) -> str:
    """The repository's page with its pictures as they are now."""
    return rendered((repository.root / PAGE).read_text("utf-8"), all_modules(repository))


def _problem(repository: Repository) -> RepositoryError | None:
    found = list(problems(repository))
    return RepositoryError(found) if found else None


def main(arguments: list[str]) -> int:
    """Write the page, or with --check say everything that is wrong with it."""
    return write_or_check(
        arguments, module="tools.locked.house.architecture", file=PAGE, text=current_page, problem=_problem
    )


if __name__ == "__main__":
    run_as_command(main)
