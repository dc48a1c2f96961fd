"""Python's garbage collector, held off while an answer is decoded.

A newcomer would leave it alone. An answer of 10 MB becomes half a million objects without one cycle, and walking them
again and again doubles the time it takes to decode them.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["collector_held_off"]


@contextmanager
def collector_held_off() -> Iterator[None]:
    """No collection inside; afterwards as it was."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
