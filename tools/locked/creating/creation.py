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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tools.environments.locks import compiled, connector_locks
from tools.local.scaffolding import asked, next_steps, refuse
from tools.locked.creating.choices import AUTHS, PAGES, Choices
from tools.locked.creating.template_rendering import render, tidy
from tools.repository.errors import at, run_as_command
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


def main(arguments: list[str]) -> int:
    """Create the connector asked for."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    options = asked(arguments)
    repository = Repository(Path.cwd())
    choices = Choices(AUTHS[options.auth], PAGES[options.pages], options.plain, options.description)
    path = create(repository, options.name, choices)
    print(f"{at(path, repository.root)} made\n{next_steps(options.name)}")
    return 0


if __name__ == "__main__":
    run_as_command(main)
