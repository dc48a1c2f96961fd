"""How far the next pass may skip: no change is lost, whatever the order of rows and whenever it happens."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from fivetran import Fivetran, answered, warnings
from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_clock import VirtualClock

from fivetran_runtime import At, Config, Connector, DefectError, Row, Secret, TransientError
from fivetran_runtime._scope import settings_digest
from fivetran_runtime._sync.high_water import Marks
from fivetran_runtime._sync.state import TableState
from fivetran_runtime.errors import DeclarationError

START = datetime(2026, 1, 1, tzinfo=UTC)
PARENTS = 3


pytestmark = pytest.mark.usefixtures("clock")


# -- no change is lost --------------------------------------------------------------------------------------

Place = Callable[["Changing", int], tuple[int, ...]]
ORDERS: dict[str, Place] = {
    "by id": lambda _, row: (row,),
    "random": lambda source, row: (source.rank[row],),
    "by parent": lambda _, row: (row % PARENTS, row),
    "ascending": lambda source, row: (source.rows[row], row),
    "descending": lambda source, row: (-source.rows[row], row),
}


@dataclass
class Changing:
    """A source read by keyset in some order, in which rows change while it is read: id to time of change.

    A change is seen when it is committed, up to `late` seconds after its time.
    """

    chance: random.Random
    order: str
    size: int = 60
    page: int = 6
    late: int = 0
    noisy: bool = True
    now: int = 1_000
    read: int = 0
    failing: int = 0
    rows: dict[int, int] = field(default_factory=dict)
    rank: list[int] = field(default_factory=list)
    pending: list[tuple[int, int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rows = {row: self.chance.randrange(1, 1_000) for row in range(self.size)}
        self.rank = self.chance.sample(range(self.size), self.size)

    def change(self, most: int) -> None:
        """Some rows change, at instants of a coarse grain, several at one instant."""
        for _ in range(self.chance.randrange(most)):
            self.now += self.chance.randrange(3)
            row, shown = self.chance.randrange(self.size), self.now + self.chance.randint(0, self.late)
            self.pending.append((shown, row, self.now))
        for entry in [entry for entry in self.pending if entry[0] <= self.now]:
            self.pending.remove(entry)
            self.rows[entry[1]] = max(self.rows[entry[1]], entry[2])

    def list(self, since: int | None, after: tuple[int, ...] | None) -> list[dict[str, Any]]:
        """A page of rows changed at or after `since`, those behind the place `after`."""
        if self.failing and self.chance.randrange(self.failing) == 0:
            raise TransientError("the source is not well")
        place = ORDERS[self.order]
        found = sorted(
            (place(self, row), row, at) for row, at in self.rows.items() if since is None or at >= since
        )
        page = [entry for entry in found if after is None or entry[0] > after][: self.page]
        self.read += len(page)
        rows = [{"id": row, "at": at, "place": list(where), "text": "x" * 60} for where, row, at in page]
        answered()
        if self.noisy:
            self.change(4)
        return rows


def connection(source: Changing, lookback: int | None = None) -> Fivetran:
    app = Connector("changing")

    @app.table(key="id", cursor="at", lookback=lookback)
    def changes(_: Any, since: int | None, after: list[int] | None = None) -> Iterator[Any]:
        while rows := source.list(since, tuple(after) if after is not None else None):
            yield from rows
            after = rows[-1]["place"]
            yield At(after=after)

    return Fivetran(app.handler)


def brought(fivetran: Fivetran) -> dict[int, int]:
    return {row["id"]: row["at"] for row in fivetran.tables.get("changes", {}).values()}


def settle(fivetran: Fivetran, source: Changing) -> None:
    """Two quiet syncs: one ends the open pass, one finds what changed behind it."""
    source.noisy, source.failing = False, 0
    source.now += source.late + 1
    source.change(1)
    for _ in range(2):
        assert fivetran.sync()[-1].status == 200


@pytest.mark.parametrize("order", ORDERS)
@given(seed=st.integers(0, 2**32), cut=st.booleans(), fails=st.booleans(), late=st.sampled_from([0, 0, 20]))
@settings(deadline=None, max_examples=25)
def test_no_change_is_lost_in_any_order(order: str, seed: int, cut: bool, fails: bool, late: int) -> None:
    """Rows change on pages already read, passes are cut and fail and are resumed long after: all arrive.

    What is committed late needs a lookback as long as that; nothing else does.
    """
    chance = random.Random(seed)
    source = Changing(chance, order, late=late, failing=12 if fails else 0)
    fivetran = connection(source, lookback=late or None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIVETRAN_ANSWER_BYTES", "1600" if cut else "1000000")
        for _ in range(5):
            fivetran.syncs += 1
            for _ in range(chance.randrange(1, 40)):
                reply = fivetran.call()
                if reply.status != 200 or not reply.body["hasMore"]:
                    break
            source.change(40)
        settle(fivetran, source)
    assert brought(fivetran) == source.rows


def noisy_history(order: str, seed: int, *, cut: bool) -> tuple[int, list[int]]:
    """Six noisy syncs and a quiet one: how many rows are lost, and how many each sync has read."""
    source = Changing(random.Random(seed), order, size=200, page=20)
    fivetran = connection(source)
    reads = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIVETRAN_ANSWER_BYTES", "6000" if cut else "1000000")
        for number in range(7):
            source.noisy = number < 6
            before = source.read
            fivetran.sync()
            reads.append(source.read - before)
            if source.noisy:
                source.change(10)
    rows = brought(fivetran)
    return sum(rows.get(row) != at for row, at in source.rows.items()), reads


def newest_met(marks: Marks, state: TableState) -> None:
    """The rule of earlier releases."""
    met = [value for value in (marks._start.mark, marks._seen) if value is not None]
    state.mark = max(met, default=None)


@pytest.mark.parametrize("order", ["by id", "random", "by parent", "ascending"])
def test_the_newest_row_met_would_be_a_wrong_mark(order: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The histories are bad enough to tell: under that rule nearly all lose rows, under ours none."""
    assert [noisy_history(order, seed, cut=False)[0] for seed in range(6)] == [0] * 6
    monkeypatch.setattr(Marks, "complete", newest_met)
    assert sum(noisy_history(order, seed, cut=False)[0] > 0 for seed in range(6)) >= 3


@pytest.mark.parametrize("order", ORDERS)
def test_rows_read_again_are_those_of_the_last_pass(order: str) -> None:
    """The second sync reads nearly all once more; from the third on, what one interval has changed, twice."""
    reads = []
    source = Changing(random.Random(7), order, size=600, page=20)
    fivetran = connection(source)
    for _ in range(6):
        before = source.read
        fivetran.sync()
        reads.append(source.read - before)
        source.change(10)
    assert reads[0] <= 660
    assert reads[1] <= 700
    assert max(reads[3:]) <= 250


def test_parents_read_one_after_the_other_share_one_mark() -> None:
    """A's row changes after A was read, B's row later still, before B is: both changes arrive."""
    rows = {("A", 1): 10, ("B", 2): 11}
    later = [{("A", 1): 20, ("B", 2): 21}]
    app = Connector("parents")

    @app.table(key="id", cursor="at")
    def changes(_: Any, since: int | None, parent: str = "A") -> Iterator[Any]:
        answered()
        for name in ("A", "B"):
            answered()
            if name >= parent:
                yield from (
                    {"id": row, "at": at} for (p, row), at in rows.items() if p == name and at >= (since or 0)
                )
            if name == "A":
                yield At(parent="B")
                rows.update(later.pop() if later else {})

    fivetran = Fivetran(app.handler)
    fivetran.sync()
    assert brought(fivetran) == {1: 10, 2: 21}
    fivetran.sync()
    assert brought(fivetran) == {1: 20, 2: 21}


def test_rows_from_elsewhere_than_the_client_move_the_mark_one_pass_later() -> None:
    """Nothing is known of when they were read, so they are not taken for a first answer."""
    asked: list[int | None] = []
    app = Connector("elsewhere")

    @app.table(key="id", cursor="at")
    def changes(_: Any, since: int | None) -> Iterator[Any]:
        asked.append(since)
        yield {"id": 1, "at": 5}

    fivetran = Fivetran(app.handler)
    for _ in range(3):
        fivetran.sync()
    assert asked == [None, None, 5]


def test_a_row_made_of_a_second_answer_is_not_of_the_first() -> None:
    """A list of ids, then each row: the list is older than what the rows say."""
    asked: list[int | None] = []
    app = Connector("details")

    @app.table(key="id", cursor="at")
    def changes(_: Any, since: int | None) -> Iterator[Any]:
        asked.append(since)
        answered()
        for number in (1, 2):
            answered()
            yield {"id": number, "at": number}

    fivetran = Fivetran(app.handler)
    for _ in range(3):
        fivetran.sync()
    assert asked == [None, None, 2]


# -- a declared order ---------------------------------------------------------------------------------------


def ordered(rows: list[tuple[int, int]], asked: list[Any]) -> Fivetran:
    app = Connector("ordered")

    @app.table(key="id", cursor="at", lookback=3, in_order=True)
    def changes(_: Any, since: int | None) -> Iterator[Any]:
        asked.append(since)
        answered()
        answered()
        yield from ({"id": number, "at": at} for number, at in rows)

    return Fivetran(app.handler)


def test_a_declared_order_asks_from_the_newest_row_less_the_lookback() -> None:
    """No second reading: what changes while it is read moves to the end."""
    asked: list[Any] = []
    fivetran = ordered([(1, 10), (2, 20), (3, 20)], asked)
    fivetran.sync()
    fivetran.sync()
    assert asked == [None, 17]


def test_a_step_back_in_a_declared_order_is_an_error_that_names_the_row() -> None:
    """The declaration is not true, and a mark that follows it would lose rows."""
    (reply,) = ordered([(1, 10), (2, 9)], []).sync()
    assert reply.status == 500
    assert "key id=2: at is 9, earlier than the row before it" in reply.body["errorMessage"]


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"in_order": True}, "in_order= needs a cursor and a lookback"),
        ({"in_order": True, "lookback": 0}, "in_order= needs a cursor and a lookback"),
        ({"lookback": -1}, "lookback= is negative"),
        ({"lookback": True}, "lookback= needs a cursor"),
        ({"epoch": "minutes"}, 'epoch= is "seconds" or "milliseconds"'),
        ({"scope": "products"}, "scope= is a function"),
        ({"embeds": {1: "Widgets"}}, "embeds= is a function"),
        ({"fetch": print}, "fetch= is a function of the client and a list of keys, beside listing="),
        ({"max_missing": 2}, "max_missing= is a share"),
    ],
)
def test_a_declaration_that_would_lose_rows_is_refused(declared: dict[str, Any], message: str) -> None:
    """When the module is imported, not in a sync."""

    def changes(_: Any, since: int | None) -> Iterator[Any]:
        yield from ()

    with pytest.raises(DeclarationError, match=message):
        Connector("refused").table(key="id", cursor="at", **declared)(changes)


@pytest.mark.parametrize("lookback", [timedelta(hours=12), timedelta(days=1, seconds=1), timedelta(days=-1)])
def test_a_day_cursor_looks_back_whole_days(lookback: timedelta) -> None:
    """Part of a day has no effect on a day, and would be a lookback only by name."""

    def changes(_: Any, since: date | None) -> Iterator[Any]:
        yield from ()

    with pytest.raises(DeclarationError, match="lookback="):
        Connector("refused").table(key="id", cursor="at", lookback=lookback)(changes)


# -- rows dated ahead, and clocks ---------------------------------------------------------------------------


def dated(kind: type, values: list[Any], asked: list[Any], **declared: Any) -> Fivetran:
    """A table with one row for each cursor value."""
    app = Connector("dated")

    def changes(_: Any, since: Any) -> Iterator[Any]:
        asked.append(since)
        answered()
        yield from ({"id": number, "at": value} for number, value in enumerate(values))

    changes.__annotations__["since"] = kind
    app.table(key="id", cursor="at", **declared)(changes)
    return Fivetran(app.handler)


@pytest.mark.parametrize(
    ("kind", "values", "expected", "declared"),
    [
        (datetime, ["2025-12-31T20:00:00Z", "2026-01-01T23:00:00Z"], START - timedelta(hours=4), {}),
        (datetime, ["2025-12-31T20:00:00Z", "2026-01-01T01:00:00Z"], START - timedelta(hours=4), {}),
        (datetime, ["2025-12-31T20:00:00Z", "9999-12-31T23:59:59-05:00"], START - timedelta(hours=4), {}),
        (date, ["2025-12-30", "2026-01-03"], date(2025, 12, 30), {}),
        (int, [1_767_000_000, 4_102_444_800], 1_767_000_000, {"epoch": "seconds"}),
        (int, [1_767_000_000_000, 4_102_444_800_000], 1_767_000_000_000, {"epoch": "milliseconds"}),
    ],
)
def test_a_row_dated_ahead_arrives_and_does_not_move_the_mark(
    kind: type, values: list[Any], expected: Any, declared: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """By an hour or by decades: changes until then would never be asked for. The log says so once a call."""
    asked: list[Any] = []
    fivetran = dated(kind, [*values, values[1]], asked, **declared)
    fivetran.sync()
    assert len(fivetran.tables["changes"]) == 3
    (line,) = [line for line in warnings(capsys) if "in the future" in line]
    assert "Table changes, key id=1: at is" in line
    fivetran.sync()
    fivetran.sync()
    assert asked[1:] == [expected, expected]


def test_tomorrow_is_no_mark_and_worth_no_warning(capsys: pytest.CaptureFixture[str]) -> None:
    """Where the source's day has begun already."""
    asked: list[Any] = []
    fivetran = dated(date, ["2025-12-30", "2026-01-02"], asked)
    fivetran.sync()
    fivetran.sync()
    assert asked == [None, date(2025, 12, 30)]
    assert warnings(capsys) == []


def test_a_row_dated_an_hour_ahead_hides_no_change_of_that_hour(clock: VirtualClock) -> None:
    """As sources write that store local time, in the hour after summer time ends."""
    rows = {1: START + timedelta(hours=1)}
    app = Connector("summer")

    @app.table(key="id", cursor="at")
    def changes(_: Any, since: datetime | None) -> Iterator[Any]:
        answered()
        yield from ({"id": number, "at": at} for number, at in rows.items() if since is None or at >= since)

    fivetran = Fivetran(app.handler)
    fivetran.sync()
    for minutes in (10, 40, 90):
        clock.seconds = minutes * 60
        rows[minutes] = START + timedelta(minutes=minutes - 5)
        fivetran.sync()
    assert {row["id"] for row in fivetran.tables["changes"].values()} == set(rows)


def test_an_id_is_an_id_and_what_looks_like_a_time_is_pointed_out(capsys: pytest.CaptureFixture[str]) -> None:
    """A mark that stood still for it would read everything again for ever."""
    asked: list[Any] = []
    fivetran = dated(int, [1_800_000_000, 1_800_000_001], asked)
    fivetran.sync()
    fivetran.sync()
    assert asked == [None, 1_800_000_001]
    assert 'epoch=\\"seconds\\" or epoch=\\"milliseconds\\" says that it is one' in warnings(capsys)[0]


def test_a_mark_ahead_of_the_clock_is_lowered_with_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    """Written by an earlier release, by hand, or by an instance whose clock was fast: never a dead connection."""
    asked: list[Any] = []
    fivetran = dated(datetime, [], asked)
    fivetran.state = {"connector": "dated", "tables": {"changes": {"mark": "2026-01-01T23:00:00Z"}}}
    fivetran.sync()
    assert asked == [START]
    assert "its mark 2026-01-01T23:00:00Z is later than now" in warnings(capsys)[0]
    fivetran.sync()
    assert warnings(capsys) == []


@pytest.mark.parametrize(
    "state", [{"mark": "2099-01-01T00:00:00Z"}, {"since": "2099-01-01T00:00:00Z", "at": {}}]
)
def test_a_mark_of_another_year_says_nothing(state: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """No clock is wrong by so much: the table is read from the start."""
    asked: list[Any] = []
    fivetran = dated(datetime, [], asked)
    fivetran.state = {"connector": "dated", "tables": {"changes": state}}
    fivetran.sync()
    assert asked == [None]
    assert (
        "is 2099-01-01T00:00:00Z, later than tomorrow; the table is read from the start"
        in warnings(capsys)[0]
    )


@pytest.mark.parametrize("value", ["0001-01-01T00:00:00+01:00", "0001-01-01T00:00:00Z"])
def test_the_zero_of_time_means_never_and_is_no_mark(value: str) -> None:
    """As .NET writes it."""
    asked: list[Any] = []
    fivetran = dated(datetime, [value], asked)
    fivetran.sync()
    fivetran.sync()
    assert asked == [None, None]
    assert len(fivetran.tables["changes"]) == 1


def test_a_null_cursor_is_sent_and_warned_about_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Rows that get their first date later are not asked for until then."""
    fivetran = dated(datetime, [None, None, "2025-12-31T00:00:00Z"], [])
    fivetran.sync()
    assert len(fivetran.tables["changes"]) == 3
    (line,) = warnings(capsys)
    assert "Table changes, key id=0: at is null" in line


def test_a_row_named_by_its_own_table_moves_the_mark() -> None:
    """`Row("changes", {...})` is a row of the table like a dict."""
    asked: list[Any] = []
    app = Connector("named")

    @app.table(key="id", cursor="at")
    def changes(_: Any, since: int | None) -> Iterator[Any]:
        asked.append(since)
        answered()
        yield Row("changes", {"id": 1, "at": 5})

    fivetran = Fivetran(app.handler)
    fivetran.sync()
    fivetran.sync()
    assert asked == [None, 5]


# -- what a mark was reached under --------------------------------------------------------------------------


class Settings(Config):
    """A filter, a page size with a default, and a token."""

    token: Secret
    products: list[str]
    size: int = 10


def filtered(asked: list[Any], **declared: Any) -> Fivetran:
    app = Connector("filtered", config=Settings)
    rows = {"a": (1, 10), "b": (2, 5)}

    @app.table(key="id", cursor="at", **declared)
    def changes(settings: Settings, since: int | None) -> Iterator[Any]:
        asked.append(since)
        answered()
        found = (rows[product] for product in settings.products)
        yield from ({"id": number, "at": at} for number, at in found if since is None or at >= since)

    return Fivetran(app.handler, secrets={"token": "one", "products": ["a"]})


def test_a_filter_that_widens_brings_the_old_rows(capsys: pytest.CaptureFixture[str]) -> None:
    """The mark says that everything older was read, of the products there were."""
    asked: list[Any] = []
    fivetran = filtered(asked)
    fivetran.sync()
    fivetran.secrets["products"] = ["a", "b"]
    fivetran.sync()
    assert brought(fivetran) == {1: 10, 2: 5}
    fivetran.sync()
    assert asked == [None, None, 10]
    assert len([line for line in warnings(capsys) if "settings that decide which rows it holds" in line]) == 1


def test_another_token_reads_nothing_again() -> None:
    """Nor does a setting that is written out at its default."""
    asked: list[Any] = []
    fivetran = filtered(asked)
    fivetran.sync()
    fivetran.secrets |= {"token": "two", "size": 10}
    fivetran.sync()
    assert asked == [None, 10]


def test_a_table_may_say_what_its_rows_depend_on() -> None:
    """Then no other setting reads it again."""
    asked: list[Any] = []
    fivetran = filtered(asked, scope=lambda settings: settings.products)
    fivetran.sync()
    fivetran.secrets["size"] = 20
    fivetran.sync()
    fivetran.secrets["products"] = ["b", "a"]
    fivetran.sync()
    assert asked == [None, 10, None]


@pytest.mark.parametrize(
    ("first", "second", "again"),
    [
        ("http://127.0.0.1:40001/api", "http://127.0.0.1:40002/api", False),
        ("http://localhost:1/api", "http://localhost:2/api", False),
        ("http://127.0.0.1:40001/api", "http://127.0.0.1:40001/other", True),
        ("https://acme.example:8443/api", "https://acme.example:9443/api", True),
        ("https://127.0.0.1.example:1", "https://127.0.0.1.example:2", True),
    ],
)
def test_a_practice_sources_port_reads_nothing_again(first: str, second: str, again: bool) -> None:
    """It is another each time it is served; at a real host another port may be another source."""

    class Settings(Config):
        """Where it is."""

        url: str

    one, other = (settings_digest(Settings(url=url)) for url in (first, second))
    assert (one != other) is again


def embedding(products: dict[int, str], between: list[Callable[[], None]]) -> Fivetran:
    """Bugs with the names of their products; `between` happens after the bug of the first product was sent."""
    app = Connector("embedding")

    @app.table(key="id", cursor="at", embeds=lambda _: products)
    def bugs(_: Any, since: int | None, after: int = 0) -> Iterator[Any]:
        answered()
        for number in sorted(products):
            if number > after and (since is None or number >= since):
                yield {"id": number, "at": number, "product": products[number], "text": "x" * 600}
                if between:
                    between.pop()()
                yield At(after=number)

    return Fivetran(app.handler)


def names(fivetran: Fivetran) -> dict[int, str]:
    return {row["id"]: row["product"] for row in fivetran.tables["bugs"].values()}


def test_a_renamed_object_is_renamed_in_the_rows_that_hold_it(capsys: pytest.CaptureFixture[str]) -> None:
    """Though no row has changed by its cursor; with one line in the log."""
    products = {1: "Widgets", 2: "Gadgets"}
    fivetran = embedding(products, [])
    fivetran.sync()
    products[1] = "Doodads"
    fivetran.sync()
    assert names(fivetran) == products
    assert len([line for line in warnings(capsys) if "names that its rows hold have changed" in line]) == 1


def test_names_that_cannot_be_asked_for_keep_no_rows_back(capsys: pytest.CaptureFixture[str]) -> None:
    """They are compared as soon as they can."""
    products = {1: "Widgets"}
    broken: list[int] = []
    app = Connector("embedding")

    def asked(_: Any) -> dict[int, str]:
        if broken:
            raise TransientError("not well")
        return dict(products)

    @app.table(key="id", cursor="at", embeds=asked)
    def bugs(_: Any, since: int | None) -> Iterator[Any]:
        answered()
        for number in range(since or 1, 4):
            yield {"id": number, "at": number, "product": products[1]}

    fivetran = Fivetran(app.handler)
    fivetran.sync()
    products[1] = "Doodads"
    broken.append(1)
    assert fivetran.sync()[-1].status == 200
    assert [row["product"] for row in fivetran.tables["bugs"].values()] == ["Widgets", "Widgets", "Doodads"]
    assert any("were not compared: not well" in line for line in warnings(capsys))
    broken.clear()
    fivetran.sync()
    assert {row["product"] for row in fivetran.tables["bugs"].values()} == {"Doodads"}


def test_a_new_object_reads_nothing_again() -> None:
    """What was read holds nothing of it."""
    products = {1: "Widgets", 2: "Gadgets"}
    fivetran = embedding(products, [])
    fivetran.sync()
    products[3] = "Gizmos"
    (reply,) = fivetran.sync()
    assert [row["id"] for row in reply.body["insert"]["bugs"]] == [2, 3]
    products[3] = "Doodads"
    fivetran.sync()
    assert names(fivetran) == products


@pytest.mark.parametrize("limit", ["1300", "100000"])
def test_an_object_that_is_renamed_during_the_pass_is_renamed_after_the_next_sync(
    limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the pass takes one call or one for each row."""
    monkeypatch.setenv("FIVETRAN_ANSWER_BYTES", limit)
    products = {1: "Widgets", 2: "Gadgets", 3: "Gizmos"}
    fivetran = embedding(products, [lambda: products.update({1: "Doodads"})])
    fivetran.sync()
    fivetran.sync()
    assert names(fivetran) == products


def test_a_position_of_another_address_begins_the_pass_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A link that the old address gave would lead to another host, in every sync."""
    monkeypatch.setenv("FIVETRAN_ANSWER_BYTES", "1000")

    class Address(Config):
        """Where the source is."""

        url: str

    app = Connector("moving", config=Address)
    broken = [True]

    @app.table(key="id")
    def pages(settings: Address, link: str | None = None) -> Iterator[Any]:
        if link and not link.startswith(settings.url):
            raise DefectError("leads to another host")
        for number in range(int(link.rsplit("/")[-1]) if link else 0, 6):
            if broken and number > 3:
                raise TransientError("not well")
            yield {"id": number, "text": "x" * 300}
            yield At(link=f"{settings.url}/{number + 1}")

    fivetran = Fivetran(app.handler, secrets={"url": "https://old"})
    fivetran.sync()
    broken.clear()
    fivetran.secrets["url"] = "https://new"
    assert fivetran.sync()[-1].status == 200
    assert len(fivetran.tables["pages"]) == 6


@pytest.mark.parametrize("change", [{"key": ["id", "at"]}, {"cursor": "made"}, {"epoch": "seconds"}])
def test_a_release_that_declares_another_key_or_cursor_reads_the_table_once_from_the_start(
    change: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """With one line in the log; a mark of another column says nothing."""
    asked: list[Any] = []

    def release(**declared: Any) -> Fivetran:
        app = Connector("releases")

        @app.table(**{"key": "id", "cursor": "at", **declared})
        def changes(_: Any, since: int | None) -> Iterator[Any]:
            asked.append(since)
            answered()
            yield {"id": 1, "at": 5, "made": 3}

        return Fivetran(app.handler)

    fivetran = release()
    fivetran.sync()
    later = release(**change)
    later.state = fivetran.state
    later.sync()
    later.sync()
    assert asked[:2] == [None, None]
    assert asked[2] is not None
    (line,) = [line for line in warnings(capsys) if "read from the start" in line]
    assert "Table changes: its key and cursor were id by at, an integer, and are" in line
