"""What is measured: how many rows, behind what latency, with which faults, and who takes part how often."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tools.locked.benchmarks.contestants import CEILINGS, INCREMENTAL, OURS

FAST = (*CEILINGS, OURS, "hand-made", "dlt-arrow")
PEERS = (*FAST, "dlt-tuned", "singer", "airbyte-cdk")
WITH_RETRIES = (OURS, "dlt-arrow", "dlt-tuned", "singer", "airbyte-cdk")


@dataclass(frozen=True)
class Scenario:
    """One table of the report. With `changed`, a first sync is not measured, and the second brings so many changed rows."""

    rows: int
    contestants: tuple[str, ...]
    rounds: int
    latency_ms: int = 0
    faulty: bool = False
    changed: int = 0

    @property
    def name(self) -> str:
        """What it is, for people and as a key of the JSON."""
        if self.changed:
            return f"{self.changed} changed rows, {self.rows:,} in the warehouse"
        latency = f", {self.latency_ms} ms a request" if self.latency_ms else ""
        return f"{self.rows:,} rows{latency}{', every seventh request refused' if self.faulty else ''}"

    def source_options(self) -> list[str]:
        """The source's command line."""
        options = [f"--rows={self.rows}", f"--latency-ms={self.latency_ms}"]
        options += [f"--changed={self.changed}", "--shuffled"] if self.changed else []
        return [*options, "--faulty"] if self.faulty else options


QUICK = (
    Scenario(20_000, PEERS, rounds=2),
    Scenario(200_000, FAST, rounds=2),
    Scenario(200_000, FAST, rounds=1, latency_ms=20),
    Scenario(20_000, WITH_RETRIES, rounds=1, faulty=True),
    Scenario(50_000, (INCREMENTAL,), rounds=1, changed=100),
)
"""At most five minutes on a quiet machine of two cores."""

FULL = (
    Scenario(20_000, PEERS, rounds=5),
    Scenario(200_000, PEERS, rounds=5),
    Scenario(1_000_000, FAST, rounds=3),
    Scenario(2_000_000, (*CEILINGS, OURS), rounds=2),
    Scenario(200_000, FAST, rounds=3, latency_ms=20),
    Scenario(20_000, WITH_RETRIES, rounds=3, faulty=True),
    Scenario(50_000, (INCREMENTAL,), rounds=5, changed=100),
    Scenario(2_000_000, (INCREMENTAL,), rounds=5, changed=100),
)
"""About an hour and a half on such a machine."""


def chosen(*, quick: bool, only: list[str]) -> Iterator[Scenario]:
    """The scenarios of a quick or a full run; with `only`, contestants' names, those and the ceiling alone."""
    for one in QUICK if quick else FULL:
        wanted = tuple(name for name in one.contestants if not only or name in only or name in CEILINGS)
        if not only or set(wanted) & set(only):
            yield Scenario(one.rows, wanted, one.rounds, one.latency_ms, one.faulty, one.changed)
