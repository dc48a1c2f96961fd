"""What git tracks of a folder, as it lies in the work tree: what may be shipped, and nothing else.

A file that git ignores is left out (secrets, caches); one that it doesn't know yet is a mistake, since the commit
that a bundle is labelled with wouldn't have it.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.repository.errors import Problem, RepositoryError, at

SYMLINK, SUBMODULE = "120000", "160000"
LARGE_FILE = b"version https://git-lfs.github.com/spec/"
"""What a file kept in Git LFS begins with where it wasn't fetched."""


@dataclass(frozen=True)
class TrackedFile:
    """A file of the work tree that git tracks; `mode` is git's: 100644, 100755, 120000 (symlink) or 160000 (submodule)."""

    path: Path
    mode: str


def tracked_files(root: Path, folder: Path) -> list[TrackedFile]:
    """The tracked files under `folder`, sorted. RepositoryError with every one that couldn't be shipped as it is."""
    found = sorted(_tracked(root, folder), key=lambda file: file.path)
    problems = [
        Problem(
            _shown(path, root),
            "git doesn't track this, so it wouldn't be shipped",
            "git add it, or remove it",
        )
        for path in _paths(root, folder, "--others", "--exclude-standard")
    ]
    for file in found:
        problems += [Problem(_shown(file.path, root), what, fix) for what, fix in _obstacles(file)]
    if not found and not problems:
        problems.append(Problem(at(folder, root), "git tracks nothing here", "git add it"))
    if problems:
        raise RepositoryError(problems)
    return found


def tracked_at_top(root: Path, folder: Path) -> list[TrackedFile]:
    """The tracked files in `folder` itself, not below it, that are there."""
    found = [file for file in _tracked(root, folder) if file.path.parent == folder and file.path.is_file()]
    return sorted(found, key=lambda file: file.path)


def ignored_files(root: Path, folder: Path) -> list[Path]:
    """The files under `folder` that git ignores, except those that Python's runs leave behind."""
    found = _paths(root, folder, "--others", "--ignored", "--exclude-standard")
    return [path for path in found if "__pycache__" not in path.parts]


def _tracked(root: Path, folder: Path) -> Iterator[TrackedFile]:
    for line in _lines(root, "ls-files", "--stage", "-z", "--", str(folder)):
        description, _, name = line.partition("\t")
        yield TrackedFile(root / name, description.split(" ")[0])


def _paths(root: Path, folder: Path, *options: str) -> list[Path]:
    return [root / name for name in _lines(root, "ls-files", "-z", *options, "--", str(folder))]


def _obstacles(file: TrackedFile) -> Iterator[tuple[str, str]]:
    """Why a tracked file would arrive at Google as something else, or not at all, with the way out."""
    if file.mode == SYMLINK:
        yield "this is a symbolic link, and a zip has none", "put the file itself here"
    elif file.mode == SUBMODULE:
        yield "this is a submodule, whose files git doesn't track here", "put its files here"
    elif not file.path.is_file() or file.path.is_symlink():
        yield "git tracks this file, but it isn't there", f"git restore {file.path.name}, or git rm it"
    elif file.path.read_bytes().startswith(LARGE_FILE):
        yield "this is Git LFS's note of a file, not the file", "git lfs pull"
    if not _ordinary(file.path.name):
        yield "a zip can't carry this name", "rename it: no control characters, no backslash, valid UTF-8"


def _ordinary(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:  # bytes that aren't UTF-8 come in as surrogates
        return False
    return "\\" not in name and all(character.isprintable() for character in name)


def _shown(path: Path, root: Path) -> str:
    return os.fsencode(at(path, root)).decode("utf-8", "backslashreplace")


def _lines(root: Path, *arguments: str) -> list[str]:
    """What git answers, cut at its NULs. RepositoryError in git's words."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", "--literal-pathspecs", "-C", str(root), *arguments],
            env=environment,
            capture_output=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise RepositoryError("git isn't on this machine, and what is shipped is what git tracks") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise RepositoryError(f"{root}: git can't tell what it tracks, which is what is shipped:\n{said}")
    return [os.fsdecode(name) for name in done.stdout.split(b"\0") if name]
