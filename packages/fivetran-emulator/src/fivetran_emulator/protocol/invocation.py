"""What a function reports about one invocation of itself, in a response header.

The header is a courtesy of functions built on fivetran-runtime: one JSON object with the fields of its log line. Most
functions send none, and what one sends is shown, never relied upon.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from fivetran_emulator.protocol.shared_facts import REPORT_HEADER

__all__ = ["InvocationReport", "reported_invocation"]


class InvocationReport(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of the header that are shown; seconds are wall time. None is what a function did not report."""

    connector: str | None = None
    version: str | None = None
    cut: str | None = None
    requests: int | None = None
    retries: int | None = None
    waited_seconds: float | None = None


def reported_invocation(headers: Mapping[str, str]) -> InvocationReport:
    """The invocation as `headers` report it; nothing is known when the header is absent or cannot be read."""
    try:
        return msgspec.json.decode(headers.get(REPORT_HEADER, "{}"), type=InvocationReport)
    except (msgspec.DecodeError, UnicodeError):
        return InvocationReport()
