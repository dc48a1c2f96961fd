"""New connectors in a test's copy of the repository, with locks where asked for."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from tools.locked.creating.baking import Locks
from tools.locked.creating.choices import Choices
from tools.locked.creating.creation import unfinished
from tools.locked.creating.template_rendering import render, tidy
from tools.repository.model import Repository


def make(repository: Repository, name: str, choices: Choices | None = None) -> Path:
    """A new connector without its locks."""
    with unfinished(repository, name) as folder:
        render(name, choices or Choices(), folder)
        tidy([folder])
    return repository.root / "connectors" / name


@cache
def locks(repository_root: Path) -> Locks:
    """What locks connectors of a repository; each set of requirements is resolved once. Needs an index."""
    return Locks(Repository(repository_root))
