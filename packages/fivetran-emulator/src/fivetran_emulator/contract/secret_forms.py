"""The forms a secret may be found in: as it is, encoded for an address, in base64, or a piece of it.

A newcomer would search for the secret itself. What leaks is usually something else: the address that was asked, the
header that was sent, the first half of a token in an error of the source's.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

__all__ = ["marked_secrets", "secret_texts", "secret_traces"]

_PIECE = 8


def secret_traces(text: str, secrets: Mapping[str, Any], *, only: frozenset[str]) -> list[str]:
    """Where a text gives a secret away: sentences that name the key, never the value.

    `only` are the keys that hold secrets. Values of less than eight characters would be found by chance.
    """
    found = []
    for key, value in secret_texts(secrets):
        if key in only and len(value) >= _PIECE:
            found += [f"the secret `{key}` {how}" for how, form in _forms(value) if form in text]
    return found


def secret_texts(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every text of the secrets with its key, `a.b` for one within another."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from secret_texts(inner, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list):
        for inner in value:
            yield from secret_texts(inner, key)
    elif isinstance(value, str):
        yield key, value


def _forms(value: str) -> Iterator[tuple[str, str]]:
    yield "as it is", value
    yield "URL-encoded", quote(value, safe="")
    yield "URL-encoded", quote_plus(value)
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + value.encode()).decode()
        yield "in base64", encoded[4:-4] or encoded
    for start in range(len(value) - _PIECE + 1):
        yield f"in part ({_PIECE} characters)", value[start : start + _PIECE]


def marked_secrets(secrets: Mapping[str, Any]) -> frozenset[str]:
    """The keys whose names say that their values are secret."""
    words = ("token", "key", "secret", "password", "passwd", "pwd", "credential", "auth")
    return frozenset(
        key for key, _value in secret_texts(secrets) if any(word in key.lower() for word in words)
    )
