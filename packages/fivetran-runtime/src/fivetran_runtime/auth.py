"""How a client shows who it is.

Credentials are put on each request just before it is sent, and only for the client's own host: a redirect to
another one never carries them.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from fivetran_runtime.clock import clock
from fivetran_runtime.config import Secret
from fivetran_runtime.errors import ConfigurationError
from fivetran_runtime.invocation import running

if TYPE_CHECKING:
    from fivetran_runtime.client import Client


class Auth(Protocol):
    """Headers and query parameters that identify the client."""

    def headers(self) -> Mapping[str, str]:
        """Headers to add to a request."""

    def query(self) -> Mapping[str, str]:
        """Query parameters to add to a request; they are left out of every message."""

    def renew(self) -> bool:
        """After a 401: forget what was refused; true when another try makes sense."""


class _Fixed:
    """Credentials that never change."""

    def headers(self) -> Mapping[str, str]:
        return {}

    def query(self) -> Mapping[str, str]:
        return {}

    def renew(self) -> bool:
        return False


class Anonymous(_Fixed):
    """No credentials."""


class Bearer(_Fixed):
    """`Authorization: Bearer TOKEN`."""

    def __init__(self, token: Secret) -> None:
        self._token = token

    def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self._token.reveal()}"}


class Basic(_Fixed):
    """`Authorization: Basic`, from a user name and a password, in UTF-8 (RFC 7617)."""

    def __init__(self, user: str | Secret, password: Secret) -> None:
        self._user = user.reveal() if isinstance(user, Secret) else user
        self._password = password

    def headers(self) -> Mapping[str, str]:
        pair = f"{self._user}:{self._password.reveal()}".encode()
        return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}


class HeaderKey(_Fixed):
    """A key in a header of the source's choosing, e.g. `HeaderKey("X-Api-Key", config.key)`."""

    def __init__(self, name: str, key: Secret) -> None:
        self._name = name
        self._key = key

    def headers(self) -> Mapping[str, str]:
        return {self._name: self._key.reveal()}


class QueryKey(_Fixed):
    """A key in the query, for sources that take it nowhere else; it ends up in the source's access log."""

    def __init__(self, name: str, key: Secret) -> None:
        self._name = name
        self._key = key

    def query(self) -> Mapping[str, str]:
        return {self._name: self._key.reveal()}


class _AccessToken:
    """A bearer token that is fetched, kept until shortly before it expires, and fetched again after a 401."""

    _EARLY_SECONDS = 30

    def __init__(self, url: str, form: Mapping[str, str]) -> None:
        from fivetran_runtime.client import Client  # noqa: PLC0415 - a client has an auth, and this auth a client

        self._client: Client = Client(url)
        self._form = form
        self._token: str | None = None
        self._expires = 0.0

    def headers(self) -> Mapping[str, str]:
        if self._token is None or clock().monotonic() >= self._expires:
            self._token = self._fetch()
        return {"Authorization": f"Bearer {self._token}"}

    def query(self) -> Mapping[str, str]:
        return {}

    def renew(self) -> bool:
        fetched, self._token = self._token, None
        return fetched is not None

    def _fetch(self) -> str:
        answer = self._client.post("", form=self._form, repeat=True)
        token = answer.get("access_token") if isinstance(answer, dict) else None
        if not isinstance(token, str) or not token:
            raise ConfigurationError(
                f"{self._client.url} gave no access_token.", hint="Check the OAuth2 settings."
            )
        running().redactor.add(token)
        lifetime = answer.get("expires_in")
        seconds = float(lifetime) if isinstance(lifetime, int | float | str) and lifetime else 300.0
        self._expires = clock().monotonic() + max(0.0, seconds - self._EARLY_SECONDS)
        return token


class ClientCredentials(_AccessToken):
    """OAuth2 client credentials (RFC 6749, 4.4): an id and a secret are exchanged for an access token."""

    def __init__(self, url: str, *, client_id: str, client_secret: Secret, scope: str | None = None) -> None:
        form = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": client_secret.reveal(),
        }
        super().__init__(url, form | ({"scope": scope} if scope else {}))


class RefreshToken(_AccessToken):
    """OAuth2 refresh token (RFC 6749, 6): a long-lived token is exchanged for an access token.

    For sources whose refresh token stays valid: a function has nowhere safe to keep a new one.
    """

    def __init__(self, url: str, *, client_id: str, client_secret: Secret, refresh_token: Secret) -> None:
        super().__init__(
            url,
            {
                "grant_type": "refresh_token",
                "client_id": client_id,
                "client_secret": client_secret.reveal(),
                "refresh_token": refresh_token.reveal(),
            },
        )
