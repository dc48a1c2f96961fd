"""How a report says numbers and values: as a reader takes them in, in a few characters.

Three digits say how large something is; the exact figures are in the page's table.
"""

from __future__ import annotations

import re

__all__ = ["megabytes", "plural", "seconds", "share", "shortened"]

_LONGEST_VALUE = 48


def megabytes(size: float) -> str:
    """Bytes in the unit that leaves one to three digits before the point; a megabyte is 10**6 bytes."""
    if size < 1_000:
        return f"{size:.0f} bytes"
    if size < 1_000_000:
        return f"{size / 1e3:.3g} kB" if size < 999_500 else "1 MB"
    return f"{size / 1e6:,.3g} MB" if size < 999_500_000 else f"{size / 1e6:,.0f} MB"


def seconds(time: float) -> str:
    """Seconds, as milliseconds below one and as minutes or hours above ninety."""
    if time < 0.0005:
        return "0 s"
    if time < 1:
        return f"{time * 1e3:.0f} ms"
    if time < 90:
        return f"{time:.1f} s"
    return f"{time / 60:.1f} min" if time < 5_400 else f"{time / 3_600:.1f} h"


def share(part: float, whole: float) -> str:
    """A percentage without digits that mean nothing."""
    percent = 100 * part / whole
    return "below 1 %" if 0 < percent < 1 else f"{percent:.0f} %"


def plural(number: int, noun: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def shortened(value: str) -> str:
    """A value of the state as far as it says something: of packed ones only the size does."""
    if not value:
        return "(none)"
    if len(value) <= _LONGEST_VALUE:
        return value
    if re.fullmatch(r'"\S+"', value):
        return f"({len(value) - 2:,} characters)"
    return value[: _LONGEST_VALUE - 3] + "..."
