"""Bodies that are read as streams of rows: larger than the memory, and over as many calls as it takes.

Every so many rows there is an `At`. A later call asks for the body again and goes on behind the rows that were sent: by
a Range where the source offers it for that very body, else by passing over what comes before. What is passed over has
to be what was read, byte by byte; if it is not, the body has changed, and the table begins again. So rows of two bodies
are never mixed, whatever the source says of its versions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

import msgspec
import requests

from fivetran_runtime._invocation import logs
from fivetran_runtime._invocation.budget import MB
from fivetran_runtime._invocation.clock import clock
from fivetran_runtime._invocation.context import running
from fivetran_runtime.errors import ConfigurationError, DefectError, ExpiredError, TransientError
from fivetran_runtime.http._addresses import shown
from fivetran_runtime.http._content import Content
from fivetran_runtime.http._outgoing import RequestSpec
from fivetran_runtime.http._records import Form, Place
from fivetran_runtime.http._retries import FailedRequest, wait_before_retry
from fivetran_runtime.http._sending import RequestSender
from fivetran_runtime.operations import At

_MAX_RECORDS = 1_000
_SHARE = 64  # of an answer's rows: what is written as JSON is longer
_MAX_SECONDS = 5.0
_RANGE = re.compile(r"bytes (\d+)-\d+/(?:\d+|\*)")


class Resume(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a body is resumed, as the state holds it.

    Attributes:
        record: how many rows were read.
        line: how many lines.
        byte: how many bytes of its text.
        digest: of those bytes.
        etag: the strong ETag under which the source gives ranges of it.
        columns: what its header names.
    """

    record: int
    line: int
    byte: int
    digest: str
    etag: str | None = None
    columns: list[str] | None = None


class StreamedBody:
    """A body at a source, and how it is asked for.

    Attributes:
        what: what it is called in messages.
        method: how it is asked for.
        idle: seconds that one read may take.
    """

    def __init__(self, sender: RequestSender, request: RequestSpec) -> None:
        self._sender = sender
        self._request = request
        self.what = shown(request.url)
        self.method = request.method
        self.idle = sender.timeouts[1]

    def open(self, headers: Mapping[str, str]) -> requests.Response:
        """An answer whose body is still to be read, for headers of the request."""
        request = msgspec.structs.replace(self._request, kind=headers, is_open=True)
        reply = self._sender.answered(request)
        if not isinstance(reply.json, requests.Response):
            message = f"{self.method} {self.what} answered HTTP {reply.status}, without rows."
            raise TransientError(message, status=reply.status)
        return reply.json


def read(source: StreamedBody, form: Form, resume: object, at: Mapping[str, Any]) -> Iterator[Any]:
    """The rows of a body, with an `At(resume=...)` every so many.

    Raises:
        ExpiredError: the body is another one than that of which rows were sent.
        DefectError, TransientError: it cannot be read; names it, and the line.
        OutOfBudget: the time is up.
    """
    reading = _StreamReading(source, form, _resumed(resume))
    tries, record = 0, -1
    while True:
        try:
            yield from reading.read(at)
        except FailedRequest as failed:
            tries = 1 if reading.place.record > record else tries + 1
            record = reading.place.record
            wait_before_retry(failed, tries, idempotent=True, what=f"{source.method} {source.what}")
        else:
            return


def _resumed(resume: object) -> Resume | None:
    if resume is None:
        return None
    if not isinstance(resume, dict):
        hint = "Give it the parameter of the table's function: resume: dict[str, Any] | None = None."
        raise DefectError(f"resume={resume!r} is no position that an At(resume=...) has named.", hint=hint)
    try:
        found = msgspec.convert(resume, Resume)
        int(found.digest, 16)
    except (msgspec.ValidationError, ValueError):
        raise ExpiredError(f"The position {resume!r} is not one of this release.") from None
    return found


class _StreamReading:
    """A body that is being read, over as many requests as it takes."""

    def __init__(self, source: StreamedBody, form: Form, resume: Resume | None) -> None:
        self._source, self._form = source, form
        self._etag: str | None = None
        self._skipped: int | None = None
        """How many bytes were passed over; None where none had to be."""
        self.place = Place()
        if resume is not None:
            self.place = Place(
                record=resume.record, line=resume.line, byte=resume.byte, columns=resume.columns
            )
            self.place.digest = resume.digest
            self._etag = resume.etag

    def read(self, at: Mapping[str, Any]) -> Iterator[Any]:
        """Read on to the end."""
        self.place.begin_again()
        with closing(self._open()) as response:
            content = self._content(response)
            unit = _Unit(self.place)
            for row in self._form.records(content, self.place, self._source.what):
                yield row
                if unit.is_full():
                    yield At(**at, resume=self._position())
                    unit = _Unit(self.place)
        if not content.is_framed:
            self._note_unframed()

    def _position(self) -> dict[str, Any]:
        place = self.place
        found: dict[str, Any] = msgspec.to_builtins(
            Resume(place.record, place.line, place.byte, place.digest, self._etag, place.columns)
        )
        return found

    def _open(self) -> requests.Response:
        headers = {"Accept": self._form.accept, "Accept-Encoding": "gzip"}
        if self._etag is not None and self.place.byte and self._source.method == "GET":  # RFC 9110, 14.2
            ranged = {**headers, "Range": f"bytes={self.place.byte}-", "If-Range": self._etag}
            try:
                return self._source.open(ranged)
            except ConfigurationError as refused:
                if refused.status != 416:
                    raise
        return self._source.open(headers)

    def _content(self, response: requests.Response) -> Content:
        is_rest = response.status_code == 206
        if is_rest and not self._is_asked_for(response):
            self._etag = None
            raise FailedRequest("a part that was not asked for")
        self._form.require_kind(response, self._source.what)
        self._skipped = None if is_rest or not self.place.byte else 0
        content = Content(
            response,
            self._source.what,
            idle=self._source.idle,
            encoding=self._form.encoding,
            doing=self._doing,
            begins=not is_rest,
        )
        if not is_rest:
            if self._skipped is not None:
                self._skip(content)
            self._etag = _range_tag(response, content)
        return content

    def _is_asked_for(self, response: requests.Response) -> bool:
        found = _RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
        same = response.headers.get("ETag", self._etag) == self._etag
        return (
            found is not None
            and int(found[1]) == self.place.byte
            and same
            and "Content-Encoding" not in response.headers
        )

    def _skip(self, content: Content) -> None:
        """Pass over what was read before, which has to be the same."""
        seen = Place()

        def note(piece: bytes) -> None:
            seen.note(piece)
            self._skipped = (self._skipped or 0) + len(piece)

        if not content.skip(self.place.byte, note) or seen.digest != self.place.digest:
            what = f"{self._source.what} has changed since its first {self.place.record:,} rows were read"
            raise ExpiredError(f"{what}: rows of two versions are not mixed.")

    def _doing(self) -> str:
        """What the time was spent on."""
        if self._skipped is None:
            return f"{self._source.what}: it came too slowly"
        passed = f"{self._skipped / MB:,.1f} of {self.place.byte / MB:,.1f} MB that an earlier call has read were asked for again"
        return f"{self._source.what}: {passed} to go on behind row {self.place.record:,} ({_LIMIT})"

    def _note_unframed(self) -> None:
        text = "nothing in the answer says where it ends, so one that breaks off would not be noticed"
        logs.emit("WARNING", f"{self._source.what}: {text}.")


_LIMIT = "the source offers no ranges of it; a larger time-out, or a smaller body, is needed"


class _Unit:
    """What comes between two `At`s: so much that many fit into an answer, and into a call."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._record, self._byte, self._began = place.record, place.byte, clock().monotonic()
        self._max_bytes = running().budget.row_bytes // _SHARE

    def is_full(self) -> bool:
        """Whether the record that was read last is its last."""
        place = self._place
        return (
            place.record - self._record >= _MAX_RECORDS
            or place.byte - self._byte >= self._max_bytes
            or clock().monotonic() - self._began >= _MAX_SECONDS
        )


def _range_tag(response: requests.Response, content: Content) -> str | None:
    """The tag under which the rest of this very body can be asked for (RFC 9110, 13.1.5 and 14.2)."""
    headers = response.headers
    tag = headers.get("ETag", "")
    offers = headers.get("Accept-Ranges", "").strip().lower() == "bytes" and tag.startswith('"')
    return tag if offers and not content.is_packed else None
