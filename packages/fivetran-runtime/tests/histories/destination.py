"""Fivetran's side of a history: the state it holds, the rows that have landed, and the loop of calls."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fivetran_runtime.function.envelope import REPORT_HEADER

MAX_CALLS = 150
ENDLESS = "Fivetran: the sync does not end"
EMPTY = "Fivetran: more than 10 empty answers"

_WITHOUT_ROOM = re.compile(r"Table (\w+): its [\d,]+ keys do not fit")
"""What an error says of tables whose keys have no room: its answer has no state that would."""


class BrokenPromiseError(AssertionError):
    """The promise was broken."""


@dataclass
class Posted:
    """A request, as much of one as the handler looks at."""

    body: bytes
    method: str = "POST"
    headers: dict[str, str] = field(default_factory=dict)

    def get_data(self) -> bytes:
        return self.body


@dataclass
class Destination:
    """A connection: the state Fivetran holds, and the rows that have landed, table to canonical key to row."""

    main: Any
    secrets: dict[str, Any]
    sends_id: bool
    happened: Counter[str]
    keys: dict[str, tuple[str, ...]]
    landed: Callable[[dict[str, dict[str, Any]]], None]
    """Called with the state's parts of the tables when an answer has landed."""
    state: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    syncs: int = 0
    failed_in_a_row: int = 0
    log: list[str] = field(default_factory=list)
    over: set[str] = field(default_factory=set)
    """Tables whose keys had no room at some time: what was deleted or came back until then is not found."""

    def call(self, number: int, *, lost: bool = False) -> tuple[int, dict[str, Any]]:
        body: dict[str, Any] = {"state": self.state, "secrets": self.secrets}
        body |= {"sync_id": f"s{self.syncs}"} if self.sends_id else {}
        content, status, headers = self.main(Posted(json.dumps(body).encode()))
        answer: dict[str, Any] = json.loads(content if isinstance(content, bytes) else b"".join(content))
        self._count(number, json.loads(headers.get(REPORT_HEADER, "{}")), lost=lost and status == 200)
        if status == 200 and not lost:
            self._apply(answer)
        self.over |= set(_WITHOUT_ROOM.findall(answer.get("errorMessage", "")))
        self.log.append(f"{status} {answer.get('errorMessage', '')} more={answer.get('hasMore')} lost={lost}")
        return status, answer

    def _count(self, number: int, report: dict[str, Any], *, lost: bool) -> None:
        cut = report.get("cut")
        self.happened[f"a call cut by {cut}"] += cut in ("bytes", "time")
        self.happened[f"a sync's first call cut by {cut}"] += cut in ("bytes", "time") and number == 0
        self.happened["an answer lost"] += lost

    def _apply(self, answer: dict[str, Any]) -> None:
        for name in answer["insert"].keys() | answer["delete"].keys():
            rows = self.tables.setdefault(name, {})
            deleted = {self.key(name, row) for row in answer["delete"].get(name, [])}
            inserted = {self.key(name, row): row for row in answer["insert"].get(name, [])}
            if deleted & inserted.keys():
                raise BrokenPromiseError(f"{name}: a key is inserted and deleted in one answer")
            for key in deleted:
                rows.pop(key, None)
            rows.update(inserted)
        self.state.clear()
        self.state.update(answer["state"])
        parts = answer["state"]["tables"]
        self.over |= {name.removesuffix(".keys") for name, part in parts.items() if "over" in part}
        self.over |= {what for part in parts.values() for what in part.get("no_room", ())}
        self.landed(parts)

    def key(self, name: str, row: dict[str, Any]) -> str:
        """A row's canonical key."""
        return "/".join(str(row[column]) for column in self.keys[name])

    def sync(
        self, *, max_calls: int = MAX_CALLS, losing: float = 0.0, chance: random.Random | None = None
    ) -> str:
        """Call until there is no more; the last error's text, or nothing."""
        self.syncs += 1
        said = self._calls(max_calls, losing, chance)
        self.failed_in_a_row = self.failed_in_a_row + 1 if said not in ("", ENDLESS) else 0
        self.happened["a sync with an id" if self.sends_id else "a sync without an id"] += 1
        self.happened["three failing syncs in a row"] += self.failed_in_a_row == 3
        self.happened["six failing syncs in a row"] += self.failed_in_a_row == 6
        return said

    def _calls(self, most: int, losing: float, chance: random.Random | None) -> str:
        empty = 0
        for number in range(most):
            status, answer = self.call(number, lost=bool(chance and chance.random() < losing))
            if status != 200:
                return str(answer["errorMessage"])
            empty = 0 if answer["insert"] or answer["delete"] else empty + 1
            if empty > 10:
                return EMPTY
            if not answer["hasMore"]:
                return ""
        return ENDLESS
