"""What a sync did, as data: the screen shows it and `--json` prints it.

A newcomer would look for the counts of a table in one invocation. They are for the whole sync: a row sent twice in it is
counted twice, once as inserted and once as updated or unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fivetran_emulator.protocol.findings import Findings
from fivetran_emulator.protocol.invocation import Invocation
from fivetran_emulator.protocol.rules import Rules
from fivetran_emulator.warehouse.ledger import LoadedTable
from fivetran_emulator.warehouse.merge import Counts

__all__ = ["Accepted", "SyncReport"]


@dataclass(frozen=True, kw_only=True)
class Accepted:
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
    told: Invocation
    tables: Mapping[str, Counts] = field(default_factory=dict)


@dataclass(kw_only=True)
class SyncReport:
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
    accepted: list[Accepted] = field(default_factory=list)
    counts: dict[str, Counts] = field(default_factory=dict)
    tables_before: Mapping[str, LoadedTable] = field(default_factory=dict)
    tables: Mapping[str, LoadedTable] = field(default_factory=dict)
    shapes: list[tuple[int, LoadedTable]] = field(default_factory=list)
    rows_now: Mapping[str, int] = field(default_factory=dict)
    absent: set[str] = field(default_factory=set)
    unseen: dict[str, int] = field(default_factory=dict)
    findings: Findings = field(default_factory=Findings)
