"""The secrets that a connection gets: read from a JSON file, as the same file serves a sync on this machine.

Fivetran keeps them as texts by key, which is what its form makes of them too; a list or an object is kept as JSON, and
the runtime reads it so.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tools.locked.connecting.strict_json import read_json
from tools.repository.errors import RepositoryError

MIN_HIDDEN = 4
"""Characters of a value that is hidden wherever it appears: `1` or `on` would black out half of every message."""

HIDDEN = "[hidden]"

JSON_WORDS = frozenset({"null", "true", "false"})
"""No secrets: hidden, they would black out what is said of them."""


@dataclass(frozen=True)
class Secrets:
    """Texts by key, and the file they are from with the moment of its last change, in UTC.

    `content` is the file's own, before it became texts; it and `values` are never shown.
    """

    texts: Mapping[str, str] = field(repr=False)
    file: Path
    changed: datetime
    values: frozenset[str] = field(default=frozenset(), repr=False)
    content: Mapping[str, Any] = field(default_factory=dict, repr=False, hash=False)

    @property
    def listed(self) -> list[dict[str, str]]:
        """As Fivetran's `secrets_list`."""
        return [{"key": key, "value": value} for key, value in self.texts.items()]

    @property
    def as_json(self) -> str:
        """As Fivetran's older `secrets`: one text."""
        return json.dumps(dict(self.texts), ensure_ascii=False)

    @property
    def keys(self) -> str:
        """The keys, for people."""
        return ", ".join(self.texts) or "none"

    def __str__(self) -> str:
        return f"{self.file}, of {self.changed:%Y-%m-%d %H:%M} UTC"


def read_secrets(file: Path) -> Secrets:
    """The file's secrets. RepositoryError, without any value, if it isn't a JSON object."""
    content = read_json(file)
    changed = datetime.fromtimestamp(file.stat().st_mtime, UTC)
    if not isinstance(content, dict):
        raise RepositoryError(
            f'{file}: an object of the connection\'s keys is expected, such as {{"token": "..."}}'
        )
    texts = {key: as_text(value) for key, value in content.items()}
    return Secrets(
        texts, file, changed, frozenset([*texts.values(), *_inner_texts(content)]) - JSON_WORDS, content
    )


def as_text(value: Any) -> str:
    """A value as Fivetran's form would hold it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _inner_texts(value: Any) -> Iterator[str]:
    """The texts in a value, at any depth."""
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _inner_texts(inner)
    else:
        yield as_text(value)


def without(text: str, values: Iterable[str]) -> str:
    """A text in which none of the values stands, however it came there."""
    for value in sorted({value for value in values if len(value) >= MIN_HIDDEN}, key=len, reverse=True):
        text = text.replace(value, HIDDEN)
    return text
