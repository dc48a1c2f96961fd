"""What is wrong with a body that is not JSON: the kind of mistake, and the text around it.

A parser tells a byte's number. Most bodies that are not JSON are one of a few things that people make, each with its own
remedy, so those are recognised first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["JsonFault", "json_fault"]

_AROUND = 30
"""Characters shown before and after the place of a fault."""


@dataclass(frozen=True)
class JsonFault:
    """What a body is instead of JSON, for the end of "the answer ...", and what to do."""

    kind: str
    hint: str


def json_fault(body: bytes) -> JsonFault:
    """The fault of `body`, which is not one JSON value in UTF-8."""
    for recognise in _KINDS:
        if fault := recognise(body):
            return fault
    return _malformed(body)


def _empty(body: bytes) -> JsonFault | None:
    return (
        None
        if body.strip()
        else JsonFault("is empty", "Return the answer; a function without `return` sends this.")
    )


def _byte_order_mark(body: bytes) -> JsonFault | None:
    if not body.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        return None
    return JsonFault(
        "begins with a byte order mark", "Send UTF-8 without one; JSON has none (RFC 8259, 8.1)."
    )


def _html(body: bytes) -> JsonFault | None:
    if not body.lstrip().startswith(b"<"):
        return None
    text = body[:4096].decode(errors="replace")
    title = re.search(r"<title>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
    named = f" with the title {' '.join(title[1].split())!r}" if title else f" that begins {_start(body)}"
    return JsonFault(
        f"is a page of HTML or XML{named}", "Is this the function's address, and may it be called?"
    )


def _not_utf8(body: bytes) -> JsonFault | None:
    try:
        body.decode()
    except UnicodeDecodeError as error:
        around = body[max(0, error.start - _AROUND) : error.start + _AROUND].decode(errors="replace")
        return JsonFault(
            f"is not UTF-8 text: {error.reason} at byte {error.start}, in {around!r}", "Encode it as UTF-8."
        )
    return None


def _single_quotes(body: bytes) -> JsonFault | None:
    if not re.match(rb"\s*[{\[]\s*'", body):
        return None
    return JsonFault(
        f"has single quotes, as Python prints a dict: {_start(body)}",
        "Return the dict itself, or json.dumps(...) of it.",
    )


def _several(body: bytes) -> JsonFault | None:
    text = body.decode()
    try:
        _value, end = json.JSONDecoder().raw_decode(text.lstrip())
    except (ValueError, RecursionError):
        return None
    rest = text.lstrip()[end:].lstrip()
    if not rest:
        return None  # Python's parser takes NaN, which JSON has not
    kind = (
        "is several JSON values, one after the other" if rest[:1] in '{["' else "goes on after its JSON value"
    )
    return JsonFault(
        f"{kind}: the second begins {rest[:_AROUND]!r}", "An answer is one object, not a line for each row."
    )


def _not_a_number(body: bytes) -> JsonFault | None:
    found = _outside_texts(r"(?<![\w.])(NaN|-?Infinity)(?!\w)", body)
    hint = "Send null: JSON has no such number."
    return JsonFault(f"has {found[0]} in it, in {found[1]}", hint) if found else None


def _trailing_comma(body: bytes) -> JsonFault | None:
    found = _outside_texts(r",\s*[}\]]", body)
    return (
        JsonFault(f"has a comma before a closing bracket, in {found[1]}", "Leave it out.") if found else None
    )


def _outside_texts(pattern: str, body: bytes) -> tuple[str, str] | None:
    """What is first found outside of the JSON's texts, and what stands around it."""
    text = body.decode()
    without = re.sub(r'"(?:[^"\\]|\\.)*"', lambda found: "_" * len(found[0]), text)
    found = re.search(pattern, without)
    return (found[0], _around(text, found.start())) if found else None


def _surrogate(body: bytes) -> JsonFault | None:
    text = body.decode()
    found = re.search(r"(?<!\\)(?:\\\\)*\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])", text)
    if found is None:
        return None
    kind = f"has half a character (a lone surrogate), in {_around(text, found.start())}"
    return JsonFault(
        kind, "The text was cut in the middle of a character; cut it by characters, not by bytes."
    )


_KINDS: tuple[Callable[[bytes], JsonFault | None], ...] = (
    _empty,
    _byte_order_mark,
    _html,
    _not_utf8,
    _single_quotes,
    _several,
    _not_a_number,
    _trailing_comma,
    _surrogate,
)


def _malformed(body: bytes) -> JsonFault:
    text = body.decode(errors="replace")
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        where = (
            f"{error.msg[:1].lower()}{error.msg[1:]} at character {error.pos}, in {_around(text, error.pos)}"
        )
        return JsonFault(f"is broken JSON: {where}", "Let a JSON library write it.")
    except (ValueError, RecursionError):
        pass
    return JsonFault(f"is broken JSON; it begins {_start(body)}", "Let a JSON library write it.")


def _around(text: str, at: int) -> str:
    return repr(text[max(0, at - _AROUND) : at + _AROUND])


def _start(body: bytes) -> str:
    return repr(" ".join(body[:400].decode(errors="replace").split())[:80])
