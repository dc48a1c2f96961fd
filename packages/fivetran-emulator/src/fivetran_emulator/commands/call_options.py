"""How a function is to be called, from the command line: its secrets, headers and custom payload.

A token or a header can open the function too, so they are hidden like secrets in
whatever is printed or written.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from urllib.parse import urlsplit

import requests

from fivetran_emulator.errors import UsageError
from fivetran_emulator.protocol.function import GENERATIONS, HttpFunction
from fivetran_emulator.secrets import Secrets, read_secrets
from fivetran_emulator.sync.loop import SyncClock

__all__ = ["function_of", "headers_of", "payload_members", "secrets_of", "url_of"]

_SHORTEST = 8
"""Shorter values of headers open nothing, and hiding every `data` would make any text unreadable."""


def secrets_of(options: argparse.Namespace) -> Secrets:
    """The connection's secrets, with what else must not be shown. Raises UsageError."""
    secrets = read_secrets(options.secrets) if options.secrets is not None else Secrets()
    as_text = options.secret_values == "text"  # noqa: S105 - how they are sent, not one of them
    sent = secrets.as_text() if as_text else secrets
    values = [text for value in headers_of(options).values() for text in (value, value.split()[-1])]
    shown_nowhere = [text for text in values if len(text) >= _SHORTEST]
    return Secrets(sent.json, hidden=shown_nowhere)


def headers_of(options: argparse.Namespace) -> dict[str, str]:
    """The additional headers, the ID token's among them. Raises UsageError for one that is none."""
    headers: dict[str, str] = {}
    for text in options.header:
        name, colon, value = text.partition(":")
        if not (colon and name.strip() and value.strip()):
            raise UsageError(
                "a --header has no name or no value", hint="For example: --header 'X-Team: data'"
            )
        headers[name.strip()] = value.strip()
    if options.id_token is not None:
        headers["Authorization"] = f"Bearer {_token(options.id_token)}"
    return headers


def function_of(options: argparse.Namespace, session: requests.Session) -> HttpFunction:
    """The function that is meant, to be called through `session`. Raises UsageError for headers that are none."""
    # The platform's seconds are real ones, also where the records' are fixed.
    elapsed = SyncClock().elapsed
    limits, headers = GENERATIONS[options.generation], headers_of(options)
    return HttpFunction(options.url, session=session, limits=limits, elapsed=elapsed, headers=headers)


def payload_members(options: argparse.Namespace) -> dict[str, object]:
    """The request's root members for the custom payload; none without one. Raises UsageError."""
    pairs = [text.partition("=") for text in options.payload]
    if any(not name or not equals for name, equals, _ in pairs):
        raise UsageError("a --payload is not KEY=VALUE", hint="For example: --payload region=eu")
    return {options.payload_key: {name: value for name, _, value in pairs}} if pairs else {}


def url_of(options: argparse.Namespace) -> str:
    """The function's address. With `@FILE` it is in the file, or comes through the pipe, which is waited for.

    Raises UsageError unless it is an http address.
    """
    url = str(options.url)
    if url.startswith("@"):
        url = _read(url[1:], "the URL's file").strip()
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"--url {url} is no http address", hint="For example: --url http://127.0.0.1:8080")
    return url


def _token(text: str) -> str:
    token = _read(text[1:], "the ID token's file") if text.startswith("@") else text
    if not token.strip():
        raise UsageError("the ID token is empty", hint="For example: $(gcloud auth print-identity-token)")
    return token.strip()


def _read(file: str, what: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise UsageError(f"{what} {file} cannot be read: {reason}") from error
