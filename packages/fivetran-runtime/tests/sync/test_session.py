"""The core under another host than a function: answers that end softly, in a sync that has no end."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterator
from math import inf
from pathlib import Path
from typing import Any

import pytest
from fivetran import answered
from virtual_clock import VirtualClock

import fivetran_runtime
from fivetran_runtime import At, Client, Connector, ConnectorError, Delete
from fivetran_runtime._invocation.budget import Budget, Ends, Limits, Wording
from fivetran_runtime._invocation.clock import clock
from fivetran_runtime._invocation.context import Invocation, run_as, running
from fivetran_runtime._sync.batch import Deletion, Upsert
from fivetran_runtime._sync.loop import Leave, Progress
from fivetran_runtime._sync.session import Ended, Session
from fivetran_runtime._sync.state import SyncState

NO_END = Limits(answer_bytes=100_000_000, seconds=inf, memory_bytes=2**62, max_wait=3600)
EVERY_MINUTE = Ends(seconds=60, bytes=10_000_000)


pytestmark = pytest.mark.usefixtures("clock")


class Endless:
    """The rules of a host whose syncs may be without rows for as long as they like."""

    max_empty_answers = 10**9

    def settle(self, progress: Progress, sync: SyncState) -> Leave | None:
        """Another call, always."""


def sync(app: Connector, ends: Ends = EVERY_MINUTE, state: object = None) -> Iterator[Ended]:
    """The answers of one sync."""
    while True:
        wording = Wording(host="the job", more_time="ask for less", more_memory="ask for less")
        invocation = Invocation(Budget(NO_END, ends, wording), sync_id="one")
        with run_as(invocation):
            ended = Session(app, {}, invocation).read(state, Endless())
        yield ended
        if not ended.has_more:
            return
        state = ended.state


def rows(ended: Ended) -> list[Any]:
    return [json.loads(operation.columns) for _, _, operation in ended]


def connected(**tables: Callable[..., Any]) -> Connector:
    app = Connector("jobs")
    for name, read in tables.items():
        app.table(key="id", name=name)(read)
    return app


def slow_pages(_: Any, page: int = 0) -> Iterator[Any]:
    while page < 10:
        clock().sleep(25)
        answered()
        yield {"id": page}
        page += 1
        yield At(page=page)


def test_an_answer_ends_after_a_minute_and_the_sync_goes_on_for_as_long_as_it_takes() -> None:
    """Every 60 s, no end: each answer ends at the first At after its minute, and is not foretold to be late."""
    answers = list(sync(connected(pages=slow_pages)))
    assert [len(rows(one)) for one in answers] == [3, 3, 3, 1]
    assert [one.report()["cut"] for one in answers] == ["time", "time", "time", None]
    assert answers[0].state["tables"] == {"pages": {"at": {"page": 3}, "declared": "id"}}
    assert "sync" not in answers[-1].state


def test_an_answer_ends_between_two_tables() -> None:
    """Tables of one unit each have no At; what was read of the first is kept before the second begins."""

    def whole(_: Any) -> Iterator[Any]:
        clock().sleep(70)
        yield {"id": 1}

    answers = list(sync(connected(first=whole, second=whole, third=whole)))
    assert [[table for table, _, _ in one] for one in answers] == [["first"], ["second"], ["third"]]


def test_an_answer_ends_by_its_bytes_and_may_hold_a_larger_unit() -> None:
    """10 MB is where an answer ends, not what a unit has to fit into: no row is asked for twice."""
    asked: list[int] = []

    def pages(_: Any, page: int = 0) -> Iterator[Any]:
        while page < 4:
            asked.append(page)
            yield from ({"id": page * 100 + number, "text": "x" * 90} for number in range(100))
            page += 1
            yield At(page=page)

    answers = list(sync(connected(pages=pages), Ends(bytes=2_000)))
    assert [len(rows(one)) for one in answers] == [100, 100, 100, 100, 0]
    assert asked == [0, 1, 2, 3]


def test_a_wait_that_has_no_end_does_not_hold_back_what_others_have_brought(clock: VirtualClock) -> None:
    """A report that takes hours is asked for in each answer; the answers before it are not lost with it."""
    client = Client("http://reports.example")

    def report(_: Any, job: int | None = None) -> Iterator[Any]:
        if job is None:
            yield At(job=7)
        while clock.seconds < 200:
            client.wait(10, "report 7")
        yield {"id": 7}

    def quick(_: Any) -> Iterator[Any]:
        yield {"id": 1}

    answers = list(sync(connected(reports=report, quick=quick)))
    assert [rows(one) for one in answers] == [[{"id": 1}], [], [], [{"id": 7}]]
    assert clock.seconds == pytest.approx(200)


def test_a_source_is_waited_for_as_long_as_the_host_says_and_no_longer() -> None:
    """Without an end any Retry-After could be slept away; a table that asks for a day fails, and says so."""

    def patient(_: Any) -> Iterator[Any]:
        running().wait(1800, "the limit of http://a.example")
        yield {"id": 1}

    def greedy(_: Any) -> Iterator[Any]:
        running().wait(86_400, "the limit of http://b.example")
        yield {"id": 1}

    answers = sync(connected(patient=patient, greedy=greedy))
    assert rows(next(answers)) == [{"id": 1}]
    with pytest.raises(ConnectorError) as failed:
        list(answers)
    assert str(failed.value) == (
        "Table greedy: nothing could be completed: the limit of http://b.example would take 86400 s, until 2026-01-02 "
        "00:30 UTC, and 3600 s are waited for at most. The next sync tries again from the same state."
    )


def test_operations_come_by_table_and_key_each_key_once() -> None:
    """A host needs no JSON of an answer to apply it."""

    def users(_: Any) -> Iterator[Any]:
        yield {"id": 1, "name": "Ada"}
        yield {"id": 2}
        yield Delete(id=2)

    (ended,) = sync(connected(users=users))
    assert [*ended] == [
        ("users", 2, Deletion(b'{"id":2}')),
        ("users", 1, Upsert(b'{"id":1,"name":"Ada"}')),
    ]


HOSTS = ("function", "connector_sdk")


@pytest.mark.parametrize("host", HOSTS)
def test_a_host_gets_a_state_from_what_has_ended_and_from_nothing_else(host: str) -> None:
    """A state of the middle of a pass deletes rows that exist. So no host sees the state that is worked on."""
    folder = Path(fivetran_runtime.__file__).parent / host
    imported = {
        f"{node.module}.{name.name}"
        for file in folder.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("fivetran_runtime._sync")
        for name in node.names
    }
    assert imported
    assert not {
        name for name in imported if name.endswith((".State", ".TableState", ".read_tables", ".load"))
    }
