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
    parser.add_argument("--auth", choices=AUTHS, help="how the source knows its caller; bearer if not said")
    parser.add_argument("--pages", choices=PAGES, help="how it pages; token if not said")
    parser.add_argument("--plain", action="store_true", help="written by hand, without the runtime")
    parser.add_argument("--description", metavar="TEXT", default="", help="a sentence about the source")
    parser.add_argument(
        "--from",
        dest="source",
        type=Path,
        metavar="FOLDER",
        help="import this folder: main.py, requirements.txt, tests",
    )
    parser.add_argument(
        "--openapi", type=Path, metavar="FILE", help="make it of this OpenAPI description, JSON or YAML"
    )
    parser.add_argument(
        "--tables", type=_names, metavar="A,B", default=(), help="with --openapi: these lists and no others"
    )
    options = parser.read(arguments)
    _require_fitting(options)
    options.auth, options.pages = options.auth or "bearer", options.pages or "token"
    if not options.description.isprintable():
        raise RepositoryError("--description is one line of text, without tabs or other control characters")
    return options


def _names(text: str) -> tuple[str, ...]:
    """The names in `a,b`, each once."""
    return tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def _require_fitting(options: argparse.Namespace) -> None:
    """Raise RepositoryError for options that don't go with --openapi, or only with it."""
    if options.openapi is None:
        if options.tables:
            raise RepositoryError("--tables chooses lists of a description: it goes with --openapi FILE")
        return
    others = {
        "--auth": options.auth,
        "--pages": options.pages,
        "--plain": options.plain,
        "--from": options.source,
    }
    if given := [name for name, value in others.items() if value]:
        raise RepositoryError(f"{' and '.join(given)} can't be said with --openapi: the description has it")


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
    nox -s try -- {name}           see its first rows, from connectors/{name}/practice.py; after each change
    edit connectors/{name}/src/{import_name(name)}/__init__.py and practice.py, then:
    nox -s update -- {name}        its README's tables, from the code; and then nox -s tests -- {name}
    nox -s ci_config               give it a test job; three lines in deploy.yaml deploy it"""
