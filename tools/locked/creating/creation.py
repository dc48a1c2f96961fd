"""Makes connectors: whole or not at all, each in a folder that nothing else looks into until it is renamed.

It touches nothing outside connectors/NAME. `nox -s ci_config` makes the test job, and removing the folder and running
that again takes everything back.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tools.environments.locks import compiled, connector_locks
from tools.local import readmes
from tools.local.scaffolding import asked, next_steps, refuse
from tools.local.testing import run_tests
from tools.locked.creating import importing
from tools.locked.creating.choices import AUTHS, PAGES, Choices
from tools.locked.creating.openapi import document, making
from tools.locked.creating.openapi.selection import Selection
from tools.locked.creating.template_rendering import mark, render, tidy
from tools.repository.errors import RepositoryError, at, run_as_command
from tools.repository.model import Project, Repository
from tools.repository.names import import_name

UNFINISHED = ".creating"
"""The folder under connectors/ in which one is made: on the same file system, and of the same depth."""


def create(repository: Repository, name: str, choices: Choices) -> Path:
    """Make connectors/NAME with its locks; its path.

    RepositoryError for a bad name, for one that is taken, and if there is no index to lock from: nothing is made then.
    """
    with unfinished(repository, name) as folder:
        render(name, choices, folder)
        tidy([folder])
        lock(repository, Project(name, "connector", folder, import_name(name)))
    return repository.root / "connectors" / name


def create_from_description(
    repository: Repository, name: str, file: Path, tables: Sequence[str] = (), text: str = ""
) -> Selection:
    """Make connectors/NAME, with its locks, of an OpenAPI description: of these lists, or of the first few.

    RepositoryError as for `create`, and for a description that can't be used.
    """
    refuse(repository, name)
    described = document.read(file)
    with unfinished(repository, name) as folder:
        selection = making.make(described, name, tables, folder, text)
        tidy([folder])
        mark(folder / "practice.py")
        lock(repository, Project(name, "connector", folder, import_name(name)))
    return selection


def take_over(repository: Repository, name: str, source: Path) -> tuple[Path, bool]:
    """Make connectors/NAME of a folder written elsewhere; its path, and whether its exact versions could be kept.

    What isn't taken over and may be missed is printed.

    RepositoryError as for `create`, and with everything that keeps the folder from being taken over.
    """
    refuse(repository, name)
    found = importing.read(source)
    with unfinished(repository, name) as folder:
        importing.take_over(found, name, folder)
        tidy([folder])
        kept = _locked(repository, folder, name)
        if not kept:
            importing.require(folder, importing.loosened(found.requirements))
            lock(repository, Project(name, "connector", folder, import_name(name)))
    if found.left:
        print(
            f"{_left_behind(found)}\n    copy what the function reads to connectors/{name}/src/{import_name(name)}"
        )
    return repository.root / "connectors" / name, kept


def _left_behind(found: importing.Imported) -> str:
    shown = [path.relative_to(found.folder).as_posix() for path in found.left[:10]]
    more = f" and {len(found.left) - len(shown)} more" if len(found.left) > len(shown) else ""
    return f"Not taken over: {', '.join(shown)}{more}"


def _locked(repository: Repository, folder: Path, name: str) -> bool:
    try:
        lock(repository, Project(name, "connector", folder, import_name(name)))
    except RepositoryError:
        (folder / "requirements.txt").unlink(missing_ok=True)  # its pins would be kept
        return False
    return True


@contextmanager
def unfinished(repository: Repository, name: str) -> Iterator[Path]:
    """Where to make connector `name`: a path where nothing is yet, which then becomes connectors/NAME at once.

    After an error nothing is there; what a killed process left is removed by the next one. Others wait their turn.
    """
    refuse(repository, name)
    connectors = repository.root / "connectors"
    connectors.mkdir(exist_ok=True)
    folder = connectors / UNFINISHED
    with _alone(connectors):
        refuse(repository, name)  # another process may have made it meanwhile
        shutil.rmtree(folder, ignore_errors=True)
        try:
            yield folder
            folder.rename(connectors / name)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def lock(repository: Repository, project: Project) -> None:
    """Write the locks of a connector in the making. RepositoryError with uv's words if there is no solution."""
    final = repository.root / "connectors" / project.name
    for one in connector_locks(repository, project):
        header = replace(one, folder=final).header(repository.root)
        one.file.write_text(header + compiled(repository, one), "utf-8")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait until no other process makes a connector here. The lock ends with its holder, however that ends."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _import(repository: Repository, name: str, source: Path) -> int:
    path, kept = take_over(repository, name, source)
    print(f"{at(path, repository.root)} made from {source}")
    if not kept:
        print(
            "Its exact versions don't go together with what tests it: they are lower bounds now, in pyproject.toml."
        )
    print("\nWhat the contract says of it:\n", flush=True)
    try:
        run_tests(Repository(repository.root), name, ["-q", "--no-header"])
    except RepositoryError as error:
        print(
            f"\n{error}. It is taken over all the same; docs/plain-connectors.md goes through such a report."
        )
    print(next_steps(name))
    return 0


def _described(repository: Repository, name: str, file: Path, tables: Sequence[str], text: str) -> int:
    selection = create_from_description(repository, name, file, tables, text)
    readmes.update(Repository(repository.root), [name], check=False)
    others = f"; {len(selection.others)} more lists could be, see --tables" if selection.others else ""
    print(f"connectors/{name} made of {file}: {len(selection.tables)} tables{others}")
    print(f"What the description leaves open is in connectors/{name}/README.md, as questions.")
    print(next_steps(name))
    return 0


def main(arguments: list[str]) -> int:
    """Create the connector asked for."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    options = asked(arguments)
    repository = Repository(Path.cwd())
    if options.source is not None:
        return _import(repository, options.name, options.source)
    if options.openapi is not None:
        return _described(repository, options.name, options.openapi, options.tables, options.description)
    choices = Choices(AUTHS[options.auth], PAGES[options.pages], options.plain, options.description)
    path = create(repository, options.name, choices)
    print(f"{at(path, repository.root)} made\n{next_steps(options.name)}")
    return 0


if __name__ == "__main__":
    run_as_command(main)
