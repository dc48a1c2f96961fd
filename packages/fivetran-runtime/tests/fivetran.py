"""Fivetran as far as the runtime's own tests need it: the call loop, and tables in memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import flask
import pytest

from fivetran_runtime import TransientError
from fivetran_runtime._invocation.context import running

Rows = dict[str, dict[str, dict[str, Any]]]
_HOST = flask.Flask("host")


@dataclass(frozen=True)
class Reply:
    """One answer of a function."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str]


def answered() -> None:
    """An answer of a source in memory, counted as the runtime's client counts those of a real one."""
    running().requests += 1


def ids(fivetran: Fivetran, table: str) -> set[Any]:
    """The ids of the rows that a table has at Fivetran."""
    return {row["id"] for row in fivetran.tables.get(table, {}).values()}


def warnings(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The log's lines that warn."""
    return [line for line in capsys.readouterr().out.splitlines() if '"WARNING"' in line]


def reported(replies: list[Reply]) -> str:
    """The message with which a sync has failed."""
    assert replies[-1].status == 500
    return str(replies[-1].body["errorMessage"])


class CountedSource:
    """A source in memory whose answers are counted; those with a number in `failing` fail."""

    def __init__(self) -> None:
        self.requests = 0
        self.failing: set[int] = set()

    def answer(self) -> None:
        """Count one more answer, or fail."""
        self.requests += 1
        answered()
        if self.requests in self.failing:
            raise TransientError(f"request {self.requests} failed")


def call(main: Callable[..., Any], body: object, **request: Any) -> Reply:
    """POST a body to a function as functions-framework would."""
    with _HOST.test_request_context(method="POST", json=body, **request):
        _, _, headers = answer = main(flask.request)
        response = _HOST.make_response(answer)
    return Reply(response.status_code, json.loads(response.get_data()), headers)


@dataclass
class Fivetran:
    """A connection: its state, its tables (name to key text to row), and what was called.

    `losing` are the numbers of calls, from 1 on, whose answers do not arrive: Fivetran calls again.
    """

    main: Callable[..., Any]
    secrets: dict[str, Any] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=dict)
    tables: Rows = field(default_factory=dict)
    replies: list[Reply] = field(default_factory=list)
    sends_id: bool = True
    syncs: int = 0
    losing: Collection[int] = ()

    def call(self) -> Reply:
        """One call within the current sync; an accepted answer is applied, unless this call's is lost."""
        body = {
            "agent": "test",
            "state": self.state,
            "secrets": self.secrets,
        } | ({"sync_id": f"sync-{self.syncs}"} if self.sends_id else {})
        reply = call(self.main, body)
        self.replies.append(reply)
        if reply.status != 200:
            return reply
        if len(self.replies) in self.losing:
            return Reply(200, {"hasMore": True}, {})
        self._apply(reply.body)
        return reply

    def sync(self, max_calls: int = 500) -> list[Reply]:
        """Call until there is no more, or a call fails."""
        self.syncs += 1
        start = len(self.replies)
        for _ in range(max_calls):
            reply = self.call()
            if reply.status != 200 or not reply.body["hasMore"]:
                return self.replies[start:]
        raise AssertionError(f"the sync did not end within {max_calls} calls")

    def _apply(self, body: dict[str, Any]) -> None:
        assert set(body) == {"state", "insert", "delete", "schema", "hasMore"}
        for table, rows in body["delete"].items():
            for row in rows:
                self.tables.setdefault(table, {}).pop(self._key(body, table, row), None)
        for table, rows in body["insert"].items():
            keys = [self._key(body, table, row) for row in rows]
            assert len(set(keys)) == len(keys), f"{table}: a key twice in one answer"
            assert not {*keys} & {self._key(body, table, row) for row in body["delete"].get(table, [])}
            self.tables.setdefault(table, {}).update(zip(keys, rows, strict=True))
        self.state = body["state"]

    @staticmethod
    def _key(body: dict[str, Any], table: str, row: dict[str, Any]) -> str:
        return json.dumps([row[column] for column in body["schema"][table]["primary_key"]])
