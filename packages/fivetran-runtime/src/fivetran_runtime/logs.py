"""Structured logs: one JSON object per line on standard output, as Google Cloud Logging reads them.

A line with `severity` and `message` keeps both there; other members become its payload. Every line carries the
connector and its version, the sync id, and the request's trace when there is one, so that Fivetran's log and
Google's can be joined. See https://cloud.google.com/functions/docs/monitoring/logging.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from fivetran_runtime.encoding import encode
from fivetran_runtime.invocation import running
from fivetran_runtime.redaction import Redactor


def emit(severity: str, message: str, **fields: Any) -> None:
    """Write one line.

    Args:
        severity: DEBUG, INFO, WARNING, ERROR or CRITICAL.
        message: what a person reads.
        fields: further members; JSON values.
    """
    invocation = running()
    line = {
        "severity": severity,
        "message": message,
        **fields,
        **_joins(invocation.sync_id, invocation.trace),
    }
    # Cleaned before it is encoded: in JSON text a secret like 1234 would take numbers apart.
    text = encode(_printable(line, invocation.redactor)).decode()
    with suppress(OSError):  # a log that cannot be written must not fail a sync
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


def _printable(value: Any, redactor: Redactor) -> Any:
    """The value with every text in it free of secrets."""
    if isinstance(value, str):
        return redactor.clean(value)
    if isinstance(value, Mapping):
        return {_printable(name, redactor): _printable(inner, redactor) for name, inner in value.items()}
    if isinstance(value, list):
        return [_printable(inner, redactor) for inner in value]
    return value


def _joins(sync_id: str | None, trace: str | None) -> dict[str, str]:
    joins = {"sync_id": sync_id} if sync_id else {}
    project = os.environ.get("GOOGLE_CLOUD_PROJECT") or os.environ.get("GCP_PROJECT")
    if trace and project:
        joins["logging.googleapis.com/trace"] = f"projects/{project}/traces/{trace}"
    return joins


class _JsonLines(logging.Handler):
    """Sends what connectors and libraries log through `emit`."""

    def emit(self, record: logging.LogRecord) -> None:
        fields = {"logger": record.name}
        if record.exc_info:
            fields["exception"] = logging.Formatter().formatException(record.exc_info)
        emit(record.levelname, _message(record), **fields)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - a log call's wrong arguments must not fail a sync
        return f"{record.msg} (its arguments do not fit; {record.pathname}:{record.lineno})"


def install() -> None:
    """Make `logging` write such lines too, once per process, from INFO on.

    Python's root logger starts at WARNING, which silently swallows a connector's progress lines. The HTTP library
    logs addresses with their query, so it stays at WARNING.
    """
    root = logging.getLogger()
    if any(isinstance(handler, _JsonLines) for handler in root.handlers):
        return
    root.addHandler(_JsonLines())
    root.setLevel(min(root.level, logging.INFO) or logging.INFO)
    logging.getLogger("urllib3").setLevel(logging.WARNING)
