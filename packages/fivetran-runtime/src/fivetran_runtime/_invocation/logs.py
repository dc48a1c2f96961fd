"""Structured logs: by default one JSON object per line on standard output, as Google Cloud Logging reads them.

A line with `severity` and `message` keeps both there; other members become its payload. Every line carries the
connector and its version, and the invocation's labels. See https://cloud.google.com/functions/docs/monitoring/logging.
Another host gives `install` a writer of its own.

What a connector prints goes to the same place, so it is cleaned as well: a text at a time, as it is written.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, TextIO

from fivetran_runtime._encoding import encode
from fivetran_runtime._invocation.context import Invocation, clean, clean_printed, running


def emit(severity: str, message: str, **fields: Any) -> None:
    """Write one line.

    Args:
        severity: DEBUG, INFO, WARNING, ERROR or CRITICAL.
        message: what a person reads.
        fields: extra members; JSON values.
    """
    invocation = running()
    line = {"severity": severity, "message": message, **fields, **invocation.labels}
    # Cleaned before it is encoded: in JSON text a secret like 1234 would take numbers apart.
    with suppress(OSError):  # a log that cannot be written must not fail a sync
        _writer(_printable(line))


Line = dict[str, Any]
"""One entry of the log: `severity`, `message` and JSON values, without any secret."""


def write_json(line: Line) -> None:
    """Write it as a line of JSON to standard output."""
    output = sys.stdout.uncleaned if isinstance(sys.stdout, _CleanOutput) else sys.stdout
    output.write(encode(line).decode() + "\n")
    output.flush()


_writer: Callable[[Line], None] = write_json


def warn(text: object, *, counted_as: str | None = None) -> None:
    """Say something that a person should know and that fails nothing, e.g. that a part of the source was skipped.

    It becomes a line of the function's log (severity WARNING), a part of the invocation's report, and a warning on the
    emulator's screen. Whatever is said again in an invocation is counted: "skipped product: 404 (12 times)". Secrets are
    taken out. May be called from tables, checks and threads.

    Args:
        text: the warning, e.g. "skipped product 17: 404"; an exception is taken by its text.
        counted_as: what it is called together with others of its kind, e.g. "skipped product: 404"; by default its text.
            Only the first of a kind is written to the log with its own text.
    """
    said = _text_of(text)
    name = _text_of(counted_as) if counted_as is not None else said
    invocation = running()
    times = invocation.count_warning(name)
    if times == 1 and len(invocation.warnings) <= MAX_WARNING_LINES:
        emit("WARNING", said, **({"counted_as": name} if name != said else {}))


MAX_WARNING_LINES = 100
"""How many kinds of warnings an invocation writes to its log as they come."""
_MAX_REPORTED = 10  # kinds,
_MAX_CHARACTERS = 300  # of each,
_MAX_REPORTED_BYTES = 2_000  # as JSON: the report travels in a header, whose size servers limit


def _text_of(value: object) -> str:
    try:
        text = " ".join(str(value).split())
    except Exception:  # noqa: BLE001 - a warning must not fail a sync
        text = ""
    return text or f"a warning without a text ({type(value).__name__})"


def reported_warnings(invocation: Invocation) -> dict[str, Any]:
    """The connector's warnings for the invocation's report, the most frequent first; those that were repeated are logged."""
    counted = invocation.warnings.most_common()
    for name, times in counted[:MAX_WARNING_LINES]:
        if times > 1:
            emit("WARNING", f"{name} ({times} times)", times=times)
    if not counted:
        return {}
    report: dict[str, int] = {}
    for name, times in counted[:_MAX_REPORTED]:
        shown = clean(name)
        shown = (
            shown
            if len(shown) <= _MAX_CHARACTERS
            else f"{shown[: _MAX_CHARACTERS - 1]}\N{HORIZONTAL ELLIPSIS}"
        )
        if len(json.dumps({**report, shown: times})) > _MAX_REPORTED_BYTES:
            break
        report[shown] = report.get(shown, 0) + times
    left = sum(times for _, times in counted) - sum(report.values())
    return {"warnings": report, **({"other_warnings": left} if left else {})}


def _printable(value: Any) -> Any:
    """The value with every text in it free of secrets."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {_printable(name): _printable(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_printable(inner) for inner in value]
    return value


class _JsonLines(logging.Handler):
    """Sends what connectors and libraries log through `emit`."""

    def emit(self, record: logging.LogRecord) -> None:
        fields = {"logger": record.name}
        if exception := record.exc_text or _exception(record):
            fields["exception"] = exception
        emit(record.levelname, _message(record), **fields)


def _exception(record: logging.LogRecord) -> str | None:
    return logging.Formatter().formatException(record.exc_info) if record.exc_info else None


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - a log call's wrong arguments must not fail a sync
        return f"{record.msg} (its arguments do not fit; {record.pathname}:{record.lineno})"


class _Clean(logging.Filter):
    """Takes the secrets out of a record, whoever writes it and in whatever form."""

    def filter(self, record: logging.LogRecord) -> bool:
        _clean_record(record)
        for name, value in vars(record).items():
            if name not in _OWN and (printable := _printable(value)) != value:
                setattr(record, name, printable)
        return True


_OWN = frozenset({*vars(logging.makeLogRecord({})), "message", "asctime"})
"""What every record has; the rest are the `extra` of a log call."""


def _clean_record(record: logging.LogRecord) -> None:
    """Replace message and traceback by their clean text, if they hold a secret; else leave the record as it is."""
    said = _message(record)
    if (cleaned := clean(said)) != said:
        record.msg, record.args = cleaned, ()
    said = record.exc_text or _exception(record) or ""
    if (cleaned := clean(said)) != said:
        record.exc_info, record.exc_text = None, cleaned
    if record.stack_info:
        record.stack_info = clean(record.stack_info)


class _CleanOutput:
    """Standard output or error, with every text cleaned that is written to it; all else is the stream's."""

    def __init__(self, uncleaned: TextIO) -> None:
        self.uncleaned = uncleaned

    def write(self, text: str) -> int:
        self.uncleaned.write(clean_printed(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.uncleaned, name)


def _clean_output() -> None:
    for name in ("stdout", "stderr"):
        stream: TextIO | None = getattr(sys, name)
        if stream is not None and not isinstance(stream, _CleanOutput):
            setattr(sys, name, _CleanOutput(stream))


def _log_ended_thread(ended: threading.ExceptHookArgs) -> None:
    """An exception that ends a thread: nobody else sees it, and Python would print it in many lines."""
    if ended.exc_type is SystemExit:
        return
    value = ended.exc_value or ended.exc_type()
    text = "".join(traceback.format_exception(ended.exc_type, value, ended.exc_traceback))
    message = clean_printed(f"A thread that the connector started ended with {type(value).__name__}: {value}")
    emit("ERROR", message, exception=clean_printed(text))


def install(writer: Callable[[Line], None] = write_json) -> None:
    """Make `logging` write such lines too, from INFO on, and every other handler clean ones.

    Python's root logger starts at WARNING, which silently swallows a connector's progress lines. The HTTP library
    logs addresses with their query, so it stays at WARNING. Records are cleaned when they are made, so that a
    handler that somebody adds later, or one of another logger, gets clean ones; what a log call adds as `extra`
    comes after that, and is cleaned by a filter. What is printed, warnings and tracebacks included, is cleaned as it
    is written. An exception that ends a thread becomes a line, unless somebody else takes care of these.

    Args:
        writer: where lines go.
    """
    global _writer  # noqa: PLW0603 - a process has one host
    _writer = writer
    _clean_output()
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = _log_ended_thread
    root = logging.getLogger()
    if not any(isinstance(handler, _JsonLines) for handler in root.handlers):
        root.addHandler(_JsonLines())
        root.setLevel(min(root.level, logging.INFO) or logging.INFO)
        logging.getLogger("urllib3").setLevel(logging.WARNING)
    for handler in root.handlers:
        if not any(isinstance(one, _Clean) for one in handler.filters):
            handler.addFilter(_Clean())
    _clean_new_records()


def _clean_new_records() -> None:
    make = logging.getLogRecordFactory()
    if getattr(make, "cleans", False):
        return

    def make_clean(*arguments: Any, **named: Any) -> logging.LogRecord:
        record = make(*arguments, **named)
        _clean_record(record)
        return record

    make_clean.cleans = True  # type: ignore[attr-defined]  # known again however often this is installed
    logging.setLogRecordFactory(make_clean)
