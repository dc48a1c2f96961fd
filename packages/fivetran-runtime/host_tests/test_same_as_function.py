"""One connector on two hosts: the same rows, and the same state, so that a connection can move with it."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest
from fivetran_sdk import Connection

from fivetran_emulator.connector_sdk.served import LoadedConnector
from fivetran_emulator.contract.lab.trial import InProcess
from fivetran_emulator.practice.serving import Practice, load, serving

Tables = dict[str, dict[str, dict[str, Any]]]


@pytest.fixture
def practice(connector: Path) -> Practice:
    """The connector's practice source."""
    return load(connector / "practice.py")


class FunctionConnection:
    """The same connection on the other host."""

    def __init__(self, connector: Path, secrets: dict[str, Any]) -> None:
        module = next((connector / "src").glob("connector_*")).name
        self._function = InProcess(importlib.import_module(module).main)
        self._secrets = secrets
        self.state: Any = {}
        self.tables: Tables = {}
        self.syncs = 0

    def sync(self) -> None:
        """One sync."""
        self.syncs += 1
        answer = {"hasMore": True}
        while answer["hasMore"]:
            body = {"state": self.state, "secrets": self._secrets, "sync_id": f"sync-{self.syncs}"}
            reply = self._function.call(body, {})
            assert reply.status == 200, reply.body
            answer = json.loads(reply.body, parse_float=str)
            self.state = answer["state"]
            self._apply(answer)

    def _apply(self, answer: Any) -> None:
        for member in ("delete", "insert"):
            for name, rows in answer[member].items():
                for row in rows:
                    key = json.dumps([row[column] for column in answer["schema"][name]["primary_key"]])
                    self.tables.setdefault(name, {}).pop(key, None)
                    if member == "insert":
                        self.tables[name][key] = row


def test_rows_and_state_are_those_of_the_function(
    connector: Path, loaded: LoadedConnector, practice: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unchanged, from its practice source: a first sync, rows that disappear, and two more; then the state moves over."""
    monkeypatch.chdir(connector)
    with serving(practice.source) as url:
        secrets = practice.secrets_at(url)
        sdk, function = Connection(loaded, secrets), FunctionConnection(connector, secrets)
        for _ in range(3):
            sdk.sync()
            function.sync()
            assert sdk.tables == function.tables
            assert sdk.state == function.state
            _remove_rows(practice)
        assert sum(map(len, sdk.tables.values()))
        # Moved in both directions.
        moved, back = (
            Connection(loaded, secrets, state=function.state),
            FunctionConnection(connector, secrets),
        )
        moved.sync()
        back.state = sdk.state
        back.sync()
        assert moved.state == back.state


def _remove_rows(practice: Practice) -> None:
    """Remove a row of each table, where the practice source lets itself be changed."""
    tables = getattr(practice.source, "tables", {})
    for rows in tables.values():
        if len(rows) > 5:
            gone = rows.listed()[2]
            key = rows.key if isinstance(rows.key, str | tuple) else ()
            names = (key,) if isinstance(key, str) else key
            rows.remove(*(gone[name] for name in names))
