"""OAuth2: access tokens that are fetched, kept until shortly before they expire, and fetched again after a 401."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from decimal import Decimal

from fivetran_runtime._invocation.clock import clock
from fivetran_runtime._invocation.context import running
from fivetran_runtime.config import Secret
from fivetran_runtime.errors import ConfigurationError
from fivetran_runtime.http.client import Client


class _AccessToken:
    """A bearer token that is fetched, kept until shortly before it expires, and fetched again after a 401."""

    _EARLY_SECONDS = 30

    def __init__(self, url: str, form: Mapping[str, str]) -> None:
        self._client = Client(url)
        self._form = form
        self._lock = threading.Lock()
        self._token: str | None = None
        self._expires = 0.0

    def headers(self) -> Mapping[str, str]:
        with self._lock:  # several threads of a table may ask at once
            if self._token is None or clock().monotonic() >= self._expires:
                self._token = self._fetch()
            return {"Authorization": f"Bearer {self._token}"}

    def query(self) -> Mapping[str, str]:
        return {}

    def renew(self) -> bool:
        fetched, self._token = self._token, None
        return fetched is not None

    def _fetch(self) -> str:
        answer = self._client.post("", form=self._form, idempotent=True)
        token = answer.get("access_token") if isinstance(answer, dict) else None
        if not isinstance(token, str) or not token:
            raise ConfigurationError(
                f"{self._client.url} gave no access_token.", hint="Check the OAuth2 settings."
            )
        running().redactor.add(token)
        seconds = _seconds(answer.get("expires_in"))
        self._expires = clock().monotonic() + max(0.0, seconds - self._EARLY_SECONDS)
        return token


def _seconds(lifetime: object) -> float:
    """How long a token holds; five minutes where the server does not say."""
    try:
        seconds = float(lifetime) if isinstance(lifetime, int | float | Decimal | str) else 0.0
    except ValueError:
        seconds = 0.0
    return seconds if 0 < seconds < _YEAR else 300.0


_YEAR = 366 * 86_400.0


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
