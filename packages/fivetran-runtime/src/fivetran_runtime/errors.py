"""What can go wrong, grouped by who acts next.

    ConnectorError
    ├── ConfigurationError   a person changes the secrets, the permissions or the deployment
    ├── TransientError       nobody: the source was not well, the next sync goes on from the same place
    │   └── ExpiredError       the source no longer knows a position or a kept value: the pass begins again
    └── DefectError          whoever maintains the connector (or this runtime)
        ├── DeclarationError   a table or connector is declared wrongly, seen when it is imported
        └── StateError         the state Fivetran sent cannot be read by this release

Any other exception that leaves a connector is reported as a `DefectError`. An error's text may be shown to
people and stored by Fivetran: it names tables, columns, keys and addresses, never a secret.
"""

from __future__ import annotations


class ConnectorError(Exception):
    """A failed invocation.

    Args:
        message: what happened and where, in a sentence or two.
        hint: what to do about it; empty when the message says it already.
        status: the HTTP status the source answered with, when that is what happened.
        cause: what happened, without where: the same for all tables that meet it.
    """

    kind = "error"

    def __init__(self, message: str, *, hint: str = "", status: int | None = None, cause: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.status = status
        self.cause = cause

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class ConfigurationError(ConnectorError):
    """The secrets, the permissions at the source, or the deployment have to be changed by a person."""

    kind = "configuration"


class TransientError(ConnectorError):
    """The source did not answer as it should; the next sync resumes from the same state."""

    kind = "transient"


class ExpiredError(TransientError):
    """The source no longer knows the token it was asked with, and says so otherwise than by 400, 404, 410 or 422.

    The table's pass begins again: without what was kept (`keeps=`), or from its first page.
    """


class DefectError(ConnectorError):
    """The connector, or this runtime, is wrong; only a new release helps."""

    kind = "bug"


class DeclarationError(DefectError):
    """A connector or table is declared in a way that cannot work; raised while the module is imported."""


class StateError(DefectError):
    """The state in the request was not written by this connector, or by a newer release of it."""


SEVEREST_FIRST: tuple[type[ConnectorError], ...] = (ConfigurationError, DefectError, TransientError)
"""The order in which several tables' failures compete to name the failed sync: what a person can fix first."""
