"""The content of a body that is read as it comes: unpacked, in an encoding whose line breaks are bytes, line by line.

A body that is cut is an error wherever that can be known: by its declared length, by the end of its chunks, or by the
checksum at the end of gzip.
"""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Callable, Iterator
from itertools import chain

import requests
import urllib3

from fivetran_runtime._invocation.budget import MB
from fivetran_runtime._invocation.context import running
from fivetran_runtime.errors import DefectError
from fivetran_runtime.http._bodies import byte_order_mark, charset_of, largest_body
from fivetran_runtime.http._deadlines import SHORTEST_TIMEOUT_S, require_time, what_broke, within
from fivetran_runtime.http._retries import FailedRequest

_PIECE = 1 << 17
_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"
_PLAIN_BYTES = '\n\r\t ,;|"0123456789aZ'


class Content:
    """A body's content.

    Args:
        response: the answer, with its body still to be read.
        what: what it is called in messages.
        idle: seconds that one read may take.
        encoding: that of its text; None where the body says so itself, or is UTF-8.
        doing: what the time was spent on, for the message when there is none left.
        begins: whether the response has the body's beginning.

    Attributes:
        encoding: that of the bytes that `lines` gives.
        is_packed: whether it came compressed, or in an encoding whose line breaks are not bytes: then its places are
            not those of the body.
        is_framed: whether a body that is cut is noticed as such.

    Raises:
        DefectError: it cannot be unpacked, or has an unknown encoding.
        FailedRequest: it is cut.
    """

    def __init__(
        self,
        response: requests.Response,
        what: str,
        *,
        idle: float,
        encoding: str | None,
        doing: Callable[[], str],
        begins: bool = True,
    ) -> None:
        self._response = response
        self._what = what
        self._idle = idle
        self._doing = doing
        headers = response.headers
        self.is_packed = headers.get("Content-Encoding", "").strip().lower() in ("gzip", "x-gzip")
        self.is_framed = (
            "Content-Length" in headers or "chunked" in headers.get("Transfer-Encoding", "").lower()
        )
        pieces = self._raw()
        if self.is_packed:
            pieces = _unzipped(pieces)
        self._mark = b""
        self.encoding, self._pieces = "utf-8", pieces
        if begins:
            self._unpack(pieces)
            self._choose(encoding or "", headers.get("Content-Type", ""))
        elif encoding or charset_of(headers.get("Content-Type", "")):
            self.encoding = encoding or charset_of(headers.get("Content-Type", "")) or "utf-8"

    def skip(self, count: int, note: Callable[[bytes], None]) -> bool:
        """Pass over so many bytes, each shown to `note`; False where there are fewer."""
        while count > 0:
            piece = next(self._pieces, None)
            if piece is None:
                return False
            note(piece[:count])
            if len(piece) > count:
                self._pieces = chain([piece[count:]], self._pieces)
            count -= min(count, len(piece))
        return True

    def lines(self) -> Iterator[bytes]:
        """Line by line, each with its line break, if it has one.

        Raises:
            DefectError: a line does not fit into the memory.
        """
        rest: list[bytes] = []
        size = 0
        for piece in self._pieces:
            first, *others = piece.split(b"\n")
            rest.append(first)
            size += len(first)
            if others:
                yield b"".join(rest) + b"\n"
                for line in others[:-1]:
                    yield line + b"\n"
                rest, size = [others[-1]], len(others[-1])
            elif size > (most := largest_body()):
                message = f"{self._what}: a line is longer than {most / MB:.0f} MB."
                raise DefectError(
                    message, hint="Is this a file of lines? If its lines end otherwise, use decode=."
                )
        if last := b"".join(rest):
            yield last

    def text(self, line: bytes) -> str:
        """A line as text.

        Raises:
            UnicodeDecodeError: it is not in the encoding.
        """
        return line.decode(self.encoding)

    def _raw(self) -> Iterator[bytes]:
        raw, invocation = self._response.raw, running()
        while True:
            require_time(self._doing)
            left = max(SHORTEST_TIMEOUT_S, invocation.budget.remaining())
            try:
                with within(left, idle=self._idle) as deadline:
                    deadline.in_body = True
                    piece = raw.read1(_PIECE, decode_content=False)
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
                require_time(self._doing)  # a read that was given only what is left of the call's time
                raise FailedRequest(what_broke(error) if not isinstance(error, OSError) else _BROKE) from None
            if not piece:
                return
            yield piece

    def _unpack(self, pieces: Iterator[bytes]) -> None:
        """Unzip what is zipped, whatever its name and type say, also where that was zipped once more on its way."""
        for _ in range(2):
            start, pieces = _peeked(pieces, len(_ZIP))
            if start == _ZIP:
                message = f"{self._what} is a zip archive, not text."
                raise DefectError(
                    message, hint="Read it with client.get(..., decode=...), a function that unpacks it."
                )
            if not start.startswith(_GZIP):
                break
            self.is_packed, pieces = True, _unzipped(pieces)
        self.is_framed = self.is_framed or self.is_packed
        self._pieces = pieces

    def _choose(self, encoding: str, content_type: str) -> None:
        start, self._pieces = _peeked(self._pieces, 4)
        mark, marked = byte_order_mark(start)
        self.encoding = marked or encoding or charset_of(content_type) or "utf-8"
        self._mark = mark if self.encoding == "utf-8" else b""
        if _PLAIN_BYTES.encode(self.encoding) != _PLAIN_BYTES.encode("ascii"):
            self._pieces = _recoded(self._pieces, self.encoding, self._what)
            self.encoding, self.is_packed = "utf-8", True

    def without_mark(self, line: bytes) -> bytes:
        """The first line without its byte order mark."""
        return line.removeprefix(self._mark)


_BROKE = "the connection broke"


def _peeked(pieces: Iterator[bytes], count: int) -> tuple[bytes, Iterator[bytes]]:
    """The first bytes, and all pieces with them."""
    start = b""
    for piece in pieces:
        start += piece
        if len(start) >= count:
            break
    return start[:count], chain([start] if start else [], pieces)


def _unzipped(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Gzip as it comes, of one member or of several, in pieces of a bounded size."""
    decoder = zlib.decompressobj(zlib.MAX_WBITS | 16)
    fed = False
    for piece in pieces:
        left, was_full = piece, False
        while left or was_full:
            if decoder.eof:
                left = left.lstrip(b"\0")  # tapes and some writers fill up with zeros
                if not left:
                    break
                decoder = zlib.decompressobj(zlib.MAX_WBITS | 16)
            try:
                out = decoder.decompress(left, _PIECE)
            except zlib.error as error:
                raise FailedRequest(f"gzip that is damaged ({error})") from None
            fed, was_full = True, len(out) == _PIECE
            left = decoder.unused_data if decoder.eof else decoder.unconsumed_tail
            if out:
                yield out
    if fed and not decoder.eof:
        raise FailedRequest("gzip that ends too early")


def _recoded(pieces: Iterator[bytes], encoding: str, what: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for piece in pieces:
            yield decoder.decode(piece).encode()
        yield decoder.decode(b"", final=True).encode()
    except UnicodeError as error:
        raise DefectError(
            f"{what}: text that is not {encoding} ({error}).", hint="Say what it is with encoding=."
        ) from None
