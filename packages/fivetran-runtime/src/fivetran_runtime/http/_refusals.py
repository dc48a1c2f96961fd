"""A source's refusals: whose they are to act on, and what they say, in a sentence out of a page or a JSON of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from fivetran_runtime._encoding import encode
from fivetran_runtime._invocation.context import clean
from fivetran_runtime.errors import ConfigurationError, ConnectorError, DefectError, TransientError
from fivetran_runtime.http._retries import FailedRequest

_LENGTH = 300
_MAX_LOOKED_AT = 100_000
_SAYS = (
    "error_description", "errorMessages", "errorMessage", "error_message", "message", "messages", "msg", "detail",
    "details", "description", "reason", "title", "error", "errors", "fault", "faultstring", "exception", "status_text",
)  # fmt: skip


class RefusedError(ConfigurationError):
    """A refusal, and the code that it has as RFC 6749 (5.2) writes it, such as "invalid_grant"; empty without one."""

    def __init__(self, message: str, *, hint: str, status: int, cause: str, code: str) -> None:
        super().__init__(message, hint=hint, status=status, cause=cause)
        self.code = code


def _code(body: Any) -> str:
    code = body.get("error") if isinstance(body, dict) else None
    return code if isinstance(code, str) else ""


def refusal(method: str, url: str, status: int, body: Any, why_refused: str = "") -> ConnectorError:
    """The error for a status that is no success, with what the body says; and what the credentials know of it."""
    text = said(body)
    cause = f"HTTP {status}{f': {text}' if text else ''}"
    message = f"{method} {url}: {cause}"
    if 300 <= status < 500 and status not in _NOT_NOW:
        hint = why_refused or _HINTS.get(status, _PATH_HINT if status < 400 else "")
        return RefusedError(message, hint=hint, status=status, cause=cause, code=_code(body))
    return TransientError(message, status=status, cause=cause)


_NOT_NOW = frozenset({408, 425})  # the client did nothing wrong but come too slowly or too early
_CREDENTIALS_HINT = "Check the credentials and what they may read."
_PATH_HINT = "Is the address right, its path included?"
_HINTS = {401: _CREDENTIALS_HINT, 403: _CREDENTIALS_HINT, 404: _PATH_HINT}


def answered_with_errors(where: str, errors: Any, *, is_refusal: bool) -> ConnectorError | FailedRequest:
    """What to raise for a success that says it is an error: GraphQL's partial answers, and others like them.

    Args:
        where: the address, and the place of the errors.
        errors: what is there.
        is_refusal: whether the source has not even begun to answer, as to a query that it does not understand.
    """
    text = excerpt(errors)
    codes = {code.upper() for code in _codes(errors)}
    if not is_refusal or re.search(_LATER, f"{' '.join(codes)} {text}"):
        return FailedRequest("an answer with errors", said=text)
    message = f"{where} refuses the query: {text}."
    if codes & _ABOUT_WHO:
        return ConfigurationError(message, hint=_CREDENTIALS_HINT, cause=text)
    return DefectError(message, cause=text)


_LATER = r"(?i)throttl|rate.?limit|too.?many|time.?d?.?out|unavailable|internal|try again|overload|exceeded"
_ABOUT_WHO = frozenset({"UNAUTHENTICATED", "UNAUTHORIZED", "FORBIDDEN", "ACCESS_DENIED"})


def _codes(errors: Any) -> Iterator[str]:
    """The codes of GraphQL errors: Apollo's `extensions.code`, GitHub's `type`."""
    for error in errors if isinstance(errors, list) else ():
        if isinstance(error, dict):
            extensions = error.get("extensions")
            code = extensions.get("code") if isinstance(extensions, dict) else None
            yield from (one for one in (code, error.get("type")) if isinstance(one, str))


def said(body: Any) -> str:
    """What a refusal says, in the source's own words."""
    return excerpt(body) if body not in (None, "") else ""


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


# As texts, which re compiles at their first use: a sync that goes well needs none.
_IS_HTML = r"(?i)\s*(?:<!doctype|<\?xml|<html|<head|<body|<p\b|<h\d|<div|<center|<title)"
_UNSEEN = r"(?is)<(script|style|svg|template|noscript)\b.*?</\1\s*>|<!--.*?-->"
_HEADLINES = r"(?is)<(title|h1|h2|p)\b[^>]*>(.*?)</\1\s*>"
_TAG = r"<[^>]*>"


def _words(text: str) -> str:
    """The words of a page: its title, headings and paragraphs, or whatever is between its tags."""
    if not re.match(_IS_HTML, text):
        return text
    import html  # noqa: PLC0415 - two thousand names, which a function that goes well never needs

    seen = re.sub(_UNSEEN, " ", text)
    parts = [
        " ".join(html.unescape(re.sub(_TAG, " ", part)).split()) for _, part in re.findall(_HEADLINES, seen)
    ]
    sentences = [part.rstrip(".") for part in dict.fromkeys(parts) if part]
    return ". ".join(sentences) or html.unescape(re.sub(_TAG, " ", seen))
