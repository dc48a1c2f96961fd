"""What a Python file imports: read from its source, never by importing it."""

from __future__ import annotations

import ast
import re
import unicodedata
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard

WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Import:
    """One import: the module named, the names taken from it (none for `import x`), and the line."""

    module: str
    line: int
    names: tuple[str, ...] = ()

    @property
    def top(self) -> str:
        """The package it comes from."""
        return self.module.split(".")[0]


def imports_of(path: Path) -> Iterator[Import]:
    """Every absolute import in a file, wherever it stands. A file that doesn't parse has none: lint says so."""
    tree = parsed(path)
    for node in ast.walk(tree) if tree else ():
        yield from _imports(node)


def loaded_imports_of(path: Path) -> Iterator[Import]:
    """Those that run as the module loads: none inside a function or under TYPE_CHECKING."""
    tree = parsed(path)
    for node in tree.body if tree else ():
        yield from _imports(node)


def parsed(path: Path) -> ast.Module | None:
    """The file's syntax tree; None if it isn't Python."""
    try:
        return ast.parse(path.read_text("utf-8"))
    except (SyntaxError, ValueError):
        return None


def may_import(path: Path, packages: AbstractSet[str]) -> bool:
    """Whether a file could import one of these packages: a hundredth of the time that parsing it takes.

    Who imports a package writes its name, in one of the spellings that Python takes for the same
    (https://docs.python.org/3/reference/lexical_analysis.html#identifiers: the NFKC form counts).
    """
    text = unicodedata.normalize("NFKC", path.read_text("utf-8", errors="replace"))
    return not packages.isdisjoint(WORD.findall(text))


def _imports(node: ast.AST) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        yield from (Import(alias.name, node.lineno) for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        yield Import(node.module, node.lineno, tuple(alias.name for alias in node.names))


def running_imports_of(path: Path) -> Iterator[Import]:
    """Those that may run, at whatever time: all but those under TYPE_CHECKING."""
    waiting: list[ast.AST] = [tree] if (tree := parsed(path)) else []
    while waiting:
        node = waiting.pop()
        yield from _imports(node)
        waiting += node.orelse if _for_types_only(node) else ast.iter_child_nodes(node)


def _for_types_only(node: ast.AST) -> TypeGuard[ast.If]:
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")
