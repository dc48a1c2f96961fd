"""A connection as Fivetran shows it, and the one that belongs to a deployment: that of its schema in its group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tools.locked.declared.deployments import FILE, Deployment
from tools.locked.fivetran.answers import ApiError, Json
from tools.locked.fivetran.api import FivetranApi
from tools.repository.errors import Problem, RepositoryError

SERVICES = {"function": "google_cloud_function", "connector_sdk": "connector_sdk"}
"""By host, as deploy.yaml names it: Fivetran's name of the kind of connection."""

CONNECTED = "connected"
MASK = "*"
"""Fivetran shows a secret as a row of these."""


@dataclass(frozen=True)
class Connection:
    """One of Fivetran's answers. `setup_state` is `connected` after a passed setup test; `config` has secrets masked."""

    id: str
    service: str
    schema: str
    paused: bool
    schedule_type: str
    setup_state: str
    sync_state: str
    succeeded_at: str
    failed_at: str
    config: Mapping[str, Any] = field(hash=False, repr=False)
    alerts: tuple[str, ...] = ()

    @classmethod
    def read(cls, data: Json) -> Connection:
        """An answer's `data`."""
        status, config = _object(data.get("status")), _object(data.get("config"))
        alerts = [one for kind in ("tasks", "warnings") for one in _objects(status.get(kind))]
        return cls(
            id=str(data["id"]),
            service=str(data["service"]),
            schema=str(data["schema"]),
            paused=bool(data["paused"]),
            schedule_type=str(data.get("schedule_type", "")),
            setup_state=str(status.get("setup_state", "")),
            sync_state=str(status.get("sync_state", "")),
            succeeded_at=str(data.get("succeeded_at") or ""),
            failed_at=str(data.get("failed_at") or ""),
            config=config,
            alerts=tuple(str(one.get("message") or one.get("code") or one) for one in alerts),
        )

    @property
    def has_synced(self) -> bool:
        """Whether a sync has ever ended, well or not."""
        return bool(self.succeeded_at or self.failed_at)

    def shown(self, key: str) -> str | None:
        """A setting of its configuration, None where Fivetran shows none or a mask."""
        value = self.config.get(key)
        return value if isinstance(value, str) and value.strip(MASK) else None

    @property
    def secret_keys(self) -> list[str] | None:
        """The keys of its secrets, None where Fivetran doesn't list them."""
        listed = self.config.get("secrets_list")
        if not isinstance(listed, list):
            return None
        return [str(one["key"]) for one in listed if isinstance(one, dict) and "key" in one]


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def find(api: FivetranApi, one: Deployment) -> Connection | None:
    """The connection of a deployment's schema; None if the schema is free.

    RepositoryError if the group isn't known, or the schema is that of a connection of another service.
    """
    try:
        found = [
            data for data in api.connections(require_group(one), one.schema) if data["schema"] == one.schema
        ]
    except ApiError as error:
        if error.status == 404:
            raise _unknown_group(one, error) from error
        raise
    for data in found:
        if data["service"] != SERVICES[one.host]:
            raise _taken(one, f"by {data['id']}, a connection of the service {data['service']}")
    return Connection.read(api.connection(found[0]["id"])) if found else None


def require_group(one: Deployment) -> str:
    """The group that a deployment's connection is in. RepositoryError if none is declared."""
    if one.group:
        return one.group
    raise RepositoryError(
        [
            Problem(
                f"{FILE}:{one.line}: {one.key}",
                "no group says which destination its connection loads into",
                f'write `group = "ID"` to the environment {one.environment} in pyproject.toml, or `group: ID` here; '
                "Fivetran shows the ID in the destination's overview",
            )
        ]
    )


def created(api: FivetranApi, one: Deployment, body: Json) -> Connection:
    """The connection, made. RepositoryError where Fivetran refuses, with what to change."""
    try:
        return Connection.read(api.create(body))
    except ApiError as error:
        if error.status == 404:
            raise _unknown_group(one, error) from error
        if error.status == 409 or (error.status == 400 and "schema" in error.said.lower()):
            raise _taken(one, f"so Fivetran says: {error.said}") from error
        if error.status == 400:
            raise RepositoryError(
                f"{error}\n    the group {one.group} takes no connection as it is: look at its destination in Fivetran"
            ) from error
        raise


def _unknown_group(one: Deployment, error: ApiError) -> RepositoryError:
    return RepositoryError(
        [
            Problem(
                f"{FILE}:{one.line}: {one.key}",
                f"Fivetran has no group {one.group}, or none that this key sees ({error.said or error.status})",
                "take the ID from the destination's overview in Fivetran, or a key of its account",
            )
        ]
    )


def _taken(one: Deployment, how: str) -> RepositoryError:
    return RepositoryError(
        [
            Problem(
                f"{FILE}:{one.line}: {one.key}",
                f"the schema {one.schema} is taken in the group {one.group}, {how}",
                "give this one another `schema`, for a connection keeps its own for ever; or delete the other connection",
            )
        ]
    )
