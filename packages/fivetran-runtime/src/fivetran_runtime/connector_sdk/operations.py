"""An answer's rows as operations of the SDK, and log lines as its log's.

Rows are what a function would send, decoded from the same JSON: instants are ISO text, numbers have their digits. Where a
column's type is not declared, the SDK sends a fraction as 32 bits, which changes 40.639751. So every fraction of such a
column goes as text, digit for digit, with a warning; a type that depends on the digits would be worse. The least integer of
64 bits goes as text, too: the SDK would send it as such a fraction.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from fivetran_runtime._encoding import encode
from fivetran_runtime._invocation import logs
from fivetran_runtime._sync.batch import Deletion
from fivetran_runtime._sync.session import Ended
from fivetran_runtime.tables import Table

_LEAST = -(2**63)
_columns = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_value = msgspec.json.Decoder().decode


class RowSender:
    """Sends an answer through the SDK.

    Args:
        tables: all there are, for the declared types of their columns.
    """

    def __init__(self, tables: Sequence[Table]) -> None:
        self._types: dict[str, Mapping[str, str]] = {}
        for table in tables:
            self._types |= table.column_types

    def send(self, ended: Ended) -> None:
        """Send the rows and deletes of what has ended; its state is to follow.

        Raises:
            Exception: the SDK does not take a value.
        """
        from fivetran_connector_sdk import Operations  # noqa: PLC0415 - only there where the SDK runs

        for table, _, operation in ended:
            row = self._row(table, operation.columns)
            if isinstance(operation, Deletion):
                Operations.delete(table, row)
            else:
                Operations.upsert(table, row)

    @staticmethod
    def checkpoint(state: dict[str, Any]) -> None:
        """Send a state; returns when it is on its way.

        Raises:
            Exception: it was not taken.
        """
        from fivetran_connector_sdk import Operations  # noqa: PLC0415 - only there where the SDK runs

        Operations.checkpoint(_value(encode(state)))  # plain values: the SDK writes them with Python's json

    def _row(self, table: str, encoded: bytes) -> dict[str, Any]:
        types = self._types.get(table, {})
        return {
            column: _declared(types[column], bytes(raw))
            if column in types
            else _plain(table, column, bytes(raw))
            for column, raw in _columns(encoded).items()
        }


def _plain(table: str, column: str, raw: bytes) -> Any:
    """A value of a column whose type the SDK finds out."""
    value = _value(raw)
    if type(value) is float:
        remedy = f'columns={{"{column}": "double"}} makes it a column of numbers'
        logs.warn(f"column {table}.{column} has fractions and no declared type: they go as text; {remedy}")
        return raw.decode()
    return raw.decode() if value == _LEAST and type(value) is int else value


def _declared(kind: str, raw: bytes) -> Any:
    """A value of a column whose type is declared, as the SDK takes that type."""
    value = _value(raw)
    if value is None:
        return None
    if kind == "double":
        return float(value)
    if kind.startswith("decimal"):
        return value if isinstance(value, str) else raw.decode()
    if kind in ("datetime", "timestamp"):
        return datetime.fromisoformat(value)  # of ISO text the SDK takes some forms only
    return raw.decode() if kind == "string" and not isinstance(value, str) else value


def write_log(line: logs.Line) -> None:
    """Write an entry to the SDK's log: the message, and the other members as JSON behind it."""
    from fivetran_connector_sdk import Logging  # noqa: PLC0415 - only there where the SDK runs

    members = {name: value for name, value in line.items() if name not in ("severity", "message")}
    text = f"{line['message']} {json.dumps(members, default=str)}" if members else str(line["message"])
    level: Callable[[str], None] = getattr(Logging, _LEVELS.get(line["severity"], "info"))
    level(text)


_LEVELS = {"DEBUG": "debug", "INFO": "info", "WARNING": "warning", "ERROR": "error", "CRITICAL": "critical"}
