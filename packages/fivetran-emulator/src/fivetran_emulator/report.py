"""What a sync did, as data: the screen shows it and `--json` prints it.

A newcomer would look for the counts of a table in one invocation. They are for the whole sync: a row sent twice in it is
counted twice, once as inserted and once as updated or unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fivetran_emulator.findings import Findings
from fivetran_emulator.invocation import Invocation
from fivetran_emulator.merge import Counts

__all__ = ["Accepted", "SyncReport"]


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """One accepted answer.

    `size` is that of the body in bytes, `seconds` the function's time, `load_seconds` that of reading and loading it.
    """

    number: int
    has_more: bool
    rows: int
    deletes: int
    size: int
    seconds: float
    load_seconds: float
    told: Invocation


@dataclass(kw_only=True)
class SyncReport:
    """A sync as far as it got.

    `outcome` is running, complete, failed, interrupted or paused (six hours are over). `state_before` and `state` are
    JSON text. `rows_now` is the number of rows in every table of the connection, known at the end.
    """

    url: str
    warehouse: str
    schema: str
    sync_id: str
    state_before: str
    state: str
    resuming: str = ""
    outcome: str = "running"
    seconds: float = 0.0
    accepted: list[Accepted] = field(default_factory=list)
    counts: dict[str, Counts] = field(default_factory=dict)
    rows_now: Mapping[str, int] = field(default_factory=dict)
    findings: Findings = field(default_factory=Findings)
