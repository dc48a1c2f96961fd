"""Who may ask: the ways an API recognises its caller, as small rules a `Source` applies to every request.

A rule refuses with 401 unless it says otherwise; Bugzilla, for one, answers 400 to a wrong key, and a connector that
only knows 401 would call that an outage.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Protocol

from werkzeug.wrappers import Request

from fivetran_emulator.practice.errors import Refusal


class Access(Protocol):
    """Anything that looks at a request before it is answered."""

    def check(self, request: Request) -> None:
        """Return for a caller who may ask; raise `Refusal` for one who may not."""


@dataclass(frozen=True)
class Bearer:
    """``Authorization: Bearer <token>``."""

    token: str = field(repr=False)
    status: int = 401

    def check(self, request: Request) -> None:
        """Refuse a request without this very token."""
        given = request.authorization
        if given is None or given.type != "bearer" or given.token != self.token:
            raise Refusal(self.status, "the access token is missing or wrong")


@dataclass(frozen=True)
class Basic:
    """``Authorization: Basic``, a user and a password."""

    user: str
    password: str = field(repr=False)
    status: int = 401

    def check(self, request: Request) -> None:
        """Refuse a request without this user and password."""
        given = request.authorization
        if given is None or (given.username, given.password) != (self.user, self.password):
            raise Refusal(self.status, "the user or the password is wrong")


@dataclass(frozen=True)
class HeaderKey:
    """A key in a header of its own, such as ``X-Api-Key``."""

    header: str
    key: str = field(repr=False)
    status: int = 401

    def check(self, request: Request) -> None:
        """Refuse a request whose header is missing or wrong."""
        if request.headers.get(self.header) != self.key:
            raise Refusal(self.status, f"the header {self.header} is missing or wrong")


@dataclass(frozen=True)
class QueryKey:
    """A key among the query's parameters, such as ``?api_key=``."""

    param: str
    key: str = field(repr=False)
    status: int = 401

    def check(self, request: Request) -> None:
        """Refuse a request whose parameter is missing or wrong."""
        if request.args.get(self.param) != self.key:
            raise Refusal(self.status, f"the parameter {self.param} is missing or wrong")


@dataclass(frozen=True)
class ClientCredentials:
    """OAuth2 client credentials (RFC 6749, 4.4): POST `path` trades the id and the secret, in a form, for a bearer token."""

    client_id: str
    client_secret: str = field(repr=False)
    path: str = "/oauth/token"
    seconds: int = 3600
    status: int = 401

    def check(self, request: Request) -> None:
        """Refuse a request without the token."""
        Bearer(self._token, self.status).check(request)

    def answer(self, request: Request) -> object | None:
        """The token, for a request that asks for one; None for any other. `Refusal` for a wrong id or secret."""
        if (request.method, request.path) != ("POST", self.path):
            return None
        form = request.form
        if form.get("grant_type") != "client_credentials":
            raise Refusal(
                400, "grant_type must be client_credentials", body={"error": "unsupported_grant_type"}
            )
        if (form.get("client_id"), form.get("client_secret")) != (self.client_id, self.client_secret):
            raise Refusal(401, "the client's id or secret is wrong", body={"error": "invalid_client"})
        return {"access_token": self._token, "token_type": "Bearer", "expires_in": self.seconds}

    @property
    def _token(self) -> str:
        return sha256(f"{self.client_id}:{self.client_secret}".encode()).hexdigest()
