"""Units that are larger than an answer: pages of long texts, tables without an `At`, rows that `fetch=` brings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fivetran import Fivetran, answered
from source_server import Received, Says, serving
from virtual_clock import VirtualClock

from fivetran_runtime import (
    At,
    Children,
    Client,
    Config,
    ConfigurationError,
    Connector,
    Delete,
    Keep,
    Keyset,
    NextLink,
    Offset,
    PageNumber,
    PageToken,
    Row,
)

N = 23
ROWS: list[dict[str, Any]] = [{"id": number, "text": "x" * 1_970} for number in range(1, N + 1)]
SIZE = 10
"""Rows of a page: four fit into an answer."""


@pytest.fixture(autouse=True)
def clock(clock: VirtualClock, monkeypatch: pytest.MonkeyPatch) -> VirtualClock:
    monkeypatch.setenv("FIVETRAN_ANSWER_BYTES", "10000")
    return clock


def connection(read: Callable[..., Any], client: Any = None, **declared: Any) -> Fivetran:
    app = Connector("large", client=lambda _: client)
    app.table(key="id", **declared)(read)
    return Fivetran(app.handler)


def page(request: Received) -> Says:
    """Pages in every style; a link and a token hold the number of the first row."""
    asked = {name: int(request.parameter(name) or 0) for name in ("offset", "after", "token")}
    start = max([*asked.values(), (int(request.parameter("page") or 1) - 1) * SIZE])
    rows = ROWS[start : start + SIZE]
    following = start + SIZE if start + SIZE < N else None
    link = f"/rows?token={following}" if following else None
    return Says({"rows": rows, "token": following, "link": link})


def by_offset(client: Client, offset: int = 0) -> Iterator[Any]:
    yield from client.pages("/rows", Offset(offset), rows="rows")


def by_number(client: Client, page: int = 1) -> Iterator[Any]:
    yield from client.pages("/rows", PageNumber(page), rows="rows")


def by_token(client: Client, token: int | None = None) -> Iterator[Any]:
    yield from client.pages("/rows", PageToken(token, next="token"), rows="rows")


def by_link(client: Client, link: str | None = None) -> Iterator[Any]:
    yield from client.pages("/rows", NextLink(link, next="link"), rows="rows")


def by_key(client: Client, after: int | None = None) -> Iterator[Any]:
    yield from client.pages("/rows", Keyset(after), rows="rows")


@pytest.mark.parametrize("read", [by_offset, by_number, by_token, by_link, by_key])
def test_pages_that_are_larger_than_an_answer_arrive_in_every_style(read: Callable[..., Any]) -> None:
    """Descriptions grow, years after the first sync; no row is sent twice for it."""
    with serving(script=page) as source:
        fivetran = connection(read, Client(source.url))
        replies = fivetran.sync()
    assert replies[-1].status == 200
    counts = [len(reply.body["insert"].get(read.__name__, [])) for reply in replies]
    assert [count for count in counts if count] == [4, 4, 2, 4, 4, 2, 3]
    assert len(fivetran.tables[read.__name__]) == N
    assert "tables" not in fivetran.state or not fivetran.state["tables"].get(read.__name__)


def test_a_table_without_any_at_arrives() -> None:
    """However many answers it takes: what was sent is passed over."""

    def things(_: Any) -> Iterator[Any]:
        yield from ROWS

    fivetran = connection(things)
    assert [reply.status for reply in fivetran.sync()] == [200] * 6
    assert len(fivetran.tables["things"]) == N


def test_the_warning_says_what_helps(capsys: pytest.CaptureFixture[str]) -> None:
    """It goes well, only not quickly."""

    def things(_: Any) -> Iterator[Any]:
        yield from ROWS

    connection(things).call()
    said = capsys.readouterr().out
    assert "Table things: 4 rows and more came without an At between them" in said
    assert "Smaller pages, or At(...) more often, are quicker" in said


def test_children_and_deletes_are_counted_with_their_parents() -> None:
    """What is passed over is what was yielded, whichever table it was for."""

    def things(_: Any) -> Iterator[Any]:
        for row in ROWS:
            yield row
            yield Row("parts", {"id": row["id"], "text": "y" * 900})
            yield Delete("parts", id=-row["id"])
            yield Delete(id=row["id"] + 1000)

    fivetran = connection(things, children={"parts": "id"})
    fivetran.sync()
    assert len(fivetran.tables["things"]) == len(fivetran.tables["parts"]) == N


def test_a_key_that_comes_twice_within_a_unit_ends_as_its_last_row() -> None:
    """Also where the second one is what the answer has no room for."""

    def things(_: Any) -> Iterator[Any]:
        for number in (1, 2, 3, 4, 2, 3, 5, 1):
            yield {"id": number, "text": f"{number}" * 1_970}
        yield {"id": 1, "text": "last"}

    fivetran = connection(things)
    fivetran.sync()
    assert {row["id"]: row["text"][:4] for row in fivetran.tables["things"].values()} == {
        1: "last", 2: "2222", 3: "3333", 4: "4444", 5: "5555",
    }  # fmt: skip


@pytest.mark.parametrize("change", ["one is deleted", "one is new"])
def test_a_unit_that_is_another_one_is_sent_from_its_beginning(change: str) -> None:
    """A row deleted before the place where the answer ended, or one more: no row is passed over for it."""
    rows = [*ROWS]

    def things(_: Any) -> Iterator[Any]:
        yield from rows

    fivetran = connection(things)
    fivetran.syncs = 1
    fivetran.call()
    rows[:] = ROWS[1:] if change == "one is deleted" else [{"id": 0, "text": "new"}, *ROWS]
    while fivetran.call().body["hasMore"]:
        pass
    sent = {row["id"] for row in fivetran.tables["things"].values()}
    assert sent >= {row["id"] for row in rows}


def test_a_unit_in_another_order_in_each_call_is_an_error_that_says_what_helps() -> None:
    """It cannot go on; it must not go on for ever either."""
    calls = iter(range(1_000))

    def things(_: Any) -> Iterator[Any]:
        start = next(calls) * 5 % N
        yield from [*ROWS[start:], *ROWS[:start]]

    replies = connection(things).sync(max_calls=30)
    assert replies[-1].status == 500
    message = replies[-1].body["errorMessage"]
    assert "Table things: rows that take more than one answer came otherwise" in message
    assert "Sort them; or ask for smaller pages" in message


def test_no_change_is_lost_while_a_page_is_sent_in_parts() -> None:
    """A row that changes after it was sent counts for the next pass, not as read."""
    rows = {row["id"]: {**row, "rev": row["id"]} for row in ROWS}

    def things(_: Any, since: int | None, n: int = 0) -> Iterator[Any]:
        answered()
        for row in [*rows.values()]:
            if since is None or row["rev"] >= since:
                yield {**row}

    fivetran = connection(things, cursor="rev")
    fivetran.syncs = 1
    fivetran.call()
    rows[1] = {"id": 1, "text": "changed", "rev": 100}
    while fivetran.call().body["hasMore"]:
        pass
    for _ in range(3):
        fivetran.sync()
    assert {row["id"]: row["rev"] for row in fivetran.tables["things"].values()} == {
        row["id"]: row["rev"] for row in rows.values()
    }


def test_settings_that_change_in_the_middle_of_a_unit_read_it_from_its_beginning() -> None:
    """How many rows were sent means nothing under another filter, even where the next key is the same."""

    class Settings(Config):
        of: str

    def things(config: Settings) -> Iterator[Any]:
        yield from ({**row, "id": f"{config.of}{row['id']}" if row["id"] < 4 else row["id"]} for row in ROWS)

    app = Connector("large", config=Settings)
    app.table(key="id")(things)
    fivetran = Fivetran(app.handler, secrets={"of": "a"})
    fivetran.syncs = 1
    fivetran.call()
    fivetran.secrets = {"of": "b"}
    while fivetran.call().body["hasMore"]:
        pass
    assert {"b1", "b2", "b3"} <= {row["id"] for row in fivetran.tables["things"].values()}


def test_rows_that_fetch_brings_come_in_smaller_portions() -> None:
    """A hundred keys are asked for at once, and four of their rows fit."""

    def things(_: Any, since: int | None) -> Iterator[Any]:
        yield {"id": 0, "rev": since or 1}

    def keys(_: Any) -> Iterator[Any]:
        yield from ({"id": number} for number in range(N + 1))

    def fetch(_: Any, wanted: list[int]) -> Iterator[Any]:
        yield from ({"id": number, "rev": 1, "text": "x" * 1_970} for number in wanted)

    fivetran = connection(things, cursor="rev", listing=keys, fetch=fetch, on_missing="delete")
    assert {reply.status for reply in fivetran.sync()} == {200}
    assert len(fivetran.tables["things"]) == N + 1


def test_a_row_that_is_deleted_between_two_parts_of_the_first_page_is_found() -> None:
    """The page is sent from its beginning, and the token that comes with that tells of later changes only."""
    rows = {row["id"]: row for row in ROWS}

    def things(_: Any, n: int = 0, token: int | None = None) -> Iterator[Any]:
        if token is None:
            yield from [*rows.values()] if not n else ()
            yield At(n=1)
            yield Keep(token=1)

    fivetran = connection(things, keeps="token", on_missing="delete")
    fivetran.syncs = 1
    fivetran.call()
    for number in (2, *range(5, N + 1)):  # an answer holds what is left, so that its token counts
        del rows[number]
    for _ in range(3):
        fivetran.sync()
    assert {row["id"] for row in fivetran.tables["things"].values()} == rows.keys()


def test_a_change_between_two_parts_of_a_first_page_is_not_lost_to_a_later_token() -> None:
    """Where a position names when the listing began, the call that asks for the page again names a later time."""
    rows, changes = {row["id"]: {**row, "rev": 0} for row in ROWS}, [0]

    def things(_: Any, n: int = 0, began: int | None = None, token: int | None = None) -> Iterator[Any]:
        began = len(changes) if began is None else began
        if token is None:
            yield from [*rows.values()] if not n else ()
            yield At(n=1, began=began)
        else:
            yield from [rows[number] for number in changes[token:]]
        yield Keep(token=began if token is None else len(changes))

    fivetran = connection(things, keeps="token")
    fivetran.syncs = 1
    fivetran.call()
    rows[2] = {"id": 2, "text": "changed", "rev": 1}
    changes.append(2)
    for _ in range(3):
        fivetran.sync()
    assert {row["id"]: row["rev"] for row in fivetran.tables["things"].values()}[2] == 1


def test_no_row_of_a_first_page_that_is_sent_in_parts_is_missing() -> None:
    """What an earlier call has sent of it was found, although this one passes it over."""

    def things(_: Any) -> list[dict[str, Any]]:
        return ROWS

    fivetran = connection(things, on_missing="delete", max_missing=1)
    for _ in range(4):
        replies = fivetran.sync()
        assert not any("missing_once" in reply.headers["X-Connector-Invocation"] for reply in replies)
    assert len(fivetran.tables["things"]) == N


def test_a_row_that_is_deleted_before_settings_change_between_two_parts_is_found() -> None:
    """What was sent under the settings of before counts as known, and not as found."""

    class Settings(Config):
        page: int

    rows = {row["id"]: row for row in ROWS}

    def things(_: Any, token: int | None = None) -> Iterator[Any]:
        if token is None:
            yield Keep(token=1)
            yield from list(rows.values())

    app = Connector("large", config=Settings)
    app.table(key="id", keeps="token", on_missing="delete", scope=lambda _: "all")(things)
    fivetran = Fivetran(app.handler, secrets={"page": 1})
    fivetran.syncs = 1
    fivetran.call()
    del rows[2]
    fivetran.secrets = {"page": 2}
    for _ in range(3):
        fivetran.sync()
    assert {row["id"] for row in fivetran.tables["things"].values()} == rows.keys()


def test_a_child_that_is_deleted_between_two_parts_is_deleted_where_a_row_of_it_was_sent() -> None:
    """In the place of its row, which an answer has sent, there is its delete, which none has."""
    lines = {row["id"]: 1 for row in ROWS}

    def things(_: Any) -> Iterator[Any]:
        for row in ROWS:
            of_it = [{"line": number} for number in range(1, 1 + lines[row["id"]])]
            yield Children("lines", of_it, thing_id=row["id"])
            yield row

    fivetran = connection(things, children={"lines": ["thing_id", "line"]})
    fivetran.syncs = 1
    fivetran.call()
    lines[2] = 0
    for _ in range(2):
        fivetran.sync()
    assert {row["thing_id"] for row in fivetran.tables["lines"].values()} == {row["id"] for row in ROWS} - {2}


def test_a_pass_that_begins_again_with_a_unit_that_is_sent_in_parts_comes_to_its_end() -> None:
    """What is sent of its first page is not what follows the position that has expired."""
    generation = [0]

    def things(_: Any, after: int = 0, known: int = 0) -> Iterator[Any]:
        if after and known < generation[0]:
            raise ConfigurationError("no longer known", status=410)
        for start in range(after, N, SIZE):
            yield from ROWS[start : start + SIZE]
            yield At(after=start + SIZE, known=generation[0])

    fivetran = connection(things)
    fivetran.syncs = 1
    while not (fivetran.state.get("tables", {}).get("things", {}).get("at") or {}):
        fivetran.call()
    generation[0] = 1
    assert {reply.status for reply in fivetran.sync()} == {200}
    assert len(fivetran.tables["things"]) == N


def test_what_fetch_brings_for_one_key_and_an_answer_does_not_hold_comes_from_the_floor() -> None:
    """An order appears with an old date and more lines than fit; the next sync sends it in parts, and then all is quiet."""
    orders, asked = {0: 1, 1: 9}, []

    def whole(order: int) -> Iterator[Any]:
        yield Children("lines", ROWS if order == 2 else [], order=order)
        yield {"id": order, "rev": orders[order]}

    def things(_: Any, since: int | None) -> Iterator[Any]:
        asked.append(since)
        for order, rev in orders.items():
            if rev >= (since or 0):
                yield from whole(order)

    def keys(_: Any) -> Iterator[Any]:
        yield from ({"id": order} for order in orders)

    def fetch(_: Any, wanted: list[int]) -> Iterator[Any]:
        for order in wanted:
            yield from whole(order)

    fivetran = connection(
        things,
        cursor="rev",
        listing=keys,
        fetch=fetch,
        on_missing="delete",
        children={"lines": ["order", "id"]},
    )
    for _ in range(3):
        fivetran.sync()
    orders.update({2: 1, 3: 1})
    assert {reply.status for _ in range(2) for reply in fivetran.sync()} == {200}
    assert {row["id"] for row in fivetran.tables["things"].values()} == {0, 1, 2, 3}
    assert len(fivetran.tables["lines"]) == N
    from_the_floor = asked.count(None)
    for _ in range(3):
        fivetran.sync()
    assert asked.count(None) == from_the_floor


def test_an_at_within_reach_is_kept_as_the_place_to_go_on() -> None:
    """Only the part between two Ats that is too large is counted."""

    def things(_: Any, n: int = 0) -> Iterator[Any]:
        for start in range(n, N, 7):
            yield from ROWS[start : start + 7]
            yield At(n=start + 7)

    fivetran = connection(things)
    fivetran.syncs = 1
    seen = []
    while fivetran.call().body["hasMore"]:
        part = fivetran.state["tables"]["things"]
        seen.append((part["at"], part.get("sent", 0)))
    assert seen[:3] == [({}, 4), ({"n": 7}, 0), ({"n": 7}, 4)]
    assert len(fivetran.tables["things"]) == N
