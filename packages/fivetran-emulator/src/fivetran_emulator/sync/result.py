"""What a sync did, as data: the screen shows it and `--json` prints it.

Counts of a table are for the whole sync: a row sent twice in it is counted twice, once as inserted and once as updated or
unchanged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import msgspec

from fivetran_emulator.errors import Findings
from fivetran_emulator.protocol.function import InvocationReport
from fivetran_emulator.protocol.rules import Rules
from fivetran_emulator.warehouse.ledger import LoadedTable
from fivetran_emulator.warehouse.load import Loaded
from fivetran_emulator.warehouse.merge import Counts

__all__ = ["AcceptedAnswer", "StateChange", "SyncResult"]


@dataclass(frozen=True, kw_only=True)
class AcceptedAnswer:
    """One accepted answer.

    `size` is that of the body in bytes, `seconds` the function's time, `load_seconds` that of reading and loading it.
    `tables` says by table what became of the rows.
    """

    number: int
    has_more: bool
    rows: int
    deletes: int
    size: int
    seconds: float
    load_seconds: float
    invocation: InvocationReport
    tables: Mapping[str, Counts] = field(default_factory=dict)


@dataclass(frozen=True)
class StateChange:
    """One value of the state: its path, as in `tables.users.mark`, and its JSON text before and after, "" when absent."""

    path: str
    before: str
    after: str


@dataclass(kw_only=True)
class SyncResult:
    """A sync as far as it got.

    `outcome` is running, complete, failed, interrupted or paused (six hours are over). `state_before` and `state` are
    JSON text. `tables_before` and `tables` are all the connection has, by name; `shapes` are those made or changed in shape,
    each with the number of the invocation that did it. `rows_now` is the number of rows in each table, known at the end.
    """

    url: str
    warehouse: str
    schema: str
    sync_id: str
    state_before: str
    state: str
    rules: Rules = field(default_factory=Rules)
    resync: bool = False
    resuming: str = ""
    outcome: str = "running"
    seconds: float = 0.0
    accepted: list[AcceptedAnswer] = field(default_factory=list)
    counts: dict[str, Counts] = field(default_factory=dict)
    tables_before: Mapping[str, LoadedTable] = field(default_factory=dict)
    tables: Mapping[str, LoadedTable] = field(default_factory=dict)
    shapes: list[tuple[int, LoadedTable]] = field(default_factory=list)
    rows_now: Mapping[str, int] = field(default_factory=dict)
    absent: set[str] = field(default_factory=set)
    unseen: dict[str, int] = field(default_factory=dict)
    findings: Findings = field(default_factory=Findings)

    def take(self, accepted: AcceptedAnswer, loaded: Loaded) -> None:
        """Add an accepted answer and what it became in the warehouse."""
        for name, counts in loaded.counts.items():
            self.counts[name] = self.counts.get(name, Counts()) + counts
        self.accepted.append(accepted)
        self.shapes += [(accepted.number, table) for table in loaded.changed]
        self.absent = (self.absent | set(loaded.absent)) - self.tables.keys()
        self.findings.add(*loaded.findings)
        self.findings.add_counted(accepted.invocation.findings())

    @property
    def state_changes(self) -> list[StateChange]:
        """Every value of the state that differs, sorted by path: which cursor moved, from where to where."""
        old, new = (
            dict(_values("", msgspec.json.decode(state))) for state in (self.state_before, self.state)
        )
        return [
            StateChange(path, old.get(path, ""), new.get(path, ""))
            for path in sorted(old.keys() | new.keys())
            if old.get(path) != new.get(path)
        ]


def _values(path: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for name, member in value.items():
            yield from _values(f"{path}.{name}" if path else str(name), member)
    elif path:
        yield path, msgspec.json.encode(value).decode()
