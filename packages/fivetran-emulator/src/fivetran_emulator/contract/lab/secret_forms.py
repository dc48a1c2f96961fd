"""The forms a secret may be found in: as it is, encoded for an address, in base64, or a piece of it; and wrong ones in its place.

What leaks is usually not the secret itself but a text that holds it: the address that was asked, the header that was sent, the
first half of a token in an error of the source's.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

from fivetran_emulator.contract.lab.faults import SourceRequest

__all__ = [
    "NONE_MARKED",
    "credentials_sent",
    "marked_secrets",
    "secret_texts",
    "secret_traces",
    "trace_excerpt",
    "with_wrong_keys",
]

_PIECE = 8
_AROUND = 24
_WORD_BEFORE, _WORD_AFTER = re.compile(r"[\w+/=.%*~-]+\Z"), re.compile(r"\A[\w+/=.%*~-]+")
"""What belongs to the secret's word, such as the rest of its base64, or what hides a part of it."""
_CREDENTIAL_HEADER = re.compile(r"authorization|cookie|token|key|secret|password|session", re.IGNORECASE)
_PEM_FRAME = re.compile(r"-----(?:BEGIN|END) [A-Z0-9 ]+-----")
"""The lines around a key in PEM, which are the same for all (RFC 7468)."""
_NO_CREDENTIALS = frozenset({"idempotency-key"})
_SHIFTED = str.maketrans(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
    "bcdefghijklmnopqrstuvwxyzaBCDEFGHIJKLMNOPQRSTUVWXYZA1234567890",  # pragma: allowlist secret
)


def secret_traces(text: str, secrets: Mapping[str, Any], *, only: frozenset[str]) -> list[str]:
    """Where a text gives a secret away: sentences that name the key, never the value.

    `only` are the keys that hold secrets. Values of less than eight characters would be found by chance.
    """
    return [sentence for sentence, _form in _traces(text, secrets, only)]


def trace_excerpt(text: str, secrets: Mapping[str, Any], *, only: frozenset[str]) -> str:
    """What stands around the first trace, with the whole word that holds it masked; empty where that gives away more."""
    for _sentence, form in _traces(text, secrets, only):
        start = text.index(form)
        end = start + len(form)
        before, after = _WORD_BEFORE.sub("", text[:start]), _WORD_AFTER.sub("", text[end:])
        excerpt = " ".join(f"{before[-_AROUND:]}***{after[:_AROUND]}".split())
        return "" if _holds_more(excerpt, secrets, only) else excerpt
    return ""


def _holds_more(excerpt: str, secrets: Mapping[str, Any], only: frozenset[str]) -> bool:
    short = any(key in only and value and value in excerpt for key, value in secret_texts(secrets))
    return short or any(_traces(excerpt, secrets, only))


def _traces(text: str, secrets: Mapping[str, Any], only: frozenset[str]) -> Iterator[tuple[str, str]]:
    """A sentence for each trace, and the form that was found."""
    for key, value in secret_texts(secrets):
        if key in only and len(value) >= _PIECE:
            for how, form in _forms(value):
                if form in text:
                    yield f"the secret `{key}` {how}", form


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
        beside_others = encoded[4:-4]
        yield "in base64", beside_others if len(beside_others) >= _PIECE else encoded
    frames = _PEM_FRAME.findall(value)
    for start in range(len(value) - _PIECE + 1):
        piece = value[start : start + _PIECE]
        if not any(piece in frame for frame in frames):
            yield f"in part ({_PIECE} characters)", piece


NONE_MARKED = "no secret is called token, key, secret or password: if the source needs one, call it so in `secrets` of practice.py"
"""Why a check of secrets has nothing to work with."""


def marked_secrets(secrets: Mapping[str, Any]) -> frozenset[str]:
    """The keys whose names say that their values are secret."""
    words = ("token", "key", "secret", "password", "passwd", "pwd", "credential", "auth")
    return frozenset(
        key for key, _value in secret_texts(secrets) if any(word in key.lower() for word in words)
    )


def credentials_sent(requests: Iterable[SourceRequest], secrets: Mapping[str, Any]) -> dict[str, list[str]]:
    """What a function shows the source beside its secrets, by where it stands: access tokens, sessions.

    They are obtained while it runs, and open the source as the secrets do.
    """
    known = [value for _key, value in secret_texts(secrets) if value]
    found: dict[str, list[str]] = {}
    for asked in requests:
        for name, header in asked.headers.items():
            if not _CREDENTIAL_HEADER.search(name) or name.lower() in _NO_CREDENTIALS:
                continue
            for value in _credentials(name, header):
                listed = found.setdefault(f"{name} header", [])
                if value not in listed and not any(value in one or one in value for one in known):
                    listed.append(value)
    return found


def _credentials(name: str, header: str) -> list[str]:
    if "cookie" in name.lower():
        return [value for _name, _, value in (part.partition("=") for part in header.split(";")) if value]
    words = header.split()
    # Of several words after the scheme some are names: a signature, which is of one request, and opens nothing.
    return words[-1:] if len(words) <= len(("scheme", "token")) else []


def with_wrong_keys(secrets: Mapping[str, Any]) -> dict[str, Any]:
    """The secrets with another value of the same form for each whose name says that it is secret."""
    return _wrong(secrets, marked_secrets(secrets))


def _wrong(secrets: Mapping[str, Any], marked: frozenset[str], above: str = "") -> dict[str, Any]:
    """The secrets with another value of the same form for each that is marked."""
    found: dict[str, Any] = {}
    for name, value in secrets.items():
        place = f"{above}.{name}" if above else name
        if isinstance(value, Mapping):
            found[name] = _wrong(value, marked, place)
        elif place in marked and isinstance(value, str):
            found[name] = value.translate(_SHIFTED)
        else:
            found[name] = value
    return found
