"""What was measured, in figures: medians with the least and the most, and ratios to the ceiling of the same round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from tools.locked.benchmarks.contestants import CEILINGS
from tools.locked.benchmarks.measuring import Run
from tools.locked.benchmarks.scenarios import Scenario


@dataclass(frozen=True)
class Spread:
    """The median of some figures, with the least and the most of them."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, figures: Sequence[float]) -> Spread:
        """The spread of one figure or more."""
        return cls(median(figures), min(figures), max(figures))


@dataclass(frozen=True)
class Entry:
    """A contestant's runs in one scenario, one a round; `wrong` says what its warehouse or its exit status showed, if anything."""

    contestant: str
    runs: Sequence[Run]
    wrong: str = ""

    def spread(self, figure: str) -> Spread:
        """Of `wall`, `cpu` or `peak_mb` over its runs."""
        return Spread.of([getattr(run, figure) for run in self.runs])


@dataclass(frozen=True)
class Table:
    """One scenario with an entry for each contestant."""

    scenario: Scenario
    entries: Mapping[str, Entry] = field(default_factory=dict)

    @property
    def ceiling(self) -> Entry | None:
        """The faster of the ceilings, of those that were right; None where none took part."""
        right = [self.entries[name] for name in CEILINGS if name in self.right]
        return min(right, key=lambda entry: entry.spread("wall").median, default=None)

    @property
    def right(self) -> Mapping[str, Entry]:
        """The entries that may be compared: a wrong one has no time."""
        return {name: entry for name, entry in self.entries.items() if not entry.wrong}

    def ratio(self, contestant: str, *, to: str = "", figure: str = "wall") -> Spread | None:
        """How many times the ceiling's, or the contestant's `to`, a figure is: each round by itself. None if not both are right."""
        base = self.right.get(to) if to else self.ceiling
        one = self.right.get(contestant)
        if base is None or one is None:
            return None
        pairs = zip(one.runs, base.runs, strict=True)
        return Spread.of([getattr(ours, figure) / getattr(theirs, figure) for ours, theirs in pairs])


def fault(counted: Mapping[str, int], scenario: Scenario) -> str:
    """What is wrong with what a contestant left, in a few words; empty if every row came once."""
    found = (counted["rows"], counted["keys"])
    if found != (scenario.rows, scenario.rows):
        return f"{found[0]:,} rows, {found[1]:,} keys of {scenario.rows:,}"
    if counted["changed"] != scenario.changed:
        return f"{counted['changed']} changed rows of {scenario.changed}"
    return ""
