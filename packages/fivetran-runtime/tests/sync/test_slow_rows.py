"""Rows that come slowly from elsewhere than the client: each call is answered before the platform would end it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from fivetran import Fivetran, Reply
from virtual_clock import VirtualClock

from fivetran_runtime import At, Connector

KILLED = 100.0


@pytest.fixture(autouse=True)
def clock(clock: VirtualClock, monkeypatch: pytest.MonkeyPatch) -> VirtualClock:
    """Virtual time; a platform that ends a call after 100 s."""
    monkeypatch.setenv("FIVETRAN_TIMEOUT_S", "100")
    return clock


def seconds(reply: Reply) -> float:
    """How long a call took."""
    return float(json.loads(reply.headers["X-Connector-Invocation"])["seconds"])


def connection(read: Any, *, others: str = "after", **declared: Any) -> Fivetran:
    """A connection with a slow table and a quick one, before or after it."""
    app = Connector("slow")

    def quick(_: Any, n: int = 0) -> Iterator[Any]:
        for number in range(n, 5):
            yield {"id": number}
            yield At(n=number + 1)

    if others == "before":
        app.table(key="id")(quick)
    app.table(key="id", **declared)(read)
    if others == "after":
        app.table(key="id")(quick)
    return Fivetran(app.handler)


GAPS = pytest.mark.parametrize("gap", [0.05, 1, 5, 9, 12, 29, 40, 45])


@GAPS
@pytest.mark.parametrize("others", ["before", "after"])
@pytest.mark.parametrize("at_once", [0, 1_000])
def test_without_an_at_the_table_fails_by_name_and_the_others_rows_arrive(
    clock: VirtualClock, gap: float, others: str, at_once: int
) -> None:
    """However slow rows are, from the first on or after a thousand that came at once."""

    def slow(_: Any) -> Iterator[Any]:
        yield from ({"id": -number} for number in range(at_once))
        for number in range(10_000):
            clock.sleep(gap)
            yield {"id": number}

    fivetran = connection(slow, others=others)
    *answers, last = fivetran.sync()
    assert len(fivetran.tables["quick"]) == 5
    assert max(seconds(reply) for reply in [*answers, last]) < KILLED
    assert last.body["errorMessage"].startswith(
        "Table slow: nothing could be completed within the function's 100 s"
    )
    assert "raise the time-out or yield At(...) more often" in last.body["errorMessage"]


@GAPS
def test_with_an_at_in_the_call_the_answer_is_given_there(clock: VirtualClock, gap: float) -> None:
    """A unit that no call has time for fails by name, once what came before it has arrived."""

    def slow(_: Any, unit: int = 0) -> Iterator[Any]:
        for number in range(unit, 3):
            for row in range(1 if number == 0 else 10_000):
                clock.sleep(gap)
                yield {"id": number * 10_000 + row}
            yield At(unit=number + 1)

    fivetran = connection(slow, others="none")
    first, *_, last = fivetran.sync()
    assert first.body["insert"] == {"slow": [{"id": 0}]}
    assert first.body["state"]["tables"]["slow"]["at"] == {"unit": 1}
    assert max(seconds(reply) for reply in fivetran.replies) < KILLED
    assert "Table slow: nothing could be completed" in last.body["errorMessage"]


@pytest.mark.parametrize("gap", [2, 12, 30])
def test_slow_rows_with_an_at_each_arrive_over_as_many_calls_as_they_take(
    clock: VirtualClock, gap: float
) -> None:
    """Nothing is read twice, and nothing is lost where a call ends."""
    read: list[int] = []

    def slow(_: Any, n: int = 0) -> Iterator[Any]:
        for number in range(n, 60, 3):
            for row in range(number, number + 3):
                clock.sleep(gap / 3)
                read.append(row)
                yield {"id": row}
            yield At(n=number + 3)

    fivetran = connection(slow, others="before")
    replies = fivetran.sync()
    assert {reply.status for reply in replies} == {200}
    assert len(fivetran.tables["slow"]) == 60
    assert len(read) <= 60 + 3 * len(replies)
    assert max(map(seconds, replies)) < KILLED


def test_a_table_that_fits_into_a_call_is_not_stopped_because_its_pages_are_slow(clock: VirtualClock) -> None:
    """Two pages of 44 s each: after the second the other rows come at once, and 88 of 100 s are enough."""

    def paged(_: Any) -> Iterator[Any]:
        for page in range(2):
            clock.sleep(44)
            yield from ({"id": page * 100 + row} for row in range(100))

    fivetran = connection(paged)
    assert {reply.status for reply in fivetran.sync()} == {200}
    assert len(fivetran.tables["paged"]) == 200


def test_the_end_of_a_table_counts_however_late_it_is(clock: VirtualClock) -> None:
    """What is whole is sent."""

    def late(_: Any) -> Iterator[Any]:
        yield {"id": 1}
        clock.sleep(96)

    (reply,) = connection(late, others="before").sync()
    assert reply.body["insert"]["late"] == [{"id": 1}]


def test_slow_listings_and_slow_fetches_end_in_time_too(clock: VirtualClock) -> None:
    """A listing is a table function like any other, and so is what asks for single rows."""
    slow = [True, True]

    def changes(_: Any, since: int | None) -> Iterator[Any]:
        yield {"id": since or 1, "at": 1}

    def listing(_: Any) -> Iterator[Any]:
        for number in range(300):
            clock.sleep(1 if slow[0] else 0)
            yield {"id": number}

    def fetch(_: Any, keys: list[Any]) -> Iterator[Any]:
        for key in keys:
            clock.sleep(1 if slow[1] else 0)
            yield {"id": key, "at": 1}

    fivetran = connection(changes, cursor="at", on_missing="delete", listing=listing, fetch=fetch)
    for now_slow in ([True, True], [False, True], [False, False]):
        slow[:] = now_slow
        fivetran.sync()
        assert max(map(seconds, fivetran.replies)) < KILLED
        assert len(fivetran.tables["quick"]) == 5
    assert len(fivetran.tables["changes"]) == 300


def test_keys_that_are_fetched_one_by_one_and_slowly_arrive_over_several_calls(clock: VirtualClock) -> None:
    """A hundred at once would take longer than a call, in every sync."""
    rows = {0: 1, 1: 9}

    def changes(_: Any, since: int | None) -> Iterator[Any]:
        yield from ({"id": number, "at": at} for number, at in rows.items() if at >= (since or 0))

    def listing(_: Any) -> Iterator[Any]:
        yield from ({"id": number} for number in rows)

    def fetch(_: Any, keys: list[Any]) -> Iterator[Any]:
        for key in keys:
            clock.sleep(4)
            yield {"id": key, "at": rows[key]}

    fivetran = connection(changes, cursor="at", on_missing="delete", listing=listing, fetch=fetch)
    for _ in range(3):
        fivetran.sync()
    rows.update(dict.fromkeys(range(2, 102), 1))
    assert {reply.status for reply in fivetran.sync()} == {200}
    assert max(map(seconds, fivetran.replies)) < KILLED
    assert len(fivetran.tables["changes"]) == 102
