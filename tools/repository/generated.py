"""Files that are made from others: the `main` of the tools that write them, or with `--check` say whether they are current."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from tools.repository.errors import RepositoryError, StaleError
from tools.repository.model import Repository

Text = Callable[[Repository], str]
"""Gives a file's whole text. Not asked for where there is no file: then its sources may be missing too."""
Texts = Callable[[Repository], Mapping[str, str]]
"""The same for several files, by path."""
Problem = Callable[[Repository], RepositoryError | None]
"""Gives what is wrong with the committed files; None if they are current."""


def stale(repository: Repository, file: str, text: Text, command: str) -> StaleError | None:
    """That a committed file isn't the text that its sources give now; None if it is."""
    path = repository.root / file
    if path.is_file() and path.read_bytes() == text(repository).encode():
        return None
    return StaleError(f"{file} isn't current; run `{command}`")


def write_or_check(
    arguments: list[str],
    *,
    module: str,
    file: str,
    text: Text,
    problem: Problem,
) -> int:
    """Write the file with its text, or with `--check` raise the problem that there is with it.

    Says in one line what it did. `module` is the tool's own name, as `python -m` takes it.
    """
    return write_or_check_all(
        arguments,
        module=module,
        files=(file,),
        texts=lambda repository: {file: text(repository)},
        problem=problem,
    )


def write_or_check_all(
    arguments: list[str], *, module: str, files: Iterable[str], texts: Texts, problem: Problem
) -> int:
    """The same for files that are made together; `texts` gives all of them by path."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if it isn't current")
    options = parser.parse_args(arguments)
    repository = Repository(Path.cwd())
    if options.check:
        if found := problem(repository):
            raise found
        print(*(f"{file}: current" for file in files), sep="\n")
        return 0
    for file, new in texts(repository).items():
        path = repository.root / file
        current = path.is_file() and path.read_bytes() == new.encode()
        if not current:
            path.parent.mkdir(exist_ok=True)
            path.write_text(new, "utf-8")
        print(f"{file}: {'current' if current else 'changed'}")
    return 0
