"""Rows out of the lines of a body: one JSON object a line, or CSV and what is like it.

Nothing is guessed and nothing is passed over: a line that is no row is an error that names it. What may be the half of
a line is asked for again.
"""

from __future__ import annotations

import csv
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import InvalidOperation
from typing import Any, NoReturn, Protocol

import msgspec
import requests

from fivetran_runtime._arguments import wrong
from fivetran_runtime._encoding import decode
from fivetran_runtime.errors import DefectError, TransientError
from fivetran_runtime.http._bodies import NotJsonError, decoded
from fivetran_runtime.http._content import Content
from fivetran_runtime.http._refusals import excerpt
from fivetran_runtime.http._retries import FailedRequest

_MAX_FIELD = 32_000_000
"""Characters of a field of CSV: more than the largest answer holds. Python's own limit is 131,072."""
csv.field_size_limit(max(_MAX_FIELD, csv.field_size_limit()))

_SHOWN = 60
_OTHER_KINDS = ("text/html", "application/json", "application/xhtml+xml", "application/xml", "text/xml")


class Place:
    """How far a body was read: whole records, and the lines and bytes that they take.

    Attributes:
        record, line, byte: how many were read, header and blank lines included in the latter two.
        columns: what the header names, once it was read.
        digest: of all those bytes; it goes on from byte to byte.
    """

    def __init__(
        self, *, record: int = 0, line: int = 0, byte: int = 0, columns: list[str] | None = None
    ) -> None:
        self.record, self.line, self.byte, self.columns = record, line, byte, columns
        self._crc, self._adler = 0, 1
        self._open: list[bytes] = []

    @property
    def digest(self) -> str:
        """Of everything that was read."""
        return f"{self._crc:08x}{self._adler:08x}"

    @digest.setter
    def digest(self, text: str) -> None:
        self._crc, self._adler = int(text[:8], 16), int(text[8:], 16)

    @property
    def open_line(self) -> int:
        """The number of the line that was taken last."""
        return self.line + len(self._open)

    @property
    def ends_in_break(self) -> bool:
        """Whether the line that was taken last has its line break; only the last of a body may have none."""
        return self._open[-1].endswith(b"\n")

    def note(self, piece: bytes) -> None:
        """Count bytes into the digest."""
        self._crc, self._adler = zlib.crc32(piece, self._crc), zlib.adler32(piece, self._adler)

    def take(self, line: bytes) -> None:
        """A line was read, which may be a part of a record."""
        self._open.append(line)

    def begin_again(self) -> None:
        """Forget the lines of a record that did not come to its end."""
        self._open.clear()

    def close(self, *, records: int) -> None:
        """What was taken is whole."""
        for line in self._open:
            self.note(line)
            self.byte += len(line)
        self.line += len(self._open)
        self.record += records
        self._open.clear()


class Form(Protocol):
    """How rows are written in a body."""

    name: str
    accept: str
    encoding: str | None

    def require_kind(self, response: requests.Response, what: str) -> None:
        """Raise for an answer that says to be something else."""

    def records(self, content: Content, place: Place, what: str) -> Iterator[dict[str, Any]]:
        """The rows behind a place, which moves on with them."""


class LinesForm:
    """One JSON object a line."""

    name = "lines"
    accept = "application/x-ndjson, application/jsonl, */*;q=0.5"
    encoding = None

    def require_kind(self, response: requests.Response, what: str) -> None:
        """Whatever it says: what is not JSON shows."""

    def records(self, content: Content, place: Place, what: str) -> Iterator[dict[str, Any]]:
        for line in _taken(content, place):
            if row := line.strip():
                yield self._row(row, content, place, what)
            else:
                place.close(records=0)

    def _row(self, line: bytes, content: Content, place: Place, what: str) -> dict[str, Any]:
        where = f"{what}, line {place.open_line}"
        try:
            value = _value(line, content)
        except NotJsonError as error:
            if not place.ends_in_break:
                raise FailedRequest(f"an answer that ends in the middle of line {place.open_line}") from None
            why = error.why.partition(", near ")[0]  # which may have cut a secret
            raise _no_line(where, line, f"no JSON ({why})") from None
        except RecursionError:
            raise _no_line(where, line, "nested too deeply to be read") from None
        if not isinstance(value, dict):
            raise _no_line(where, line, f"{_kind(value)}, not an object")
        place.close(records=1)
        return value


def _value(line: bytes, content: Content) -> Any:
    if content.encoding != "utf-8":
        try:
            line = content.text(line).encode()
        except UnicodeError as error:
            raise NotJsonError(f"text that is not {content.encoding}: {error}") from None
    try:
        return decode(line)
    except (ValueError, InvalidOperation):
        return decoded(line).value  # which takes halves of characters, and says what is wrong


def _no_line(where: str, line: bytes, what: str) -> TransientError:
    said = excerpt(line[:1_000].decode("utf-8", "replace"))[:_SHOWN]
    hint = "Each line has to be one JSON object. A login or maintenance page is none."
    return TransientError(f"{where} is {what}: {said!r}.", hint=hint)


def _kind(value: object) -> str:
    names = {list: "a list", str: "a text", bool: "a truth value", type(None): "null"}
    return names.get(type(value), "a number")


class CsvForm(msgspec.Struct, frozen=True):
    """CSV, TSV and what is like them.

    Attributes:
        columns: with a header, those that it has to name at least; without one, the names of all columns in their order.
        has_header: whether the first line names the columns.

    Raises:
        DefectError: nothing can be written so; names the argument of `Client.csv`.
    """

    columns: Sequence[str]
    has_header: bool
    delimiter: str
    quotechar: str
    escapechar: str | None
    encoding: str | None

    name = "csv"
    accept = "text/csv, text/tab-separated-values, */*;q=0.5"

    def __post_init__(self) -> None:
        _require_columns(self.columns, has_header=self.has_header)
        marks = {"delimiter": self.delimiter, "quotechar": self.quotechar, "escapechar": self.escapechar}
        for name, mark in marks.items():
            if not _is_mark(mark) and (name, mark) not in _NO_MARKS:
                raise DefectError(f"csv({name}={mark!r}): it has to be one character, and no line break.")
        if len({*marks.values()}) < len(marks):
            raise DefectError(f"csv(...): delimiter, quotechar and escapechar have to differ: {marks}.")
        _require_encoding(self.encoding)

    def require_kind(self, response: requests.Response, what: str) -> None:
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if not self.columns and (kind in _OTHER_KINDS or kind.endswith(("+json", "+xml"))):
            hint = "A login or maintenance page looks like this. If it is CSV, name a column that its header has: columns=."
            raise TransientError(f"{what} answered {kind}, not CSV.", hint=hint)

    def records(self, content: Content, place: Place, what: str) -> Iterator[dict[str, Any]]:
        if place.columns is None:
            place.columns = None if self.has_header else [*self.columns]
        for fields in self._read(content, place, what):
            if not fields:  # a blank line
                place.close(records=0)
            elif place.columns is None:
                self._require_header(fields, f"{what}, line {place.open_line}")
                place.columns = fields
                place.close(records=0)
            else:
                if len(fields) != len(place.columns):
                    self._reject(fields, place, what)
                row = dict(zip(place.columns, fields, strict=True))
                place.close(records=1)
                yield row
        self._require_rows(place, what)

    def _read(self, content: Content, place: Place, what: str) -> Iterator[list[str]]:
        reader = csv.reader(
            (content.text(line) for line in _taken(content, place)),
            delimiter=self.delimiter,
            quotechar=self.quotechar or None,
            quoting=csv.QUOTE_MINIMAL if self.quotechar else csv.QUOTE_NONE,
            escapechar=self.escapechar,
            strict=True,
        )
        try:
            yield from reader
        except csv.Error as error:
            if "unexpected end" in str(error):
                began = f"a field that begins in line {place.line + 1} and does not end"
                raise FailedRequest(f"an answer with {began}") from None
            if "new-line character" in str(error):
                raise _stray_return(f"{what}, line {place.open_line}") from None
            hint = "Say how it is written: delimiter=, quotechar=, escapechar=."
            raise DefectError(f"{what}, line {place.open_line}: {error}.", hint=hint) from None
        except UnicodeError as error:
            if not place.ends_in_break:
                raise FailedRequest(f"an answer that ends in the middle of line {place.open_line}") from None
            message = (
                f"{what}, line {place.open_line}: text that is not {content.encoding} ({_reason(error)})."
            )
            raise DefectError(message, hint="Say what it is with encoding=.") from None

    def _require_header(self, fields: Sequence[str], where: str) -> None:
        twice = [repr(name) for name, count in Counter(fields).items() if count > 1]
        if twice:
            hint = "With columns= and has_header=False you name them; skip the header with row=."
            raise DefectError(f"{where}: the header names {', '.join(twice)} more than once.", hint=hint)
        missing = [repr(name) for name in self.columns if name not in fields]
        if missing:
            said = excerpt(self.delimiter.join(fields)[:1_000])[:_SHOWN]
            message = f"{where}: the header has no column {', '.join(missing)}: {said!r}."
            raise DefectError(
                message, hint="Is there a header? If not: has_header=False. Is the delimiter right?"
            )

    def _reject(self, fields: Sequence[str], place: Place, what: str) -> NoReturn:
        columns = place.columns or ()
        if len(fields) < len(columns) and not place.ends_in_break:
            raise FailedRequest(f"an answer that ends in the middle of line {place.open_line}")
        header = "the header" if self.has_header else "columns="
        message = f"{what}, line {place.open_line} has {len(fields)} fields, and {header} {len(columns)}."
        raise DefectError(
            message, hint="Is the delimiter right? A field with a delimiter in it needs quotes."
        )

    def _require_rows(self, place: Place, what: str) -> None:
        """An answer that is something else may look like a header."""
        if place.columns is None:
            raise FailedRequest("an empty answer, without a header")
        if self.has_header and not self.columns and not place.record and len(place.columns) == 1:
            said = excerpt(place.columns[0])[:_SHOWN]
            hint = "If it is a header without rows, name it: columns=."
            raise TransientError(f"{what} answered one line of one column: {said!r}.", hint=hint)


def _stray_return(where: str) -> DefectError:
    return DefectError(
        f"{where}: a carriage return that ends no line, in a field without quotes.",
        hint="Lines end in a line feed, with or without a carriage return before it. Is the encoding right?",
    )


def _taken(content: Content, place: Place) -> Iterator[bytes]:
    """The lines of a body, as parts of a record that is open until the place is moved on."""
    for line in content.lines():
        place.take(line)
        if not (place.ends_in_break or content.is_framed):
            raise FailedRequest(
                f"an answer that ends in line {place.open_line}, without a line break or a length"
            )
        yield content.without_mark(line) if place.open_line == 1 else line


def _reason(error: UnicodeError) -> str:
    return error.reason if isinstance(error, UnicodeDecodeError) else str(error)


_NO_MARKS = (("quotechar", ""), ("escapechar", None))


def _require_columns(columns: Sequence[str], *, has_header: bool) -> None:
    if not isinstance(columns, list | tuple) or not all(type(name) is str and name for name in columns):
        raise DefectError(f"csv(columns={columns!r}): it has to be names of columns, such as ('id', 'name').")
    if type(has_header) is not bool:
        raise wrong("csv", "has_header", has_header, "True or False")
    if not has_header and not columns:
        raise DefectError("csv(has_header=False) needs columns=, the names of all columns in their order.")
    if len(set(columns)) < len(columns):
        raise DefectError(f"csv(columns={columns!r}): a column is named more than once.")


def _is_mark(mark: object) -> bool:
    return type(mark) is str and len(mark) == 1 and mark not in "\r\n"


def _require_encoding(encoding: str | None) -> None:
    try:
        if encoding is not None:
            "a".encode(encoding)
    except (LookupError, TypeError):
        raise DefectError(
            f"csv(encoding={encoding!r}): Python knows no such encoding; examples are 'cp1252' and 'utf-16'."
        ) from None
