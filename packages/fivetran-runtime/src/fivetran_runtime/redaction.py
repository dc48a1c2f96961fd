"""Keeping secrets out of everything that leaves the function: answers, logs, tracebacks.

By value, not by name: whatever text a secret turns up in (an address, a header, a source's own error message),
its raw, URL-encoded, JSON-escaped and base64 forms are replaced.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

HIDDEN = "***"
_SHORTEST = 4  # a shorter text is no secret, and replacing it would shred every message


class Redactor:
    """Replaces the secrets it knows."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._forms: tuple[str, ...] = ()
        self.add(*secrets)

    def add(self, *secrets: str) -> None:
        """Learn more secrets, e.g. an access token that was fetched with another one."""
        forms = {form for secret in secrets for form in _forms(secret)}
        self._forms = tuple(sorted({*self._forms, *forms}, key=lambda form: (-len(form), form)))

    def clean(self, text: str) -> str:
        """The text without any of the secrets, and such that it can be sent: half a surrogate pair cannot."""
        for form in self._forms:
            text = text.replace(form, HIDDEN)
        return text.encode("utf-8", "backslashreplace").decode()


def _forms(secret: str) -> Iterator[str]:
    if len(secret) < _SHORTEST:
        return
    yield from {secret, quote(secret), quote(secret, safe=""), quote_plus(secret)}
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield repr(secret)[1:-1]
    yield from _base64_forms(secret.encode("utf-8", "surrogatepass"))


def _base64_forms(secret: bytes) -> Iterator[str]:
    # Inside a longer text ("user:secret" of basic authentication) a secret starts at one of three places in a
    # group of four characters; the characters it shares with its neighbours are left out.
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + secret).decode()
        shared_start, shared_end = (0, 2, 3)[shift], (0, 3, 2)[(shift + len(secret)) % 3]
        form = encoded[shared_start : len(encoded) - shared_end]
        if len(form) >= _SHORTEST * 2:
            yield form
            yield form.translate(str.maketrans("+/", "-_"))
