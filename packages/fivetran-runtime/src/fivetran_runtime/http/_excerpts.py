"""What a source says of itself when it refuses: a sentence for people, out of a page or a JSON of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from fivetran_runtime._encoding import encode
from fivetran_runtime._invocation.context import clean

_LENGTH = 300
_MAX_LOOKED_AT = 100_000
_SAYS = (
    "error_description", "errorMessages", "errorMessage", "error_message", "message", "messages", "msg", "detail",
    "details", "description", "reason", "title", "error", "errors", "fault", "faultstring", "exception", "status_text",
)  # fmt: skip


def excerpt(value: Any) -> str:
    """What an error's body says, in a line: an HTML page's words, a JSON's message, else the beginning of the text.

    Secrets are taken out before anything is decoded, collapsed or cut, and once more after.
    """
    text = value[:_MAX_LOOKED_AT] if isinstance(value, str) else "; ".join(dict.fromkeys(_messages(value)))
    if not text and not isinstance(value, str):
        try:
            text = encode(value).decode()
        except (TypeError, ValueError, RecursionError):
            text = "an answer that cannot be shown"
    return clean(" ".join(_words(clean(text)).split()))[:_LENGTH]


def _messages(value: Any, depth: int = 4) -> Iterator[str]:
    """The sentences of a JSON error, whatever the source calls them."""
    if depth == 0:
        return
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for inner in value[:3]:
            yield from _messages(inner, depth - 1)
    elif isinstance(value, dict):
        said = {str(name).lower(): inner for name, inner in value.items()}
        for name in _SAYS:
            if (inner := said.get(name.lower())) is not None:
                yield from _messages(inner, depth - 1)


_IS_HTML = re.compile(
    r"\s*(?:<!doctype|<\?xml|<html|<head|<body|<p\b|<h\d|<div|<center|<title)", re.IGNORECASE
)
_UNSEEN = re.compile(
    r"<(script|style|svg|template|noscript)\b.*?</\1\s*>|<!--.*?-->", re.IGNORECASE | re.DOTALL
)
_HEADLINES = re.compile(r"<(title|h1|h2|p)\b[^>]*>(.*?)</\1\s*>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^>]*>")


def _words(text: str) -> str:
    """The words of a page: its title, headings and paragraphs, or whatever is between its tags."""
    if not _IS_HTML.match(text):
        return text
    import html  # noqa: PLC0415 - two thousand names, which a function that goes well never needs

    seen = _UNSEEN.sub(" ", text)
    parts = [" ".join(html.unescape(_TAG.sub(" ", part)).split()) for _, part in _HEADLINES.findall(seen)]
    sentences = [part.rstrip(".") for part in dict.fromkeys(parts) if part]
    return ". ".join(sentences) or html.unescape(_TAG.sub(" ", seen))
