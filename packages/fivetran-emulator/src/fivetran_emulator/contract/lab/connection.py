"""Fivetran's side of a connection: the state, the warehouse, the call loop, and everything that was said.

Only what Fivetran documents is done: a call is repeated with the state of the last accepted answer, rows and state of an
answer are accepted together or not at all, nothing is retried within a sync.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from json.encoder import encode_basestring
from typing import Any

from fivetran_emulator.contract.check import counted
from fivetran_emulator.contract.lab.faults import SourceRequest
from fivetran_emulator.sync.loop import Kept, run_calls

__all__ = [
    "MAX_CALLS",
    "Call",
    "Connection",
    "Difference",
    "Exchange",
    "Key",
    "LabReply",
    "MemoryWarehouse",
    "Sync",
    "accepted_json",
    "differences",
    "key_of",
]

MAX_CALLS = 150
"""Calls in one sync before it counts as endless; practice sources are small."""

Call = Callable[[Mapping[str, Any]], "tuple[LabReply, float, list[SourceRequest]]"]
"""Posts a body; gives the reply, the virtual seconds it took, and what the source was asked meanwhile."""


@dataclass(frozen=True)
class LabReply:
    """What came back, and what the function wrote while it ran.

    A call that was killed has status 0, and a `reason` where it is known.
    """

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    logs: str = ""
    reason: str = ""

    @cached_property
    def json(self) -> Any:
        """The body as strict JSON; None when it is not."""
        return accepted_json(self.body)


def accepted_json(body: bytes) -> Any:
    """The body as JSON that a strict parser takes; None for anything else."""
    try:
        return json.loads(body, parse_constant=_reject)
    except (ValueError, RecursionError):
        return None


def _reject(constant: str) -> None:
    raise ValueError(constant)


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


Key = str
"""The values of a row's key columns as JSON text: 1, "1" and true are three keys."""


def key_of(row: Mapping[str, Any], columns: Collection[str]) -> Key:
    """The key of a row."""
    return f"[{', '.join([_text_of(row.get(column)) for column in columns])}]"


# json.dumps with these settings would make an encoder for each of a great many keys.
_as_text = json.JSONEncoder(ensure_ascii=False, default=str).encode


def _text_of(value: Any) -> str:
    # Nearly every key is one of these, and a suite makes hundreds of thousands.
    kind = type(value)
    if kind is int:
        return repr(value)
    return encode_basestring(value) if kind is str else _as_text(value)


@dataclass
class MemoryWarehouse:
    """The warehouse as plain dicts: rows by table and key; the rows of a table without a key lie in `appended`.

    It loads leniently, also what Fivetran would refuse: each breach has a check of its own, and a warehouse that stopped at the
    first one would blame it on all the others.
    """

    tables: dict[str, dict[Key, Mapping[str, Any]]] = field(default_factory=dict)
    keys: dict[str, tuple[str, ...]] = field(default_factory=dict)
    appended: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)

    def load(self, answer: Mapping[str, Any]) -> None:
        """Deletes, then rows; of several rows with one key the last one stays."""
        for table, declared in _objects(answer.get("schema")):
            if (
                isinstance(declared, dict)
                and isinstance(columns := declared.get("primary_key"), list)
                and columns
            ):
                self.keys[table] = tuple(map(str, columns))
        for table, row in rows_of(answer, "delete"):
            self.tables.get(table, {}).pop(key_of(row, self.keys.get(table, ())), None)
        for table, row in rows_of(answer, "insert"):
            if table in self.keys:
                self.tables.setdefault(table, {})[key_of(row, self.keys[table])] = row
            else:
                self.appended.setdefault(table, []).append(row)


def rows_of(answer: Mapping[str, Any], member: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Table and row of everything in `insert` or `delete` that is a row at all."""
    for table, rows in _objects(answer.get(member)):
        yield from ((table, row) for row in rows or () if isinstance(row, dict))


def _objects(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield from value.items()


@dataclass(frozen=True)
class Difference:
    """What one table has too few, too many, or other than it should; keys as JSON text."""

    table: str
    missing: tuple[Key, ...] = ()
    extra: tuple[Key, ...] = ()
    changed: tuple[Key, ...] = ()

    def __str__(self) -> str:
        listed = (
            ("never arrived", self.missing),
            ("too many", self.extra),
            ("other than at the source", self.changed),
        )
        return "; ".join(
            f"{counted(len(keys), 'row')} of {self.table} {what}: {_few(keys)}"
            for what, keys in listed
            if keys
        )


def differences(
    seen: MemoryWarehouse,
    expected: MemoryWarehouse,
    *,
    may_stay: Mapping[str, Collection[Key] | None] | None = None,
) -> list[Difference]:
    """How two warehouses differ; `may_stay` has by table the keys that may be in `seen` only, None for any."""
    found = []
    for table in sorted({*seen.tables, *expected.tables}):
        one, other = seen.tables.get(table, {}), expected.tables.get(table, {})
        stays = (may_stay or {}).get(table, ())
        extra = set() if stays is None else one.keys() - other.keys() - set(stays)
        changed = [key for key in one.keys() & other.keys() if one[key] != other[key]]
        if (missing := other.keys() - one.keys()) or extra or changed:
            found.append(Difference(table, _sorted(missing), _sorted(extra), _sorted(changed)))
    return found


def _sorted(keys: Collection[Key]) -> tuple[Key, ...]:
    return tuple(sorted(keys))


def _few(keys: Collection[Key]) -> str:
    shown = ", ".join(list(keys)[:4])
    return shown if len(keys) <= 4 else f"{shown} and {len(keys) - 4} more"
