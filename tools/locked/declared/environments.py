"""The environments of the root pyproject.toml: where deployments go, and by whose right.

Every mistake comes out at once, with its line, checked by the rules of Google and CircleCI, who will read the values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tools.locked.declared import fivetran_rules, google_rules
from tools.locked.declared.strict_yaml import Value
from tools.locked.declared.value_rules import Boolean, OneOf, Rule, Text, refusal, unknown_name
from tools.repository.errors import Problem, RepositoryError
from tools.repository.model import Repository, read_toml
from tools.repository.names import NAME, nearest

FILE = "pyproject.toml"
TABLE = "tool.fivetran-connectors.environments"
AUTHS = ("oidc", "key")

PROJECT = Text(
    google_rules.PROJECT,
    "a Google Cloud project's id (6 to 30 lower-case letters, digits and hyphens, starting with a letter; "
    "not its name or number)",
)
REGION = OneOf(google_rules.REGIONS[2], "a region of Google's")
SERVICE_ACCOUNT = Text(
    google_rules.SERVICE_ACCOUNT, "a service account's address, such as NAME@PROJECT.iam.gserviceaccount.com"
)
GROUP = Text(
    fivetran_rules.GROUP,
    "the id of a group at Fivetran, such as decent_dropsy (the destination's overview shows it)",
    fivetran_rules.MAX_GROUP,
)
NAME_OF_ONE = Text(NAME.pattern, "the name of an environment: lower-case words joined by hyphens")

REQUIRED: Mapping[str, Rule] = {
    "project": PROJECT,
    "region": REGION,
    "context": Text(
        google_rules.CONTEXT,
        "the name of a CircleCI context: letters, digits, spaces and . _ / : @ + -; no `<<`",
    ),
}
OPTIONAL: Mapping[str, Rule] = {
    "auth": OneOf(AUTHS),
    "service_account": SERVICE_ACCOUNT,
    "approval": Boolean(),
    "after": NAME_OF_ONE,
    "group": GROUP,
}
KEYS = {**REQUIRED, **OPTIONAL}


@dataclass(frozen=True)
class Environment:
    """Where deployments go: a Google project and region, and the CircleCI context with the right to deploy there.

    `auth` is `oidc` (CircleCI's identity token, no key anywhere) or `key` (a service account's key in the context);
    `service_account`, if given, is who the functions run as. With `approval` a person releases the deploys in
    CircleCI; `after` names the environment whose deploys of the same connector go first; `group` is the id of the group
    at Fivetran whose destination its connections load into.
    """

    name: str
    project: str
    region: str
    context: str
    auth: str = "oidc"
    service_account: str | None = None
    approval: bool = False
    after: str | None = None
    group: str = ""


def environments(repository: Repository) -> Mapping[str, Environment]:
    """The environments by name. RepositoryError lists every key that is missing, unknown or not what Google takes."""
    path = repository.root / FILE
    lines = path.read_text("utf-8", errors="replace").splitlines() if path.is_file() else []
    tables = _tables(read_toml(path), lines)
    problems = list(_problems(tables, lines))
    if problems:
        raise RepositoryError(problems)
    found = {name: Environment(name, **table) for name, table in tables.items()}
    if wrong := list(_order_problems(found, lines)):
        raise RepositoryError(wrong)
    return found


def _tables(document: Mapping[str, Any], lines: list[str]) -> Mapping[str, Any]:
    """The table of environments; RepositoryError if something else stands in its place."""
    found: Any = document
    for depth, key in enumerate(TABLE.split("."), 1):
        found = found.get(key, {})
        if not isinstance(found, dict):
            where = f"{FILE}:{_line(lines, '', key)}"
            name = ".".join(TABLE.split(".")[:depth])
            raise RepositoryError([Problem(where, f"{name} must be a table, not {Value(found, 1)}")])
    return dict(found)


def _problems(tables: Mapping[str, Any], lines: list[str]) -> Iterator[Problem]:
    for name, table in tables.items():
        if not NAME.fullmatch(name):
            wrong = refusal("an environment's name", NAME_OF_ONE, Value(name, 1))
            yield Problem(_where(lines, name), f"{wrong}")
        if not isinstance(table, dict):
            yield Problem(_where(lines, name), f"an environment must be a table, not {Value(table, 1)}")
            continue
        for key in sorted(REQUIRED.keys() - table.keys()):
            yield Problem(_where(lines, name), f"{key} is missing. It must be {REQUIRED[key].words}")
        for key, data in table.items():
            wrong = refusal(key, KEYS[key], Value(data, 1)) if key in KEYS else unknown_name(key, KEYS)
            if wrong:
                yield Problem(_where(lines, name, key), wrong)


def _order_problems(found: Mapping[str, Environment], lines: list[str]) -> Iterator[Problem]:
    """What is wrong with who comes after whom: an environment that isn't there, or a circle."""
    for one in found.values():
        if one.after is not None and one.after not in found:
            there_is = f"There {'are' if len(found) > 1 else 'is'}: {', '.join(found)}"
            what = f"after: there is no environment {one.after!r}.{nearest(one.after, found)} {there_is}"
            yield Problem(_where(lines, one.name, "after"), what)
        elif circle := _circle(found, one):
            yield Problem(
                _where(lines, one.name, "after"),
                f"after leads round in a circle, so that none could be first: {' after '.join(circle)}",
            )


def _circle(found: Mapping[str, Environment], start: Environment) -> list[str]:
    """The environments from `start` back to `start`; empty if the way ends, or ends elsewhere."""
    way = [start.name]
    while (after := found[way[-1]].after) is not None and after in found:
        if after == start.name:
            return [*way, after]
        if after in way:
            return []  # said where the circle is
        way.append(after)
    return []


def _where(lines: list[str], environment: str, key: str = "") -> str:
    shown = environment if NAME.fullmatch(environment) else repr(environment)
    return f"{FILE}:{_line(lines, environment, key)}: {TABLE}.{shown}"


def _line(lines: list[str], environment: str, key: str) -> int:
    """The line of an environment's key, or of its header: tomllib tells no lines, so they are looked for. Else 1."""
    header, name = 1, re.escape(environment)
    inside = not environment
    for number, text in enumerate(lines, 1):
        if re.match(rf"\s*\[{re.escape(TABLE)}\.[\"']?{name}[\"']?\s*\]", text):
            inside, header = True, number
        elif re.match(r"\s*\[", text) and environment:
            inside = False
        if inside and key and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[=.]", text):
            return number
    return header
