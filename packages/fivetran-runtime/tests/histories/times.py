"""The clock of a history, and how its sources write times."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from histories.plans import Plan

START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Clock:
    """Time that passes when something says so; `skew` is how wrong the function's clock is."""

    seconds: float = 0.0
    skew: float = 0.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds + self.skew)

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def written(plan: Plan, at: int | None) -> Any:
    """A cursor as the source writes it."""
    if at is None:
        return None
    moment = START + timedelta(seconds=at)
    texts = {"instant": moment.isoformat(), "seconds": int(moment.timestamp()), "number": at + 10_000}
    return texts[plan.unit]


def understood(plan: Plan, since: Any) -> int | None:
    """What a source makes of `since`."""
    if since is None or plan.unit == "number":
        return None if since is None else since - 10_000
    moment = since if plan.unit == "instant" else datetime.fromtimestamp(since, UTC)
    return int((moment - START).total_seconds())
