"""Where a new connector may be made, and what to do with it: the part that needs no template engine."""

from __future__ import annotations

from tools.repository.errors import RepositoryError, at
from tools.repository.model import TOOLS, Repository
from tools.repository.names import import_name, name_problem


def refuse(repository: Repository, name: str) -> None:
    """Raise RepositoryError if there can be no new connector of this name."""
    if wrong := name_problem(name):
        raise RepositoryError(wrong)
    path = repository.root / "connectors" / name
    if path.exists():
        raise RepositoryError(
            f"{at(path, repository.root)} exists already; choose another name or remove the folder"
        )
    if name in {TOOLS, *repository.packages}:
        raise RepositoryError(f"`{name}` is taken: `nox -s tests -- {name}` already means something")


def next_steps(name: str) -> str:
    """What to do with a new connector."""
    return f"""
Next:
    nox -s sync -- {name}          see it run, against the rows of connectors/{name}/practice.py
    edit connectors/{name}/src/{import_name(name)}/__init__.py and practice.py, then: nox -s tests -- {name}
    nox -s ci_config               give it a test job; three lines in deploy.yaml deploy it"""
