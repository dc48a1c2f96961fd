"""What a new connector may be, and what to do with it: the part that needs no template engine."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from tools.repository.arguments import Arguments
from tools.repository.errors import RepositoryError, at
from tools.repository.examples import EXAMPLES
from tools.repository.model import TOOLS, Repository
from tools.repository.names import import_name, name_problem

AUTHS = ("bearer", "basic", "key", "oauth2", "none")
"""How a source knows its caller."""

PAGES = ("offset", "page", "token", "link", "keyset", "none")
"""How a source pages."""


def asked(arguments: Sequence[str]) -> argparse.Namespace:
    """What `create` was called with. RepositoryError for what it does not know, and for what does not go together."""
    parser = Arguments("create")
    parser.add_argument("name", metavar="NAME", help="the source's name, such as acme-billing")
    parser.add_argument("--auth", choices=AUTHS, default="bearer", help="how the source knows its caller")
    parser.add_argument("--pages", choices=PAGES, default="token", help="how it pages")
    parser.add_argument("--plain", action="store_true", help="written by hand, without the runtime")
    parser.add_argument("--description", metavar="TEXT", default="", help="a sentence about the source")
    parser.add_argument(
        "--from",
        dest="source",
        type=Path,
        metavar="FOLDER",
        help="import this folder: main.py, requirements.txt, tests",
    )
    options = parser.read(arguments)
    if not options.description.isprintable():
        raise RepositoryError("--description is one line of text, without tabs or other control characters")
    return options


def refuse(repository: Repository, name: str) -> None:
    """Raise RepositoryError if there can be no new connector of this name."""
    if wrong := name_problem(name):
        raise RepositoryError(wrong)
    path = repository.root / "connectors" / name
    if path.exists():
        raise RepositoryError(
            f"{at(path, repository.root)} exists already; choose another name or remove the folder"
        )
    if name in {TOOLS, EXAMPLES, *repository.packages}:
        raise RepositoryError(f"`{name}` is taken: `nox -s tests -- {name}` already means something")


def next_steps(name: str) -> str:
    """What to do with a new connector."""
    return f"""
Next:
    nox -s sync -- {name}          see it run, against the rows of connectors/{name}/practice.py
    edit connectors/{name}/src/{import_name(name)}/__init__.py and practice.py, then: nox -s tests -- {name}
    nox -s ci_config               give it a test job; three lines in deploy.yaml deploy it"""
