"""New tables and columns after the first sync, where the connection's schema-change handling does not let them in.

A newcomer would expect an error. Fivetran goes on without them and says nothing; here at least a warning does.

Source: "Connection schema config" of Fivetran's documentation (`ALLOW_COLUMNS`, `BLOCK_ALL`), see `docs/protocol.md`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from fivetran_emulator.protocol.findings import Finding
from fivetran_emulator.protocol.rules import Rules
from fivetran_emulator.warehouse.ledger import LoadedTable
from fivetran_emulator.warehouse.row_checks import TableOfAnswer

__all__ = ["admit"]


def admit(
    parts: Sequence[TableOfAnswer], settled: Mapping[str, LoadedTable] | None, rules: Rules
) -> tuple[list[TableOfAnswer], list[Finding]]:
    """The parts of an answer that may be loaded, without what is new. `settled` are the tables after the first sync."""
    if settled is None or rules.schema_changes == "allow-all":
        return list(parts), []
    known = [part for part in parts if part.name in settled]
    findings = [_table(part) for part in parts if part.name not in settled and part.insert]
    if rules.schema_changes == "allow-columns":
        return known, findings
    admitted = [_without_new_columns(part, settled[part.name]) for part in known]
    findings += [
        _column(part, name)
        for part in known
        for name in part.columns.values()
        if name not in settled[part.name].columns
    ]
    return admitted, findings


def _without_new_columns(part: TableOfAnswer, table: LoadedTable) -> TableOfAnswer:
    columns = {member: name for member, name in part.columns.items() if name in table.columns}
    return replace(part, columns=columns)


def _table(part: TableOfAnswer) -> Finding:
    text = f"table {part.source} is new and blocked: its rows were left out"
    return Finding("table-blocked", text, "Schema changes are blocked for this connection.")


def _column(part: TableOfAnswer, name: str) -> Finding:
    text = f"column {part.name}.{name} is new and blocked: its values were left out"
    return Finding("column-blocked", text, "Schema changes are blocked for this connection.")
