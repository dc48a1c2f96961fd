"""What is measured: how many rows, behind what latency, with which faults, and who takes part how often."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tools.locked.benchmarks.contestants import CEILINGS, INCREMENTAL, OURS

FAST = (*CEILINGS, OURS, "one-process", "hand-made", "dlt-arrow")
PEERS = (*FAST, "dlt-tuned", "singer", "airbyte-cdk")
WITH_RETRIES = (OURS, "dlt-arrow", "dlt-tuned", "singer", "airbyte-cdk")


@dataclass(frozen=True)
class Scenario:
    """One table of the report. With `changed`, a first sync is not measured, and the second brings so many changed rows.

    `beside` is measured in the same rounds, for a ratio of the two: the others' names end in its text.
    """

    rows: int
    contestants: tuple[str, ...]
    rounds: int
    latency_ms: int = 0
    faulty: bool = False
    changed: int = 0
    beside: tuple[str, Scenario] | None = None

    @property
    def name(self) -> str:
        """What it is, for people and as a key of the JSON."""
        if self.changed:
            return f"{self.changed} changed rows, {self.rows:,} in the warehouse, in random order"
        latency = f", {self.latency_ms} ms a request" if self.latency_ms else ""
        return f"{self.rows:,} rows{latency}{', every seventh request refused' if self.faulty else ''}"

    def source_options(self) -> list[str]:
        """The source's command line."""
        options = [f"--rows={self.rows}", f"--latency-ms={self.latency_ms}"]
        options += [f"--changed={self.changed}", "--shuffled"] if self.changed else []
        return [*options, "--faulty"] if self.faulty else options


NO_FAULTS = ", no faults"
SMALL = ", 50,000 rows"


def faulty(rounds: int) -> Scenario:
    """Every seventh request refused, beside none."""
    smooth = Scenario(20_000, WITH_RETRIES, rounds)
    return replace(smooth, faulty=True, beside=(NO_FAULTS, smooth))


def incremental(rows: int, rounds: int) -> Scenario:
    """A hundred changed rows in a large warehouse, beside the same in a small one."""
    small = Scenario(50_000, (INCREMENTAL,), rounds, changed=100)
    return replace(small, rows=rows, beside=(SMALL, small))


QUICK = (
    Scenario(20_000, PEERS, rounds=1),
    Scenario(200_000, FAST, rounds=2),
    Scenario(200_000, FAST, rounds=1, latency_ms=20),
    faulty(rounds=1),
    incremental(200_000, rounds=2),
)
"""At most five minutes on a quiet machine of two cores."""

FULL = (
    Scenario(20_000, PEERS, rounds=5),
    Scenario(200_000, PEERS, rounds=5),
    Scenario(1_000_000, FAST, rounds=3),
    Scenario(2_000_000, (*CEILINGS, OURS), rounds=2),
    Scenario(200_000, FAST, rounds=3, latency_ms=20),
    faulty(rounds=3),
    incremental(2_000_000, rounds=5),
)
"""About half an hour on such a machine."""


def chosen(*, quick: bool, only: list[str]) -> Iterator[Scenario]:
    """The scenarios of a quick or a full run; with `only`, contestants' names, those and the ceiling alone."""
    for one in QUICK if quick else FULL:
        wanted = tuple(name for name in one.contestants if not only or name in only or name in CEILINGS)
        if not only or set(wanted) & set(only):
            beside = (one.beside[0], replace(one.beside[1], contestants=wanted)) if one.beside else None
            yield replace(one, contestants=wanted, beside=beside)
