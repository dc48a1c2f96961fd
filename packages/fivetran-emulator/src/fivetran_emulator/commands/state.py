"""The commands `state set`, `state patch` and `state reset`: Fivetran's REST rules for a state, on the file.

A newcomer would ask for a pause before a change, as Fivetran does. Here a sync that runs has the file for itself, so nothing
can be changed under it.

Source: the OpenAPI description of Fivetran's REST API, see `docs/protocol.md`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import duckdb
import msgspec

from fivetran_emulator.errors import UsageError
from fivetran_emulator.protocol.kept_state import doubts, explained, merged, refusals
from fivetran_emulator.warehouse.database import open_warehouse, require_schema, transaction
from fivetran_emulator.warehouse.ledger import Ledger, connections, write_ledger_schema

__all__ = ["change_state"]


def change_state(options: argparse.Namespace) -> str:
    """Change the state as `options` say; what it means now. Raises UsageError or WarehouseError, changing nothing."""
    if not options.warehouse.exists():
        raise UsageError(f"there is no file {options.warehouse}", hint="Sync into it first, or name another.")
    value = "{}" if options.action == "reset" else _value(options.value)
    with open_warehouse(options.warehouse) as warehouse, transaction(warehouse):
        write_ledger_schema(warehouse)
        ledger = Ledger(warehouse, _connection(warehouse, options))
        before = ledger.state()
        if value == "null":
            return "The state is as before: null changes nothing."
        after = _patched(before, value) if options.action == "patch" else value
        _refuse(after, before)
        ledger.accept(after, ledger.batch())
    new = msgspec.json.decode(after)
    told = [f"warning: {doubt}; is it spelt as in docs/state.md?" for doubt in doubts(new, before)]
    return "\n".join([*(explained(after) or ["The state is changed."]), *told])


def _connection(warehouse: duckdb.DuckDBPyConnection, options: argparse.Namespace) -> str:
    known = connections(warehouse)
    if options.schema is not None:
        require_schema(options.warehouse, options.schema)
        return str(options.schema)
    if len(known) != 1:
        raise UsageError(
            "which connection's state?", hint=f"Say --schema. There are: {', '.join(known) or 'none'}."
        )
    return known[0]


def _value(text: str) -> str:
    try:
        read = Path(text[1:]).read_text(encoding="utf-8") if text.startswith("@") else text
        msgspec.json.decode(read)
    except OSError as error:
        raise UsageError(f"{text[1:]} cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"that is not JSON: {error}", hint="For example: state reset, or state set '{}'"
        ) from error
    return read.strip()


def _patched(before: str, patch: str) -> str:
    return msgspec.json.encode(merged(msgspec.json.decode(before), msgspec.json.decode(patch))).decode()


def _refuse(after: str, before: str) -> None:
    new = msgspec.json.decode(after)
    if not isinstance(new, dict):
        raise UsageError("a state is a JSON object")
    if problems := refusals(new, before):
        hint = "The connector would refuse it (docs/state.md); the state is as before."
        raise UsageError(*problems, hint=hint)
