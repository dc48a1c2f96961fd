"""What a source makes on request, such as a report: waited for over calls and syncs, and asked for once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fivetran import Fivetran, Reply, reported
from source_server import Received, Says, Source, serving
from virtual_clock import VirtualClock

from fivetran_runtime import (
    At,
    Client,
    ConfigurationError,
    Connector,
    ExpiredError,
    PageNumber,
    TransientError,
)

IDS = pytest.mark.parametrize("has_id", [True, False], ids=["sync_id", "no sync_id"])


@pytest.fixture(autouse=True)
def clock(clock: VirtualClock, monkeypatch: pytest.MonkeyPatch) -> VirtualClock:
    """Virtual time; a time-out of 10 s, of which 9 are usable."""
    monkeypatch.setenv("FIVETRAN_TIMEOUT_S", "10")
    return clock


class Reports:
    """A source that makes reports of two rows, each in so many seconds."""

    def __init__(self, clock: VirtualClock, seconds: float) -> None:
        self.clock = clock
        self.seconds = seconds
        self.begun: list[float] = []
        self.polls = 0

    def create(self) -> int:
        self.begun.append(self.clock.seconds)
        return len(self.begun)

    def is_done(self, job: int) -> bool:
        self.polls += 1
        return self.clock.seconds - self.begun[job - 1] >= self.seconds


def two_rows(_: int) -> Iterator[Any]:
    yield from ({"id": number} for number in range(2))


def reading(
    reports: Reports, *, every: float = 2, content: Callable[[int], Iterator[Any]] = two_rows
) -> Callable[..., Iterator[Any]]:
    """A table that asks for a report, waits for it, and reads what it holds."""
    client = Client("http://reports.example")

    def report(_: Any, job: int | None = None) -> Iterator[Any]:
        if job is None:
            job = reports.create()
            yield At(job=job)
        while not reports.is_done(job):
            client.wait(every, f"report {job}")
        yield from content(job)

    return report


def connected(*, sends_id: bool = True, **tables: Callable[..., Any]) -> Fivetran:
    app = Connector("jobs")
    for name, read in tables.items():
        read.__name__ = name
        app.table(key="id")(read)
    return Fivetran(app.handler, sends_id=sends_id)


def rows(reply: Reply) -> dict[str, int]:
    return {name: len(listed) for name, listed in reply.body["insert"].items()}


@IDS
def test_a_report_that_takes_several_calls_is_asked_for_once(clock: VirtualClock, has_id: bool) -> None:
    """35 s in calls of 10: the state names the job, each call polls it, and the last one has the rows."""
    reports = Reports(clock, 35)
    fivetran = connected(report=reading(reports), sends_id=has_id)
    replies = fivetran.sync()
    assert [rows(reply) for reply in replies] == [{}, {}, {}, {"report": 2}]
    assert replies[0].body["state"]["tables"]["report"]["at"] == {"job": 1}
    assert len(reports.begun) == 1
    assert clock.seconds < 40
    fivetran.sync()
    assert len(reports.begun) == 2


def test_a_wait_longer_than_a_call_lasts_as_long_as_the_call(clock: VirtualClock) -> None:
    """Otherwise nine calls were over in no time, and the sync with them."""
    reports = Reports(clock, 60)
    replies = connected(report=reading(reports, every=300)).sync()
    assert rows(replies[-1]) == {"report": 2}
    assert reports.polls == len(replies)
    assert clock.slept == [9.0] * (len(replies) - 1)


@IDS
def test_a_report_that_takes_longer_than_a_sync_is_taken_up_by_the_next(
    clock: VirtualClock, capsys: pytest.CaptureFixture[str], has_id: bool
) -> None:
    """After nine empty answers the sync ends in order and says what it waits for; the job is in the state."""
    reports = Reports(clock, 120)
    fivetran = connected(report=reading(reports), sends_id=has_id)
    replies = fivetran.sync()
    assert [reply.status for reply in replies] == [200] * 9
    assert not any(rows(reply) for reply in replies)
    assert replies[-1].body["state"]["tables"]["report"]["at"] == {"job": 1}
    assert "table report waits: report 1" in capsys.readouterr().out
    assert rows(fivetran.sync()[-1]) == {"report": 2}
    assert len(reports.begun) == 1


def test_other_tables_are_read_while_one_waits(clock: VirtualClock) -> None:
    """In the same call, before anything is slept; the rest of the call's time is the report's."""
    reports = Reports(clock, 5)

    def users(_: Any) -> Iterator[Any]:
        assert not clock.slept
        yield {"id": 1}

    (reply,) = connected(report=reading(reports), users=users).sync()
    assert rows(reply) == {"report": 2, "users": 1}
    assert clock.seconds == 6


def test_two_reports_are_made_at_the_same_time(clock: VirtualClock) -> None:
    """Both are asked for at once, and share the time of each call: none waits for the other's end."""
    slow, quick = Reports(clock, 200), Reports(clock, 20)
    fivetran = connected(slow=reading(slow), quick=reading(quick))
    fivetran.sync()
    assert slow.begun == quick.begun == [0.0]
    assert rows(fivetran.replies[2]) == {"quick": 2}
    for _ in range(2):
        if not fivetran.tables.get("slow"):
            fivetran.sync()
    assert len(fivetran.tables["slow"]) == 2
    assert len(slow.begun) == 1


@IDS
def test_a_table_that_fails_is_reported_also_while_another_waits(clock: VirtualClock, has_id: bool) -> None:
    """The sync comes to its end, and does not call a failure a success."""
    reports = Reports(clock, 10_000)
    asked = []

    def broken(_: Any) -> Iterator[Any]:
        asked.append(1)
        yield {"id": 1}
        raise TransientError("HTTP 503")

    fivetran = connected(report=reading(reports), broken=broken, sends_id=has_id)
    replies = fivetran.sync()
    assert replies[-1].status == 500
    assert "Table broken: HTTP 503" in replies[-1].body["errorMessage"]
    assert len(replies) <= 10
    assert len(asked) == 2
    clock.seconds += 10_000
    fivetran.sync()
    assert len(fivetran.tables["report"]) == 2
    assert len(reports.begun) == 1 or not has_id  # without an id what is finished is read again


def test_rows_before_a_wait_are_sent_once_it_is_over(clock: VirtualClock) -> None:
    """A wait that ends a call cuts at the last At: what came after it comes again."""
    client = Client("http://reports.example")

    def slowly(_: Any, n: int = 0) -> Iterator[Any]:
        yield At(n=n)
        for number in range(n, 4):
            yield {"id": number}
            client.wait(4, "the next part")
            yield At(n=number + 1)

    fivetran = connected(slowly=slowly)
    fivetran.sync()
    assert len(fivetran.tables["slowly"]) == 4


def test_a_wait_without_an_at_before_it_is_an_error(clock: VirtualClock) -> None:
    """The next call would ask for another report, and so on."""
    client = Client("http://reports.example")

    def report(_: Any, job: int | None = None) -> Iterator[Any]:
        client.wait(60, f"report {job}")
        yield {"id": 1}

    (reply,) = connected(report=report).sync()
    assert "Table report: wait(...) without an At before it (report None)" in reply.body["errorMessage"]
    assert reply.body["errorType"] == "bug"


@pytest.mark.parametrize(
    ("seconds", "why", "said"),
    [
        (0, "report 1", "Table report: wait(seconds=0): it has to be a number of seconds above 0."),
        (-1.5, "report 1", "wait(seconds=-1.5)"),
        (float("nan"), "report 1", "wait(seconds=nan)"),
        ("2", "report 1", "wait(seconds='2')"),
        (True, "report 1", "wait(seconds=True)"),
        (2, " ", "wait(why=' '): say what is waited for"),
        (2, None, "wait(why=None): say what is waited for"),
    ],
)
def test_a_wait_that_is_none_is_refused(seconds: Any, why: Any, said: str) -> None:
    """A wait of no time is a loop that asks as fast as it can."""
    client = Client("http://reports.example")

    def report(_: Any) -> Iterator[Any]:
        client.wait(seconds, why)
        yield {"id": 1}

    (reply,) = connected(report=report).sync()
    assert said in reply.body["errorMessage"]


def test_what_was_waited_for_is_no_measure_of_the_rows_to_come(
    clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind a long wait there is time for the rows of the report: it is neither polled nor downloaded a second time."""
    monkeypatch.setenv("FIVETRAN_TIMEOUT_S", "60")
    client = Client("http://reports.example")
    downloads = []

    def report(_: Any, job: int | None = None, row: int = 0) -> Iterator[Any]:
        if job is None:
            yield At(job=1)
            client.wait(40, "report 1")
        downloads.append(row)
        for number in range(row, 5):
            clock.sleep(1)
            yield {"id": number}
            yield At(job=1, row=number + 1)

    assert [rows(reply) for reply in connected(report=report).sync()] == [{"report": 5}]
    assert downloads == [0]


@IDS
@pytest.mark.parametrize(
    "lost",
    [ExpiredError("report 1 has failed"), ConfigurationError("HTTP 404", status=404)],
    ids=["failed", "expired"],
)
def test_a_report_that_is_lost_is_asked_for_again(clock: VirtualClock, has_id: bool, lost: Exception) -> None:
    """Whether the source says that it failed, or no longer knows it: also when a call has just begun it."""

    def content(job: int) -> Iterator[Any]:
        if job == 1:
            raise lost
        yield {"id": job}

    fivetran = connected(report=reading(Reports(clock, 5), content=content), sends_id=has_id)
    fivetran.sync()
    assert [row["id"] for row in fivetran.tables["report"].values()] == [2]


@IDS
def test_reports_that_fail_again_and_again_end_the_sync_with_the_failure(
    clock: VirtualClock, has_id: bool
) -> None:
    """A new one is asked for a few times in a sync, and no more."""
    reports = Reports(clock, 5)

    def content(job: int) -> Iterator[Any]:
        raise ExpiredError(f"report {job} has failed")

    fivetran = connected(report=reading(reports, content=content), sends_id=has_id)
    replies = fivetran.sync(30)
    assert len(replies) < 15
    assert len(reports.begun) < 10
    if has_id:
        assert "has failed" in reported(replies)


class Limited:
    """A source that answers so many requests of each minute, and counts what it has refused."""

    def __init__(self, clock: VirtualClock, per_minute: int, *, window: int = 60) -> None:
        self.clock, self.per_minute, self.window = clock, per_minute, window
        self.asked: list[int] = []
        self.refused = 0

    def __call__(self, request: Received) -> Says:
        minute = int(self.clock.seconds // self.window)
        if self.asked.count(minute) >= self.per_minute:
            self.refused += 1
            left = self.window - self.clock.seconds % self.window
            return Says({"message": "slow down"}, status=429, headers={"Retry-After": f"{left:.0f}"})
        self.asked.append(minute)
        page = int(request.parameter("page") or 0)
        return Says([{"id": page}] if page < 3 else [])


def limited(source: Source, *, sends_id: bool = True, tables: tuple[str, ...] = ("rows",)) -> Fivetran:
    """A connection to it: each table has three pages of a row."""

    def paged(client: Any, page: int = 0) -> Iterator[Any]:
        yield from Client(source.url).pages("/rows", PageNumber(page, first=0))

    return connected(sends_id=sends_id, **{name: copied(paged) for name in tables})


def copied(read: Callable[..., Any]) -> Callable[..., Any]:
    return lambda client, page=0: read(client, page)


@IDS
@pytest.mark.parametrize("per_minute", [1, 2])
def test_a_minutes_limit_is_waited_for_over_calls(clock: VirtualClock, has_id: bool, per_minute: int) -> None:
    """Longer than any call has time: each sleeps as long as it can, no table fails, and every row arrives."""
    limit = Limited(clock, per_minute)
    with serving(script=limit) as source:
        replies = limited(source, sends_id=has_id).sync()
    assert [reply.status for reply in replies] == [200] * len(replies)
    assert sum(rows(reply).get("rows", 0) for reply in replies) == 3
    assert limit.refused <= len(replies)
    assert clock.seconds <= 4 / per_minute * 60 + 10


def test_other_tables_are_asked_before_a_limit_is_waited_for(clock: VirtualClock) -> None:
    """Another one may have a limit of its own, or none; two that share one share the time."""
    limit = Limited(clock, 3)
    with serving(script=limit) as source:
        replies = limited(source, tables=("first", "second")).sync()
    assert [reply.status for reply in replies] == [200] * len(replies)
    assert sum(sum(rows(reply).values()) for reply in replies) == 6


@IDS
def test_a_limit_that_never_ends_is_reported(clock: VirtualClock, has_id: bool) -> None:
    """After nine answers without a row the sync fails and says why; it does not end as if all were well."""
    with serving(Says({"message": "slow down"}, status=429, headers={"Retry-After": "60"})) as source:
        replies = limited(source, sends_id=has_id).sync()
    assert [reply.status for reply in replies] == [200] * 8 + [500]
    said = reported(replies)
    assert "Table rows: 9 answers in a row have brought no rows, since the source asks to wait" in said
    assert "HTTP 429" in said


def test_a_quota_of_a_day_is_not_waited_for(clock: VirtualClock) -> None:
    """The error says when it counts again, at once."""
    with serving(Says(status=429, headers={"Retry-After": "40000"})) as source:
        (reply,) = limited(source).sync()
    assert "would take 40000 s, until 2026-01-01 11:06 UTC" in reply.body["errorMessage"]
    assert clock.slept == []


def test_a_limit_before_any_table_is_read_is_reported_at_once(clock: VirtualClock) -> None:
    """Nothing could go on where the guard has stopped."""
    app = Connector("guarded")

    with serving(Says(status=429, headers={"Retry-After": "60"})) as source:

        @app.before
        def guard(_: Any) -> None:
            Client(source.url).get("/me")

        @app.table(key="id")
        def rows(_: Any) -> Iterator[Any]:
            yield {"id": 1}

        (reply,) = Fivetran(app.handler).sync()
    assert reply.status == 500
    assert "HTTP 429" in reply.body["errorMessage"]
    assert clock.slept == []
