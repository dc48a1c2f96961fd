"""Fivetran's side of a connection: the state, the warehouse, the call loop, and everything that was said.

Only what Fivetran documents is done: a call is repeated with the state of the last accepted answer, rows and state of an
answer are accepted together or not at all, nothing is retried within a sync.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from fivetran_emulator.contract.lab.faults import SourceRequest
from fivetran_emulator.contract.lab.function import LabReply
from fivetran_emulator.contract.lab.warehouse import MemoryWarehouse, rows_of
from fivetran_emulator.sync.loop import Kept, run_calls

__all__ = ["MAX_CALLS", "Call", "Connection", "Exchange", "Sync"]

MAX_CALLS = 150
"""Calls in one sync before it counts as endless; practice sources are small."""

Call = Callable[[Mapping[str, Any]], "tuple[LabReply, float, list[SourceRequest]]"]
"""Posts a body; gives the reply, the virtual seconds it took, and what the source was asked meanwhile."""


@dataclass(frozen=True)
class Exchange:
    """One call: the request, the reply, the seconds it took, and the requests to the source."""

    request: Mapping[str, Any] = field(repr=False)
    reply: LabReply
    seconds: float
    asked: tuple[SourceRequest, ...]

    @property
    def answer(self) -> Mapping[str, Any]:
        """The answer's object; empty when the call failed."""
        body = self.reply.json
        return body if self.reply.status == 200 and isinstance(body, dict) else {}

    @property
    def failed(self) -> bool:
        """Whether Fivetran would take it for a failure."""
        return not self.answer or "errorMessage" in self.answer

    @property
    def killed(self) -> bool:
        """Whether it ended without an answer."""
        return self.reply.status == 0

    @property
    def error(self) -> str:
        """What the function says went wrong; empty when it says nothing readable."""
        body = self.reply.json
        return str(body.get("errorMessage", "")) if isinstance(body, dict) else ""

    @property
    def has_more(self) -> bool:
        """Whether Fivetran calls again."""
        return self.answer.get("hasMore") is True

    def rows(self, member: str = "insert") -> list[tuple[str, Mapping[str, Any]]]:
        """Table and row of all rows of `insert` or `delete`."""
        return list(rows_of(self.answer, member))


@dataclass
class Sync:
    """The calls of one sync."""

    exchanges: list[Exchange] = field(default_factory=list)
    endless: bool = False

    @property
    def complete(self) -> bool:
        """Whether it ended with `hasMore: false`."""
        return bool(self.exchanges) and not self.exchanges[-1].failed and not self.endless

    @property
    def rows(self) -> dict[str, int]:
        """How many rows came, by table."""
        counts: dict[str, int] = {}
        for exchange in self.exchanges:
            for table, _row in exchange.rows():
                counts[table] = counts.get(table, 0) + 1
        return counts

    @property
    def seconds(self) -> float:
        """How long the longest call took."""
        return max((exchange.seconds for exchange in self.exchanges), default=0.0)


class _CallFailedError(Exception):
    """A call of a sync failed, which ends it."""


class Connection:
    """A connection that starts with `state: {}`. `secrets` are sent on every call."""

    def __init__(self, call: Call, secrets: Mapping[str, Any], *, max_calls: int = MAX_CALLS) -> None:
        self._call = call
        self.secrets = secrets
        self.max_calls = max_calls
        self.state: Any = {}
        self.warehouse = MemoryWarehouse()
        self.exchanges: list[Exchange] = []
        self.syncs = 0
        self.sends_id = True
        """Whether requests have a sync_id; those of some connections have none."""

    def body(self, **more: Any) -> dict[str, Any]:
        """What the next call sends; members in `more` are added or replaced."""
        sync_id = f"00000000-0000-4000-8000-{self.syncs:012}"
        identified = {"sync_id": sync_id} if self.sends_id else {}
        agent = "Fivetran Google Cloud Functions Connector/contract/contract"
        return {"agent": agent, "state": self.state, "secrets": self.secrets, **identified, **more}

    def call(self, *, accept: bool = True, **more: Any) -> Exchange:
        """Call once; an answer that is accepted is loaded, and its state kept."""
        body = copy.deepcopy(self.body(**more))
        exchange = Exchange(body, *_with_tuple(self._call(body)))
        self.exchanges.append(exchange)
        if accept and not exchange.failed:
            self._accept(exchange)
        return exchange

    def _accept(self, exchange: Exchange) -> None:
        self.warehouse.load(exchange.answer)
        self.state = json.loads(json.dumps(exchange.answer.get("state")))

    def sync(self, *, lose: Callable[[int], bool] = lambda _number: False) -> Sync:
        """Call until there is no more, or a call fails. `lose` says of which calls the answer is lost on its way."""
        self.syncs += 1
        sync = Sync()

        def call(_number: int) -> Exchange:
            exchange = self.call(accept=False)
            sync.exchanges.append(exchange)
            if exchange.failed:
                raise _CallFailedError
            return exchange

        def commit(exchange: Exchange, kept: Kept) -> None:
            if kept is Kept.ALL:
                self._accept(exchange)

        with suppress(_CallFailedError):
            sync.endless = not run_calls(
                call,
                commit,
                may_call=lambda number: number <= self.max_calls,
                kept=lambda number: Kept.NOTHING if lose(number) else Kept.ALL,
            )
        return sync

    def fork(self) -> Connection:
        """A connection at the same point, that goes on by itself."""
        other = Connection(self._call, self.secrets, max_calls=self.max_calls)
        other.state, other.syncs = copy.deepcopy(self.state), self.syncs
        other.warehouse = copy.deepcopy(self.warehouse)
        return other


def _with_tuple(
    called: tuple[LabReply, float, list[SourceRequest]],
) -> tuple[LabReply, float, tuple[SourceRequest, ...]]:
    reply, seconds, asked = called
    return reply, seconds, tuple(asked)
