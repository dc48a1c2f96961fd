"""How connectors are named, and what a mistyped name was meant to be.

One name has four spellings: the folder, the distribution and the function keep its hyphens, while the import
and the dataset have underscores instead. So two names that differ only there would collide; hyphens it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches

from tools.repository.errors import RepositoryError

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")

LONGEST = 50
"""Google allows a function 63 characters; the rest is room for a suffix such as `-staging`."""


def name_problem(name: str) -> str | None:
    """What is wrong with a connector's name, in words that say how to fix it; None if nothing is."""
    if not name:
        return "a connector needs a name, such as `acme` or `acme-billing`"
    if len(name) > LONGEST:
        return f"`{name}` has {len(name)} characters; {LONGEST} is the most"
    if NAME.fullmatch(name):
        return None
    rule = "a name is lower-case letters and digits in words joined by single hyphens, starting with a letter"
    suggestion = respelt(name)
    return f"`{name}` can't be a connector's name: {rule}" + (f"; try `{suggestion}`" if suggestion else "")


def respelt(text: str) -> str | None:
    """The nearest text that is a name: `My_Source 2` -> `my-source-2`; None where there is none."""
    words = re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", text).lower())
    name = "-".join(words).lstrip("0123456789-")[:LONGEST].rstrip("-")
    return name if NAME.fullmatch(name) else None


def import_name(name: str) -> str:
    """The package a connector is imported as: `acme-billing` -> `connector_acme_billing`."""
    return "connector_" + name.replace("-", "_")


def distribution(name: str) -> str:
    """The distribution a connector is installed as: `acme` -> `fivetran-connector-acme`."""
    return f"fivetran-connector-{name}"


def dataset(name: str) -> str:
    """The destination schema a connector's tables land in: `acme-billing` -> `acme_billing_export`."""
    return name.replace("-", "_") + "_export"


def practice_schema(name: str) -> str:
    """The schema for rows of a connector's practice source, which never lie among real ones: `acme` -> `acme_practice`."""
    return name.replace("-", "_") + "_practice"


def normalized(name: str) -> str:
    """A distribution's name as indexes compare it: https://packaging.python.org/specifications/name-normalization."""
    return re.sub(r"[-_.]+", "-", name).lower()


def unknown(kind: str, name: str, known: Iterable[str]) -> RepositoryError:
    """The error for a name that isn't one of those known: the nearest match first, then the list."""
    names = sorted(known)
    hint = nearest(name, names)
    listed = (
        f" There {'are' if len(names) > 1 else 'is'}: {', '.join(names)}" if names else " There are none yet"
    )
    return RepositoryError(f"There is no {kind} `{name}`.{hint}{listed}")


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint to end a sentence with: ` Did you mean `timeout`?`; empty where nothing is near."""
    found = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" Did you mean `{found[0]}`?" if found else ""


def sessions_asked_for(arguments: Sequence[str]) -> Iterator[str]:
    """The names behind nox's `-s`: `["-s", "lint", "tests(acme)", "--", "x"]` -> lint, tests(acme)."""
    naming = False
    for argument in arguments:
        if argument == "--":
            return
        if argument.startswith("-"):
            naming = argument in ("-s", "-e", "--session", "--sessions")
        elif naming:
            yield argument


def require_known_sessions(asked: Iterable[str], sessions: Iterable[str], subjects: Iterable[str]) -> None:
    """Raise RepositoryError for a session or a subject that isn't there; nox itself would only repeat the name."""
    known, parameters = list(sessions), list(subjects)
    for name in asked:
        session, _, rest = name.partition("(")
        if session not in known:
            raise unknown("session", session, known)
        if rest and rest.removesuffix(")") not in parameters:
            raise unknown("connector or package", rest.removesuffix(")"), parameters)
