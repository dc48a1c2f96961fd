"""Who asks: service accounts' throw-away keys, the access tokens that open Google's API, the ID tokens that open a function.

Follows RFC 7523 (a JSON Web Token signed with the account's key becomes an access token) and
https://cloud.google.com/iam/docs/reference/credentials/rest. Tokens here are signed with a secret that only this
process knows, so a made-up one is refused as Google refuses it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

AUDIENCE = "https://oauth2.googleapis.com/token"
"""Whom Google's own library addresses an assertion to, wherever it sends it."""

LIFETIME = 3600
"""Seconds a token is good for, as at Google."""


class Refused(Exception):  # noqa: N818 - what Google does, not a fault of ours
    """The credentials aren't accepted; `str()` is why."""


class Identity:
    """Issues and checks tokens. One key serves every service account: who signs is read from the token's `iss`."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._secret = secrets.token_bytes(32)

    def key_file(self, account: str, project: str, token_uri: str) -> str:
        """The JSON of a service account's key, as `gcloud auth activate-service-account --key-file` reads it."""
        private = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        document = {
            "type": "service_account",
            "project_id": project,
            "private_key_id": "rehearsal",
            "private_key": private,
            "client_email": account,
            "client_id": "100000000000000000000",
            "token_uri": token_uri,
        }
        return json.dumps(document, indent=2)

    def access_token(self, account: str) -> str:
        """A token that opens the API for this account."""
        return "ya29." + self._signed({"email": account, "exp": time.time() + LIFETIME})

    def id_token(self, account: str, audience: str) -> str:
        """A token that opens the function at `audience` for this account, if it has the Invoker role there."""
        claims = {"iss": "https://accounts.google.com", "aud": audience, "email": account}
        return self._signed({**claims, "email_verified": True, "exp": time.time() + LIFETIME})

    def account_of(self, token: str) -> str:
        """The account an access token was issued to. Refused if it wasn't issued here or is over."""
        return str(self._checked(token.removeprefix("ya29."))["email"])

    def caller_of(self, token: str, audience: str) -> str:
        """The account an ID token speaks for. Refused unless it was issued here, for this audience, and isn't over."""
        claims = self._checked(token)
        if claims.get("aud") != audience:
            raise Refused(f"the token's audience is {claims.get('aud')!r}, not {audience!r}")
        return str(claims["email"])

    def exchanged(self, assertion: str, token_uri: str) -> str:
        """The account whose key signed this assertion (RFC 7523). Refused if the signature or audience is wrong."""
        try:
            message, _, signature = assertion.rpartition(".")
            self._key.public_key().verify(_decoded(signature), message.encode(), padding.PKCS1v15(), SHA256())
            claims = json.loads(_decoded(message.split(".")[1]))
        except (InvalidSignature, ValueError, IndexError) as error:
            raise Refused("Invalid JWT Signature.") from error
        if claims.get("aud") not in (token_uri, AUDIENCE):
            raise Refused(f"the assertion's audience is {claims.get('aud')!r}, not {token_uri!r}")
        return str(claims["iss"])

    def _signed(self, claims: Mapping[str, Any]) -> str:
        header = _encoded(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
        message = f"{header}.{_encoded(json.dumps(claims).encode())}"
        return f"{message}.{_encoded(self._signature(message))}"

    def _signature(self, message: str) -> bytes:
        return hmac.digest(self._secret, message.encode(), hashlib.sha256)

    def _checked(self, token: str) -> dict[str, Any]:
        message, _, signature = token.rpartition(".")
        try:
            genuine = hmac.compare_digest(_decoded(signature), self._signature(message))
        except ValueError:
            genuine = False
        if not genuine:
            raise Refused("this token wasn't issued here")
        claims: dict[str, Any] = json.loads(_decoded(message.split(".")[1]))
        if claims["exp"] < time.time():
            raise Refused("this token is over")
        return claims


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
