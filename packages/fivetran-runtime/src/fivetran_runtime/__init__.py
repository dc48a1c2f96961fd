"""What a connector needs to be a Fivetran function: tables as generators, the rest is done here.

Everything below is public and documented; what is not listed may change in any release.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from fivetran_runtime._invocation.logs import warn
from fivetran_runtime.config import Config, Secret
from fivetran_runtime.connector import Connector
from fivetran_runtime.errors import (
    ConfigurationError,
    ConnectorError,
    DefectError,
    ExpiredError,
    TransientError,
)
from fivetran_runtime.http._places import Header
from fivetran_runtime.http.auth import Auth, Basic, Bearer, HeaderKey, OutgoingRequest, QueryKey
from fivetran_runtime.http.client import Client
from fivetran_runtime.operations import At, Children, Delete, Keep, Row, Skip
from fivetran_runtime.tables import Table

if TYPE_CHECKING:
    from fivetran_runtime.http.keysets import Keyset
    from fivetran_runtime.http.oauth import ClientCredentials, FetchedToken, RefreshToken
    from fivetran_runtime.http.offsets import Offset, PageNumber
    from fivetran_runtime.http.tokens import NextLink, PageToken

__all__ = [
    "At",
    "Auth",
    "Basic",
    "Bearer",
    "Children",
    "Client",
    "ClientCredentials",
    "Config",
    "ConfigurationError",
    "Connector",
    "ConnectorError",
    "DefectError",
    "Delete",
    "ExpiredError",
    "FetchedToken",
    "Header",
    "HeaderKey",
    "Keep",
    "Keyset",
    "NextLink",
    "Offset",
    "OutgoingRequest",
    "PageNumber",
    "PageToken",
    "QueryKey",
    "RefreshToken",
    "Row",
    "Secret",
    "Skip",
    "Table",
    "TransientError",
    "warn",
]
__version__ = "0.1.0"

_ON_DEMAND = {
    "ClientCredentials": "oauth",
    "FetchedToken": "oauth",
    "Keyset": "keysets",
    "NextLink": "tokens",
    "Offset": "offsets",
    "PageNumber": "offsets",
    "PageToken": "tokens",
    "RefreshToken": "oauth",
}
"""What a connector uses one or two of, to the module of `http` it is loaded from when it is imported (PEP 562)."""


def __getattr__(name: str) -> object:
    if name not in _ON_DEMAND:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{__name__}.http.{_ON_DEMAND[name]}"), name)
    globals()[name] = found  # the next use does not come here
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
