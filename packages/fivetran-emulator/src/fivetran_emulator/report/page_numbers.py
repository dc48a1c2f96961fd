"""Numbers as a reader of the report takes them in: `1.2 MB`, `350 ms`, `12,345`.

A newcomer would print every digit. Three say how large something is; the exact figure is in the table below the pictures.
"""

from __future__ import annotations

__all__ = ["megabytes", "plural", "seconds", "share"]


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
