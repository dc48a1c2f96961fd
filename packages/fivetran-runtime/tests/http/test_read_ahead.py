"""The next page is asked for before its turn, and nothing but the time depends on it."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from typing import Any
from unittest import mock

import pytest
from fivetran import Fivetran, Reply
from hypothesis import given, settings
from hypothesis import strategies as st
from source_server import CutsOff, Handler, Received, Resets, Says, Source, serving
from virtual_clock import VirtualClock

from fivetran_runtime import (
    Bearer,
    Client,
    Connector,
    DefectError,
    FetchedToken,
    Keyset,
    Offset,
    PageNumber,
    PageToken,
    Secret,
)
from fivetran_runtime._invocation import budget
from fivetran_runtime._invocation.clock import use_clock

SOON = 5.0
"""Seconds in which another thread has done what it is about to do."""
Table = Callable[..., Iterator[Any]]


def connection(source: Source, *tables: Table, **client: Any) -> Fivetran:
    """A connection of a connector with these tables."""
    app = Connector("generated", client=lambda _: Client(source.url, **client))
    for table in tables:
        app.table(key="id")(table)
    return Fivetran(app.handler)


def listed(rows: int, size: int) -> Callable[[Received], Any]:
    """A source of so many rows by offset, number or token, and of one child for each."""

    def answer(request: Received) -> Any:
        if request.path != "/rows":
            return Says([{"id": int(request.path.rpartition("/")[2])}])
        asked = dict(request.query)
        start = int(asked.get("offset", asked.get("token", (int(asked.get("page", 1)) - 1) * size)))
        start = int(asked["after"]) + 1 if "after" in asked else start
        page = [{"id": number} for number in range(start, min(start + size, rows))]
        return Says({"rows": page, "next": start + size if start + size < rows else None})

    return answer


def asked(source: Source) -> list[str]:
    """What the source was asked for, in its order."""
    return [
        request.parameter("offset") or request.path if request.path == "/rows" else request.path
        for request in source.received
    ]


def comes(source: Source, request: str) -> bool:
    """Whether the source is asked for this soon, by nobody else than whoever has been at it."""
    waiting = threading.Event()
    for _ in range(int(SOON / 0.01)):
        if request in asked(source):
            return True
        waiting.wait(0.01)
    return False


# When a page is asked for before its turn


@pytest.mark.parametrize(
    ("paginator", "named", "is_ahead"),
    [
        (Offset(size=2), {}, True),
        (PageNumber(size=2), {}, True),
        (Offset(size=2), {"ahead": False}, False),
        (PageToken(), {}, False),
        (PageToken(), {"ahead": True}, True),
        (Keyset(size=2), {}, False),
        (Keyset(size=2), {"ahead": True}, True),
    ],
)
def test_only_what_may_be_asked_for_in_vain_is_asked_for_before_its_turn(
    paginator: Any, named: Any, is_ahead: bool
) -> None:
    """Numbered pages and offsets are; what follows a token or a key where the author says so."""
    seen: list[int] = []

    def rows(client: Client) -> Iterator[Any]:
        for item in client.pages("/rows", paginator, rows="rows", **named):
            if item == {"id": 0}:
                for _ in range(100 if is_ahead else 3):
                    if len(source.received) > 1:
                        break
                    threading.Event().wait(0.01)
                seen.append(len(source.received))
            if isinstance(item, dict):
                yield item

    with serving(script=listed(4, 2)) as source:
        assert connection(source, rows).sync()[-1].status == 200
    assert seen == [2 if is_ahead else 1]


@pytest.mark.parametrize(
    ("paginator", "ahead"), [(Offset(), "yes"), (Offset(), 9), (Offset(), -1), (PageToken(), 2)]
)
def test_what_ahead_may_be(paginator: Any, ahead: Any) -> None:
    """Anything else is a mistake that is named."""
    with pytest.raises(DefectError, match="ahead"):
        list(Client("https://acme.example").pages("/rows", paginator, ahead=ahead))


@pytest.mark.parametrize("paginator", [Offset(size=2), PageNumber(size=2)])
def test_numbered_pages_are_asked_for_at_the_same_time_where_the_author_says_so(paginator: Any) -> None:
    """A source that answers none of three pages before it was asked for all of them is read to its end, in order."""
    asked_for = threading.Barrier(3)

    def script(request: Received) -> Any:
        if request.parameter("offset") in ("2", "4", "6") or request.parameter("page") in ("2", "3", "4"):
            asked_for.wait(SOON)
        return listed(8, 2)(request)

    def rows(client: Client) -> Iterator[Any]:
        items = client.pages("/rows", paginator, rows="rows", ahead=3)
        yield from (item for item in items if isinstance(item, dict))

    with serving(script=script) as source:
        fivetran = connection(source, rows)
        assert [row["id"] for row in fivetran.call().body["insert"]["rows"]] == [*range(8)]


def test_pages_that_are_smaller_than_was_asked_for_leave_no_rows_out() -> None:
    """What was asked for behind a page of another size is not what follows it."""

    def rows(client: Client, offset: int = 0) -> Iterator[Any]:
        yield from client.pages("/rows", Offset(offset, size=5), rows="rows", ahead=3)

    with serving(script=listed(11, 3)) as source:
        fivetran = connection(source, rows)
        assert [row["id"] for row in fivetran.call().body["insert"]["rows"]] == [*range(11)]


@pytest.mark.parametrize(("total", "behind"), [(None, 3), ("total", 0)])
def test_nothing_is_asked_for_behind_an_end_that_is_known(total: str | None, behind: int) -> None:
    """Where the source says how many rows there are, a page behind them is in vain."""

    def script(request: Received) -> Any:
        start = int(request.parameter("offset") or 0)
        return Says({"rows": [{"id": n} for n in range(start, min(start + 2, 8))], "total": 8})

    def rows(client: Client, offset: int = 0) -> Iterator[Any]:
        yield from client.pages("/rows", Offset(offset, size=2, total=total), rows="rows", ahead=3)

    with serving(script=script) as source:
        connection(source, rows).call()
        ends = [int(one) for one in asked(source) if int(one) >= 8]
    assert len(ends) <= behind
    assert bool(ends) == bool(behind)


def test_the_environment_switches_it_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """For whoever wants to know whether it is to blame."""
    monkeypatch.setenv("FIVETRAN_READ_AHEAD", "0")
    seen: list[str] = []

    def rows(client: Client, offset: int = 0) -> Iterator[Any]:
        for item in client.pages("/rows", Offset(offset, size=2), rows="rows"):
            threading.Event().wait(0.02)
            seen.append(asked(source)[-1])
            yield item

    with serving(script=listed(4, 2)) as source:
        connection(source, rows).sync()
    assert seen == ["0", "0", "0", "2", "2", "2"]


def test_nothing_is_asked_for_behind_a_page_that_fills_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The forecast is the cut's: the same requests are sent as without, where pages are alike."""
    counts = []
    for switch in "01":
        monkeypatch.setenv("FIVETRAN_READ_AHEAD", switch)
        monkeypatch.setenv("FIVETRAN_ANSWER_BYTES", "2000")

        def rows(client: Client, offset: int = 0) -> Iterator[Any]:
            yield from client.pages("/rows", Offset(offset, size=20), rows="rows")

        with serving(script=listed(500, 20)) as source:
            replies = connection(source, rows).sync()
            counts.append((len(replies), asked(source)))
    assert counts[0] == counts[1]
    assert counts[0][0] > 3


def test_nothing_is_asked_for_where_memory_is_short() -> None:
    """A page on its way needs room, too."""

    def rows(client: Client, offset: int = 0) -> Iterator[Any]:
        for item in client.pages("/rows", Offset(offset, size=2), rows="rows"):
            threading.Event().wait(0.02)
            seen.append(len(source.received))
            yield item

    for in_use, expected in ((0, [2, 2]), (10**9, [1, 1])):
        seen: list[int] = []
        with serving(script=listed(2, 2)) as source, mock.patch.object(budget, "memory_in_use") as memory:
            memory.side_effect = [0, *[in_use] * 1_000]
            connection(source, rows).call()
        assert seen[:2] == expected


def test_a_rate_is_kept(clock: VirtualClock) -> None:
    """A request that would have to wait has its turn and no earlier one."""
    times: list[float] = []

    def script(request: Received) -> Any:
        times.append(clock.seconds)
        return listed(8, 2)(request)

    def rows(client: Client, offset: int = 0) -> Iterator[Any]:
        for item in client.pages("/rows", Offset(offset, size=2), rows="rows"):
            clock.seconds += 0.2  # three items a page: less than the rate allows, whenever the source looks
            yield item

    with serving(script=script) as source:
        assert connection(source, rows, rate="1/s").sync()[-1].status == 200
    assert len(times) == 5
    assert all(later - earlier >= 1 for earlier, later in pairwise(times))


def test_other_threads_ask_for_nothing_before_its_turn() -> None:
    """What a table reads in threads of its own is as concurrent as they are."""

    def page(client: Client, offset: int) -> list[Any]:
        return [
            item for item in client.pages("/rows", Offset(offset, size=2), rows="rows") if type(item) is dict
        ]

    def rows(client: Client) -> Iterator[Any]:
        with ThreadPoolExecutor(1) as threads:
            yield from threads.submit(page, client, 0).result()

    with serving(script=listed(4, 2)) as source:
        with mock.patch("fivetran_runtime.http._sending.RequestSender.send_ahead") as sent:
            fivetran = connection(source, rows)
            assert fivetran.sync()[-1].status == 200
        assert not sent.called
    assert len(fivetran.tables["rows"]) == 4


# What comes of it


def test_all_pages_are_asked_for_over_one_connection(caplog: pytest.LogCaptureFixture) -> None:
    """Which is kept from page to page, and nothing is complained of."""

    def rows(client: Client, offset: int = 0) -> Iterator[Any]:
        yield from client.pages("/rows", Offset(offset, size=2), rows="rows")

    with serving(script=listed(30, 2)) as source:
        fivetran = connection(source, rows)
        fivetran.sync()
        assert len(source.connections) == 1
    assert len(fivetran.tables["rows"]) == 30
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


def test_what_is_wrong_with_a_page_shows_at_its_turn() -> None:
    """The rows before it arrive, and its error is the table's."""

    def script(request: Received) -> Any:
        return (
            Says({"error": "no"}, status=403) if request.parameter("offset") == "2" else listed(4, 2)(request)
        )

    def rows(client: Client, offset: int = 0) -> Iterator[Any]:
        for item in client.pages("/rows", Offset(offset, size=2), rows="rows"):
            assert comes(source, "2")
            yield item

    with serving(script=script) as source:
        reply = connection(source, rows).call()
    assert reply.status == 200
    assert reply.body["insert"] == {"rows": [{"id": 0}, {"id": 1}]}
    assert reply.body["hasMore"]


def test_an_error_of_a_page_that_nobody_reads_is_no_error() -> None:
    """A table may leave a list where it has what it needs."""

    def script(request: Received) -> Any:
        return Says({}, status=403) if request.parameter("offset") == "2" else listed(4, 2)(request)

    def rows(client: Client, offset: int = 0) -> Iterator[Any]:
        for item in client.pages("/rows", Offset(offset, size=2), rows="rows"):
            assert comes(source, "2")
            if item == {"id": 1}:
                return
            yield item

    with serving(script=script) as source:
        replies = connection(source, rows).sync()
    assert replies[-1].body["insert"] == {"rows": [{"id": 0}]}


@dataclass(frozen=True)
class WaitsForTheEnd:
    """Says nothing, and notes when the client closes the connection."""

    closed: threading.Event

    def write(self, handler: Handler) -> None:
        handler.close_connection = True
        handler.connection.settimeout(SOON)
        with suppress(OSError):
            if handler.connection.recv(1) == b"":
                self.closed.set()


def test_nothing_outlives_the_answer() -> None:
    """A page that is on its way when the call ends is not waited for, and its connection is closed."""
    closed = threading.Event()

    def script(request: Received) -> Any:
        return WaitsForTheEnd(closed) if request.parameter("offset") == "2" else listed(4, 2)(request)

    def rows(client: Client, offset: int = 0) -> Iterator[Any]:
        kept.append(client.pages("/rows", Offset(offset, size=2), rows="rows"))
        yield next(kept[-1])
        assert comes(source, "2")

    kept: list[Any] = []
    with serving(script=script) as source:
        reply = connection(source, rows).call()
        assert closed.wait(SOON)
    assert json.loads(json.dumps(reply.body["insert"])) == {"rows": [{"id": 0}]}


def test_an_answer_that_is_lost_on_the_way_is_asked_for_again() -> None:
    """Sources do not wait for ever until an answer is read; that is no failure, and nothing waits for it."""
    first = [Resets()]

    def script(request: Received) -> Any:
        return first.pop() if first and request.parameter("offset") == "2" else listed(4, 2)(request)

    def rows(client: Client, offset: int = 0) -> Iterator[Any]:
        yield from client.pages("/rows", Offset(offset, size=2), rows="rows")

    with serving(script=script) as source:
        fivetran = connection(source, rows)
        reply = fivetran.call()
    assert len(fivetran.tables["rows"]) == 4
    assert asked(source) == ["0", "2", "2", "4"]
    assert reply.status == 200


def test_a_client_asks_for_one_thing_at_a_time() -> None:
    """Where rows have requests of their own, they are sent when the next page has come; the order is always the same."""
    running, most = Counter[str](), [0]
    lock = threading.Lock()

    def script(request: Received) -> Any:
        with lock:
            running["now"] += 1
            most[0] = max(most[0], running["now"])
        threading.Event().wait(0.01)
        with lock:
            running["now"] -= 1
        return listed(6, 2)(request)

    def rows(client: Client, offset: int = 0) -> Iterator[Any]:
        for item in client.pages("/rows", Offset(offset, size=2), rows="rows"):
            if isinstance(item, dict):
                client.get(f"/child/{item['id']}")
            yield item

    with serving(script=script) as source:
        fivetran = connection(source, rows)
        fivetran.sync()
        children = [f"/child/{number}" for number in range(6)]
        assert asked(source) == ["0", "2", *children[:2], *children[2:4], "4", *children[4:], "6"]
        assert len(source.connections) <= 2
    assert most == [1]
    assert len(fivetran.tables["rows"]) == 6


@pytest.mark.parametrize("switch", "01")
def test_a_token_is_fetched_at_the_turn_of_the_page_that_needs_it(
    clock: VirtualClock, monkeypatch: pytest.MonkeyPatch, switch: str
) -> None:
    """Another request than the page's is not sent before its turn."""
    monkeypatch.setenv("FIVETRAN_READ_AHEAD", switch)
    fetched: list[int] = []

    def rows(client: Client, offset: int = 0) -> Iterator[Any]:
        for item in client.pages("/rows", Offset(offset, size=2), rows="rows", decode=slowly):
            seen.append(len(fetched))
            yield item

    def slowly(body: bytes) -> Any:
        clock.seconds += 5  # so that the token has expired when the next page might be asked for
        return json.loads(body)

    seen: list[int] = []
    with serving(script=listed(4, 2)) as source:
        tokens = Client(source.url)

        def fetch() -> str:
            tokens.get("/token/1")
            fetched.append(1)
            return f"token-{len(fetched)}-of-this-test"

        auth = FetchedToken(fetch, seconds=5)
        connection(source, rows, auth=auth).sync()
    assert seen == [1, 1, 1, 2, 2, 2]


def test_a_refusal_of_credentials_that_were_renewed_meanwhile_renews_nothing() -> None:
    """A page that was asked for with the old token is asked for again with the new one."""
    fetched: list[str] = []
    valid = {"token-number-1"}

    def script(request: Received) -> Any:
        token = request.headers.get("Authorization", "").rpartition(" ")[2]
        if request.parameter("offset") == "0":
            valid.clear()
            return listed(4, 2)(request)
        if token not in valid and token != "token-number-2":
            return Says({}, status=401)
        return listed(4, 2)(request)

    def fetch() -> str:
        fetched.append(f"token-number-{len(fetched) + 1}")
        return fetched[-1]

    def rows(client: Client, offset: int = 0) -> Iterator[Any]:
        for item in client.pages("/rows", Offset(offset, size=2), rows="rows"):
            if item == {"id": 0}:
                client.get("/child/0")
            yield item

    with serving(script=script) as source:
        fivetran = connection(source, rows, auth=FetchedToken(fetch))
        assert fivetran.sync()[-1].status == 200
    assert fetched == ["token-number-1", "token-number-2"]
    assert len(fivetran.tables["rows"]) == 4


def test_the_first_answer_is_the_one_that_is_read_first() -> None:
    """A page on its way is no answer yet: the mark follows the first page, and is that of its newest row."""

    def script(request: Received) -> Any:
        start = int(request.parameter("offset") or 0)
        return Says([{"id": n, "updated_at": f"2025-01-0{9 - n}"} for n in range(start, min(start + 2, 4))])

    with serving(script=script) as source:
        app = Connector("generated", client=lambda _: Client(source.url))

        @app.table(key="id", cursor="updated_at")
        def rows(client: Client, since: date | None, offset: int = 0) -> Iterator[Any]:
            for item in client.pages("/rows", Offset(offset, size=2)):
                threading.Event().wait(0.01)
                yield item

        fivetran = Fivetran(app.handler)
        fivetran.sync()
    assert fivetran.state["tables"]["rows"]["mark"] == "2025-01-09"


# Rows, order and state do not depend on it


@dataclass(frozen=True)
class Trouble:
    """What goes wrong with a position, and how often; at 0 times, for the whole first sync."""

    position: int
    times: int
    how: str


@dataclass(frozen=True)
class World:
    """A source, and the calls that read it."""

    rows: int
    size: int
    total: bool
    style: str
    children: int
    answer_bytes: int
    shrinks: bool
    caps: int
    ahead: int
    trouble: tuple[Trouble, ...]


worlds = st.builds(
    World,
    rows=st.integers(0, 25),
    size=st.integers(2, 9),
    total=st.booleans(),
    style=st.sampled_from(["offset", "overlap", "page", "token"]),
    children=st.sampled_from([0, 0, 3]),
    answer_bytes=st.sampled_from([1_500, 2_500, 10_000_000]),
    shrinks=st.booleans(),
    caps=st.sampled_from([9, 9, 3]),
    ahead=st.sampled_from([1, 1, 2, 4]),
    trouble=st.lists(
        st.builds(
            Trouble,
            st.integers(0, 25),
            st.sampled_from([0, 1, 2]),
            st.sampled_from(["busy", "down", "broken off", "reset"]),
        )
        | st.builds(Trouble, st.integers(0, 25), st.just(0), st.sampled_from(["refused", "wrong"])),
        max_size=3,
        unique_by=lambda one: one.position,
    ).map(tuple),
)


def source_of(world: World, left: dict[int, list[str]]) -> Callable[[Received], Any]:
    """What the source of a world answers, while such trouble is left."""

    def script(request: Received) -> Any:
        if request.path != "/rows":
            return Says([1])
        query = dict(request.query)
        size = min(world.size, world.caps)
        start = int(query.get("offset", query.get("token", 0)))
        start = (int(query["page"]) - 1) * size if "page" in query else start
        rows = [
            {"id": n, "text": "x" * (n % 7) * 9, "updated_at": f"2025-01-{1 + n * 5 % 28:02}T00:00:00Z"}
            for n in range(start, min(start + size, world.rows))
        ]
        end = start + size
        body: dict[str, Any] = {"rows": rows, "next": end if end < world.rows else None}
        if world.total:
            body["total"] = world.rows
        how = left[start].pop() if left.get(start) else None
        match how:
            case "busy":
                return Says({}, status=429, headers={"Retry-After": "0"})
            case "down":
                return Says({}, status=503)
            case "broken off":
                return CutsOff(body)
            case "reset":
                return Resets()
            case "refused":
                return Says({}, status=403)
            case "wrong":
                return Says({"other": 1})
        return Says(body)

    return script


def read(world: World, switch: str) -> tuple[list[tuple[int, Any]], Fivetran]:
    """What came of two syncs of a world, call by call."""
    app = Connector("generated", client=lambda url: Client(url["url"], auth=Bearer(Secret("a-long-token"))))
    total = "total" if world.total else None

    def made(row: dict[str, Any]) -> dict[str, Any]:
        return row if world.shrinks else row | {"more": "y" * 60}

    def items(client: Client, position: int) -> Iterator[Any]:
        style: Any = {
            "offset": Offset(position, size=world.size, total=total),
            "overlap": Offset(position, size=world.size, overlap=2),
            "page": PageNumber(position or 1, size=world.size, at="offset"),
            "token": PageToken(position or None, at="offset"),
        }[world.style]
        ahead = True if world.style == "token" else world.ahead
        for place, item in enumerate(client.pages("/rows", style, rows="rows", row=made, ahead=ahead)):
            if world.children and place % world.children == 0:
                client.get("/child")
            yield item

    @app.table(key="id")
    def plain(client: Client, offset: Any = 0) -> Iterator[Any]:
        yield from items(client, offset)

    @app.table(key="id", cursor="updated_at")
    def changes(client: Client, since: datetime | None, offset: Any = 0) -> Iterator[Any]:
        yield from items(client, offset)

    left = {one.position: [one.how] * (one.times or 10_000) for one in world.trouble}
    with (
        serving(script=source_of(world, left)) as source,
        mock.patch.dict(
            "os.environ", FIVETRAN_READ_AHEAD=switch, FIVETRAN_ANSWER_BYTES=str(world.answer_bytes)
        ),
        use_clock(VirtualClock()),
    ):
        fivetran = Fivetran(app.handler, {"url": source.url})
        replies: list[Reply] = []
        for _ in range(2):
            with suppress(AssertionError):
                replies += fivetran.sync(max_calls=40)
            left.clear()
        return [(reply.status, _without_address(reply.body, source.url)) for reply in replies], fivetran


def _without_address(body: Any, url: str) -> Any:
    body = {name: value for name, value in body.items() if name != "stackTrace"}
    return json.loads(json.dumps(body).replace(url, "URL").replace(url.rpartition(":")[2], "PORT"))


@given(worlds)
@settings(max_examples=20)
def test_rows_order_and_state_do_not_depend_on_it(world: World) -> None:
    """Every answer of every call is the same, whatever the pages, the budget, and what goes wrong."""
    off, on = read(world, "0"), read(world, "1")
    assert on[0] == off[0]
    assert on[1].tables == off[1].tables
    assert on[1].state == off[1].state
