"""Each sync stands on its own: one table that comes to nothing keeps no other one out, in no sync."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fivetran import Fivetran, answered, ids, reported
from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_clock import VirtualClock

from fivetran_runtime import At, Connector, DefectError, TransientError
from fivetran_runtime._encoding import encode
from fivetran_runtime._invocation.budget import OutOfBudget
from fivetran_runtime._invocation.context import running
from fivetran_runtime._sync.deletes import Missing

IDS = pytest.mark.parametrize("has_id", [True, False], ids=["sync_id", "no sync_id"])


@pytest.fixture
def clock(clock: VirtualClock, monkeypatch: pytest.MonkeyPatch) -> VirtualClock:
    """Virtual time; a time-out of 100 s, of which 90 are usable."""
    monkeypatch.setenv("FIVETRAN_TIMEOUT_S", "100")
    return clock


def keeping_to_a_rate(_: Any) -> Iterator[Any]:
    running().wait(1, "the rate")
    yield {"id": 1}


def failed(error: BaseException) -> Iterator[Any]:
    raise error


def two(order: str, rows: list[int], broken: list[bool], *, cursor: bool = False) -> Fivetran:
    """Tables `fine` and `broken`, in either order; the second fails while `broken` holds something."""
    app = Connector("two")

    def fine(_: Any) -> Iterator[Any]:
        yield from ({"id": number} for number in rows)

    def since_fine(_: Any, since: int | None) -> Iterator[Any]:
        answered()
        yield from ({"id": row, "at": at} for at, row in enumerate(rows) if since is None or at >= since)

    def failing(_: Any) -> Iterator[Any]:
        if broken:
            raise TransientError("HTTP 503")
        yield {"id": 1}

    tables: dict[str, Any] = {"fine": since_fine if cursor else fine, "broken": failing}
    for name in order.split():
        by = "at" if cursor and name == "fine" else None
        app.table(key="id", name=name, cursor=by)(tables[name])
    return Fivetran(app.handler)


@IDS
@pytest.mark.parametrize("order", ["fine broken", "broken fine"])
@pytest.mark.parametrize("cursor", [False, True])
def test_new_rows_arrive_in_every_sync_in_which_another_table_fails(
    order: str, has_id: bool, cursor: bool
) -> None:
    """And the failure is reported in every one of them."""
    rows = [1]
    broken = [True]
    fivetran = two(order, rows, broken, cursor=cursor)
    fivetran.sends_id = has_id
    for number in range(2, 7):
        assert reported(fivetran.sync()) == "Table broken: HTTP 503"
        assert ids(fivetran, "fine") == set(rows)
        rows.append(number)
    broken.clear()
    fivetran.sync()
    assert (ids(fivetran, "fine"), ids(fivetran, "broken")) == (set(rows), {1})
    assert "sync" not in fivetran.state


@given(
    order=st.sampled_from(["fine broken", "broken fine"]),
    cursor=st.booleans(),
    has_id=st.booleans(),
    changes=st.lists(st.sets(st.integers(1, 30), max_size=3), max_size=8),
)
@settings(deadline=None, max_examples=60)
def test_a_sync_with_a_failing_table_ends_once_the_source_stands_still(
    order: str, cursor: bool, has_id: bool, changes: list[set[int]]
) -> None:
    """Rows may come before each of its calls; then a few calls bring the rest and the last one tells the failure."""
    rows: list[int] = []
    fivetran = two(order, rows, [True], cursor=cursor)
    fivetran.sends_id = has_id
    fivetran.syncs = 1
    for new in changes:
        rows += sorted(new - set(rows))
        fivetran.call()
    assert "HTTP 503" in reported(fivetran.sync(max_calls=6))
    assert set(rows) <= ids(fivetran, "fine")


@IDS
@pytest.mark.parametrize("cut", ["bytes", "time"])
def test_an_outage_is_over_when_it_is_over(
    clock: VirtualClock, monkeypatch: pytest.MonkeyPatch, has_id: bool, cut: str
) -> None:
    """Later the first table fills the next call: the sync goes on in another one."""
    monkeypatch.setenv("FIVETRAN_ANSWER_BYTES", "10000")
    app = Connector("outage")
    broken, size = [True], [1]

    @app.table(key="id")
    def first(_: Any, n: int = 0) -> Iterator[Any]:
        for number in range(n, size[0]):
            if cut == "time":
                clock.sleep(20)
            yield {"id": number, "text": "x" * (1_900 if cut == "bytes" else 1)}
            yield At(n=number + 1)

    @app.table(key="id")
    def second(_: Any) -> Iterator[Any]:
        if broken:
            raise TransientError("HTTP 503")
        yield {"id": 1}

    fivetran = Fivetran(app.handler)
    fivetran.sends_id = has_id
    fivetran.sync()
    size[0] = 12
    fivetran.sync()
    broken.clear()
    for _ in range(2):
        assert fivetran.sync()[-1].status == 200
    assert (len(ids(fivetran, "first")), ids(fivetran, "second")) == (12, {1})


@IDS
@pytest.mark.parametrize("how", ["waits", "hangs"])
def test_a_table_that_takes_all_the_time_leaves_the_others_theirs(
    clock: VirtualClock, has_id: bool, how: str
) -> None:
    """A `Retry-After` of an hour, or an endpoint that answers nothing: first the others' rows, then its error."""
    app = Connector("starving")

    def slow(_: Any) -> Iterator[Any]:
        if how == "hangs":
            clock.sleep(95)
        running().wait(3_600, "the source's Retry-After")
        yield {"id": 1}

    for name in ("first", "second"):
        app.table(key="id", name=name)(slow)

    app.table(key="id", name="fine")(keeping_to_a_rate)
    fivetran = Fivetran(app.handler)
    fivetran.sends_id = has_id
    for _ in range(3):
        fivetran.tables.clear()
        message = reported(fivetran.sync(max_calls=8))
        assert "nothing could be completed within the function's 100 s" in message
        if has_id:
            assert ids(fivetran, "fine") == {1}


@pytest.mark.parametrize("how", ["is finished", "has failed"])
def test_a_table_that_begins_to_hang_takes_its_share_of_the_time_and_no_more(
    clock: VirtualClock, how: str
) -> None:
    """Without a sync id an error forgets which table took all the time: the next call would read it first again."""
    app = Connector("hanging")
    hangs, fails = [False], [True]

    @app.table(key="id")
    def hanging(_: Any) -> Iterator[Any]:
        if hangs[0]:
            clock.sleep(running().budget.remaining())
            running().budget.require(0, "the source")
        if how == "has failed":
            raise TransientError("HTTP 503")
        yield {"id": 1}

    @app.table(key="id")
    def left(_: Any) -> Iterator[Any]:
        if fails[0]:
            raise TransientError("HTTP 503")
        running().wait(30, "the rate")
        yield {"id": 1}

    @app.table(key="id")
    def fine(_: Any) -> Iterator[Any]:
        yield {"id": 1}

    fivetran = Fivetran(app.handler, sends_id=False)
    assert "HTTP 503" in reported(fivetran.sync())
    hangs[0], fails[0] = True, False
    fivetran.sync()
    assert ids(fivetran, "left") == {1}


@pytest.mark.parametrize("seconds", [100, 80])
def test_a_table_that_begins_to_hang_after_a_lost_answer_keeps_the_finished_one_out_once(
    clock: VirtualClock, seconds: int
) -> None:
    """Without a sync id, and no failure yet in the state: nothing says that the finished table was read in an earlier sync."""
    app = Connector("lost")
    hangs, rows = [False], [1]

    @app.table(key="id")
    def fine(_: Any) -> Iterator[Any]:
        running().wait(30, "the rate")
        yield from ({"id": row} for row in rows)

    @app.table(key="id")
    def slow(_: Any, n: int = 0) -> Iterator[Any]:
        if hangs[0]:
            clock.sleep(min(seconds, running().budget.remaining()))
            raise TransientError("HTTP 503")
        for number in range(n, 5):
            clock.sleep(20)
            yield {"id": number}
            yield At(n=number + 1)

    fivetran = Fivetran(app.handler, sends_id=False)
    fivetran.call()
    assert fivetran.state["sync"]["done"] == ["fine"]
    hangs[0] = True
    for new in (2, 3):
        rows.append(new)
        assert "HTTP 503" in reported(fivetran.sync(max_calls=5))
        assert ids(fivetran, "fine") == set(rows)


@IDS
def test_a_list_without_an_end_and_without_rows_keeps_no_other_table_out(
    clock: VirtualClock, has_id: bool
) -> None:
    """It moves a position in every call, and the others are read all the same, in every sync."""
    app = Connector("endless")

    @app.table(key="id")
    def endless(_: Any, n: int = 0) -> Iterator[Any]:
        while True:
            clock.sleep(20)
            n += 1
            yield At(n=n)

    app.table(key="id", name="fine")(keeping_to_a_rate)
    fivetran = Fivetran(app.handler)
    fivetran.sends_id = has_id
    for _ in range(3):
        fivetran.tables.clear()
        assert fivetran.sync()[-1].status == 200
        assert ids(fivetran, "fine") == {1}


def test_a_slow_failure_leaves_the_table_behind_it_a_whole_call(clock: VirtualClock) -> None:
    """One that needs 80 of 90 s is read although the one before it always takes 60 to fail."""
    app = Connector("slow")

    @app.table(key="id")
    def failing(_: Any) -> Iterator[Any]:
        clock.sleep(60)
        yield from failed(TransientError("HTTP 503"))

    @app.table(key="id")
    def long(_: Any) -> Iterator[Any]:
        running().wait(80, "the rate")
        yield {"id": 1}

    fivetran = Fivetran(app.handler)
    assert reported(fivetran.sync()) == "Table failing: HTTP 503"
    assert ids(fivetran, "long") == {1}


@pytest.mark.parametrize("caught", [BaseException, OutOfBudget])
def test_a_table_that_catches_the_end_of_its_budget_is_not_complete(
    clock: VirtualClock, caught: type[BaseException]
) -> None:
    """As a bare `except:` does: what it yields after that does not count, and the next call goes on."""
    app = Connector("swallowing")

    @app.table(key="id", cursor="at")
    def changes(_: Any, since: int | None, n: int = 0) -> Iterator[Any]:
        for number in range(n, 10):
            try:
                running().wait(85 if number == 1 and not n else 10, "the rate")
                row = {"id": number, "at": number}
            except caught:
                return
            yield row
            yield At(n=number + 1)

    fivetran = Fivetran(app.handler)
    replies = fivetran.sync()
    assert len(replies) > 2
    assert ids(fivetran, "changes") == set(range(10))


@pytest.mark.parametrize(
    "error", [SystemExit("x"), GeneratorExit(), type("Cancelled", (BaseException,), {})("x")]
)
def test_whatever_a_library_raises_fails_one_table(error: BaseException) -> None:
    """Such as asyncio's CancelledError or gevent's Timeout, which are no Exceptions."""
    app = Connector("raising")

    @app.table(key="id")
    def raising(_: Any) -> Iterator[Any]:
        yield from failed(error)

    @app.table(key="id")
    def fine(_: Any) -> Iterator[Any]:
        yield {"id": 1}

    fivetran = Fivetran(app.handler)
    assert "Table raising:" in reported(fivetran.sync())
    assert ids(fivetran, "fine") == {1}


def test_a_defect_is_found_at_the_authors_line_wherever_it_was_raised() -> None:
    """Not at a line of the runtime's, which an author can't change: the innermost of the author's own."""
    app = Connector("raising")

    @app.table(key="id")
    def raising(_: Any) -> Iterator[Any]:
        yield encode(object())  # raised in fivetran_runtime/_encoding.py

    line = raising.__code__.co_firstlineno + 2
    assert reported(Fivetran(app.handler).sync()).endswith(f"(sync/test_each_sync.py:{line})")


@IDS
def test_a_defect_that_moves_a_position_each_time_ends_the_sync(has_id: bool) -> None:
    """As a source does that gives one page again and again, whatever it is asked for."""
    app = Connector("circle")

    @app.table(key="id")
    def pages(_: Any, n: int = 0) -> Iterator[Any]:
        yield {"id": 1}
        yield At(n=n + 1)
        raise DefectError("the same page came twice in a row")

    fivetran = Fivetran(app.handler)
    fivetran.sends_id = has_id
    assert "the same page came twice" in reported(fivetran.sync(max_calls=4))


def test_done_counts_under_the_same_sync_id_only() -> None:
    """A state that tells of another sync, or of one without an id, finishes nothing of this one."""
    for sync in ({"id": "other", "done": ["fine"]}, {"done": ["fine"]}, {"id": "other", "failed": ["fine"]}):
        fivetran = two("fine broken", [1, 2], [])
        fivetran.state = {"connector": "two", "sync": sync}
        fivetran.sync()
        assert ids(fivetran, "fine") == {1, 2}


def test_a_tables_own_error_is_reported_although_its_end_fails_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was met on the way is written down at the end of a pass, also of one that has failed."""
    app = Connector("twice")
    app.table(key="id", name="things", on_missing="delete")(lambda _: failed(TransientError("HTTP 503")))

    def save(_: Any) -> None:
        raise RuntimeError("no room")

    monkeypatch.setattr(Missing, "save", save)
    assert reported(Fivetran(app.handler).sync()) == "Table things: HTTP 503"


@IDS
def test_deletes_are_found_while_another_table_fails(has_id: bool) -> None:
    """A second listing like the first one brings no row, and yet something new."""
    app = Connector("gone")
    rows = [1, 2]
    app.table(key="id", name="broken")(lambda _: failed(TransientError("HTTP 503")))
    app.table(key="id", name="listed", on_missing="delete")(lambda _: ({"id": row} for row in rows))
    fivetran = Fivetran(app.handler, sends_id=has_id)
    fivetran.sync()
    rows.remove(2)
    for _ in range(2):
        assert reported(fivetran.sync()) == "Table broken: HTTP 503"
    assert ids(fivetran, "listed") == {1}


@IDS
@pytest.mark.parametrize("fetches", [True, False], ids=["fetch", "from the floor"])
def test_a_row_with_an_old_date_is_fetched_while_another_table_fails(has_id: bool, fetches: bool) -> None:
    """The listing shows it and no pass brings it: asking for it, or reading from the floor, is a reading like the others."""
    app = Connector("old")
    rows = {1: 5}
    app.table(key="id", name="broken")(lambda _: failed(TransientError("HTTP 503")))

    def listed(_: Any) -> Iterator[Any]:
        yield from ({"id": row} for row in rows)

    def fetched(_: Any, keys: list[int]) -> Iterator[Any]:
        yield from ({"id": key, "at": rows[key]} for key in keys)

    fetch = fetched if fetches else None

    @app.table(key="id", cursor="at", on_missing="delete", listing=listed, fetch=fetch)
    def changes(_: Any, since: int | None) -> Iterator[Any]:
        answered()
        yield from ({"id": row, "at": at} for row, at in rows.items() if since is None or at >= since)

    fivetran = Fivetran(app.handler, sends_id=has_id)
    for _ in range(2):
        fivetran.sync()
    rows[2] = 3
    for _ in range(2):
        assert reported(fivetran.sync()) == "Table broken: HTTP 503"
    assert ids(fivetran, "changes") == {1, 2}


@IDS
def test_a_pass_that_had_failed_ends_although_its_keys_have_no_room(
    has_id: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where its rest has no rows: a pass that stays open never reads again what it has behind it."""
    monkeypatch.setattr("fivetran_runtime._sync.deletes.KEYS_BYTES", 5)
    app, values = Connector("full"), {1: 1, 2: 1}
    is_well: list[bool] = []

    @app.table(key="id", on_missing="delete")
    def listed(_: Any, page: int = 0) -> Iterator[Any]:
        if not page:
            yield from ({"id": row, "value": value} for row, value in values.items())
            yield At(page=1)
        if not is_well:
            raise TransientError("HTTP 503")

    fivetran = Fivetran(app.handler, sends_id=has_id)
    assert reported(fivetran.sync()) == "Table listed: HTTP 503"
    is_well.append(True)
    assert "2 keys do not fit" in reported(fivetran.sync())
    values[1] = 2
    assert "2 keys do not fit" in reported(fivetran.sync())
    assert {row["value"] for row in fivetran.tables["listed"].values()} == {1, 2}
