"""How a client shows who it is.

Credentials are put on each request just before it is sent, also when it is sent again, and only for the client's own
host: a redirect to another one never carries them.
"""

from __future__ import annotations

import base64
import binascii
from collections import deque
from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl, urlsplit

import msgspec

from fivetran_runtime._arguments import kind_of, takes, wrong
from fivetran_runtime._invocation.context import running
from fivetran_runtime.config import Secret
from fivetran_runtime.errors import DefectError
from fivetran_runtime.http._places import is_header_name


class OutgoingRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request that is about to be sent, for credentials that depend on it.

    Attributes:
        method: "GET", "POST" and so on.
        url: the whole address as it will be sent, with its query, but without what the credentials themselves add to that.
        headers: what else is sent, by name; a body's Content-Type and Content-Length among them.
        body: the body's bytes; empty where there is none.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def host(self) -> str:
        """Host and port, as the header Host has them."""
        return urlsplit(self.url).netloc

    @property
    def path(self) -> str:
        """The address's path, percent-encoded as it is sent."""
        return urlsplit(self.url).path or "/"

    @property
    def query(self) -> list[tuple[str, str]]:
        """The query's names and values, decoded, in the order in which they are sent."""
        return parse_qsl(urlsplit(self.url).query, keep_blank_values=True)


class Auth:
    """What says who asks: subclass it for a source with a way of its own, e.g. requests that are signed.

    Its methods are called for each request to the client's own host, just before it is sent, and again whenever it is sent again.
    Make it in the connector's `client` function: it belongs to one call of the function.
    """

    def headers(self, request: OutgoingRequest) -> Mapping[str, str]:
        """Headers to add to a request, from name to text.

        Args:
            request: the request as it is about to be sent.
        """
        return {}

    def query(self, request: OutgoingRequest) -> Mapping[str, str]:
        """Query parameters to add to a request, after its own; they are in no message and no state.

        Called for other hosts, too, where they are not sent, but taken out of a link that repeats them.

        Args:
            request: as for `headers`.
        """
        return {}

    def renew(self) -> bool:
        """After a 401: forget what was refused; true when another try makes sense."""
        return False

    def hide(self, *texts: str | Secret) -> None:
        """Keep texts out of every message and log from now on: a token that was fetched, for instance.

        The secrets of the connection and what is fetched by `FetchedToken` are hidden anyway.

        Args:
            texts: what is hidden, each as a text or a Secret.

        Raises:
            DefectError: one is neither.
        """
        for text in texts:
            if not isinstance(text, str | Secret):
                raise DefectError(f"{type(self).__name__}.hide() was given {kind_of(text)}; it hides texts.")
        running().redactor.add(*(text.reveal() if isinstance(text, Secret) else text for text in texts))


def _is_name(value: object) -> bool:
    return isinstance(value, str) and value != ""


def require_secret(of: str, name: str, value: object) -> None:
    """Raise DefectError for what is no Secret; it may be one all the same, and is not shown."""
    if not isinstance(value, Secret):
        message = f"{of}({name}=...): it is {kind_of(value)}, and has to be a Secret."
        raise DefectError(message, hint="Annotate the setting with Secret; Secret(text) makes one of a text.")


class Anonymous(Auth):
    """No credentials."""


class Bearer(Auth):
    """`Authorization: Bearer TOKEN`.

    Args:
        token: the token, which is sent as it is.
    """

    def __init__(self, token: Secret) -> None:
        require_secret("Bearer", "token", token)
        self._token = token

    def headers(self, request: OutgoingRequest) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self._token.reveal()}"}


class Basic(Auth):
    """`Authorization: Basic`, from a user name and a password, in UTF-8 (RFC 7617).

    Args:
        user: the name; or the key, where a source takes one in its place.
        password: the password; `Secret("")` where a source wants none.
    """

    def __init__(self, user: str | Secret, password: Secret) -> None:
        if not isinstance(user, str | Secret):
            raise DefectError(f"Basic(user=...): it is {kind_of(user)}, and has to be a text or a Secret.")
        require_secret("Basic", "password", password)
        self._user = user.reveal() if isinstance(user, Secret) else user
        self._password = password

    def headers(self, request: OutgoingRequest) -> Mapping[str, str]:
        pair = f"{self._user}:{self._password.reveal()}".encode()
        return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}


class HeaderKey(Auth):
    """A key in a header of the source's choosing, e.g. `HeaderKey("X-Api-Key", config.key)`.

    Args:
        name: the header's name; case does not matter.
        key: the header's whole value.
    """

    def __init__(self, name: str, key: Secret) -> None:
        if not is_header_name(name):
            raise wrong("HeaderKey", "name", name, "the name of a header, such as 'X-Api-Key'")
        require_secret("HeaderKey", "key", key)
        self._name = name
        self._key = key

    def headers(self, request: OutgoingRequest) -> Mapping[str, str]:
        return {self._name: self._key.reveal()}


class QueryKey(Auth):
    """A key in the query, for sources that take it nowhere else; it ends up in the source's access log.

    Args:
        name: the query parameter's name, as the source writes it.
        key: its value. It is in no message and no state, and is taken out of links that repeat it.
    """

    def __init__(self, name: str, key: Secret) -> None:
        if not _is_name(name):
            raise wrong("QueryKey", "name", name, "the name of a query parameter, such as 'api_key'")
        require_secret("QueryKey", "key", key)
        self._name = name
        self._key = key

    def query(self, request: OutgoingRequest) -> Mapping[str, str]:
        return {self._name: self._key.reveal()}


class Credentials:
    """An `Auth` at work for one client: what it gives, checked and remembered.

    Attributes:
        names: the query parameters it has given so far.
    """

    def __init__(self, auth: Auth) -> None:
        given: object = auth
        if not isinstance(given, Auth):
            message = f"The client's auth= is {kind_of(given)}, which says nothing of how it is sent."
            raise DefectError(message, hint=_WAYS)
        for method in ("headers", "query") if type(auth).__module__.partition(".")[0] != _OURS else ():
            if not takes(getattr(auth, method), None):
                message = (
                    f"{type(auth).__name__}.{method} takes something else than one argument, the request."
                )
                raise DefectError(message, hint=f"Write def {method}(self, request).")
        self._auth = auth
        # They may be none of the connection's: of a secret manager, or of the environment.
        auth.hide(*(value for value in getattr(auth, "__dict__", {}).values() if isinstance(value, Secret)))
        self.names: set[str] = set()
        self._given: deque[str] = deque(maxlen=_MAX_REMEMBERED)
        self.renew = auth.renew

    @property
    def why_refused(self) -> str:
        """What is known of credentials that were refused, for the message; empty where nothing is."""
        return getattr(self._auth, "why_refused", "")

    def headers(self, request: OutgoingRequest) -> dict[str, str]:
        """The headers for a request to the client's own host."""
        given = self._texts("headers", self._auth.headers(request))
        for value in given.values():
            self._remember(value)
            scheme, _, token = value.partition(" ")
            self._remember(token)
            if scheme.lower() == "basic":
                # The password's own base64 is hidden anyway, but not what it shares with its neighbours.
                self._auth.hide(token)
                self._remember(*_password_in(token))
        return given

    def query(self, request: OutgoingRequest) -> dict[str, str]:
        """The query parameters for a request."""
        given = self._texts("query", self._auth.query(request))
        self.names.update(given)
        self._remember(*given.values())
        return given

    def texts(self) -> list[str]:
        """The texts that said who asks, the last ones; as they are and as they were before they were encoded."""
        return [*self._given]

    def _remember(self, *texts: str) -> None:
        self._given.extend(text for text in texts if text and text not in self._given)

    def _texts(self, method: str, given: object) -> dict[str, str]:
        name = f"{type(self._auth).__name__}.{method}"
        if not isinstance(given, Mapping):
            message = f"{name} gave {kind_of(given)}, not a dict of names and texts."
            raise DefectError(message, hint="Where there is nothing to add, return {}.")
        for key, value in given.items():
            if not isinstance(key, str) or not isinstance(value, str):
                message = f"{name} gave {kind_of(value)} for {key}, not a text."
                raise DefectError(message, hint="A Secret's text is its reveal().")
        return dict(given)


_WAYS = "Give Bearer(...), Basic(...), HeaderKey(...), QueryKey(...), ClientCredentials(...), or an Auth of your own."
_OURS = __name__.partition(".")[0]
_MAX_REMEMBERED = 64  # signatures are others in each request; a link repeats what its page was asked with


def _password_in(token: str) -> Iterator[str]:
    try:
        yield base64.b64decode(token).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return
