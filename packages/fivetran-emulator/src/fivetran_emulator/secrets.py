"""The secrets of a connection: read from a file, sent unchanged, and kept out of everything that is shown.

Names such as "token" do not show what is secret: functions name their secrets as they like. So the values are searched for,
whatever text they turn up in, in every form in which programs write text into other text.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus, urlsplit

import msgspec

from fivetran_emulator.errors import UsageError

__all__ = ["Secrets", "read_secrets"]

_SHORTEST = 4
"""Shorter values, such as a page size or `true`, are left alone: hiding every `1` would make any text unreadable."""


_LONG_NUMBER = 8
"""A number of so many digits is hidden whatever it is called; shorter ones are settings, such as a page size."""


class Secrets:
    """One JSON object, as text in `json`. Its values are in no repr. `hidden` texts are hidden too, and not sent."""

    def __init__(self, text: str = "{}", *, hidden: Iterable[str] = ()) -> None:
        self.json = text
        found = _texts(msgspec.json.decode(text))
        values = {value for value in (*found, *hidden) if len(value) >= _SHORTEST}
        written = {form for value in values for form in _forms(value)}
        self._values = sorted(written, key=lambda form: (-len(form), form))

    def as_text(self) -> Secrets:
        """The same with every value as text, as Fivetran's form for secrets sends them."""
        values = msgspec.json.decode(self.json, type=dict[str, msgspec.Raw])
        texts = {name: _as_text(bytes(raw)) for name, raw in values.items()}
        return Secrets(msgspec.json.encode(texts).decode())

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


def _texts(value: object, name: str = "") -> Iterator[str]:
    """Every text that may be a secret; `name` is the key it stands under."""
    if isinstance(value, dict):
        for key, member in value.items():
            yield from _texts(member, f"{name} {key}")
    elif isinstance(value, list):
        for member in value:
            yield from _texts(member, name)
    elif isinstance(value, str) and not _is_setting(value, name):
        yield value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        text = json.dumps(value)
        if _SECRET_NAME.search(name) or len(text) >= _LONG_NUMBER:
            yield text


_SECRET_NAME = re.compile(r"key|token|secret|pass|pwd|pin|auth|cred|private|cert", re.IGNORECASE)
_WORDS = re.compile(r"[^\W\d_]{1,15}([ _-][^\W\d_]{1,15}){0,4}")


def _is_setting(value: str, name: str) -> bool:
    """Whether a value can be shown: plain words, or an address that carries no credentials, under a harmless name.

    Without this, "products: ***, *** are unknown" would be all that a person gets to see.
    """
    if _SECRET_NAME.search(name):
        return False
    return bool(_WORDS.fullmatch(value)) or _is_plain_address(value)


def _is_plain_address(value: str) -> bool:
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    bare = parts.scheme in ("http", "https") and not (parts.username or parts.query or parts.fragment)
    return bare and all(len(step) < _LONGEST_STEP for step in parts.path.split("/"))


_LONGEST_STEP = 20
"""Longer steps of a path may be what lets one in, as in the address of a webhook."""


def _as_text(raw: bytes) -> str:
    return msgspec.json.decode(raw, type=str) if raw.startswith(b'"') else raw.decode()


def _forms(value: str) -> Iterator[str]:
    """The value in every form in which it may turn up; those too short to be recognised in other text are left out."""
    collapsed = " ".join(value.split())  # as of a message whose white space was made one blank
    for text in {value, collapsed}:
        if len(text) >= _SHORTEST:
            yield text
            yield from _in_json(text)
            yield from _in_url(text)
            yield from _in_html(text)
            yield from (form for written in _in_json(text) for form in _in_html(written))
            yield from _in_base64(text)


def _in_json(text: str) -> Iterator[str]:
    """Within a JSON text: with and without escapes, which have small or capital digits; with PHP's slashes."""
    plain, escaped = msgspec.json.encode(text).decode()[1:-1], json.dumps(text)[1:-1]
    capital = re.sub(r"(?<=\\u)[0-9a-f]{4}", lambda found: found[0].upper(), escaped)
    for form in (plain, escaped, capital):
        yield form
        yield form.replace("/", "\\/")


def _in_url(text: str) -> Iterator[str]:
    """Within an address: as a path's step, a path or a query, with capital digits and with small ones."""
    octets = text.encode("utf-8", "surrogatepass")
    for form in (quote(octets, safe=""), quote(octets), quote_plus(octets)):
        yield form
        yield re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), form)


def _in_html(text: str) -> Iterator[str]:
    """Within HTML or XML: with and without quotes escaped, by name or by number."""
    python = html.escape(text)
    yield html.escape(text, quote=False)
    yield python
    for quotes in (("&quot;", "&#39;"), ("&#34;", "&#39;"), ("&quot;", "&#039;"), ("&quot;", "&apos;")):
        double, single = quotes
        yield python.replace("&quot;", double).replace("&#x27;", single)
    yield python.encode("ascii", "xmlcharrefreplace").decode()


def _in_base64(text: str) -> Iterator[str]:
    """Alone, and at each of the three places in the groups of a longer text."""
    octets = text.encode("utf-8", "surrogatepass")
    whole = base64.b64encode(octets).decode()
    forms = [whole, whole.rstrip("=")]
    for before in range(3):
        # Without the characters at either end that depend on what stands beside the value.
        encoded = base64.b64encode(bytes(before) + octets).decode().rstrip("=")
        forms.append(encoded[(0, 2, 3)[before] : -1])
    for form in forms:
        if len(form) >= 2 * _SHORTEST:
            yield form
            yield form.replace("+", "-").replace("/", "_")
