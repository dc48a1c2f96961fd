"""The examples: a folder for each kind of source, with the connector that an author would write for it.

They are read from their source, never by importing them: what each says of itself, and how many lines it took.
"""

from __future__ import annotations

import ast
import io
import tokenize
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tools.repository.errors import RepositoryError, at
from tools.repository.names import unknown

EXAMPLES = "examples"
"""The folder, and the subject whose tests are the examples' own."""

MAX_LINES = 25
"""Of a connector, without blank lines, comments and docstrings."""

_LAYOUT = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
}


@dataclass(frozen=True)
class Example:
    """A folder of examples/: connector.py, practice.py, and test_example.py where the contract can't know enough."""

    name: str
    path: Path

    @property
    def connector(self) -> Path:
        """What an author writes."""
        return self.path / "connector.py"

    @cached_property
    def sentence(self) -> str:
        """The first line of the connector's docstring. RepositoryError where there is none."""
        said = ast.get_docstring(_tree(self.connector))
        if not said:
            raise RepositoryError(
                f"{_named(self.connector)}: its docstring says in one line what the case is"
            )
        return said.splitlines()[0]

    @property
    def own_lines(self) -> int:
        """How many lines the connector has."""
        return own_lines(self.connector)


def examples_of(root: Path, names: list[str] | None = None) -> list[Example]:
    """The examples of a repository by name, all or those named. RepositoryError for an unknown name."""
    folders = sorted(file.parent for file in (root / EXAMPLES).glob("*/connector.py"))
    found = {folder.name: Example(folder.name, folder) for folder in folders}
    for name in names or ():
        if name not in found:
            raise unknown("example", name, found)
    return [found[name] for name in names or found]


def own_lines(path: Path) -> int:
    """The lines of a Python file that say something to Python: no blank ones, no comments, no docstrings.

    RepositoryError where it isn't Python.
    """
    documented = {line for node in ast.walk(_tree(path)) for line in _docstring_lines(node)}
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text("utf-8")).readline)
    code = {
        line
        for token in tokens
        if token.type not in _LAYOUT
        for line in range(token.start[0], token.end[0] + 1)
    }
    return len(code - documented)


def _docstring_lines(node: ast.AST) -> range:
    if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return range(0)
    if ast.get_docstring(node, clean=False) is None:
        return range(0)
    first = node.body[0]
    return range(first.lineno, (first.end_lineno or first.lineno) + 1)


def _tree(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_text("utf-8"))
    except SyntaxError as error:
        raise RepositoryError(f"{_named(path)}:{error.lineno}: {error.msg}") from error


def _named(path: Path) -> str:
    return at(path, path.parents[2])
