"""Arguments that an author has got wrong: whether a function takes what it will be given, and the sentence for what does not do.

Nothing here runs while all is right, but for functions of an author's.
"""

from __future__ import annotations

import inspect
from typing import Any

from fivetran_runtime.errors import DefectError

_MAX_SHOWN = 60


def takes(function: Any, *arguments: object) -> bool:
    """Whether something is a function that can be called with these arguments; of some written in C nothing is known."""
    try:
        inspect.signature(function).bind(*arguments)
    except ValueError:
        return True
    except TypeError:
        return False
    return True


def wrong(of: str, name: str, value: object, wanted: str, *, hint: str = "") -> DefectError:
    """The error for an argument: of what, its name, what it is, and what it has to be."""
    given = f"{name}={_shown(value)}"
    return DefectError(f"{f'{of}({given})' if of else given}: it has to be {wanted}.", hint=hint)


def kind_of(value: object) -> str:
    """What a value is, for a message that must not show it: "None", "a list", "an int"."""
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeioAEIO' else 'a'} {name}"


def _shown(value: object) -> str:
    if isinstance(value, type) or inspect.isroutine(value):
        return getattr(value, "__qualname__", kind_of(value))
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."
