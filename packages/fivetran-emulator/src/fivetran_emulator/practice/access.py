"""Who may ask, and how much: the rules that a `Source` applies to every request before it is answered.

A rule refuses with 401 unless it says otherwise; Bugzilla, for one, answers 400 to a wrong key, and a connector that
only knows 401 would call that an outage.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal, Protocol, runtime_checkable
from urllib.parse import unquote_plus

from werkzeug.wrappers import Request

from fivetran_emulator.errors import Refusal, checks_arguments


class Access(Protocol):
    """Anything that looks at a request before it is answered."""

    def check(self, request: Request) -> None:
        """Return for a caller who may ask; raise `Refusal` for one who may not."""


@checks_arguments
@dataclass(frozen=True)
class Bearer:
    """``Authorization: Bearer <token>``.

    Args:
        token: the only one that may ask.
        status: how others are answered.
    """

    token: str = field(repr=False)
    status: int = 401

    def check(self, request: Request) -> None:
        """Refuse a request without this very token."""
        given = request.authorization
        if given is None or given.type != "bearer" or given.token != self.token:
            raise Refusal(self.status, "the access token is missing or wrong")


@checks_arguments
@dataclass(frozen=True)
class Basic:
    """``Authorization: Basic``, a user and a password.

    Args:
        user: the only one who may ask.
        password: the user's.
        status: how others are answered.
    """

    user: str
    password: str = field(repr=False)
    status: int = 401

    def check(self, request: Request) -> None:
        """Refuse a request without this user and password."""
        given = request.authorization
        if given is None or (given.username, given.password) != (self.user, self.password):
            raise Refusal(self.status, "the user or the password is wrong")


@checks_arguments
@dataclass(frozen=True)
class HeaderKey:
    """A key in a header of its own, such as ``X-Api-Key``.

    Args:
        name: the header's.
        key: the only one that may ask.
        status: how others are answered.
    """

    name: str
    key: str = field(repr=False)
    status: int = 401

    def check(self, request: Request) -> None:
        """Refuse a request whose header is missing or wrong."""
        if request.headers.get(self.name) != self.key:
            raise Refusal(self.status, f"the header {self.name} is missing or wrong")


@checks_arguments
@dataclass(frozen=True)
class QueryKey:
    """A key among the query's parameters, such as ``?api_key=``.

    Args:
        name: the parameter's.
        key: the only one that may ask.
        status: how others are answered.
    """

    name: str
    key: str = field(repr=False)
    status: int = 401

    def check(self, request: Request) -> None:
        """Refuse a request whose parameter is missing or wrong."""
        if request.args.get(self.name) != self.key:
            raise Refusal(self.status, f"the parameter {self.name} is missing or wrong")


@runtime_checkable
class TokenAccess(Protocol):
    """A rule that gives tokens, too: some requests are log-ins."""

    def check(self, request: Request) -> None:
        """As `Access`."""

    def answer(self, request: Request) -> object | None:
        """The JSON for a request that logs in; None for any other. `Refusal` for one who may not."""


@checks_arguments
@dataclass(frozen=True)
class LogIn:
    """A way to log in of the source's own: one path gives a token, and every other request shows it.

    Args:
        path: what is asked by POST to log in.
        exchange: answers that: a function of the request that gives the JSON of the answer, in which the token is, or raises
            `Refusal`.
        token: the token that it gives.
        header: where requests show it.
        scheme: what stands before it there, e.g. "Bearer ", with the blank.
        status: how requests without it are answered.
    """

    path: str
    exchange: Callable[[Request], object]
    token: str = field(repr=False)
    header: str = "Authorization"
    scheme: str = ""
    status: int = 401

    def check(self, request: Request) -> None:
        """Refuse a request without the token."""
        HeaderKey(self.header, f"{self.scheme}{self.token}", self.status).check(request)

    def answer(self, request: Request) -> object | None:
        """The answer to a log-in."""
        return self.exchange(request) if (request.method, request.path) == ("POST", self.path) else None


@checks_arguments
@dataclass(frozen=True)
class ClientCredentials:
    """OAuth2 client credentials (RFC 6749, 4.4): an id and a secret are exchanged for a bearer token.

    Args:
        client_id: the id.
        client_secret: the secret.
        path: what is asked by POST for a token.
        seconds: how long a token holds, as the answer has it.
        status: how requests without it are answered.
        basic: whether id and secret are wanted by Basic authentication (RFC 6749, 2.3.1), not in the form.
        parameters: what else the form has to hold, e.g. {"audience": "https://api.acme.example"}.
    """

    client_id: str
    client_secret: str = field(repr=False)
    path: str = "/oauth/token"
    seconds: int = 3600
    status: int = 401
    basic: bool = False
    parameters: Mapping[str, str] = field(default_factory=dict)

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
        if self._shown(request) != (self.client_id, self.client_secret):
            raise Refusal(401, "the client's id or secret is wrong", body={"error": "invalid_client"})
        for name, value in self.parameters.items():
            if form.get(name) != value:
                raise Refusal(400, f"{name} is missing or wrong", body={"error": "invalid_request"})
        return {"access_token": self._token, "token_type": "Bearer", "expires_in": self.seconds}

    def _shown(self, request: Request) -> tuple[str | None, str | None]:
        """Id and secret, as the endpoint wants them shown."""
        if not self.basic:
            return request.form.get("client_id"), request.form.get("client_secret")
        given = request.authorization
        if given is None or given.type != "basic" or "client_secret" in request.form:
            return None, None
        return unquote_plus(given.username or ""), unquote_plus(given.password or "")

    @property
    def _token(self) -> str:
        return sha256(f"{self.client_id}:{self.client_secret}".encode()).hexdigest()


@checks_arguments
@dataclass
class RotatingTokens:
    """OAuth2 refresh tokens that hold for one exchange (RFC 6749, 6): each gives an access token and the next refresh token.

    Args:
        client_id: the id.
        client_secret: the secret.
        refresh_token: the first refresh token.
        path: what is asked by POST for an exchange.
        seconds: how long an access token holds, as the answer has it.
        takes: which refresh tokens are exchanged: the "latest" alone, as most sources do; the "previous" one, too, as those with
            a time of grace; or "any" that this source ever gave, which is what checks that go back to an old state need.
        exchanges: how many there were so far.
    """

    client_id: str
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)
    path: str = "/oauth/token"
    seconds: int = 3600
    takes: Literal["latest", "previous", "any"] = "latest"
    exchanges: int = 0

    def check(self, request: Request) -> None:
        """Refuse a request without an access token of the exchanges that count."""
        given = request.authorization
        shown = given.token if given is not None and given.type == "bearer" else None
        if not shown or all(self._token("access", number) != shown for number in self._counting(shown)):
            raise Refusal(401, "the access token is missing, old or wrong")

    def answer(self, request: Request) -> object | None:
        """The next tokens, for a request that shows a refresh token that counts."""
        if (request.method, request.path) != ("POST", self.path):
            return None
        form = request.form
        if (form.get("client_id"), form.get("client_secret")) != (self.client_id, self.client_secret):
            raise Refusal(401, "the client's id or secret is wrong", body={"error": "invalid_client"})
        shown = form.get("refresh_token", "")
        known = [number for number in self._counting(shown) if self._token("refresh", number) == shown]
        if form.get("grant_type") != "refresh_token" or not known:
            raise Refusal(400, "the refresh token is used or wrong", body={"error": "invalid_grant"})
        number = known[0] + 1 if self.takes == "any" else self.exchanges + 1
        self.exchanges = max(self.exchanges, number)
        return {
            "access_token": self._token("access", number),
            "refresh_token": self._token("refresh", number),
            "token_type": "Bearer",
            "expires_in": self.seconds,
        }

    def _counting(self, shown: str) -> Iterable[int]:
        """The exchanges whose tokens are good, by number."""
        if self.takes == "any":
            number = shown.split("-")[1] if shown.count("-") > 1 else ""
            return {0, int(number) if number.isdecimal() else 0}
        return range(max(self.exchanges - (self.takes == "previous"), 0), self.exchanges + 1)

    def _token(self, kind: str, number: int) -> str:
        if kind == "refresh" and number == 0:
            return self.refresh_token
        digest = sha256(f"{kind}:{number}:{self.client_secret}:{self.refresh_token}".encode()).hexdigest()
        return f"{kind}-{number}-{digest[:32]}" if number else ""


@checks_arguments
@dataclass
class RateLimit:
    """So many requests in each window of time; the next one is refused until the window is over.

    The first window begins with the first request.

    Args:
        requests: how many.
        per: seconds of a window.
        status: the status of a refusal.
        limit, remaining: the headers in which every answer says how many there are and how many are left; None leaves one out.
        reset: the header that says when the window ends: in seconds from now.
        epoch: whether `reset` is a moment instead, in seconds since 1970.
        retry_after: whether a refusal has a ``Retry-After`` too.
    """

    requests: int
    per: float = 60.0
    status: int = 429
    limit: str | None = "X-RateLimit-Limit"
    remaining: str | None = "X-RateLimit-Remaining"
    reset: str | None = "X-RateLimit-Reset"
    epoch: bool = False
    retry_after: bool = False
    _began: float | None = field(default=None, init=False, repr=False)
    _used: int = field(default=0, init=False, repr=False)

    def headers(self) -> dict[str, str]:
        """Count a request; the headers that its answer has. `Refusal` for one too many."""
        now = time.time()
        if self._began is None or now >= self._began + self.per:
            passed = 0.0 if self._began is None else (now - self._began) // self.per * self.per
            self._began, self._used = (now if self._began is None else self._began + passed), 0
        self._used += 1
        ends = self._began + self.per
        left = -(-(ends - now) // 1)
        said = self._said(max(0, self.requests - self._used), int(-(-ends // 1) if self.epoch else left))
        if self._used > self.requests:
            waiting = {"Retry-After": str(int(left))} if self.retry_after else {}
            raise Refusal(self.status, "too many requests", headers={**said, **waiting})
        return said

    def _said(self, left: int, ends: int) -> dict[str, str]:
        said: Mapping[str | None, int] = {self.limit: self.requests, self.remaining: left, self.reset: ends}
        return {name: str(value) for name, value in said.items() if name is not None}
