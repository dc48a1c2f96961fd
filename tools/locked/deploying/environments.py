"""The environments of the root pyproject.toml: where deployments go, and by whose right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tools.repository.errors import Problem, RepositoryError
from tools.repository.model import Repository, read_toml
from tools.repository.names import nearest

AUTHS = ("oidc", "key")


@dataclass(frozen=True)
class Environment:
    """Where deployments go: a Google project and region, and the CircleCI context with the right to deploy there.

    `auth` is `oidc` (CircleCI's identity token, no key anywhere) or `key` (a service account's key in the context);
    `service_account`, if given, is who the functions run as. With `approval` a person releases each deploy in
    CircleCI; `after` names the environment whose deploys of the same connector go first.
    """

    name: str
    project: str
    region: str
    context: str
    auth: str = "oidc"
    service_account: str | None = None
    approval: bool = False
    after: str | None = None


def environments(repository: Repository) -> Mapping[str, Environment]:
    """The environments by name. RepositoryError lists every key that is missing, unknown or of the wrong type."""
    where = "pyproject.toml"
    tables = (
        read_toml(repository.root / where)
        .get("tool", {})
        .get("fivetran-connectors", {})
        .get("environments", {})
    )
    fields = {"project": True, "region": True, "context": True, "auth": False, "service_account": False}
    fields |= {"approval": False, "after": False}
    problems: list[Problem] = []
    found = {}
    for name, table in tables.items():
        shown = f"{where}: [tool.fivetran-connectors.environments.{name}]"
        wrong = [f"`{key}` is missing" for key, needed in fields.items() if needed and key not in table]
        wrong += [f"what is `{key}`?{nearest(key, fields)}" for key in table if key not in fields]
        wrong += [
            f"`{key}` must be text"
            for key, value in table.items()
            if not isinstance(value, bool if key == "approval" else str)
        ]
        if table.get("auth", "oidc") not in AUTHS:
            wrong.append(f"`auth` is one of {', '.join(AUTHS)}")
        problems += [Problem(shown, what) for what in wrong]
        if not wrong:
            found[name] = Environment(name, **table)
    if problems:
        raise RepositoryError(problems)
    return found
