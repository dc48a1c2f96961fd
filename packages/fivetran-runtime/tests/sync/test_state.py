"""The state: what is accepted, what it says, and what happens to a foreign one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from fivetran import Fivetran, answered, call, warnings

from fivetran_runtime import At, Connector

asked: list[Any] = []


def connection(state: dict[str, Any]) -> Fivetran:
    app = Connector("acme", replaces_state=["since_id", "offset"])

    @app.table(key="id", cursor="at", floor=datetime(2020, 1, 1, tzinfo=UTC))
    def changes(_: Any, since: datetime | None, day: date | None = None, page: int = 1) -> Iterator[Any]:
        asked.append((since, day, page))
        answered()
        yield {"id": 1, "at": "2026-01-02T00:00:00+02:00"}
        yield At(day=date(2026, 1, 31), page=page + 1)
        yield {"id": 2, "at": "2026-01-01T00:00:00Z"}

    asked.clear()
    return Fivetran(app.handler, state=state)


def acme(**changes: Any) -> dict[str, Any]:
    return {"version": 1, "connector": "acme", "tables": {"changes": changes}}


def mark(fivetran: Fivetran) -> Any:
    return fivetran.state["tables"]["changes"]["mark"]


@pytest.mark.parametrize("state", [{}, None])
def test_an_empty_state_starts_at_the_floor(state: Any) -> None:
    """Fivetran sends {} on the first sync; null is survived."""
    fivetran = connection(state)
    fivetran.sync()
    assert asked == [(datetime(2020, 1, 1, tzinfo=UTC), None, 1)]
    assert mark(fivetran) == "2026-01-01T22:00:00Z"


def test_an_open_pass_resumes_under_its_frozen_since_with_typed_arguments() -> None:
    """The position comes back as the annotations say; a day is a date again."""
    at = {"day": "2026-01-31", "page": 7}
    connection(acme(mark="2025-01-01T00:00:00Z", since="2024-06-01T00:00:00Z", at=at)).sync()
    assert asked == [(datetime(2024, 6, 1, tzinfo=UTC), date(2026, 1, 31), 7)]


def test_a_mark_patched_by_hand_is_where_the_next_pass_starts() -> None:
    """Any offset will do in a patch; it is an instant."""
    connection(acme(mark="2025-06-01T02:00:00+02:00")).sync()
    assert asked[0][0] == datetime(2025, 6, 1, tzinfo=UTC)


def test_the_mark_never_moves_back() -> None:
    """A source that only brings older rows leaves the mark where it is."""
    fivetran = connection(acme(mark="2026-10-01T00:00:00Z"))
    fivetran.sync()
    assert mark(fivetran) == "2026-10-01T00:00:00Z"


def test_a_position_of_another_release_restarts_the_pass_under_the_same_since() -> None:
    """A renamed parameter re-reads the open pass; nothing is skipped."""
    connection(acme(mark="2025-01-01T00:00:00Z", since="2024-06-01T00:00:00Z", at={"offset": 300})).sync()
    assert asked == [(datetime(2024, 6, 1, tzinfo=UTC), None, 1)]


def test_a_predecessors_state_is_a_full_pass_with_one_line_in_the_log(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The keys that a hand-written release left are recognised."""
    fivetran = connection({"since_id": "2026-11-22T06-26-13Z", "offset": 197})
    fivetran.sync()
    assert asked[0][0] == datetime(2020, 1, 1, tzinfo=UTC)
    (line,) = warnings(capsys)
    assert "predecessor (offset, since_id); every table is read from the start" in line


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"cursor": 3}, "The state names no connector; its keys are cursor."),
        ({"since_id": "x", "cursor": 3}, "its keys are cursor, since_id."),
        ({"version": 1, "connector": "other", "tables": {}}, "The state belongs to the connector 'other'"),
    ],
)
def test_a_state_of_another_connector_is_an_error_that_says_so(state: dict[str, Any], message: str) -> None:
    """Never a silent empty success; and what to do is said."""
    fivetran = connection(state)
    (reply,) = fivetran.sync()
    assert reply.status == 500
    assert message in reply.body["errorMessage"]
    assert "state" not in reply.body
    assert not asked


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"version": 1, "connector": "acme", "tables": []}, "The state's tables cannot be read"),
        (acme(mark="2025-01-01T00:00:00Z") | {"version": 2}, "The state has version 2"),
        ({"connector": "acme", "tables": {"changes": 3}}, "The state of table changes cannot be read"),
        (acme(mark=["2026"]), "The state of table changes cannot be read"),
        (acme(mark="yesterday"), "a cursor in its state is not an instant like 2026-01-31T12:00:00Z"),
        (acme(mark="2026-01-01T00:00:00"), "a cursor in its state has no offset"),
        (acme(mark="2025-01-01T00:00:00Z", since="x", at={"page": 3}), "a cursor in its state is not"),
    ],
)
def test_what_cannot_be_read_costs_a_pass_from_the_start(
    state: dict[str, Any], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever a person or another release has written: a line in the log, and no connection that stays dead."""
    fivetran = connection(state)
    assert fivetran.sync()[-1].status == 200
    assert asked == [(datetime(2020, 1, 1, tzinfo=UTC), None, 1)]
    (line,) = warnings(capsys)
    assert message in line
    assert "read from the start" in line


def test_what_another_release_has_written_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    """A rollback and the way back lose nothing: members that are not known travel on."""
    state = acme(mark="2025-01-01T00:00:00Z", later={"a": [1]}) | {
        "kept": {"token": "abc"},
        "sync": {"id": "sync-1", "later": 1, "done": 3},
    }
    fivetran = connection(state)
    fivetran.sync()
    assert asked[0][0] == datetime(2025, 1, 1, tzinfo=UTC)
    assert fivetran.state["kept"] == {"token": "abc"}
    assert fivetran.state["tables"]["changes"].items() >= {"later": {"a": [1]}}.items()
    (line,) = warnings(capsys)
    assert "The state of table changes has members that this release does not know: later" in line


def test_the_count_of_restarts_that_earlier_releases_kept_is_dropped() -> None:
    """It kept a table from ever beginning again."""
    fivetran = connection(acme(mark="2025-01-01T00:00:00Z", restarts=3))
    fivetran.sync()
    assert "restarts" not in fivetran.state["tables"]["changes"]


@pytest.mark.parametrize("state", ["text", 3, [], True])
def test_a_state_that_is_no_object_is_refused(state: Any) -> None:
    """The message says what it is."""
    reply = call(connection({}).main, {"state": state, "secrets": {}})
    assert reply.status == 500
    assert reply.body["errorMessage"].startswith("The state is a JSON ")


def test_a_position_that_does_not_move_is_an_error() -> None:
    """The same state again with hasMore would go on for ever."""
    app = Connector("stuck")

    @app.table(key="id")
    def pages(_: Any, page: int = 1) -> Iterator[Any]:
        while True:
            yield {"id": page, "text": "x" * 900}
            yield At(page=1)

    fivetran = Fivetran(app.handler)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIVETRAN_ANSWER_BYTES", "2000")
        first, second = fivetran.sync()
    assert (first.status, second.status) == (200, 500)
    assert "does not move" in second.body["errorMessage"]
