"""How a client shows who it is.

Credentials are put on each request just before it is sent, and only for the client's own host: a redirect to
another one never carries them.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Protocol

from fivetran_runtime.config import Secret


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


def credentials_of(auth: Auth) -> Iterator[str]:
    """The texts that say who asks, as they are and as they were before they were encoded."""
    yield from auth.query().values()
    for value in auth.headers().values():
        yield value
        scheme, _, token = value.partition(" ")
        if token:
            yield token
        if scheme == "Basic":
            yield from _pair(token)


def _pair(token: str) -> Iterator[str]:
    try:
        yield base64.b64decode(token).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return
