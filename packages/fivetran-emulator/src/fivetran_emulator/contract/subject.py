"""What is tested: a function, its practice source, and what its author declares about the tables.

The undisturbed sync is run once and kept: almost every check compares with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from fivetran_emulator.contract.connection import Connection, Sync
from fivetran_emulator.contract.function import Function
from fivetran_emulator.contract.memory_warehouse import Difference, Key, MemoryWarehouse, differences
from fivetran_emulator.contract.releases import Release, read
from fivetran_emulator.contract.trial import Trial
from fivetran_emulator.contract.violation import Blocked, NotRun, Violation
from fivetran_emulator.contract.virtual_time import VirtualTime
from fivetran_emulator.practice.loading import Practice, load

__all__ = ["Clean", "Exemption", "Subject"]


@dataclass(frozen=True)
class Exemption:
    """A check that a connector may fail for now: its id, why, and the last day on which it may."""

    check: str
    reason: str
    until: date


@dataclass(frozen=True)
class Clean:
    """An undisturbed first sync, and a second one on the unchanged source."""

    connection: Connection
    first: Sync
    second: Sync
    state: Any
    """The state after the first sync."""
    warehouse: MemoryWarehouse
    """The warehouse after the first sync."""


@dataclass
class Subject:
    """A connector under test.

    `practice` is the practice source, or the path of a practice.py to load anew for each trial. `keeps_deleted` names the
    tables that keep rows deleted at the source, with the reason. `commits_late` says by table how long after its
    timestamp a row may become visible at the source. `leave_alone` names the tables whose rows no check may change, with
    the reason. `selects` says which source rows the secrets select. `released` is the record of what earlier versions
    promised, `version` the present one.
    """

    function: Function
    practice: Callable[[], Practice] | Path
    keeps_deleted: Mapping[str, str] = field(default_factory=dict)
    commits_late: Mapping[str, timedelta | int] = field(default_factory=dict)
    leave_alone: Mapping[str, str] = field(default_factory=dict)
    selects: Callable[[str, Mapping[str, Any]], bool] = lambda _table, _row: True
    exempt: Sequence[Exemption] = ()
    released: Path | None = None
    version: str | None = None
    reports: bool = False
    """Whether checks beyond the protocol are told of and not failed."""
    has_source = True
    """Whether the source can be changed and disturbed; a deployed function's cannot."""

    def trial(self, *, time: VirtualTime | None = None, **limits: object) -> Trial:
        """A new experiment with a source as practice.py has it."""
        practice = load(self.practice) if isinstance(self.practice, Path) else self.practice()
        named = {f"FIVETRAN_{name.upper()}": value for name, value in limits.items()}
        return Trial(self.function, practice, limits=named, time=time, leave_alone=self.leave_alone)

    @cached_property
    def clean_or_not(self) -> Clean:
        """The undisturbed syncs, complete or not."""
        trial = self.trial()
        first = trial.connection.sync()
        kept = trial.connection.fork()
        second = trial.connection.sync()
        return Clean(trial.connection, first, second, kept.state, kept.warehouse)

    @cached_property
    def releases(self) -> list[Release]:
        """What earlier versions promised, oldest first. Raises Violation for a record that cannot be read."""
        try:
            return read(self.released) if self.released else []
        except ValueError as error:
            raise Violation(
                str(error), expected="the file as it was written", cause="a merge, or an edit by hand"
            ) from None

    @property
    def clean(self) -> Clean:
        """The undisturbed syncs. Raises Blocked when one of them does not complete, which is C09's to tell."""
        clean = self.clean_or_not
        if not (clean.first.complete and clean.second.complete and clean.warehouse.tables):
            raise Blocked("the undisturbed sync does not complete; see C09")
        return clean

    def differences(
        self,
        seen: MemoryWarehouse,
        expected: MemoryWarehouse,
        *,
        deleted: Mapping[str, Sequence[Key]] | None = None,
    ) -> list[Difference]:
        """How a warehouse differs from what it should be; rows deleted at the source may stay where that is declared."""
        may_stay = {table: keys for table, keys in (deleted or {}).items() if table in self.keeps_deleted}
        return differences(seen, expected, may_stay=may_stay)

    @cached_property
    def smallest_answers(self) -> int:
        """The smallest FIVETRAN_ANSWER_BYTES with which the practice source still syncs.

        Raises NotRun for a function that does not heed it.
        """
        size = sum(len(exchange.reply.body) for exchange in self.clean.first.exchanges)
        if self._with_answers_of(size // 2) == len(self.clean.first.exchanges):
            raise NotRun("the function does not take the size of its answers from FIVETRAN_ANSWER_BYTES")
        fits, fails = size, 256
        while fits - fails > max(256, size // 32):
            half = (fits + fails) // 2
            fits, fails = (half, fails) if self._with_answers_of(half) else (fits, half)
        return fits

    def _with_answers_of(self, size: int) -> int:
        """How many answers a first sync takes; 0 when it fails."""
        sync = self.trial(answer_bytes=size).connection.sync()
        return len(sync.exchanges) if sync.complete else 0
