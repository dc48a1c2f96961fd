"""Ending a table's code where a call ends: at an `At`, by closing its generator."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from types import GeneratorType
from typing import Any

from fivetran_runtime._invocation import logs

_IGNORED = "generator ignored GeneratorExit"
_MAX_TRIES = 10


def close(items: Generator[Any, Any, Any], what: str) -> None:
    """Close a generator, also one that yields while it is closed: what it has yielded until then is whole.

    Args:
        items: the generator.
        what: whose it is, for a warning.

    Raises:
        Exception: whatever its code raises while it is closed.
    """
    chain = _chain(items)
    try:
        items.close()
    except RuntimeError as error:
        if str(error) != _IGNORED:
            raise
        _warn(what, _line(chain))
        for one in reversed(chain):
            _insist(one)


def _chain(items: object) -> list[GeneratorType[Any, Any, Any]]:
    """A generator and those that it delegates to, the innermost last."""
    chain = []
    while isinstance(items, GeneratorType):
        chain.append(items)
        items = items.gi_yieldfrom
    return chain


def _insist(items: GeneratorType[Any, Any, Any]) -> None:
    """Close it, or Python would complain of it later, when nobody knows any more whose it is."""
    for _ in range(_MAX_TRIES):
        with suppress(RuntimeError):
            items.close()
            return


def _line(chain: list[GeneratorType[Any, Any, Any]]) -> str:
    """The line at which the innermost one waits that has not ended."""
    frames = [one.gi_frame for one in chain if one.gi_frame is not None]
    if not frames:
        return "an unknown line"
    path = Path(frames[-1].f_code.co_filename)
    return f"{path.parent.name}/{path.name}:{frames[-1].f_lineno}"


def _warn(what: str, line: str) -> None:
    message = f"{what}: its code yields while it is closed ({line}). Its rows are kept."
    hint = "A call ends at an At by closing the generator: yield nothing in finally, and catch Exception, not BaseException, around a yield."
    logs.emit("WARNING", f"{message} {hint}")
