"""What goes wrong in a practice source's own code, in one sentence: the line, the exception, and what was asked.

The connector only ever sees a status. The sentence goes into the body of that answer, and to whoever left a list for it in the request.
"""

from __future__ import annotations

import sysconfig
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from werkzeug.exceptions import BadRequestKeyError

if TYPE_CHECKING:
    from werkzeug.wrappers import Request

__all__ = ["PRACTICE_FAILURES", "failure_of", "note"]

PRACTICE_FAILURES = "practice.failures"
"""In a request's environ: a list that takes the sentence about each failure. The contract puts one there."""
_KIT = str(Path(__file__).resolve().parents[1])
_LIBRARIES = tuple(
    str(Path(sysconfig.get_paths()[name]).resolve()) for name in ("stdlib", "purelib", "platlib")
)


def failure_of(error: Exception, request: Request) -> str:
    """One sentence about an exception that answering this request raised."""
    target = f"{request.method} {request.full_path.rstrip('?')}"
    where = _authors_line(error)
    if isinstance(error, BadRequestKeyError):
        name = error.args[0] if error.args else "a parameter"
        return f'{where} needs the parameter {name!r}, which {target} does not have; parameter(request, "{name}") gives None for it'
    text = " ".join(str(error).split())
    return f"{where} raised {type(error).__name__}{': ' if text else ''}{text}, asked for {target}"


def note(request: Request, failure: str) -> None:
    """Leave the sentence for whoever wants to show it."""
    request.environ.get(PRACTICE_FAILURES, []).append(failure)


def _authors_line(error: Exception) -> str:
    """The innermost line that is neither the kit's nor a library's; the practice source as a whole where there is none."""
    own = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not str(Path(frame.filename).resolve()).startswith(_LIBRARIES)
        and not frame.filename.startswith("<")
    ]
    return f"{Path(own[-1].filename).name}:{own[-1].lineno}" if own else "the practice source"
