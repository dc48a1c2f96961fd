"""The secrets of a connection: read from a file, sent unchanged, and kept out of everything that is shown.

A newcomer would redact by name ("token", "password"). Functions name their secrets as they like, so it is the values that
are searched for, whatever text they turn up in.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from fivetran_emulator.errors import UsageError

__all__ = ["Secrets", "read_secrets"]

_SHORTEST = 4
"""Shorter values, such as a page size or `true`, are left alone: hiding every `1` would make any text unreadable."""


class Secrets:
    """One JSON object, as text in `json`. Its values are in no repr."""

    def __init__(self, json: str = "{}") -> None:
        self.json = json
        values = set(_texts(msgspec.json.decode(json)))
        self._values = sorted((v for v in values if len(v) >= _SHORTEST), key=len, reverse=True)

    def __repr__(self) -> str:
        return "Secrets(***)"

    def redact(self, text: str) -> str:
        """`text` with every secret value replaced by `***`."""
        for value in self._values:
            text = text.replace(value, "***")
        return text


def read_secrets(path: Path) -> Secrets:
    """The secrets in the file at `path`. Raises UsageError, without any of its content, unless it is one JSON object."""
    try:
        text = path.read_text(encoding="utf-8")
        msgspec.json.decode(text, type=dict[str, object])
    except OSError as error:
        raise UsageError(f"the secrets file {path} cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        hint = 'For example: {"url": "https://api.acme.example", "token": "..."}'
        raise UsageError(f"the secrets file {path} does not hold one JSON object", hint=hint) from error
    return Secrets(text)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for member in value.values():
            yield from _texts(member)
    elif isinstance(value, list):
        for member in value:
            yield from _texts(member)
    elif isinstance(value, str):
        yield value
