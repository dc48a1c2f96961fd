"""Where an invocation ends: by bytes, by time, by a wait, by rows that can never fit, by emptiness."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from fivetran import Fivetran
from source_server import Says, serving
from virtual_clock import VirtualClock

from fivetran_runtime import At, Children, Client, Connector, Delete, Offset, Row
from fivetran_runtime._invocation.context import running


@pytest.fixture(autouse=True)
def small_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers of 10,000 bytes, of which 9,000 are for rows; a time-out of 100 s, of which 90 are usable."""
    monkeypatch.setenv("FIVETRAN_ANSWER_BYTES", "10000")
    monkeypatch.setenv("FIVETRAN_TIMEOUT_S", "100")


def connection(read: Any, **declared: Any) -> Fivetran:
    app = Connector("cut")
    app.table(key="id", **declared)(read)
    return Fivetran(app.handler)


def report(reply: Any) -> Any:
    return reply.headers["X-Connector-Invocation"]


def test_an_answer_is_cut_at_the_last_at_that_fits() -> None:
    """Units of 2,000 bytes: four fit into 9,000, the fifth waits for the next call."""

    def things(_: Any, n: int = 0) -> Iterator[Any]:
        for number in range(n, 10):
            yield {"id": number, "text": "x" * 1_970}
            yield At(n=number + 1)

    replies = connection(things).sync()
    assert [len(reply.body["insert"]["things"]) for reply in replies] == [4, 4, 2]
    assert '"cut":"bytes"' in report(replies[0])


def test_rows_that_come_without_an_at_wait_for_an_answer_of_their_own() -> None:
    """A unit that overflows an answer with other rows in it is read again in the next one."""

    def things(_: Any, n: int = 0) -> Iterator[Any]:
        if n == 0:
            yield {"id": -1, "text": "x" * 500}
            yield At(n=1)
        yield from ({"id": number, "text": "x" * 2_200} for number in range(4))

    first, last = connection(things).sync()
    assert [row["id"] for row in first.body["insert"]["things"]] == [-1]
    assert len(last.body["insert"]["things"]) == 4


def test_a_row_that_can_never_fit_names_table_and_key() -> None:
    """No budget helps; a person has to leave a column out."""

    def things(_: Any) -> Iterator[Any]:
        yield {"id": 7, "text": "x" * 9_500}

    (reply,) = connection(things).sync()
    assert reply.status == 500
    assert "Table things, key id=7: the row takes" in reply.body["errorMessage"]


def test_multibyte_text_is_counted_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four bytes each: what is sent stays under the limit."""

    def things(_: Any, n: int = 0) -> Iterator[Any]:
        for number in range(n, 40):
            yield {"id": number, "text": "𝄞" * 200}
            yield At(n=number + 1)

    fivetran = connection(things)
    sizes = [int(report(reply).split('"bytes":')[1].split(",")[0]) for reply in fivetran.sync()]
    assert len(sizes) > 3
    assert max(sizes) <= 10_000
    assert len(fivetran.tables["things"]) == 40


def test_time_cuts_before_another_unit_like_the_slowest_could_be_lost(clock: VirtualClock) -> None:
    """Units of 20 s within 90: after three, 30 s are left, which is less than twice 20."""

    def things(_: Any, n: int = 0) -> Iterator[Any]:
        for number in range(n, 5):
            clock.sleep(20)
            yield {"id": number}
            yield At(n=number + 1)

    first, second = connection(things).sync()
    assert (len(first.body["insert"]["things"]), len(second.body["insert"]["things"])) == (3, 2)
    assert '"cut":"time"' in report(first)


def test_a_wait_longer_than_the_time_left_cuts_at_the_last_at(clock: VirtualClock) -> None:
    """Nothing is slept; the next call, with all its time, waits."""

    def things(_: Any, n: int = 0) -> Iterator[Any]:
        for number in range(n, 3):
            if number == 1:
                running().wait(80, "the source's Retry-After")
            yield {"id": number}
            yield At(n=number + 1)
            if number == 0:
                clock.sleep(15)

    fivetran = connection(things)
    first, second, third = fivetran.sync()
    assert first.body["insert"] == {"things": [{"id": 0}]}
    assert '"cut":"wait"' in report(first)
    assert clock.slept == [15, 80]
    assert [*second.body["insert"]["things"], *third.body["insert"]["things"]] == [{"id": 1}, {"id": 2}]


def test_a_wait_that_no_call_has_time_for_is_a_transient_error_with_the_state_untouched(
    clock: VirtualClock,
) -> None:
    """The next sync starts from the same place; the text says what would have taken too long."""

    def things(_: Any) -> Iterator[Any]:
        running().wait(3_600, "the source's Retry-After")
        yield {"id": 1}

    fivetran = connection(things)
    (reply,) = fivetran.sync()
    assert (reply.status, reply.body["errorType"]) == (500, "transient")
    assert (
        "the source's Retry-After would take 3600 s, until 2026-01-01 01:00 UTC, and 90 s are left"
        in reply.body["errorMessage"]
    )
    assert (fivetran.state, clock.slept) == ({}, [])


def test_stretches_without_rows_are_looped_over_within_a_call(clock: VirtualClock) -> None:
    """Two thousand empty windows cost no answer of their own."""

    def windows(_: Any, day: int = 0) -> Iterator[Any]:
        for number in range(day, 2_000):
            if number == 1_999:
                yield {"id": number}
            yield At(day=number + 1)

    (reply,) = connection(windows).sync()
    assert reply.body["insert"] == {"windows": [{"id": 1_999}]}


@pytest.mark.parametrize("has_id", [True, False])
def test_stretches_without_rows_go_on_over_as_many_syncs_as_they_take(
    clock: VirtualClock, has_id: bool
) -> None:
    """Fivetran ends a sync as failed after ten empty answers: before that the sync ends, and the next one goes on."""

    def windows(_: Any, day: int = 0) -> Iterator[Any]:
        for number in range(day, 60):
            clock.sleep(30)
            if number == 59:
                yield {"id": number}
            yield At(day=number + 1)

    fivetran = connection(windows)
    fivetran.sends_id = has_id
    syncs = [fivetran.sync() for _ in range(8)]
    assert {reply.status for replies in syncs for reply in replies} == {200}
    assert max(map(len, syncs)) == 9
    assert list(fivetran.tables["windows"].values()) == [{"id": 59}]


def test_the_last_operation_on_a_key_wins() -> None:
    """One answer holds a key once, as row or as delete."""

    def things(_: Any) -> Iterator[Any]:
        yield {"id": 1, "text": "old"}
        yield {"id": 2, "text": "kept"}
        yield Delete(id=2)
        yield {"id": 1, "text": "new"}
        yield Delete(id=3)
        yield At()
        yield {"id": 3, "text": "recreated"}

    (reply,) = connection(things).sync()
    assert reply.body["insert"] == {"things": [{"id": 1, "text": "new"}, {"id": 3, "text": "recreated"}]}
    assert reply.body["delete"] == {"things": [{"id": 2}]}


def test_children_travel_with_their_parents_unit() -> None:
    """Rows and deletes of declared children; their keys are in the schema of every answer."""

    def orders(_: Any) -> Iterator[Any]:
        yield {"id": 1}
        yield Row("lines", {"order_id": 1, "line": 1})
        yield Delete("lines", order_id=1, line=2)

    (reply,) = connection(orders, children={"lines": ["order_id", "line"]}).sync()
    assert reply.body["insert"] == {"orders": [{"id": 1}], "lines": [{"order_id": 1, "line": 1}]}
    assert reply.body["delete"] == {"lines": [{"order_id": 1, "line": 2}]}
    assert reply.body["schema"] == {
        "orders": {"primary_key": ["id"]},
        "lines": {"primary_key": ["order_id", "line"]},
    }


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ([{"id": 1}], "Table things yielded a list: yield from it"),
        ("row", "Table things yielded a str"),
        ({"name": "x"}, "Table things: a row has nothing in its key column id. Its columns are: name."),
        ({"id": None}, "a row has nothing in its key column id"),
        ({"id": [1]}, "a row has a list in its key column id"),
        ({"id": 1, "_fivetran_x": 1}, "Table things, key id=1: the column name '_fivetran_x' cannot be used"),
        (Row("others", {"id": 1}), "Table things yielded a row of others, which is not among its children."),
        (Delete(id=1, name="x"), "Table things: a Delete names name, which are not of the key."),
        (Delete("zz", id=1), "Table things yielded a Delete of zz, which is not among its children."),
        (Delete("parts", a=1), "Table things, child parts: a Delete does not name b, of the key a, b."),
        ({"id": Decimal("5.0"), "_fivetran_x": 1}, "Table things, key id=5.0: the column name"),
        (At(page=2), "Table things yielded At(page=2); its parameters are: n, not page."),
    ],
)
def test_what_cannot_be_sent_is_an_error_that_says_where(item: Any, message: str) -> None:
    """Table, key and column are named, and no value of another column is."""

    def things(_: Any, n: int = 0) -> Iterator[Any]:
        yield item

    (reply,) = connection(things, children={"parts": ["a", "b"]}).sync()
    assert (reply.status, reply.body["errorType"]) == (500, "bug")
    assert message in reply.body["errorMessage"]


def test_a_cursor_that_is_none_is_shown_as_the_source_wrote_it() -> None:
    """Not as Python keeps it."""

    def things(_: Any, since: int | None) -> Iterator[Any]:
        yield {"id": 1, "rev": Decimal("5.5")}

    (reply,) = connection(things, cursor="rev").sync()
    assert "rev: 5.5 is not an integer" in reply.body["errorMessage"]


@pytest.mark.parametrize("delegated", [False, True])
@pytest.mark.parametrize("stubborn", [False, True])
def test_a_table_that_yields_while_it_is_closed_keeps_its_rows(
    delegated: bool, stubborn: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """A call ends at an At in the middle of its code; the warning says where and what to do."""

    def things(_: Any, n: int = 0) -> Iterator[Any]:
        for number in range(n, 10):
            try:
                yield {"id": number, "text": "x" * 1_970}
                yield At(n=number + 1)
            finally:
                for _ in range(3 if stubborn else 1):
                    try:
                        yield {"id": -1}
                    except GeneratorExit:
                        if not stubborn:
                            raise

    def delegating(client: Any, n: int = 0) -> Iterator[Any]:
        yield from things(client, n)

    fivetran = connection(delegating if delegated else things, name="things")
    assert {reply.status for reply in fivetran.sync()} == {200}
    assert {row["id"] for row in fivetran.tables["things"].values()} == {*range(10), -1}
    said = capsys.readouterr().out
    assert "Table things: its code yields while it is closed (sync/test_cuts.py:" in said
    assert "yield nothing in finally" in said


def test_an_exit_in_a_table_fails_that_table_only() -> None:
    """`SystemExit` would take the server down, and with it the other tables' work."""
    app = Connector("exits")

    @app.table(key="id")
    def leaving(_: Any) -> Iterator[Any]:
        raise SystemExit("bye")

    @app.table(key="id")
    def staying(_: Any) -> Iterator[Any]:
        yield {"id": 1}

    first, last = Fivetran(app.handler).sync()
    assert first.body["insert"] == {"staying": [{"id": 1}]}
    assert last.body["errorMessage"].startswith("Table leaving: SystemExit: bye (sync/test_cuts.py:")


def test_an_interrupt_is_the_persons_in_the_main_thread_only() -> None:
    """Ctrl-C ends the process; the same exception in another thread is a table's failure, here without a text."""

    def leaving(_: Any) -> Iterator[Any]:
        yield {"id": 1}
        raise KeyboardInterrupt

    app = Connector("leaving")
    app.table(key="id")(leaving)
    with pytest.raises(KeyboardInterrupt):
        Fivetran(app.handler).sync()
    with ThreadPoolExecutor(1) as pool:
        *_, last = pool.submit(Fivetran(app.handler).sync).result()
    assert last.body["errorMessage"].startswith("Table leaving: KeyboardInterrupt (sync/test_cuts.py:")


@pytest.mark.parametrize("size", [10, 2_000, 5_000])
def test_an_answer_with_a_large_state_stays_within_its_limit(size: int) -> None:
    """The state travels in it, beside the rows."""

    def things(_: Any, n: int = 0, noted: str = "") -> Iterator[Any]:
        for number in range(n, 60):
            yield {"id": number, "text": "x" * 280}
            yield At(n=number + 1, noted="y" * size)

    replies = connection(things).sync()
    assert sum(len(reply.body["insert"].get("things", [])) for reply in replies) == 60
    for reply in replies:
        assert json.loads(report(reply))["bytes"] <= 10_000


def test_an_answer_with_much_kept_in_the_state_stays_within_its_limit() -> None:
    """Not only positions grow: keys, and what other releases keep, travel in it too."""

    def things(_: Any, n: int = 0) -> Iterator[Any]:
        for number in range(n, 60):
            yield {"id": number, "text": "x" * 280}
            yield At(n=number + 1)

    fivetran = connection(things)
    fivetran.call()
    fivetran.state["kept"] = {"token": "y" * 5_000}
    for reply in fivetran.sync():
        assert json.loads(report(reply))["bytes"] <= 10_000
    assert len(fivetran.tables["things"]) == 60


@pytest.mark.parametrize("on_missing", ["keep", "delete"])
def test_an_answer_whose_state_gets_sets_of_keys_stays_within_its_limit(
    monkeypatch: pytest.MonkeyPatch, on_missing: str
) -> None:
    """Of a table's own rows and of each child table's, which the first call begins to keep, whatever the size of an answer."""
    children = {name: ["thing", "line"] for name in ("parts", "notes", "prices")}

    def things(_: Any, n: int = 0) -> Iterator[Any]:
        for number in range(n, 40):
            lines = [{"line": line} for line in range(1, 2 + number % 3)]
            yield from (Children(name, lines, thing=number) for name in children)
            yield {"id": number, "text": "x" * 20}
            yield At(n=number + 1)

    for size in range(3_000, 5_000, 101):
        monkeypatch.setenv("FIVETRAN_ANSWER_BYTES", str(size))
        fivetran = connection(things, on_missing=on_missing, children=children)
        fivetran.sync()
        assert len(fivetran.tables["things"]) == 40, size


def test_an_answer_that_its_state_makes_too_large_is_reported() -> None:
    """The platform would refuse it without a word; the state Fivetran holds stays as it was."""

    def things(_: Any, noted: str = "") -> Iterator[Any]:
        yield {"id": 1, "text": "x" * 3_000}
        yield At(noted="y" * 8_000)
        yield {"id": 2, "text": "x" * 3_000}
        yield At(noted="y" * 8_000)
        yield {"id": 3, "text": "x" * 3_000}

    (reply,) = connection(things).sync()
    assert reply.status == 500
    assert "10,000 may be sent" in reply.body["errorMessage"]


def test_a_cause_that_several_tables_meet_is_reported_once() -> None:
    """A wrong password is one mistake, whichever address it was noticed at."""
    with serving(Says({"message": "Wrong password."}, status=401)) as source:
        app = Connector("refused", client=lambda _: Client(source.url))
        for name in ("projects", "journals", "issues"):

            def read(client: Client, path: str = name) -> Iterator[Any]:
                yield from client.pages(f"/{path}", Offset())

            app.table(key="id", name=name)(read)
        (reply,) = Fivetran(app.handler).sync()
        message = reply.body["errorMessage"]
    assert message == (
        f"Tables projects, journals, issues: GET {source.url}/projects: HTTP 401: Wrong password. "
        "Check the credentials and what they may read."
    )


def test_every_failed_table_is_reported_and_the_one_a_person_can_fix_names_the_sync() -> None:
    """All messages at once; a bug outranks a source that is not well."""
    app = Connector("failing")
    for name, error in {"first": TimeoutError("slow"), "second": KeyError("data")}.items():

        def read(_: Any, error: Exception = error) -> Iterator[Any]:
            raise error

        app.table(key="id", name=name)(read)
    (reply,) = Fivetran(app.handler).sync()
    assert reply.body["errorMessage"].startswith("2 tables failed. Table first: TimeoutError: slow (")
    assert "Table second: KeyError: 'data' (" in reply.body["errorMessage"]
