"""Deletes found by a listing of keys beside a table with a cursor, and passes that begin again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fivetran import Fivetran
from hypothesis import given, settings
from hypothesis import strategies as st

from fivetran_runtime import At, Config, ConfigurationError, Connector


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


def test_a_row_that_is_gone_is_deleted_although_the_cursor_never_tells() -> None:
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
    """Random additions, edits and removals; whatever was sent and is gone is deleted, and nothing else."""
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
    monkeypatch.setenv("FIVETRAN_ANSWER_BYTES", "1000")
    positions: list[Any] = []
    fivetran = expiring([status], positions)
    fivetran.sync()
    assert positions[:3] == [0, 2, 0]
    assert {row["id"] for row in fivetran.tables["pages"].values()} == {0, 1, 2, 3}
    assert "no longer knows where the last call stopped; the pass begins again" in capsys.readouterr().out


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_do_not_begin_a_pass_again(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking again would not help; a person is told."""
    monkeypatch.setenv("FIVETRAN_ANSWER_BYTES", "1000")
    positions: list[Any] = []
    replies = expiring([status], positions).sync()
    assert replies[-1].status == 500
    assert positions == [0, 2]


def test_a_position_that_is_refused_every_time_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pass that has begun again three times fails with what the source said."""
    monkeypatch.setenv("FIVETRAN_ANSWER_BYTES", "1000")
    positions: list[Any] = []
    replies = expiring([400] * 9, positions).sync()
    assert positions == [0, 2, 0, 2, 0, 2, 0, 2]
    assert "HTTP 400: token expired" in replies[-1].body["errorMessage"]
