"""What a connector needs to be a Fivetran function: tables as generators, the rest is done here.

Everything below is public and documented; what is not listed may change in any release.
"""

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
from fivetran_runtime.http.keysets import Keyset
from fivetran_runtime.http.oauth import ClientCredentials, FetchedToken, RefreshToken
from fivetran_runtime.http.offsets import Offset, PageNumber
from fivetran_runtime.http.tokens import NextLink, PageToken
from fivetran_runtime.operations import At, Children, Delete, Keep, Row, Skip
from fivetran_runtime.tables import Table

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
