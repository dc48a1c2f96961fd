"""What is tested: a function, its practice source, and what its author declares about the tables.

The undisturbed sync is run once and kept: almost every check compares with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from fivetran_emulator.contract.check import Check
from fivetran_emulator.contract.connection import Connection, Sync
from fivetran_emulator.contract.faults import asked_values
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
    shown: dict[str, Check] = field(default_factory=dict, repr=False)
    """What was seen by the checks that failed, with the first one that shows it."""
    has_source = True
    """Whether the source can be changed and disturbed; a deployed function's cannot."""

    def trial(self, *, time: VirtualTime | None = None, **limits: object) -> Trial:
        """A new experiment with a source as practice.py has it."""
        practice = load(self.practice) if isinstance(self.practice, Path) else self.practice()
        named = {f"FIVETRAN_{name.upper()}": value for name, value in limits.items()}
        return Trial(
            self.function,
            practice,
            limits=named,
            time=time,
            leave_alone=self.leave_alone,
            placing=lambda: self.placing,
        )

    @cached_property
    def placing(self) -> frozenset[str]:
        """The values by which the undisturbed syncs asked the source."""
        exchanges = self.clean_or_not.connection.exchanges
        return asked_values(asked for exchange in exchanges for asked in exchange.asked)

    @cached_property
    def clean_or_not(self) -> Clean:
        """The undisturbed syncs, complete or not."""
        trial = self.trial()
        first = trial.connection.sync()
        kept = trial.connection.fork()
        second = trial.connection.sync()
        return Clean(trial.connection, first, second, kept.state, kept.warehouse)

    @property
    def endless(self) -> bool:
        """Whether a call of the undisturbed syncs is known to ask without an end: a further one would, too."""
        clean: Clean | None = vars(self).get("clean_or_not")
        return clean is not None and any(
            one.killed and one.reply.reason for one in clean.connection.exchanges
        )

    @cached_property
    def releases(self) -> list[Release]:
        """What earlier versions promised, oldest first. Raises Violation for a record that cannot be read."""
        try:
            return read(self.released) if self.released else []
        except ValueError as error:
            raise Violation(
                str(error),
                expected="the file as --write-released writes it: take it back from git, or record the release anew",
                cause="a merge, or an edit by hand",
            ) from None

    def refuse_unknown(self, declaration: str, tables: Iterable[str]) -> None:
        """Raise Violation for a declaration about tables that neither the source nor the connector has."""
        known = {*self.clean.warehouse.keys, *self.clean.warehouse.tables, *self.trial().rows}
        if unknown := sorted(set(tables) - known):
            raise Violation(
                f"{declaration} is about {', '.join(unknown)}, which is no table",
                expected=f"one of {', '.join(sorted(known))}",
                cause="a table that has another name by now: correct it in tests/test_contract.py",
            )

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
        """How a warehouse differs from what it should be; rows deleted at the source may stay where that is declared.

        Of a table that the suite cannot find at the source, such as one of child rows, it does not know which those are.
        """
        gone = deleted or {}
        may_stay = {table: gone.get(table) if any(gone.values()) else () for table in self.keeps_deleted}
        return differences(seen, expected, may_stay=may_stay)

    @cached_property
    def smallest_answers(self) -> int:
        """The smallest FIVETRAN_ANSWER_BYTES with which the practice source still syncs.

        Raises NotRun for a function that does not heed it.
        """
        size = sum(len(exchange.reply.body) for exchange in self.clean.first.exchanges)
        half = self.with_answers_of(size // 2)
        if half.complete and len(half.exchanges) == len(self.clean.first.exchanges):
            raise NotRun("the function does not take the size of its answers from FIVETRAN_ANSWER_BYTES")
        if not half.complete:
            raise NotRun("the function cannot answer in halves; see C18")
        fits, fails = size // 2, 256
        while fits - fails > max(256, size // 16):
            middle = (fits + fails) // 2
            fits, fails = (middle, fails) if self.with_answers_of(middle).complete else (fits, middle)
        return fits

    def with_answers_of(self, size: int) -> Sync:
        """A first sync in answers of at most so many bytes."""
        return self.trial(answer_bytes=size).connection.sync()
