"""What a function tells about one invocation of itself, in a response header.

The header is a courtesy of functions built on fivetran-runtime: one JSON object with the fields of its log line. Most
functions send none, and what one sends is shown, never relied upon.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

__all__ = ["HEADER", "Invocation", "told_by"]

HEADER = "X-Connector-Invocation"


class Invocation(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of the header that are shown; seconds are wall time. None is what a function did not tell."""

    connector: str | None = None
    version: str | None = None
    cut: str | None = None
    requests: int | None = None
    retries: int | None = None
    waited_seconds: float | None = None


def told_by(headers: Mapping[str, str]) -> Invocation:
    """The invocation as `headers` tell it; nothing is known when the header is absent or cannot be read."""
    try:
        return msgspec.json.decode(headers.get(HEADER, "{}"), type=Invocation)
    except (msgspec.DecodeError, UnicodeError):
        return Invocation()
