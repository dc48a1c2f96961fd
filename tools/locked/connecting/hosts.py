"""What a connection is of: a function at Google, or a package of the Connector SDK at Fivetran.

The two differ in the service's name and in a part of the configuration; what a connection goes through is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from tools.locked.connecting.secrets_file import Secrets
from tools.locked.fivetran.answers import Json
from tools.locked.fivetran.api import FivetranApi
from tools.locked.fivetran.connection import SERVICES, Connection
from tools.locked.fivetran.packages import SHOWN, Archive, digest_at_fivetran, replace, uploaded


class Host(Protocol):
    """Where the connector of a connection runs."""

    @property
    def service(self) -> str:
        """Fivetran's name of the kind of connection."""

    @property
    def place(self) -> Mapping[str, str]:
        """What says where the connector is, by its key in the configuration; shown to people."""

    def secrets(self, secrets: Secrets, existing: Connection | None) -> Json:
        """The secrets as a part of the configuration."""

    def changes(self, api: FivetranApi, existing: Connection | None) -> list[str]:
        """What has to be changed beside the connection, as lines."""

    def prepare(self, api: FivetranApi, existing: Connection | None) -> Json:
        """Change it; the part of the configuration that is known only then."""

    def failing(self, existing: Connection) -> str:
        """What to look at when the setup test fails, beyond its own messages."""


@dataclass(frozen=True)
class FunctionHost:
    """A Cloud Function, called at `trigger`; `grant` is the command that lets an account call it, `{account}` in it.

    https://fivetran.com/docs/connectors/functions/google-cloud-functions/api-configuration.
    """

    trigger: str
    grant: str
    service: str = SERVICES["function"]

    @property
    def place(self) -> Mapping[str, str]:
        """Its address."""
        return {"function_trigger": self.trigger}

    def secrets(self, secrets: Secrets, existing: Connection | None) -> Json:
        """As a list; a connection that has them as one text of JSON, which older ones do, keeps that form."""
        if existing and existing.config.get("secrets") and not existing.secret_keys:
            return {"secrets": secrets.as_json}
        return {"secrets_list": secrets.listed}

    def changes(self, api: FivetranApi, existing: Connection | None) -> list[str]:
        """None: deploying is `nox -s deploy`'s."""
        return []

    def prepare(self, api: FivetranApi, existing: Connection | None) -> Json:
        """Nothing."""
        return {}

    def failing(self, existing: Connection) -> str:
        """Whom the function has to let in."""
        account = existing.config.get("service_account_email")
        if not account:
            return ""
        return (
            f"Fivetran calls it as {account}; if it isn't let in:\n    {self.grant.format(account=account)}"
        )


@dataclass(frozen=True)
class SdkHost:
    """A package at Fivetran, on a Python of Fivetran's.

    That of `package`, its id; or the connection's own, with `archive` in it where one is given. `make` makes the one that a
    new connection gets otherwise.

    https://fivetran.com/docs/rest-api/api-reference/connector-sdk.
    """

    python_version: str
    make: Callable[[], Archive] = field(repr=False)
    package: str = ""
    archive: Archive | None = None
    service: str = SERVICES["connector_sdk"]

    @property
    def place(self) -> Mapping[str, str]:
        """The package, where its id is known beforehand, and its Python."""
        known = {"package_id": self.package} if self.package else {}
        return {**known, "python_version": self.python_version}

    def secrets(self, secrets: Secrets, existing: Connection | None) -> Json:
        """As a list, the only form there is."""
        return {"secrets_list": secrets.listed}

    def changes(self, api: FivetranApi, existing: Connection | None) -> list[str]:
        """The upload, where Fivetran doesn't have the archive's content yet. RepositoryError if there is nothing to run."""
        if existing is None:
            return [] if self.package else [f"package: {self._archive()}, uploaded"]
        if self.archive is None:
            return []
        package = str(existing.config.get("package_id", ""))
        there = digest_at_fivetran(api, package)
        if there == self.archive.digest:
            return []
        return [f"package {package}: sha256 {there[:SHOWN] or 'unknown'} -> {self.archive}"]

    def prepare(self, api: FivetranApi, existing: Connection | None) -> Json:
        """Upload the archive, or give the connection's package its content."""
        if existing is None:
            return {} if self.package else {"package_id": uploaded(api, self._archive())}
        if self.archive is not None and self.changes(api, existing):
            replace(api, str(existing.config["package_id"]), self.archive)
        return {}

    def _archive(self) -> Archive:
        """The one that was given, else this clone's: only a new connection gets that unasked, then it is deploying's."""
        return self.archive or self.make()

    def failing(self, existing: Connection) -> str:
        """Its log is at Fivetran."""
        return "what the connector logged is in the connection's logs at Fivetran"
