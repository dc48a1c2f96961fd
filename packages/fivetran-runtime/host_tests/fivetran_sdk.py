"""Fivetran's side of a Connector SDK connection as far as these tests need it: rows, soft deletes, a state, and crashes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from fivetran_emulator.connector_sdk.function import configuration_of
from fivetran_emulator.connector_sdk.served import ForkedServer, LoadedConnector, SdkServer, row_of

UPSERT, DELETE = 0, 2
Crash = Callable[[int, str], str | None]
"""Number and kind ("records" or "checkpoint") of a message: "kept" or "lost" if the process dies there, else None."""


def never(_number: int, _kind: str) -> None:
    """No crash."""


@dataclass
class Connection:
    """A connection; `tables` has name, key text and row of what lives, `deleted` the keys that are flagged."""

    loaded: LoadedConnector
    secrets: Mapping[str, Any]
    environment: Mapping[str, str] = field(default_factory=dict)
    keeps_rows: bool = True
    """Whether rows that came after the last checkpoint before a crash stay; Fivetran may do either."""
    state: Any = field(default_factory=dict)
    tables: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    deleted: set[tuple[str, str]] = field(default_factory=set)
    kinds: list[str] = field(default_factory=list)
    """The kinds of all messages of the last sync."""
    crashes: int = 0

    def sync(self, crash: Crash = never) -> None:
        """One sync, begun again after each crash from the last state. Raises FunctionError when it fails."""
        self.kinds = []
        while not self._run(crash):
            pass

    def _run(self, crash: Crash) -> bool:
        """Whether it came to its end."""
        server = ForkedServer(self.loaded, environment=self.environment)
        try:
            return self._take_all(server, crash)
        finally:
            server.close()

    def _take_all(self, server: SdkServer, crash: Crash) -> bool:
        configuration = configuration_of(self.secrets)
        keys = {
            table.name: [column.name for column in table.columns if column.primary_key]
            for table in server.schema(configuration)
        }
        waiting: list[tuple[str, int, dict[str, Any]]] = []
        for operation in server.update(configuration, json.dumps(self.state)):
            kind = "checkpoint" if operation.WhichOneof("operation") == "checkpoint" else "records"
            self.kinds.append(kind)
            outcome = crash(len(self.kinds), kind)
            if outcome is not None:
                server.kill()
                self.crashes += 1
            if outcome == "lost":
                break
            if kind == "checkpoint":
                self._apply(waiting, keys)
                waiting, self.state = [], json.loads(operation.checkpoint.state_json)
            else:
                waiting += _records(operation)
            if outcome is not None:
                if kind == "checkpoint" and "sync" not in self.state:
                    return True  # nothing was left but the end
                break
        else:
            self._apply(waiting, keys)
            return True
        if self.keeps_rows:
            self._apply(waiting, keys)
        return False

    def _apply(self, records: list[tuple[str, int, dict[str, Any]]], keys: Mapping[str, list[str]]) -> None:
        for name, kind, row in records:
            key = json.dumps([row[column] for column in keys[name]])
            if kind == UPSERT:
                self.tables.setdefault(name, {})[key] = row
                self.deleted.discard((name, key))
            else:
                self.tables.setdefault(name, {}).pop(key, None)
                self.deleted.add((name, key))


def _records(operation: Any) -> Iterator[tuple[str, int, dict[str, Any]]]:
    for record in operation.structured_records.structured_records:
        row = {column: _plain(value) for column, value in row_of(record.data).items()}
        yield record.table_name, record.type, row


def _plain(value: Any) -> Any:
    """A value of JSON as Python's json reads it, fractions as their digits."""
    return json.loads(bytes(value), parse_float=str) if type(value).__name__ == "Raw" else value
