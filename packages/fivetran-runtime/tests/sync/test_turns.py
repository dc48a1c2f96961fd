"""Tables that are declared to be read at the same time take turns, and each of them as if it were alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from typing import Any

import pytest
from fivetran import CountedSource, Fivetran, ids, reported
from hypothesis import given, settings
from hypothesis import strategies as st
from source_server import Received, Says, serving
from virtual_clock import VirtualClock

from fivetran_runtime import At, Client, Connector, Offset, TransientError
from fivetran_runtime.errors import DeclarationError

SOON = 10.0
Given = list[tuple[str, int]]


def lists(names: str, *, parallel: bool = True, units: int = 3, given: Given | None = None) -> Connector:
    """Tables of so many units of one row; `given` gets each as it is read."""
    app = Connector("generated")
    for name in names:

        @app.table(name=name, key="id", parallel=parallel)
        def rows(_: Any, unit: int = 0, name: str = name) -> Iterator[Any]:
            for number in range(unit, units):
                if given is not None:
                    given.append((name, number))
                yield {"id": number}
                yield At(unit=number + 1, name=name)

    return app


def test_each_goes_on_to_its_next_at_in_its_turn() -> None:
    """In the order of the declarations, always the same."""
    given: Given = []
    fivetran = Fivetran(lists("abc", given=given).handler)
    fivetran.sync()
    assert given == [(name, number) for number in range(3) for name in "abc"]
    assert all(ids(fivetran, name) == {0, 1, 2} for name in "abc")


def test_others_are_read_one_after_the_other() -> None:
    """Nothing is done at the same time that is not declared to be; nor is one table with nobody beside it."""
    given: Given = []
    app = lists("ab", parallel=False, given=given)
    Fivetran(app.handler).sync()
    assert given == [(name, number) for name in "ab" for number in range(3)]


def test_their_pages_are_on_their_way_at_the_same_time() -> None:
    """A source that answers no second page before it was asked for all of them is read to its end."""
    asked = threading.Barrier(3)

    def script(request: Received) -> Any:
        offset = int(request.parameter("offset") or 0)
        if offset == 2:
            asked.wait(SOON)
        return Says([{"id": number} for number in range(offset, min(offset + 2, 4))])

    app = Connector("generated", client=lambda url: Client(url["url"]))
    for name in "abc":

        @app.table(name=name, key="id", parallel=True)
        def rows(client: Client, offset: int = 0, name: str = name) -> Iterator[Any]:
            yield from client.pages(f"/{name}", Offset(offset, size=2), at={"name": name})

    with serving(script=script) as source:
        fivetran = Fivetran(app.handler, {"url": source.url})
        assert fivetran.sync()[-1].status == 200
    assert all(len(ids(fivetran, name)) == 4 for name in "abc")


def test_a_table_that_fails_keeps_no_other_one_back() -> None:
    """The others' rows arrive, and the sync ends with its error."""
    app = lists("ac")

    @app.table(key="id", parallel=True)
    def broken(_: Any, unit: int = 0) -> Iterator[Any]:
        yield {"id": 0}
        yield At(unit=1)
        raise TransientError("out of order")

    fivetran = Fivetran(app.handler)
    assert "out of order" in reported(fivetran.sync())
    assert ids(fivetran, "a") == ids(fivetran, "c") == {0, 1, 2}


def test_a_table_that_waits_has_its_turn_when_the_others_are_read(clock: VirtualClock) -> None:
    """What its source makes is waited for at the end, by nobody else."""
    given: list[str] = []
    app = Connector("generated", client=lambda _: Client("https://acme.example"))

    @app.table(key="id", parallel=True)
    def reports(client: Client, job: int | None = None) -> Iterator[Any]:
        if job is None:
            yield At(job=1)
        if clock.seconds < 5:
            client.wait(5, "the report")
        given.append("report")
        yield {"id": 1}

    @app.table(key="id", parallel=True)
    def quick(_: Any, unit: int = 0) -> Iterator[Any]:
        for number in range(unit, 3):
            given.append("quick")
            yield {"id": number}
            yield At(unit=number + 1)

    fivetran = Fivetran(app.handler)
    assert fivetran.sync()[-1].status == 200
    assert given == ["quick", "quick", "quick", "report"]


def test_a_table_that_hangs_keeps_no_other_one_out(clock: VirtualClock) -> None:
    """It fails by name, and the rows of the others arrive."""
    app = Connector("generated")

    @app.table(key="id", parallel=True)
    def hangs(_: Any, unit: int = 0) -> Iterator[Any]:
        clock.seconds += 100
        yield {"id": unit}

    @app.table(key="id", parallel=True)
    def quick(_: Any, unit: int = 0) -> Iterator[Any]:
        for number in range(unit, 3):
            yield {"id": number}
            yield At(unit=number + 1)

    fivetran = Fivetran(app.handler)
    assert "hangs" in reported(fivetran.sync())
    assert ids(fivetran, "quick") == {0, 1, 2}


def test_the_turns_of_others_are_no_part_of_a_tables_time(clock: VirtualClock) -> None:
    """Six units of six seconds fit into a call of a minute, whoever they are of."""
    app = Connector("generated")
    for name in "ab":

        @app.table(name=name, key="id", parallel=True)
        def rows(_: Any, unit: int = 0, name: str = name) -> Iterator[Any]:
            for number in range(unit, 3):
                clock.seconds += 6
                yield {"id": number}
                yield At(unit=number + 1, name=name)

    assert len(Fivetran(app.handler).sync()) == 1


def test_the_answers_of_others_are_none_of_a_tables() -> None:
    """A mark follows the first answer of its own table, whatever the others have asked in between."""
    source = CountedSource()
    app = Connector("generated")
    for name in "ab":

        @app.table(name=name, key="id", cursor="day", parallel=True)
        def rows(_: Any, since: date | None, number: int = 1, name: str = name) -> Iterator[Any]:
            for one in range(number, 7):
                if one % 2:  # an answer has two rows, with an At between them
                    source.answer()
                yield {"id": one, "day": f"2025-01-0{one}"}
                yield At(number=one + 1, name=name)

    fivetran = Fivetran(app.handler)
    fivetran.sync()
    marks = {fivetran.state["tables"][name]["mark"] for name in "ab"}
    assert marks == {"2025-01-02"}


def test_what_a_table_does_at_its_end_is_done_where_another_one_ends_the_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its function is closed at its At, as that of the one that was cut is."""
    monkeypatch.setenv("FIVETRAN_ANSWER_BYTES", "2000")
    ended: list[str] = []
    app = Connector("generated")
    for name in "ab":

        @app.table(name=name, key="id", parallel=True)
        def rows(_: Any, unit: int = 0, name: str = name) -> Iterator[Any]:
            try:
                for number in range(unit, 30):
                    yield {"id": number, "text": "x" * 100}
                    yield At(unit=number + 1, name=name)
            finally:
                ended.append(name)

    fivetran = Fivetran(app.handler)
    calls = len(fivetran.sync())
    assert calls > 3
    assert ended.count("a") >= calls - 1
    assert ended.count("b") >= calls - 1
    assert ids(fivetran, "a") == ids(fivetran, "b") == {*range(30)}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"parallel": "yes"}, "parallel= is True or False"),
        ({"on_missing": "delete", "cursor": "day", "listing": lambda _: []}, "not for a table with listing="),
    ],
)
def test_a_declaration_that_does_not_fit_is_refused(options: dict[str, Any], said: str) -> None:
    """By its name, when it is declared."""

    def rows(_: Any, since: date | None) -> Iterator[Any]:
        yield {"id": since}

    all_options: Any = {"key": "id", "cursor": "day", "parallel": True} | options
    with pytest.raises(DeclarationError, match=said):
        Connector("generated").table(**all_options)(rows)


# What comes of it does not depend on it


def read(
    sizes: list[int], page: int, failing: dict[int, int], answer_bytes: int, *, parallel: bool
) -> Fivetran:
    """What three syncs of tables of such sizes leave; in the first one each of `failing` fails behind so many rows."""
    left = dict(failing)
    app = Connector("generated")
    for number, size in enumerate(sizes):

        @app.table(name=f"t{number}", key="id", cursor="day", parallel=parallel)
        def changes(
            _: Any, since: date | None, place: int = 0, number: int = number, size: int = size
        ) -> Any:
            while place < size:
                source.answer()
                if place >= left.get(number, size):
                    raise TransientError("for now")
                for one in range(place, min(place + page, size)):
                    yield {"id": one, "day": f"2025-01-{1 + one * 7 % 28:02}", "text": "x" * (one % 5) * 20}
                place += page
                yield At(place=place, number=number, size=size)

        @app.table(name=f"w{number}", key="id", on_missing="delete", parallel=parallel)
        def whole(_: Any, place: int = 0, number: int = number, size: int = size) -> Any:
            while place < size:
                source.answer()
                yield from ({"id": one} for one in range(place, min(place + page, size)))
                place += page
                yield At(place=place, number=number, size=size)

    source = CountedSource()
    fivetran = Fivetran(app.handler)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIVETRAN_ANSWER_BYTES", str(answer_bytes))
        for _ in range(3):
            with suppress(AssertionError):
                fivetran.sync()
            left.clear()
    return fivetran


@given(
    sizes=st.lists(st.integers(0, 30), min_size=2, max_size=4),
    page=st.integers(1, 8),
    failing=st.dictionaries(st.integers(0, 3), st.integers(0, 20), max_size=2),
    answer_bytes=st.sampled_from([5_000, 7_000, 10_000_000]),
)
@settings(max_examples=60)
def test_rows_and_state_are_those_of_one_after_the_other(
    sizes: list[int], page: int, failing: dict[int, int], answer_bytes: int
) -> None:
    """Whatever the pages, the answer's size, and what fails."""
    alone, together = (
        read(sizes, page, failing, answer_bytes, parallel=parallel) for parallel in (False, True)
    )
    assert together.tables == alone.tables
    assert together.state == alone.state
