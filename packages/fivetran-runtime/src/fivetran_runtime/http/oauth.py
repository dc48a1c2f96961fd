"""Tokens that are fetched: OAuth2's, and those of a source's own log-in.

A token is kept until shortly before it expires, and fetched again after a 401.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

from fivetran_runtime._arguments import kind_of, takes, wrong
from fivetran_runtime._invocation.clock import clock
from fivetran_runtime._invocation.logs import warn
from fivetran_runtime.config import Secret
from fivetran_runtime.errors import ConfigurationError, DefectError
from fivetran_runtime.http._places import is_header_name
from fivetran_runtime.http.auth import Auth, Basic, OutgoingRequest, require_secret
from fivetran_runtime.http.client import Client

if TYPE_CHECKING:
    from fivetran_runtime.http._single_use import SingleUseTokens

_MAX_EARLY_S = 30.0
_YEAR_S = 366 * 86_400.0
_UNSAID_S = 300.0


class FetchedToken(Auth):
    """A token that a function of yours fetches: by a log-in, or for an assertion that is signed with a key.

    The function is called before the first request, shortly before the token expires, and after a 401. The token is hidden
    in messages and logs.

    Args:
        fetch: asks for a token, with a client of its own, and gives its text; or the answer of an OAuth2 token endpoint,
            an object with `access_token` and `expires_in` in seconds (300 where it does not say).
        header: the header it is sent in.
        scheme: the word before it; by default "Bearer" in `Authorization` and none in any other header.
        seconds: how long a token holds that `fetch` gives as a text; by default until a 401.

    Raises:
        DefectError: `fetch` is not a function.
        ConfigurationError: it gave no token; when a request is sent.
    """

    def __init__(
        self,
        fetch: Callable[[], object],
        *,
        header: str = "Authorization",
        scheme: str | None = None,
        seconds: float | None = None,
    ) -> None:
        _require_function(fetch)
        if not is_header_name(header):
            raise wrong("FetchedToken", "header", header, "the name of a header, such as 'X-Token'")
        if not isinstance(scheme, str | None):
            raise wrong("FetchedToken", "scheme", scheme, "the word before the token, or None")
        if seconds is not None and (type(seconds) not in (int, float) or not seconds > 0):
            raise wrong("FetchedToken", "seconds", seconds, "a number of seconds above 0, or None")
        if scheme is None:
            scheme = "Bearer" if header.lower() == "authorization" else ""
        self._fetch = fetch
        self._header = header
        self._scheme = f"{scheme} " if scheme else ""
        self._seconds = _YEAR_S if seconds is None else seconds
        self._lock = threading.Lock()
        self._token: str | None = None
        self._expires = 0.0

    def headers(self, request: OutgoingRequest) -> Mapping[str, str]:
        with self._lock:  # several threads of a table may ask at once
            if self._token is None or clock().monotonic() >= self._expires:
                token, seconds = self._read(self._fetch())
                self.hide(token)
                self._token = token
                self._expires = clock().monotonic() + seconds - min(_MAX_EARLY_S, seconds / 2)
            return {self._header: f"{self._scheme}{self._token}"}

    def renew(self) -> bool:
        refused, self._token = self._token, None
        return refused is not None

    @property
    def why_refused(self) -> str:
        """What is known of a token that is refused right after it was fetched: `renew` has brought another one."""
        return _REFUSED_AGAIN

    def _read(self, answer: object) -> tuple[str, float]:
        """The token, and for how many seconds it holds."""
        if isinstance(answer, Mapping):
            token, seconds = answer.get("access_token"), _seconds(answer.get("expires_in"))
        else:
            token, seconds = answer, self._seconds
        if isinstance(token, Secret):
            token = token.reveal()
        if not isinstance(token, str) or not token:
            name = getattr(self._fetch, "__name__", type(self._fetch).__name__)
            message = f"{name} fetched {kind_of(answer)} without a token."
            raise ConfigurationError(message, hint="Give its text, or an object with access_token.")
        return token, seconds


_REFUSED_AGAIN = "Another token was fetched and was refused, too: check what it may read, and that it is meant for this address."


def _require_function(fetch: object) -> None:
    if callable(fetch) and not takes(fetch):
        name = getattr(fetch, "__name__", type(fetch).__name__)
        message = f"FetchedToken's fetch {name} takes arguments; it is called without any."
        raise DefectError(message, hint="Give what it needs by functools.partial, or a lambda.")
    if not callable(fetch):
        message = f"FetchedToken's fetch is {kind_of(fetch)}, not a function that fetches a token."
        raise DefectError(message, hint="Give the function itself: FetchedToken(log_in).")


def _seconds(lifetime: object) -> float:
    """How long a token holds; five minutes where the server does not say."""
    try:
        seconds = float(lifetime) if isinstance(lifetime, int | float | Decimal | str) else 0.0
    except ValueError:
        seconds = 0.0
    return seconds if 0 < seconds < _YEAR_S else _UNSAID_S


class _TokenEndpoint:
    """Where an id and a secret are shown, and a grant is exchanged for an access token (RFC 6749, 3.2)."""

    def __init__(
        self,
        who: str,
        url: str,
        *,
        client_id: str,
        client_secret: Secret,
        parameters: Mapping[str, str | Secret] | None,
        basic: bool,
    ) -> None:
        if not isinstance(client_id, str):
            raise wrong(who, "client_id", client_id, "a text")
        require_secret(who, "client_secret", client_secret)
        if not isinstance(basic, bool):
            raise wrong(who, "basic", basic, "True or False")
        _require_free(who, parameters)
        self._who: dict[str, str]
        self._parameters = {name: _text(value) for name, value in (parameters or {}).items()}
        if basic:  # RFC 6749, 2.3.1: both are encoded as in a form first
            password = Secret(quote_plus(client_secret.reveal()))
            self._client, self._who = Client(url, auth=Basic(quote_plus(client_id), password)), {}
        else:
            self._client = Client(url)
            self._who = {"client_id": client_id, "client_secret": client_secret.reveal()}

    def exchange(self, grant_type: str, grant: Mapping[str, str]) -> dict[str, Any]:
        """The endpoint's answer, which has an access token.

        Raises:
            ConfigurationError: it refused the exchange, or gave none.
        """
        form = {"grant_type": grant_type, **self._who, **grant, **self._parameters}
        answer = self._client.post("", form=form, idempotent=True)
        if not isinstance(answer, dict) or not isinstance(answer.get("access_token"), str | None):
            answer = {}
        if not answer.get("access_token"):
            message = f"{self._client.url} gave no access_token."
            raise ConfigurationError(message, hint="Check the OAuth2 settings.")
        return answer

    @property
    def url(self) -> str:
        """Where it is, for messages."""
        return self._client.url

    def refreshed(self, refresh_token: str) -> dict[str, Any]:
        """The answer to a refresh token."""
        return self.exchange("refresh_token", {"refresh_token": refresh_token})


_OWN_ARGUMENTS = ("client_id", "client_secret", "refresh_token", "grant_type")


def _require_free(who: str, parameters: Mapping[str, object] | None) -> None:
    if not isinstance(parameters, Mapping | None):
        raise DefectError(
            f"{who}: parameters= is {kind_of(parameters)}, and has to be a dict of names and texts."
        )
    for name, value in (parameters or {}).items():
        if name in _OWN_ARGUMENTS:
            message = f"{who}: parameters= holds {name}, which is sent anyway."
            raise DefectError(message, hint=f"Leave it out of parameters=; {_PLACES[name]}")
        if not isinstance(value, str | Secret):
            message = f"{who}: parameters= holds {kind_of(value)} for {name}, not a text."
            raise DefectError(message, hint="A form has texts only.")


_PLACES = {name: f"it is the argument {name}=." for name in _OWN_ARGUMENTS} | {
    "grant_type": "for another grant, fetch the token with FetchedToken(...)."
}


def _text(value: str | Secret) -> str:
    return value.reveal() if isinstance(value, Secret) else value


class ClientCredentials(FetchedToken):
    """OAuth2 client credentials (RFC 6749, 4.4): an id and a secret are exchanged for an access token.

    Args:
        url: the token endpoint.
        client_id: the id.
        client_secret: the secret.
        scope: what the token is to be good for, where the endpoint wants to know.
        parameters: what else the endpoint wants in its form, e.g. {"audience": "https://api.acme.example"}.
        basic: show id and secret by Basic authentication, not in the form; both are percent-encoded first, as RFC 6749
            (2.3.1) has it.

    Raises:
        DefectError: `parameters` holds what has an argument of its own, or something that is not text.
        ConfigurationError: the endpoint refused the exchange or gave no token; when a request is sent.
    """

    def __init__(
        self,
        url: str,
        *,
        client_id: str,
        client_secret: Secret,
        scope: str | None = None,
        parameters: Mapping[str, str | Secret] | None = None,
        basic: bool = False,
    ) -> None:
        who = type(self).__name__
        if not isinstance(scope, str | None):
            raise wrong(who, "scope", scope, "a text such as 'read:users write:users', or None")
        endpoint = _TokenEndpoint(
            who, url, client_id=client_id, client_secret=client_secret, parameters=parameters, basic=basic
        )
        grant = {"scope": scope} if scope else {}
        super().__init__(partial(endpoint.exchange, "client_credentials", grant))


class RefreshToken(FetchedToken):
    """OAuth2 refresh token (RFC 6749, 6): a long-lived token is exchanged for an access token.

    Where an exchange makes the refresh token void and gives another one, `single_use=True` keeps its successors in the state
    of the connection, encrypted with a key that is derived from the token in the secrets. Then tokens are exchanged only when
    the stored access token has run out or was refused, in an answer of its own without rows; the setup test exchanges none, and
    passes with a warning where it would need one; and another refresh token in the secrets takes the place of the stored ones.
    The first exchange makes the token in the secrets void for everybody else, which a warning says: use one for each
    connection, and another one on your own machine. docs/state.md says what else to know.

    Args:
        url: the token endpoint.
        client_id: the id.
        client_secret: the secret.
        refresh_token: the token.
        parameters: what else the endpoint wants in its form.
        basic: show id and secret by Basic authentication, not in the form.
        single_use: whether an exchange makes the refresh token void. Needs the extra `fivetran-runtime[crypto]`.

    Raises:
        DefectError: as `ClientCredentials`; or `single_use` without the extra, or outside of the connector's `client` function.
        ConfigurationError: the endpoint no longer takes the refresh token; when a request is sent or a call begins.
    """

    def __init__(
        self,
        url: str,
        *,
        client_id: str,
        client_secret: Secret,
        refresh_token: Secret,
        parameters: Mapping[str, str | Secret] | None = None,
        basic: bool = False,
        single_use: bool = False,
    ) -> None:
        who = type(self).__name__
        self._endpoint = _TokenEndpoint(
            who, url, client_id=client_id, client_secret=client_secret, parameters=parameters, basic=basic
        )
        require_secret(who, "refresh_token", refresh_token)
        if not isinstance(single_use, bool):
            raise wrong(who, "single_use", single_use, "True or False")
        super().__init__(partial(self._exchange_same, refresh_token.reveal()))
        self._kept = _kept_in_state(self._endpoint, refresh_token) if single_use else None

    def headers(self, request: OutgoingRequest) -> Mapping[str, str]:
        return super().headers(request) if self._kept is None else self._kept.headers(request)

    def renew(self) -> bool:
        return super().renew() if self._kept is None else self._kept.renew()

    @property
    def why_refused(self) -> str:
        return super().why_refused if self._kept is None else self._kept.why_refused

    def _exchange_same(self, refresh_token: str) -> dict[str, Any]:
        """An exchange of a token that stays valid."""
        answer = self._endpoint.refreshed(refresh_token)
        if (new := answer.get("refresh_token")) not in (None, "", refresh_token):
            self.hide(str(new))
            warn(_NEW_ONE.format(url=self._endpoint.url))
        return answer


_NEW_ONE = "{url} gave a new refresh token, which was not kept. If the old one is void now or later, say single_use=True."


def _kept_in_state(endpoint: _TokenEndpoint, seed: Secret) -> SingleUseTokens:
    from fivetran_runtime.http._single_use import SingleUseTokens  # noqa: PLC0415 - few sources need it

    return SingleUseTokens(endpoint.refreshed, seed, seconds_of=_seconds, endpoint=endpoint.url)
