"""Complete sets of children: a line that is no longer an order's is deleted, and only such a line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import pytest
from fivetran import CountedSource, Fivetran, answered
from hypothesis import given, settings
from hypothesis import strategies as st

from fivetran_runtime import At, Children, Connector, Delete, Row, TransientError

Lines = dict[int, dict[int, int]]


class Shop(CountedSource):
    """Orders with their lines inside: order to line to value.

    Args:
        key: the key of the lines: with the order in it, or a number of their own.
        deletes: how deleted orders are found: "missing", "listing", "shown" or not at all.
    """

    def __init__(
        self, orders: Lines | None = None, *, key: Any = ("order_id", "line"), deletes: str = ""
    ) -> None:
        super().__init__()
        self.orders: Lines = orders or {}
        self.at: dict[int, int] = dict.fromkeys(self.orders, 0)
        self.removed: dict[int, int] = {}
        self.key, self.deletes = key, deletes
        self.clock, self.size = 0, 2

    def put(self, order: int, lines: dict[int, int]) -> None:
        self.clock += 1
        self.orders[order], self.at[order] = dict(lines), self.clock
        self.removed.pop(order, None)

    def remove(self, order: int) -> None:
        self.clock += 1
        self.at.pop(order, None)
        if self.orders.pop(order, None) is not None:
            self.removed[order] = self.clock

    def page(self, since: int | None, after: int) -> list[int]:
        self.answer()
        shown = [*self.orders, *(self.removed if self.deletes == "shown" else ())]
        changed = [
            one
            for one in sorted(shown)
            if one > after and (since is None or self.at.get(one, self.removed.get(one, 0)) >= since)
        ]
        return changed[: self.size]

    def items(self, since: int | None, after: int) -> Iterator[Any]:
        while orders := self.page(since, after):
            for order in orders:
                if order in self.removed:
                    yield {"id": order, "at": self.removed[order]}  # its time moves the mark
                    yield Delete(id=order)
                    continue
                lines = [
                    {"line": line, "value": value, "text": "x" * 60}
                    for line, value in self.orders[order].items()
                ]
                yield Children("lines", lines, order_id=order)
                yield {"id": order, "at": self.at[order]}
            after = orders[-1]
            yield At(after=after)

    def connection(self) -> Fivetran:
        app = Connector("shop")
        common: dict[str, Any] = {"key": "id", "children": {"lines": self.key}}
        common |= {"on_missing": "delete", "max_missing": 1} if self.deletes in ("missing", "listing") else {}

        def listing(_: Any) -> Iterator[Any]:
            self.answer()
            yield from ({"id": order} for order in self.orders)

        if self.deletes == "missing":

            @app.table(**common)
            def orders(_: Any, after: int = -1) -> Iterator[Any]:
                yield from self.items(None, after)

        else:

            @app.table(
                cursor="at", name="orders", listing=listing if self.deletes == "listing" else None, **common
            )
            def changed(_: Any, since: int | None, after: int = -1) -> Iterator[Any]:
                yield from self.items(since, after)

        return Fivetran(app.handler)


def lines_of(fivetran: Fivetran) -> Lines:
    found: Lines = {}
    for row in fivetran.tables.get("lines", {}).values():
        found.setdefault(row["order_id"], {})[row["line"]] = row["value"]
    return found


def with_lines(orders: Lines) -> Lines:
    return {order: lines for order, lines in orders.items() if lines}


def orders_of(fivetran: Fivetran) -> set[int]:
    return {row["id"] for row in fivetran.tables.get("orders", {}).values()}


KEYS = pytest.mark.parametrize("key", [("order_id", "line"), ("line",)], ids=["in the order", "of their own"])


@KEYS
def test_a_line_that_an_order_has_lost_is_deleted_at_once(key: Any) -> None:
    """The others, and those of other orders, stay."""
    shop = Shop({1: {11: 0, 12: 0}, 2: {21: 0, 22: 0, 23: 0}}, key=key)
    fivetran = shop.connection()
    fivetran.sync()
    shop.put(2, {21: 1, 23: 0})
    (reply,) = fivetran.sync()
    assert len(reply.body["delete"]["lines"]) == 1
    assert lines_of(fivetran) == shop.orders
    shop.put(1, {})
    fivetran.sync()
    assert lines_of(fivetran) == with_lines(shop.orders)


@KEYS
@pytest.mark.parametrize("deletes", ["missing", "listing", "shown"])
def test_a_deleted_order_takes_its_lines_along(key: Any, deletes: str) -> None:
    """Whoever says that it is deleted: the source, or two listings."""
    shop = Shop({1: {11: 0, 12: 0}, 2: {21: 0}}, key=key, deletes=deletes)
    fivetran = shop.connection()
    fivetran.sync()
    shop.remove(1)
    for _ in range(3):
        fivetran.sync()
    assert (orders_of(fivetran), lines_of(fivetran)) == ({2}, {2: {21: 0}})
    assert fivetran.sync()[-1].body["delete"].get("lines", []) == []


@pytest.mark.parametrize("moved", [{1: {12: 0}, 2: {21: 0, 11: 5}}, {1: {11: 0, 12: 0, 21: 5}, 2: {}}])
@pytest.mark.parametrize("first", [1, 2])
@pytest.mark.parametrize("syncs", [0, 1, 3])
def test_a_line_that_has_moved_to_another_order_stays(moved: Lines, first: int, syncs: int) -> None:
    """Whichever of the two is read first, in one sync or in several."""
    shop = Shop({1: {11: 0, 12: 0}, 2: {21: 0}}, key="line")
    fivetran = shop.connection()
    fivetran.sync()
    shop.put(first, moved[first])
    for _ in range(syncs):
        fivetran.sync()
    shop.put(3 - first, moved[3 - first])
    fivetran.sync()
    assert lines_of(fivetran) == with_lines(moved)


@pytest.mark.parametrize("deletes", ["", "listing", "shown", "missing"])
@pytest.mark.parametrize("syncs", [1, 4])
def test_a_line_that_has_moved_away_from_a_deleted_order_is_deleted_when_it_is_no_longer_there(
    deletes: str, syncs: int
) -> None:
    """Nobody reads the order that had it any more, so that nothing else says that it is another one's."""
    shop = Shop({1: {11: 0, 12: 0}, 2: {21: 0}}, key="line", deletes=deletes)
    fivetran = shop.connection()
    fivetran.sync()
    shop.put(2, {21: 0, 11: 5})
    shop.remove(1)
    for _ in range(syncs):
        fivetran.sync()
    assert lines_of(fivetran)[2] == shop.orders[2]
    shop.put(2, {21: 0})
    for _ in range(3):
        fivetran.sync()
    assert lines_of(fivetran)[2] == {21: 0}


class Board:
    """One issue whose journals take several pages; `hiding` are not shown in the readings of these numbers."""

    def __init__(self, rows: list[int], *, as_function: bool = True) -> None:
        self.rows, self.hiding, self.readings = rows, dict[int, set[int]](), 0
        self.as_function = as_function

    def journals(self) -> Iterator[Any]:
        self.readings += 1
        hidden = self.hiding.get(self.readings, set())
        for place in range(0, max(1, len(self.rows)), 2):
            answered()
            yield from (
                {"id": one, "text": "x" * 100} for one in self.rows[place : place + 2] if one not in hidden
            )
            yield At(page=place)

    def connection(self) -> Fivetran:
        app = Connector("board")

        @app.table(key="id", children={"journals": "id"})
        def issues(_: Any) -> Iterator[Any]:
            yield {"id": 1}
            yield Children("journals", self.journals if self.as_function else self.journals(), issue_id=1)

        return Fivetran(app.handler)


def ids(fivetran: Fivetran) -> list[int]:
    return sorted(row["id"] for row in fivetran.tables["journals"].values())


def test_what_was_read_over_several_pages_is_read_again_before_anything_is_deleted() -> None:
    """A list that moves while it is read hides a row once."""
    board = Board([1, 2, 3, 4, 5])
    fivetran = board.connection()
    fivetran.sync()
    assert board.readings == 1
    board.hiding = {2: {3}}
    fivetran.sync()
    assert (ids(fivetran), board.readings) == ([1, 2, 3, 4, 5], 3)
    board.rows.remove(4)
    fivetran.sync()
    assert (ids(fivetran), board.readings) == ([1, 2, 3, 5], 5)


def test_what_cannot_be_read_again_deletes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """With a warning that says what to give instead."""
    board = Board([1, 2, 3, 4, 5], as_function=False)
    fivetran = board.connection()
    fivetran.sync()
    board.rows.remove(4)
    fivetran.sync()
    assert ids(fivetran) == [1, 2, 3, 4, 5]
    assert "give a function, Children(" in capsys.readouterr().out


def test_a_cut_inside_a_set_deletes_nothing() -> None:
    """Nor does a failure: only a set that has come to its end says what is not in it."""
    rows, failing = [1, 2, 3], list[bool]()
    app = Connector("failing")

    def some() -> Iterator[Any]:
        yield {"id": 1}
        if failing:
            raise TransientError("503")
        yield from ({"id": one} for one in rows[1:])

    @app.table(key="id", children={"lines": "id"})
    def orders(_: Any) -> Iterator[Any]:
        yield Children("lines", some, order_id=7)
        yield {"id": 7}

    fivetran = Fivetran(app.handler)
    fivetran.sync()
    failing.append(True)
    rows.remove(2)
    fivetran.sync()
    assert len(fivetran.tables["lines"]) == 3
    failing.clear()
    fivetran.sync()
    assert len(fivetran.tables["lines"]) == 2


@pytest.mark.parametrize("key", [("order_id", "line"), ("line",)])
def test_a_set_that_is_larger_than_an_answer_is_sent_in_parts(
    key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its deletes, too; none is lost with the part before it."""
    monkeypatch.setenv("FIVETRAN_ANSWER_BYTES", "3000")
    shop = Shop({1: dict.fromkeys(range(100, 140), 0)}, key=key)
    fivetran = shop.connection()
    assert len(fivetran.sync()) > 1
    assert lines_of(fivetran) == shop.orders
    shop.put(1, {100: 1, 101: 0} | dict.fromkeys(range(130, 160), 2))
    fivetran.sync()
    assert lines_of(fivetran) == shop.orders
    shop.put(1, {7: 1})
    fivetran.sync()
    assert lines_of(fivetran) == shop.orders


@KEYS
@pytest.mark.parametrize("deletes", ["missing", "listing", "shown"])
def test_a_set_whose_row_never_follows_is_deleted(
    key: Any, deletes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part of it was sent before the order was deleted at the source."""
    monkeypatch.setenv("FIVETRAN_ANSWER_BYTES", "6000")
    shop = Shop({1: dict.fromkeys(range(100, 180), 0), 2: {7: 0}}, key=key, deletes=deletes)
    fivetran = shop.connection()
    assert fivetran.call().body["hasMore"]
    assert lines_of(fivetran).keys() == {1}
    assert not orders_of(fivetran)
    shop.remove(1)
    for _ in range(4):
        fivetran.sync()
    assert (lines_of(fivetran), orders_of(fivetran)) == ({2: {7: 0}}, {2})


@given(data=st.data())
@settings(deadline=None, max_examples=200)
def test_the_lines_equal_the_sources_whatever_happens(data: st.DataObject) -> None:
    """Orders change, shrink, grow, are deleted and made again; calls are cut, fail and are lost."""
    key = data.draw(st.sampled_from([("order_id", "line"), ("line",)]))
    shop = Shop(key=key, deletes=data.draw(st.sampled_from(["missing", "listing", "shown"])))
    shop.size = data.draw(st.integers(1, 3))
    fivetran = shop.connection()
    fivetran.sends_id = data.draw(st.booleans())
    fivetran.losing = data.draw(st.sets(st.integers(0, 60), max_size=12))
    with mock.patch.dict("os.environ", {"FIVETRAN_ANSWER_BYTES": str(data.draw(st.integers(2_400, 6_000)))}):
        for _ in range(data.draw(st.integers(1, 5))):
            shop.failing = {shop.requests + n for n in data.draw(st.sets(st.integers(1, 20), max_size=3))}
            change(shop, data)
            fivetran.sync()
        shop.failing = set()
        fivetran.losing = ()
        for _ in range(4):
            assert fivetran.sync()[-1].status == 200
    assert lines_of(fivetran) == with_lines(shop.orders)
    assert orders_of(fivetran) == {*shop.orders}


def change(shop: Shop, data: st.DataObject) -> None:
    """Lines with a number of their own are of one order each."""
    for order in data.draw(st.lists(st.integers(0, 5), max_size=4)):
        numbers = data.draw(st.sets(st.integers(0, 4)))
        if data.draw(st.integers(0, 3)) == 0:
            shop.remove(order)
        else:
            own = order * 10 if shop.key == ("line",) else 1
            shop.put(order, {own + number: shop.clock for number in numbers})


# -- room -----------------------------------------------------------------------------------------------------


def numbered(count: int, lines: Callable[[int], list[Any]], *, key: Any = ("order_id", "line")) -> Fivetran:
    app = Connector("numbered")

    @app.table(key="id", children={"lines": key})
    def orders(_: Any) -> Iterator[Any]:
        for order in range(count):
            yield Children("lines", ({"line": line} for line in lines(order)), order_id=order)

    return Fivetran(app.handler)


def room_taken(fivetran: Fivetran) -> int:
    return len(fivetran.state["tables"]["orders"]["keys_of"]["lines"])


def test_lines_that_are_numbered_from_one_take_little_more_than_a_bit() -> None:
    """Their number says all."""
    fivetran = numbered(20_000, lambda order: [*range(1, 2 + order % 4)])
    fivetran.sync()
    assert room_taken(fivetran) < 2_000


def test_lines_that_are_numbered_need_the_largest_number_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no room for more: deleting a line that is not there is no fault."""
    monkeypatch.setattr("fivetran_runtime._sync.deletes.KEYS_BYTES", 300)
    shop = Shop({order: dict.fromkeys(range(1, 2 + order * 7 % 5), 0) for order in range(60)})
    shop.size = 100
    fivetran = shop.connection()
    assert fivetran.sync()[-1].status == 200
    assert room_taken(fivetran) < 300
    shop.put(4, {1: 1})
    assert fivetran.sync()[-1].status == 200
    assert lines_of(fivetran) == shop.orders


def test_keys_without_room_are_reported_and_their_rows_arrive(monkeypatch: pytest.MonkeyPatch) -> None:
    """By table and number, in every sync."""
    monkeypatch.setattr("fivetran_runtime._sync.deletes.KEYS_BYTES", 300)
    shop = Shop({order: {pow(order, 5, 1_000_003): 0} for order in range(1, 300)}, key="line")
    shop.size = 1_000
    fivetran = shop.connection()
    for _ in range(2):
        replies = fivetran.sync()
        assert replies[-1].status == 500
        assert "Table lines: its 299 keys do not fit into the state" in replies[-1].body["errorMessage"]
    assert lines_of(fivetran) == shop.orders


# -- wrong uses -----------------------------------------------------------------------------------------------


def one(item: Any, **options: Any) -> str:
    app = Connector("one")

    @app.table(key="id", **{"children": {"lines": ["order_id", "line"]}, **options})
    def orders(_: Any) -> Iterator[Any]:
        yield item

    message: str = Fivetran(app.handler).sync()[-1].body["errorMessage"]
    return message


@pytest.mark.parametrize(
    ("item", "says"),
    [
        (Children("notes", [], order_id=1), "which is not among its children. Declare it: children={'notes'"),
        (Children("lines", []), "it names whose they are by as many columns as orders has in its key, id"),
        (Children("lines", [[]], order_id=1), "Table orders: Children('lines', ..., order_id=1) gave a list"),  # type: ignore[list-item]
        (Children("lines", [{"order_id": 2, "line": 1}], order_id=1), "gave a row whose order_id is 2"),
        (
            Children("lines", [{"number": 1}], order_id=1),
            "Table orders, child lines: a row has nothing in its key column line",
        ),
    ],
)
def test_a_set_that_is_none_is_refused_by_table_and_column(item: Any, says: str) -> None:
    """Whatever is wrong with it."""
    assert says in one(item)


def test_children_without_sets_are_refused_where_deletes_are_inferred() -> None:
    """They would stay when their row is deleted."""
    says = one(Row("lines", {"order_id": 1, "line": 1}), on_missing="delete")
    assert 'on_missing="delete" needs the complete sets of its children, not a Row of lines' in says


def test_a_table_without_children_yields_no_sets() -> None:
    """It says how to declare them."""
    assert "which is not among its children" in one(Children("lines", [], order_id=1), children=None)
