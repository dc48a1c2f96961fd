"""An answer's body: whether it fits into the function's memory, and as JSON: every number with its digits, every charset.

A platform kills a function that takes more than it was given, in every sync again; what is refused in words can be
put right. Decoded JSON takes several times the memory of its text. What its objects, texts and numbers take is estimated
from how often their marks occur: that is quick and, measured on many shapes, within a quarter of the truth.
"""

from __future__ import annotations

import codecs
import gc
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec
import requests

from fivetran_runtime._encoding import decode
from fivetran_runtime._invocation import logs
from fivetran_runtime._invocation.budget import MB, memory_in_use
from fivetran_runtime._invocation.context import running
from fivetran_runtime.errors import ConfigurationError, ConnectorError, DefectError, TransientError
from fivetran_runtime.http._addresses import shown
from fivetran_runtime.http._refusals import excerpt
from fivetran_runtime.http._retries import FailedRequest

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_AROUND = 30
_MAX_NAMED = 3


class Reply(msgspec.Struct, frozen=True):
    """What the source answered: status, headers and decoded JSON, None where the body is empty; or what `decode=` gave.

    `size` is the bytes of the body, where it was read.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    json: Any
    size: int = 0


def reply_of(url: str, response: requests.Response, body: bytearray, *, was_redirected: bool) -> Reply:
    """An answer whose body is JSON; a refusal's may be any text.

    Raises:
        FailedRequest: it breaks off.
        ConfigurationError, TransientError: it is a success and something else than JSON.
        DefectError: it does not fit into the memory, or cannot be read.
    """
    kind = response.headers.get("Content-Type", "")
    if unknown := unknown_encoding(response):
        _require_no_success(url, response, unknown)
        return Reply(url, response.status_code, response.headers, None)
    require_room(body, shown(url))
    try:
        found = decoded(body, kind)
    except NotJsonError as error:
        value = _undecodable(url, response, body, error, was_redirected=was_redirected)
        return Reply(url, response.status_code, response.headers, value)
    except RecursionError:
        message = f"{shown(url)} answered JSON that is nested too deeply to be read."
        raise DefectError(message, hint="Ask the source for fewer levels, if it can be asked.") from None
    if found.replaced:
        message = (
            f"{shown(url)}: half of a surrogate pair (a character that was cut in two) was replaced by U+FFFD"
        )
        logs.emit("WARNING", f"{message}: {'; '.join(found.replaced)}.")
    return Reply(url, response.status_code, response.headers, found.value)


def decoded_reply(
    decode: Callable[[bytes], Any], url: str, response: requests.Response, body: bytearray
) -> Reply:
    """The answer as an author's function reads it.

    Raises:
        FailedRequest: the body is not what it reads.
        Exception: what shows that the function itself is wrong.
    """
    if unknown := unknown_encoding(response):
        _require_no_success(url, response, unknown)
    try:
        value = decode(bytes(body))
    except (ConnectorError, *_BUGS):
        raise
    except Exception as error:  # each library has errors of its own for a body that is not whole
        what = f"an answer that decode= cannot read ({type(error).__name__}: {excerpt(str(error))})"
        raise FailedRequest(what) from error
    return Reply(url, response.status_code, response.headers, value)


_BUGS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    NameError,
    TypeError,
    RecursionError,
)


def unknown_encoding(response: requests.Response) -> str:
    """How a body is compressed, if that is none of the ways that were asked for."""
    used = [name.strip().lower() for name in response.headers.get("Content-Encoding", "").split(",")]
    return ", ".join(name for name in used if name not in ("", "identity", *response.raw.CONTENT_DECODERS))


def _require_no_success(url: str, response: requests.Response, encoding: str) -> None:
    """Raise for a success whose body cannot be read; an error's status says enough without one."""
    if response.ok:
        message = f"{shown(url)} answered in the Content-Encoding {encoding}, which was not asked for and cannot be read."
        hint = 'Ask for none, with the client\'s headers={"Accept-Encoding": "identity"}, or install its decoder.'
        raise DefectError(message, hint=hint)


def _undecodable(
    url: str, response: requests.Response, body: bytearray, error: NotJsonError, *, was_redirected: bool
) -> str:
    """What to make of a body that is not JSON: an error's text will do, a success without data will not."""
    content_type = response.headers.get("Content-Type", "no content type")
    text = bytes(body[:_MAX_SAID]).decode(charset_of(content_type) or "utf-8", "replace")
    if not response.ok:
        return text
    kind = content_type.split(";")[0]
    if kind.endswith("json"):
        why = "" if error.is_cut else f": {error.why}"
        raise FailedRequest(f"an answer that is not whole JSON{why}")
    message = (
        f"{shown(url)} answered HTTP {response.status_code} with {kind}, not JSON: {excerpt(text)[:80]!r}."
    )
    hint = "Is the address right? A login or maintenance page looks like this."
    raise (ConfigurationError if was_redirected else TransientError)(message, hint=hint)


_MAX_SAID = 100_000


class NotJsonError(Exception):
    """A body is not JSON: the text says why; `is_cut` whether it only ends too early."""

    def __init__(self, why: str, *, is_cut: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.is_cut = is_cut


class Decoded(msgspec.Struct):
    """A body's value, and where in it half a character was replaced."""

    value: Any
    replaced: list[str] = msgspec.field(default_factory=list)


def decoded(body: bytes | bytearray, content_type: str = "") -> Decoded:
    """A body as JSON; None where it is empty.

    Fractions are Decimal. Half of a surrogate pair (an emoji that was cut in two) is no text that can be sent on: it
    is replaced by U+FFFD.

    Raises:
        NotJsonError: it is not JSON, or not in the charset that it declares.
        RecursionError: it is nested too deeply.
    """
    body = _in_utf8(body, content_type)
    if not body.strip():
        return Decoded(None)
    try:
        with _collector_off():
            return Decoded(decode(body))
    except (ValueError, InvalidOperation):
        return _slowly_decoded(body)


@contextmanager
def _collector_off() -> Iterator[None]:
    """Without Python's cyclic collector: a page's thousands of new objects hold no cycles, and would be searched for some."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def charset_of(content_type: str) -> str | None:
    """The charset a Content-Type declares, if Python knows it."""
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            try:
                return codecs.lookup(value.strip().strip("\"'")).name
            except LookupError:
                return None
    return None


def byte_order_mark(start: bytes) -> tuple[bytes, str]:
    """The mark that a body begins with, and the encoding it stands for; nothing where there is none."""
    return next((pair for pair in _MARKS if start.startswith(pair[0])), (b"", ""))


def _in_utf8(body: bytes | bytearray, content_type: str) -> bytes | bytearray:
    for mark, marked in _MARKS:
        if body.startswith(mark):
            return body[len(mark) :] if marked == "utf-8" else _recoded(body, marked)
    charset = charset_of(content_type)
    return body if charset is None or charset in ("utf-8", "ascii") else _recoded(body, charset)


def _recoded(body: bytes | bytearray, charset: str) -> bytes:
    try:
        return body.decode(charset).encode()
    except UnicodeError as error:
        raise NotJsonError(f"text that is not {charset}, which it declares ({error})") from None


def _slowly_decoded(body: bytes | bytearray) -> Decoded:
    """By Python's own decoder, which takes halves of surrogate pairs and says where something is wrong."""
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise NotJsonError(
            f"text that is not UTF-8 at byte {error.start:,}, and declares no other charset"
        ) from None
    try:
        value = json.loads(text, parse_float=Decimal, parse_constant=_reject_constant)
    except json.JSONDecodeError as error:
        is_cut = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string")
        near = text[max(0, error.pos - _AROUND) : error.pos + _AROUND]
        raise NotJsonError(f"{error.msg} at character {error.pos:,}, near {near!r}", is_cut=is_cut) from None
    except InvalidOperation:
        raise NotJsonError("a number that is too large for any program") from None
    except ValueError as error:
        raise NotJsonError(str(error)) from None
    replaced: list[str] = []
    return Decoded(_whole(value, replaced, "the body"), replaced)


def _reject_constant(name: str) -> None:
    raise ValueError(f"the word {name}, which is no number in JSON")


def _whole(value: Any, replaced: list[str], where: str) -> Any:
    """The value with whole characters only; notes where it had others."""
    if isinstance(value, str):
        whole = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        if whole != value and len(replaced) < _MAX_NAMED:
            replaced.append(where)
        return whole
    if isinstance(value, list):
        return [_whole(inner, replaced, where) for inner in value]
    if isinstance(value, dict):
        row = next(_identity(value), where)
        return {
            _whole(name, replaced, row): _whole(inner, replaced, f"{row}, {name!r}")
            for name, inner in value.items()
        }
    return value


def _identity(row: dict[str, Any]) -> Iterator[str]:
    """What a row is known by to a person: its first number or short text."""
    for name, value in row.items():
        if isinstance(value, int | str) and not isinstance(value, bool) and len(str(value)) < 2 * _AROUND:
            yield f"{name}={value!r}"


_USABLE = 0.95
_ALWAYS = 0.125  # of the memory: what a process holds already may be a test's, or a host's of many functions
_SMALL = 0.01  # of the memory: nothing worth counting
_OBJECT = 190  # bytes that CPython takes for a dict of a few members, its text in the body aside
_LIST = 80
_TEXT = 52
_VALUE = 28
_FRACTION = 104


def largest_body() -> int:
    """The bytes of a body that may be read at all: decoding takes at least as much again."""
    return int(_free() / 2)


def require_room(body: bytes | bytearray, what: str) -> None:
    """Make sure that a body can be decoded.

    Raises:
        DefectError: it would take more memory than the function has left.
    """
    limit = running().budget.limits.memory_bytes
    if len(body) < limit * _SMALL:
        return
    needed = _decoded_size(body)
    if needed > _free():
        raise too_large(
            f"{what} answered {len(body) / MB:.0f} MB, which take {needed / MB:.0f} MB when decoded"
        )


def too_large(what: str) -> DefectError:
    """The error for an answer that does not fit."""
    budget = running().budget
    limit, wording = budget.limits.memory_bytes / 2**20, budget.wording
    return DefectError(
        f"{what}; {wording.host} has {limit:.0f} MB of memory.",
        hint=f"Ask for smaller pages, or {wording.more_memory}.",
    )


def _free() -> float:
    limit = running().budget.limits.memory_bytes
    return max(limit * _USABLE - memory_in_use(), limit * _ALWAYS)


def _decoded_size(body: bytes | bytearray) -> int:
    # Escaped quotes and marks within texts count too many, which is on the safe side.
    values = body.count(b",") + body.count(b":")
    texts = body.count(b'"') // 2 - body.count(b'":')  # the names of members are kept once
    return (
        len(body) // 2
        + _OBJECT * body.count(b"{")
        + _LIST * body.count(b"[")
        + _TEXT * max(0, texts)
        + _VALUE * values
        + _FRACTION * max(0, body.count(b".") - texts)
    )
