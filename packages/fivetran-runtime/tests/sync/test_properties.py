"""The promises about state and budgets, as properties over random sources, budgets, faults and resumptions."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import pytest
from fivetran import Fivetran, Reply, answered, ids
from hypothesis import given, settings
from hypothesis import strategies as st

from fivetran_runtime import At, Connector, Delete, Row, TransientError

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
Rows = list[dict[str, Any]]


@dataclass
class Source:
    """An API in memory that fails on chosen requests, each once."""

    rows: Rows
    page_size: int = 3
    failing: set[int] = field(default_factory=set)
    requests: int = 0

    def list(self, *, start: int = 0, since: datetime | None = None) -> Rows:
        self.requests += 1
        answered()
        if self.requests in self.failing:
            raise TransientError(f"request {self.requests} failed")
        matching = [row for row in self.rows if since is None or at(row) >= since]
        return copy.deepcopy(matching[start : start + self.page_size])


def at(row: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(row["updated_at"])


def connector(source: Source) -> Connector:
    """Three tables: a full listing, a cursor over an unsorted source with lookback, and parents with children."""
    app = Connector("generated", client=lambda _: source)

    @app.table(key="id", on_missing="delete")
    def listing(source: Source, offset: int = 0) -> Iterator[Any]:
        while rows := source.list(start=offset):
            yield from rows
            offset += len(rows)
            yield At(offset=offset)

    @app.table(key="id", cursor="updated_at", lookback=timedelta(hours=2))
    def changes(source: Source, since: datetime | None, start: int = 0) -> Iterator[Any]:
        while rows := source.list(start=start, since=since):
            for row in rows:
                yield Delete(id=row["id"]) if row["gone"] else row
            start += len(rows)
            yield At(start=start)

    @app.table(key="id", children={"notes": ["parent_id", "place"]})
    def parents(source: Source, parent: int = 0, place: int = 0) -> Iterator[Any]:
        rows = source.rows
        for number in range(parent, len(rows)):
            yield rows[number]
            for at_place in range(place if number == parent else 0, rows[number]["id"] % 3):
                source.list()
                yield Row("notes", {"parent_id": rows[number]["id"], "place": at_place, "text": "n"})
                yield At(parent=number, place=at_place + 1)
            yield At(parent=number + 1)

    return app


@st.composite
def sources(draw: st.DrawFn) -> Source:
    ids = draw(st.lists(st.integers(0, 40), unique=True, max_size=14))
    rows = [
        {
            "id": identity,
            "updated_at": (EPOCH + timedelta(hours=draw(st.integers(0, 6)))).isoformat(),
            "text": draw(st.text(max_size=12)) * draw(st.integers(1, 12)),
            "gone": draw(st.booleans()),
        }
        for identity in ids
    ]
    return Source(rows, page_size=draw(st.integers(1, 5)))


def limits(*, answer_bytes: int) -> Any:
    return mock.patch.dict("os.environ", {"FIVETRAN_ANSWER_BYTES": str(answer_bytes)})


def budget(source: Source, spare: int) -> int:
    """An answer's size that has room for any page of the source, a state of three tables, and so many bytes more."""
    widest = max((len(json.dumps(row)) for row in source.rows), default=0)
    return max(1_500, int((widest + 100) * source.page_size / 0.9)) + 1_200 + spare


def clean_run(source: Source) -> Fivetran:
    """What one uncut, unfailed sync brings."""
    fivetran = Fivetran(connector(Source(source.rows, source.page_size)).handler)
    assert len(fivetran.sync()) == 1
    return fivetran


def until_complete(fivetran: Fivetran, max_syncs: int = 80) -> list[Reply]:
    for _ in range(max_syncs):
        replies = fivetran.sync()
        if replies[-1].status == 200:
            return replies
    raise AssertionError(f"not complete after {max_syncs} syncs: {fivetran.replies[-1].body}")


@pytest.fixture(autouse=True)
def _quiet(capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    yield
    capsys.readouterr()


@given(source=sources(), spare=st.integers(0, 4_500))
@settings(deadline=None, max_examples=150)
def test_any_budget_brings_the_same_tables_and_state(source: Source, spare: int) -> None:
    """However small the answers, the warehouse and the final state are those of one large answer."""
    expected = clean_run(source)
    fivetran = Fivetran(connector(source).handler)
    with limits(answer_bytes=budget(source, spare)):
        replies = until_complete(fivetran)
    assert fivetran.tables == expected.tables
    assert fivetran.state == expected.state
    assert all(len(str(reply.body["insert"])) < budget(source, spare) * 2 for reply in replies)


@given(source=sources(), failing=st.sets(st.integers(1, 60), max_size=12), spare=st.integers(0, 4_500))
@settings(deadline=None, max_examples=200)
def test_failures_anywhere_lose_and_double_nothing(source: Source, failing: set[int], spare: int) -> None:
    """Whichever requests fail, the syncs that follow bring the tables and the mark of unfailed ones."""
    expected = clean_run(source)
    expected.sync()
    source.failing = failing
    fivetran = Fivetran(connector(source).handler)
    with limits(answer_bytes=budget(source, spare)):
        until_complete(fivetran)
        until_complete(fivetran)
    assert fivetran.tables == expected.tables
    assert fivetran.state["tables"].get("changes") == expected.state["tables"].get("changes")


@given(source=sources(), lost=st.sets(st.integers(0, 30), max_size=10), spare=st.integers(0, 4_500))
@settings(deadline=None, max_examples=150)
def test_lost_answers_are_given_again(source: Source, lost: set[int], spare: int) -> None:
    """An answer that Fivetran never got is computed again from the same state, with the same outcome."""
    expected = clean_run(source)
    fivetran = Fivetran(connector(source).handler, losing=lost)
    with limits(answer_bytes=budget(source, spare)):
        until_complete(fivetran)
    assert fivetran.tables == expected.tables
    assert fivetran.state == expected.state


@given(source=sources(), data=st.data())
@settings(deadline=None, max_examples=150)
def test_after_quiet_syncs_the_warehouse_equals_a_changed_source(source: Source, data: st.DataObject) -> None:
    """Whatever changes between failing, cut syncs: two quiet syncs later every table is as the source is."""
    fivetran = Fivetran(connector(source).handler)
    clock = EPOCH + timedelta(hours=6)
    with limits(answer_bytes=budget(source, data.draw(st.integers(0, 4_500)))):
        for _ in range(data.draw(st.integers(1, 4))):
            source.failing = {source.requests + n for n in data.draw(st.sets(st.integers(1, 20), max_size=4))}
            fivetran.sync()
            clock += timedelta(hours=1)
            change(source, data, clock)
        for _ in range(3):
            source.failing = set()
            assert fivetran.sync()[-1].status == 200
    assert ids(fivetran, "listing") == {row["id"] for row in source.rows}
    existing = {row["id"]: row for row in source.rows if not row["gone"]}
    changes = {row["id"]: row for row in fivetran.tables.get("changes", {}).values()}
    assert {identity: changes.get(identity) for identity in existing} == existing


def change(source: Source, data: st.DataObject, clock: datetime) -> None:
    """Edit, add and remove rows; an edit or a new row carries the time of the change."""
    yes: st.SearchStrategy[Any] = st.booleans()
    if source.rows and data.draw(yes):
        source.rows.pop(data.draw(st.integers(0, len(source.rows) - 1)))
    for row in source.rows:
        if data.draw(yes):
            row |= {"updated_at": clock.isoformat(), "text": data.draw(st.text(max_size=4)), "gone": False}
    new = data.draw(st.integers(50, 60))
    if all(row["id"] != new for row in source.rows):
        row = {"id": new, "updated_at": clock.isoformat(), "text": "new", "gone": False}
        source.rows.insert(data.draw(st.integers(0, len(source.rows))), row)


@given(source=sources())
@settings(deadline=None, max_examples=50)
def test_when_nothing_changes_only_lookback_and_ties_are_read_again(source: Source) -> None:
    """From the third sync on: the cursor's table sends only rows at or after the mark less the lookback."""
    fivetran = clean_run(source)
    fivetran.sync()
    state = copy.deepcopy(fivetran.state)
    (reply,) = fivetran.sync()
    kept = [row for row in source.rows if not row["gone"]]
    if kept:
        newest = max(at(row) for row in kept)
        expected = {row["id"] for row in kept if at(row) >= newest - timedelta(hours=2)}
        assert {row["id"] for row in reply.body["insert"].get("changes", [])} == expected
    assert fivetran.state == state


def test_a_table_that_fails_keeps_the_others_work() -> None:
    """One failing table neither discards nor replays what the others committed; the failure is reported at the end."""
    app = Connector("partly")
    served: list[str] = []

    @app.table(key="id")
    def broken(_: Any) -> Iterator[Any]:
        served.append("broken")
        raise TransientError("the source is not well")

    @app.table(key="id")
    def fine(_: Any) -> Iterator[Any]:
        served.append("fine")
        yield {"id": 1}

    fivetran = Fivetran(app.handler)
    first, last = fivetran.sync()
    assert first.status == 200
    assert first.body["insert"] == {"fine": [{"id": 1}]}
    assert last.status == 500
    assert last.body["errorMessage"] == "Table broken: the source is not well"
    assert served == ["broken", "fine", "broken"]
    assert fivetran.state["sync"] == {"id": "sync-1", "done": ["fine"], "failed": ["broken"]}


def test_the_next_sync_reads_every_table_again() -> None:
    """A failed sync's list of finished tables does not outlive it."""
    app = Connector("partly")
    broken_syncs = [True]

    @app.table(key="id")
    def broken(_: Any) -> Iterator[Any]:
        if broken_syncs:
            raise TransientError("the source is not well")
        yield {"id": 2}

    @app.table(key="id")
    def fine(_: Any) -> Iterator[Any]:
        yield {"id": 1}

    fivetran = Fivetran(app.handler)
    fivetran.sync()
    broken_syncs.clear()
    (reply,) = fivetran.sync()
    assert reply.body["insert"] == {"broken": [{"id": 2}], "fine": [{"id": 1}]}
    assert "sync" not in fivetran.state
