"""Refresh tokens that hold for one exchange: their successors are kept in the state.

The source commits an exchange before Fivetran stores the state. So a call exchanges only when the stored access token has run
out or was refused, and answers at once, without rows: the new tokens are in the state before anything else is asked. When that
answer is lost, the next call exchanges the same token again, which works where the source still takes it.

In the state, under `kept.credentials`, each refresh token of the secrets has an entry, named by a fingerprint of it; another one
in the secrets is another entry, so that it wins. The tokens are encrypted with a key derived from the one of the secrets, and
encrypted again only when they change. The library for that is in the extra `fivetran-runtime[crypto]`.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from fivetran_runtime._invocation import logs
from fivetran_runtime._invocation.budget import NoToken, TokenRanOut
from fivetran_runtime._invocation.clock import clock
from fivetran_runtime._invocation.context import require_turn, running
from fivetran_runtime.config import Secret
from fivetran_runtime.errors import ConfigurationError, DefectError
from fivetran_runtime.http._refusals import RefusedError
from fivetran_runtime.http.auth import Auth, OutgoingRequest

_TOO_YOUNG = timedelta(minutes=10)  # to be refused because it is old: another one would be refused, too
_FRESH = "the credentials are right, so check what they may read (scopes, roles), and that the token is meant for this address."


class Entry(msgspec.Struct, omit_defaults=True):
    """What the state has of one refresh token.

    Attributes:
        tokens: access and refresh token, encrypted.
        fetched: when they were exchanged for, as RFC 3339 has it.
        until: when the access token runs out, the same.
        renew: whether the source has refused the access token, or it ran out in the middle of a call.
    """

    tokens: str
    fetched: str
    until: str
    renew: bool = False

    def __post_init__(self) -> None:
        _ = self.since, self.end

    @property
    def since(self) -> datetime:
        """`fetched` as an instant."""
        return _instant(self.fetched)

    @property
    def end(self) -> datetime:
        """`until` as an instant."""
        return _instant(self.until)


class Tokens(msgspec.Struct):
    """What is encrypted."""

    access: str
    refresh: str


class SingleUseTokens(Auth):
    """The access token of a connection, and the refresh token to come.

    Args:
        exchange: makes of a refresh token the endpoint's answer.
        seed: the refresh token of the secrets.
        seconds_of: how long an answer's access token holds.
        endpoint: where tokens are exchanged, for messages.

    Raises:
        DefectError: the library that encrypts is not installed.
    """

    def __init__(
        self,
        exchange: Callable[[str], Mapping[str, Any]],
        seed: Secret,
        *,
        seconds_of: Callable[[object], float],
        endpoint: str,
    ) -> None:
        self._exchange = exchange
        self._seed = seed.reveal()
        self._seconds_of = seconds_of
        self._endpoint = endpoint
        self._box = _Box(self._seed)
        self._entries: dict[str, Any] = {}
        self._entry: Entry | None = None
        self._tokens: Tokens | None = None
        self._is_restored = False
        self.name = self._box.name
        running().single_use.append(self)

    # What the handler calls

    def restore(self, entries: dict[str, Any]) -> None:
        """Take what the state has of it; `entries` is changed when that changes."""
        self._entries, self._is_restored = entries, True
        try:
            self._entry = msgspec.convert(entries.get(self.name), Entry | None)
            self._tokens = self._box.opened(self._entry.tokens) if self._entry is not None else None
        except (msgspec.ValidationError, ValueError):
            logs.emit("WARNING", f"The tokens for {self._endpoint} in the state cannot be read.")
            self._entry = self._tokens = None
        if self._tokens is not None:
            self.hide(self._tokens.access, self._tokens.refresh)

    def renewed(self) -> bool:
        """Exchange the refresh token if the access token does not do for this call; whether that was so.

        Raises:
            ConfigurationError: the source refused the refresh token.
        """
        if self._tokens is not None and not self._is_due():
            return False
        refresh = self._seed if self._tokens is None else self._tokens.refresh
        answer = self._exchanged(refresh)
        if self._tokens is None:
            self._say_first_exchange()
        successor = answer.get("refresh_token")
        tokens = Tokens(
            answer["access_token"], successor if isinstance(successor, str) and successor else refresh
        )
        self.hide(tokens.access, tokens.refresh)
        now = clock().now().replace(microsecond=0)
        until = now + timedelta(seconds=self._seconds_of(answer.get("expires_in")))
        self._tokens = tokens
        self._entry = Entry(self._box.closed(tokens), _text(now), _text(until))
        self._write()
        return True

    def _say_first_exchange(self) -> None:
        """That a token of the secrets is used up; and forget those that it takes the place of."""
        replaced = self._entries.keys() - {one.name for one in running().single_use}
        for name in replaced:
            del self._entries[name]
        if replaced:
            logs.emit("INFO", f"{self._endpoint}: the secrets have a new refresh token, which was exchanged.")
        else:
            logs.warn(_BURNT.format(endpoint=self._endpoint))

    # What the client calls

    def headers(self, request: OutgoingRequest) -> Mapping[str, str]:
        """The access token.

        Raises:
            NoToken: there is none, or it has run out: the next call gets one first.
            DefectError: it was not made in the connector's `client` function.
        """
        if not self._is_restored:
            message = "RefreshToken(single_use=True) was not made in the connector's client function."
            raise DefectError(
                message, hint="Make it there: it keeps its tokens in the state of the connection."
            )
        if self._tokens is None or self._entry is None:
            raise self._stop("there is no access token yet")
        if clock().now() >= self._entry.end:
            seconds = (self._entry.end - self._entry.since).total_seconds()
            why = f"the access token has run out, which holds for {seconds:g} s"
            raise self._renewed_next(why, TokenRanOut)
        return {"Authorization": f"Bearer {self._tokens.access}"}

    def renew(self) -> bool:
        """After a 401: have the next call exchange the refresh token, unless the access token is quite new."""
        if self._entry is not None and clock().now() - self._entry.since >= _TOO_YOUNG:
            raise self._renewed_next("the source has refused the access token")
        return False

    @property
    def why_refused(self) -> str:
        """What is known of an access token that the source refuses, and that is not exchanged for another one."""
        if self._entry is None:
            return ""
        return f"{self._endpoint} gave the access token at {self._entry.fetched}, and it is exchanged again only when it is {_TOO_YOUNG // timedelta(minutes=1)} minutes old: {_FRESH}"

    def _is_due(self) -> bool:
        entry = self._entry
        if entry is None or entry.renew:
            return True
        lifetime = entry.end - entry.since
        early = min(timedelta(seconds=running().budget.limits.seconds), lifetime / 2)
        return clock().now() >= entry.end - early

    def _renewed_next(self, why: str, kind: type[NoToken] = NoToken) -> NoToken:
        require_turn()
        if self._entry is not None:
            self._entry.renew = True
            self._write()
        return self._stop(why, kind)

    def _stop(self, why: str, kind: type[NoToken] = NoToken) -> NoToken:
        stop = kind(f"{self._endpoint}: {why}")
        running().budget.stopped = stop
        return stop

    def _write(self) -> None:
        self._entries[self.name] = msgspec.to_builtins(self._entry)

    def _exchanged(self, refresh: str) -> Mapping[str, Any]:
        try:
            return self._exchange(refresh)
        except RefusedError as error:
            if error.code in _HINTS:
                message = f"{self._endpoint} refuses to exchange the refresh token ({error.cause})."
                hint = f"{_HINTS[error.code]} The refresh token is not what it refuses."
                raise ConfigurationError(message, hint=hint, status=error.status) from None
            if error.status != _BAD_REQUEST or error.code not in ("", "invalid_grant"):
                raise
            where = "the secrets" if self._tokens is None else "the state"
            message = (
                f"{self._endpoint} no longer takes the refresh token of {where} ({error.cause}): it holds "
                "for one exchange, and either the answer with its successor was lost, the state was reset, or somebody "
                "else has used it."
            )
            hint = "Get a new refresh token from the source and put it into the secrets, in place of the old one."
            raise ConfigurationError(message, hint=hint, status=error.status) from None


_BAD_REQUEST = 400
_HINTS = {  # the codes of RFC 6749, 5.2, but "invalid_grant"
    "invalid_client": "Check the client id and the client secret, and whether they belong into Basic authentication (basic=True).",
    "invalid_request": "Check what is sent: parameters=, and whether id and secret belong into Basic authentication (basic=True).",
    "invalid_scope": "Check the scope in parameters=: leave it out, or name no more than was granted.",
    "unauthorized_client": "Check the client id, and that the source lets this client use refresh tokens.",
    "unsupported_grant_type": "Check the address of the token endpoint: this one exchanges no refresh tokens.",
}
_BURNT = (
    "{endpoint}: the state has no tokens, so the refresh token of the secrets was exchanged, which it can be once. Nobody else can "
    "use it any more: keep the state of this connection, which has its successor."
)


class _Box:
    """Encrypts with a key derived from a text, and names that text without giving it away."""

    def __init__(self, text: str) -> None:
        try:
            from cryptography.fernet import Fernet  # noqa: PLC0415 - an extra, which few connectors need
        except ImportError:
            message = "RefreshToken(single_use=True) needs cryptography, which is not installed."
            hint = (
                'Write "fivetran-runtime[crypto]" in place of "fivetran-runtime" in the dependencies of the connector\'s '
                "pyproject.toml, then run nox -s lock."
            )
            raise DefectError(message, hint=hint) from None
        self.name = _derived(text, b"fivetran-runtime: name of a refresh token")[:9].hex()
        key = _derived(text, b"fivetran-runtime: key for tokens in the state")
        self._fernet = Fernet(base64.urlsafe_b64encode(key))

    def closed(self, tokens: Tokens) -> str:
        """The tokens, encrypted."""
        return self._fernet.encrypt(msgspec.json.encode(tokens)).decode()

    def opened(self, text: str) -> Tokens:
        """The tokens. Raises ValueError when they were encrypted with another key, or changed."""
        from cryptography.fernet import InvalidToken  # noqa: PLC0415 - as above

        try:
            return msgspec.json.decode(self._fernet.decrypt(text), type=Tokens)
        except InvalidToken:
            raise ValueError from None


def _instant(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return found


def _text(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")


def _derived(text: str, purpose: bytes) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF  # noqa: PLC0415

    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(text.encode())
