"""Which values of a state are points in time, and which of those are that of the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from fivetran_emulator.contract.virtual_time import NOON

__all__ = ["instant", "of_a_clock"]

_NEAR = timedelta(days=3)


def instant(value: Any) -> datetime | None:
    """A value as an instant, if it is text like one; without an offset it counts as UTC."""
    if not isinstance(value, str) or len(value) < 10:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def of_a_clock(value: Any) -> bool:
    """Whether a value of a state is about now: as text, or in seconds or milliseconds since 1970."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return any(abs(value / unit - NOON.timestamp()) < _NEAR.total_seconds() for unit in (1, 1000))
    moment = instant(value)
    return moment is not None and abs(moment - NOON) < _NEAR
