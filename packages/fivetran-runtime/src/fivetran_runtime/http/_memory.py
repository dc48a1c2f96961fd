"""Whether an answer fits into the function's memory, before it is read and before it is decoded.

A platform kills a function that takes more than it was given, in every sync again; what is refused in words can be
put right. Decoded JSON takes several times the memory of its text: what each object, text and number takes is
estimated from how often their marks occur, which is quick and, measured on many shapes, within a quarter of the truth.
"""

from __future__ import annotations

from fivetran_runtime._invocation.budget import MB, memory_in_use
from fivetran_runtime._invocation.context import running
from fivetran_runtime.errors import DefectError

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
    limit = running().budget.limits.memory_bytes / 2**20
    return DefectError(
        f"{what}; the function has {limit:.0f} MB of memory.",
        hint="Ask for smaller pages, or give the function more memory in deploy.yaml.",
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
