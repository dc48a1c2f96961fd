"""Deletes found by a listing of keys beside a table with a cursor, and passes that begin again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from fivetran import Fivetran, answered
from hypothesis import given, settings
from hypothesis import strategies as st

from fivetran_runtime import At, Config, ConfigurationError, Connector, TransientError


class Options(Config):
    """Whether deletes are looked for."""

    reconcile: bool = True


def tracker(bugs: dict[int, int], reconcile: bool = True, listed: list[int] | None = None) -> Fivetran:
    """A connection to a tracker of bugs, id to time of change, that lists two ids a page."""
    app = Connector("tracker", config=Options)

    def ids(_: Any, offset: int = 0) -> Iterator[Any]:
        while page := sorted(bugs)[offset : offset + 2]:
            if listed is not None:
                listed.extend(page)
            yield from ({"id": each} for each in page)
            offset += 2
            yield At(offset=offset)

    @app.table(
        key="id",
        cursor="changed",
        on_missing=lambda options: "delete" if options.reconcile else "keep",
        listing=ids,
    )
    def changes(_: Any, since: int | None) -> Iterator[Any]:
        yield from ({"id": each, "changed": at} for each, at in bugs.items() if since is None or at >= since)

    return Fivetran(app.handler, secrets={"reconcile": reconcile})


def present(fivetran: Fivetran) -> dict[int, int]:
    return {row["id"]: row["changed"] for row in fivetran.tables.get("changes", {}).values()}


def test_a_row_that_disappeared_is_deleted_although_the_cursor_never_tells() -> None:
    """Two listings without it; rows of the listing are not sent."""
    bugs = {1: 10, 2: 20, 3: 30}
    fivetran = tracker(bugs)
    fivetran.sync()
    del bugs[1]
    fivetran.sync()
    assert set(present(fivetran)) == {1, 2, 3}
    (reply,) = fivetran.sync()
    assert reply.body["delete"] == {"changes": [{"id": 1}]}
    assert reply.body["insert"] == {"changes": [{"id": 3, "changed": 30}]}


def test_a_row_that_came_and_went_between_two_listings_is_deleted_too() -> None:
    """The table tells the listing what it has sent."""
    bugs = {1: 10}
    fivetran = tracker(bugs)
    fivetran.state = {
        "version": 1,
        "connector": "tracker",
        "sync": {"id": "sync-1", "done": ["changes.keys"]},
    }
    bugs[2] = 20
    fivetran.sync()
    assert set(present(fivetran)) == {1, 2}
    del bugs[2]
    for _ in range(2):
        fivetran.sync()
    assert set(present(fivetran)) == {1}


def test_nothing_is_listed_or_deleted_unless_the_secrets_say_so() -> None:
    """The choice is the configuration's."""
    bugs = {1: 10, 2: 20}
    listed: list[int] = []
    fivetran = tracker(bugs, reconcile=False, listed=listed)
    fivetran.sync()
    del bugs[1]
    for _ in range(3):
        fivetran.sync()
    assert (set(present(fivetran)), listed) == ({1, 2}, [])


def test_a_listing_is_read_once_in_a_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many calls the table itself takes."""
    monkeypatch.setenv("FIVETRAN_ANSWER_BYTES", "1000")
    bugs = {number: number for number in range(1, 12)}
    listed: list[int] = []
    fivetran = tracker(bugs, listed=listed)
    fivetran.sync()
    assert listed == sorted(bugs)


@given(
    changes=st.lists(st.tuples(st.sampled_from("+-~"), st.integers(1, 8)), max_size=20),
    syncs=st.lists(st.booleans(), min_size=20, max_size=20),
)
@settings(deadline=None, max_examples=150)
def test_after_three_quiet_syncs_the_destination_equals_the_source(
    changes: list[tuple[str, int]], syncs: list[bool]
) -> None:
    """Random additions, edits and removals; whatever was sent and has disappeared is deleted, and nothing else."""
    bugs: dict[int, int] = {1: 1, 2: 2}
    fivetran = tracker(bugs)
    for time, ((sign, number), sync) in enumerate(zip(changes, syncs, strict=False), start=10):
        if sign == "-":
            bugs.pop(number, None)
        elif (sign == "+") is (number not in bugs):
            bugs[number] = time
        if sync:
            fivetran.sync()
    for _ in range(3):
        fivetran.sync()
    assert present(fivetran) == bugs


# -- the way back -------------------------------------------------------------------------------------------


class Tracked:
    """A tracker whose rows may be hidden from the listing and from the table: id to time of change."""

    def __init__(self, bugs: dict[int, int], *, fetch: bool, breaks: int = 0) -> None:
        self.bugs = dict(bugs)
        self.hidden: set[int] = set()
        self.unreadable: set[int] = set()
        self.fetched: list[list[int]] = []
        self.asked: list[int | None] = []
        self.breaks = breaks
        self.fivetran = Fivetran(self._app(fetch=fetch).handler)

    def _app(self, *, fetch: bool) -> Connector:
        app = Connector("tracked")

        def listing(_: Any) -> Iterator[Any]:
            yield from ({"id": each} for each in self.bugs if each not in self.hidden)

        def some(_: Any, keys: list[int]) -> Iterator[Any]:
            self.fetched.append(keys)
            if self.breaks and len(self.fetched) % self.breaks == 0:
                raise TransientError("HTTP 503")
            yield from self.rows(keys)

        @app.table(key="id", cursor="at", on_missing="delete", listing=listing, fetch=some if fetch else None)
        def bugs(_: Any, since: int | None) -> Iterator[Any]:
            self.asked.append(since)
            answered()
            yield from (row for row in self.rows(self.bugs) if since is None or row["at"] >= since)

        return app

    def rows(self, keys: Iterable[int]) -> Iterator[dict[str, int]]:
        shown = self.bugs.keys() & set(keys) - self.hidden - self.unreadable
        yield from ({"id": each, "at": self.bugs[each]} for each in sorted(shown))

    def sync(self, times: int = 1) -> dict[int, int]:
        for _ in range(times):
            self.fivetran.sync()
        return {row["id"]: row["at"] for row in self.fivetran.tables.get("bugs", {}).values()}


FETCH = pytest.mark.parametrize("fetch", [True, False], ids=["fetch", "from the floor"])


@FETCH
def test_a_row_that_was_deleted_by_inference_comes_back_with_its_old_date(fetch: bool) -> None:
    """Hidden from two listings, then there again: below the mark, and fetched all the same."""
    source = Tracked({1: 1, 2: 2, 3: 30}, fetch=fetch)
    source.sync(3)
    source.hidden = {1}
    assert set(source.sync(2)) == {2, 3}
    source.hidden = set()
    assert source.sync(2) == source.bugs


@FETCH
def test_a_row_that_changed_while_one_listing_did_not_show_it_arrives(fetch: bool) -> None:
    """It was not deleted, and yet it is older at the destination than at the source."""
    source = Tracked({1: 1, 3: 30}, fetch=fetch)
    source.sync(3)
    source.hidden, source.bugs[1] = {1}, 31
    source.bugs[3] = 40
    source.sync(1)
    source.hidden = set()
    assert source.sync(2) == {1: 31, 3: 40}


@FETCH
def test_a_row_imported_with_an_old_date_arrives(fetch: bool) -> None:
    """It was never listed before."""
    source = Tracked({3: 30}, fetch=fetch)
    source.sync(3)
    source.bugs[1] = 1
    assert source.sync(2) == source.bugs


@FETCH
def test_a_key_that_nothing_brings_is_remembered_and_asked_for_ever_more_seldom(fetch: bool) -> None:
    """The listing shows it and the source does not give it: asked for ever more seldom, until it has left the listing."""
    source = Tracked({1: 1, 3: 30}, fetch=fetch)
    source.unreadable = {1}
    source.sync(40)
    assert 3 <= (len(source.fetched) if fetch else source.asked.count(None)) <= 6
    source.hidden = {1}
    source.sync()
    source.hidden, source.unreadable = set(), set()
    assert source.sync(2) == source.bugs


def test_keys_are_fetched_some_at_a_time_and_a_failure_repeats_none() -> None:
    """Ten first, then a hundred in a call of the function; what came is kept."""
    source = Tracked({0: 3_000}, fetch=True, breaks=3)
    source.sync(3)
    source.bugs |= {number: number for number in range(1, 351)}
    source.sync(4)
    assert source.sync() == source.bugs
    answered_ones = [keys for place, keys in enumerate(source.fetched, 1) if place % 3]
    assert sorted(key for keys in answered_ones for key in keys) == [*range(1, 351)]
    assert max(map(len, source.fetched)) == 100


def test_very_many_keys_are_not_fetched_one_by_one() -> None:
    """A pass from the floor costs less."""
    source = Tracked({0: 3_000}, fetch=True)
    source.sync(3)
    source.bugs |= {number: number for number in range(1, 1_200)}
    assert source.sync(2) == source.bugs
    assert source.fetched == []


def test_a_quiet_sync_fetches_nothing_and_reads_nothing_again() -> None:
    """Nor does the sync after the first."""
    source = Tracked({1: 1, 2: 2, 3: 30}, fetch=True)
    source.sync(4)
    assert (source.fetched, source.asked) == ([], [None, 30, 30, 30])


# -- positions that the source no longer knows --------------------------------------------------------------


def expiring(refusals: list[int], positions: list[Any]) -> Fivetran:
    """A connection whose source refuses positions with the given statuses, one after the other."""
    app = Connector("expiring")

    @app.table(key="id")
    def pages(_: Any, token: int = 0) -> Iterator[Any]:
        positions.append(token)
        for number in range(token, 4):
            if number == token and token and refusals:
                raise ConfigurationError("GET /pages: HTTP 400: token expired", status=refusals.pop())
            yield {"id": number, "text": "x" * 300}
            yield At(token=number + 1)

    return Fivetran(app.handler)


@pytest.mark.parametrize("status", [400, 404, 410, 422])
def test_a_position_the_source_no_longer_knows_begins_the_pass_again(
    status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An expired token costs a second reading and a line in the log, not a broken connection."""
    monkeypatch.setenv("FIVETRAN_ANSWER_BYTES", "1200")
    positions: list[Any] = []
    fivetran = expiring([status], positions)
    fivetran.sync()
    assert positions[:3] == [0, 2, 0]
    assert {row["id"] for row in fivetran.tables["pages"].values()} == {0, 1, 2, 3}
    assert "no longer knows where the last call stopped; the pass begins again" in capsys.readouterr().out


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_do_not_begin_a_pass_again(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking again would not help; a person has to know."""
    monkeypatch.setenv("FIVETRAN_ANSWER_BYTES", "1200")
    positions: list[Any] = []
    replies = expiring([status], positions).sync()
    assert replies[-1].status == 500
    assert positions == [0, 2]


@pytest.mark.parametrize("has_id", [True, False])
def test_a_position_that_is_refused_every_time_ends_the_sync_and_not_the_connection(
    monkeypatch: pytest.MonkeyPatch, has_id: bool
) -> None:
    """However often that has happened: the next sync begins the pass again."""
    monkeypatch.setenv("FIVETRAN_ANSWER_BYTES", "1200")
    positions: list[Any] = []
    refusals = [400] * 20
    fivetran = expiring(refusals, positions)
    fivetran.sends_id = has_id
    while refusals:
        replies = fivetran.sync()
        assert len(replies) <= 6
        if has_id and replies[-1].status != 200:
            assert "HTTP 400: token expired" in replies[-1].body["errorMessage"]
    fivetran.sync()
    fivetran.sync()
    assert {row["id"] for row in fivetran.tables["pages"].values()} == {0, 1, 2, 3}
    assert positions.count(0) > 10
