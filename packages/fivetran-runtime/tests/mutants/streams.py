"""Faults of bodies that are read as streams: each would lose rows, mix those of two bodies, or make some up."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from typing import Any

from fivetran_runtime.http._records import Place
from mutants.mutant import Mutant

Fault = Callable[..., Any]
_STREAMS = "http/test_streams.py"
_READING = "fivetran_runtime.http.streams._StreamReading"
_CUT = f"{_STREAMS}::test_a_body_that_breaks_off_is_asked_for_again"
_CHANGED = f"{_STREAMS}::test_a_body_that_has_changed_is_not_mixed_with_the_one_before"


def _unchecked(_: Fault) -> Fault:
    def skip(self: Any, content: Any) -> None:
        content.skip(self.place.byte, lambda _: None)

    return skip


def _taken_for_none(original: Fault) -> Fault:
    def decoded_by(decode: Fault, url: str, response: Any, body: Any) -> Any:
        try:
            return original(decode, url, response, body)
        except Exception:  # noqa: BLE001 - the fault: what is broken is taken for nothing
            return original(lambda _: [], url, response, body)

    return decoded_by


def _ranges_of_packed(_: Fault) -> Fault:
    return lambda response, content: response.headers.get("ETag")  # noqa: ARG005


def _any_part(_: Fault) -> Fault:
    return lambda self, response: True  # noqa: ARG005


def _unchecked_end(original: Fault) -> Fault:
    def unzipped(pieces: Iterator[bytes]) -> Iterator[bytes]:
        try:
            yield from original(pieces)
        except Exception:  # noqa: BLE001 - the fault: what has come is taken for all
            return

    return unzipped


def _first_member(_: Fault) -> Fault:
    import zlib

    def unzipped(pieces: Iterator[bytes]) -> Iterator[bytes]:
        decoder = zlib.decompressobj(zlib.MAX_WBITS | 16)
        yield from (decoder.decompress(piece) for piece in pieces)

    return unzipped


def _framed(original: Fault) -> Fault:
    def init(self: Any, *arguments: Any, **named: Any) -> None:
        original(self, *arguments, **named)
        self.is_framed = True

    return init


def _counted_early(original: Fault) -> Fault:
    def take(self: Any, line: bytes) -> None:
        original(self, line)
        if self.record == 98:
            self.close(records=1)

    return take


def _passed_over(_: Fault) -> Fault:
    def reject(self: Any, fields: Any, place: Any, what: str) -> None:
        fields += [""] * (len(place.columns) - len(fields))
        del fields[len(place.columns) :]

    return reject


def _sloppy(original: Fault) -> Fault:
    return lambda lines, **how: original(lines, **{**how, "strict": False})


class _Csv:
    """The module, with another reader."""

    def __init__(self, reader: Fault) -> None:
        self.reader = reader

    def __getattr__(self, name: str) -> Any:
        return getattr(csv, name)


def _only_dicts(original: Fault) -> Fault:
    def row(self: Any, line: bytes, content: Any, place: Any, what: str) -> Any:
        try:
            return original(self, line, content, place, what)
        except Exception:  # noqa: BLE001 - the fault: what is no row is passed over
            place.close(records=1)
            return {"id": None}

    return row


MUTANTS = (
    Mutant(
        "a body that an author's function cannot read is asked for again",
        "fivetran_runtime.http._sending.decoded_reply",
        _taken_for_none,
        "http/test_decode.py::test_a_body_that_it_cannot_read_is_asked_for_again",
    ),
    Mutant(
        "rows of a body that has changed are not mixed with those before",
        f"{_READING}._skip",
        _unchecked,
        _CHANGED,
    ),
    Mutant(
        "no range is asked for of a compressed body",
        "fivetran_runtime.http.streams._range_tag",
        _ranges_of_packed,
        f"{_STREAMS}::test_no_range_is_asked_for_of_a_body_whose_bytes_are_others",
    ),
    Mutant(
        "a part that was not asked for is not taken for the rest",
        f"{_READING}._is_asked_for",
        _any_part,
        f"{_STREAMS}::test_a_part_that_was_not_asked_for_is_not_taken_for_the_rest",
    ),
    Mutant(
        "gzip that ends too early is no end", "fivetran_runtime.http._content._unzipped", _unchecked_end, _CUT
    ),
    Mutant(
        "all members of gzip are read",
        "fivetran_runtime.http._content._unzipped",
        _first_member,
        f"{_STREAMS}::test_several_gzip_members_and_gzip_in_gzip",
    ),
    Mutant(
        "half a line of a body that does not say how long it is, is no row",
        "fivetran_runtime.http._content.Content.__init__",
        _framed,
        _CUT,
    ),
    Mutant(
        "a record that breaks off is asked for again from its beginning",
        "fivetran_runtime.http._records.Place.take",
        _counted_early,
        _CUT,
    ),
    Mutant(
        "a line of CSV with more or fewer fields than the header is an error",
        "fivetran_runtime.http._records.CsvForm._reject",
        _passed_over,
        f"{_STREAMS}::test_a_line_that_is_no_row_is_an_error_that_names_it",
    ),
    Mutant(
        "a field in quotes ends in quotes",
        "fivetran_runtime.http._records.csv",
        lambda module: _Csv(_sloppy(module.reader)),
        f"{_STREAMS}::test_a_line_that_is_no_row_is_an_error_that_names_it",
    ),
    Mutant(
        "a header without a column that it has to have is an error",
        "fivetran_runtime.http._records.CsvForm._require_header",
        lambda _: lambda self, fields, where: None,  # noqa: ARG005
        f"{_STREAMS}::test_a_header_that_lacks_a_column_is_an_error",
    ),
    Mutant(
        "another page is no CSV without rows",
        "fivetran_runtime.http._records.CsvForm._require_rows",
        lambda _: lambda self, place, what: None,  # noqa: ARG005
        f"{_STREAMS}::test_another_page_is_no_csv_without_rows",
    ),
    Mutant(
        "a line that is no object is an error",
        "fivetran_runtime.http._records.LinesForm._row",
        _only_dicts,
        f"{_STREAMS}::test_a_line_that_is_no_object_is_an_error_that_names_it",
    ),
    Mutant(
        "a body is read on behind the last whole record",
        "fivetran_runtime.http._records.Place.begin_again",
        lambda _: lambda self: self.close(records=1) if isinstance(self, Place) and self._open else None,
        _CUT,
    ),
)
