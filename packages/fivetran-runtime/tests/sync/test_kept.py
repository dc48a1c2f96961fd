"""What a table keeps from pass to pass: a token that tells of changes and deletes, and which nobody else gets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from fivetran import CountedSource, Fivetran, answered
from hypothesis import given, settings
from hypothesis import strategies as st

from fivetran_runtime import (
    At,
    Config,
    ConfigurationError,
    Connector,
    Delete,
    ExpiredError,
    Keep,
)


class Calendar(CountedSource):
    """Events in pages; a listing gives a token, and answers it with what changed since: deletes are shown to nobody else.

    Args:
        early: whether the token is asked for before the listing, or comes with its last page.
        says: how it refuses a token: a status, or "200" for a refusal that only the author can see.
    """

    def __init__(self, count: int = 7, *, early: bool = False, says: str = "410", size: int = 2) -> None:
        super().__init__()
        self.events = dict.fromkeys(range(count), 0)
        self.changes: list[tuple[int, int | None]] = []
        self.oldest = 0
        self.early, self.says, self.size = early, says, size
        self.asked: list[int | None] = []

    def change(self, number: int, value: int | None) -> None:
        self.changes.append((number, value))
        if value is None:
            self.events.pop(number, None)
        else:
            self.events[number] = value

    def expire(self) -> None:
        self.oldest = len(self.changes) + 1
        self.changes.append((-1, None))  # so that tokens given now are younger

    def listing(self, page: int, began: int) -> Iterator[Any]:
        """All events in pages, from where a page's token says, which also says when the listing was begun."""
        while True:
            self.answer()
            numbers = sorted(number for number in self.events if number >= page)[: self.size]
            yield from (row(number, self.events[number]) for number in numbers)
            if not numbers:
                break
            page = numbers[-1] + 1
            yield At(page=page, began=began)
        if not self.early:
            yield Keep(token=began)

    def reported(self, token: int, page: int) -> Iterator[Any]:
        """What changed since a token, in pages."""
        reports = self.since(token)
        for place in range(page, len(reports), self.size):
            for number, value in reports[place : place + self.size]:
                yield Delete(id=number) if value is None else row(number, value)
            yield At(page=place + self.size)
        if not self.early:
            yield Keep(token=token + len(reports))

    def since(self, token: int) -> list[tuple[int, int | None]]:
        self.answer()
        if token < self.oldest:
            if self.says == "200":
                raise ExpiredError("the token has expired")
            raise ConfigurationError(f"GET /events: HTTP {self.says}", status=int(self.says))
        return self.changes[token:]


def row(number: int, value: int) -> dict[str, Any]:
    return {"id": number, "value": value, "text": "x" * 150}


def connection(calendar: Calendar, *, deletes: bool = True) -> Fivetran:
    app = Connector("calendar")
    options: dict[str, Any] = {"on_missing": "delete", "max_missing": 1} if deletes else {}

    @app.table(key="id", keeps="token", **options)
    def events(_: Any, page: int = 0, began: int | None = None, token: int | None = None) -> Iterator[Any]:
        calendar.asked.append(token)
        if calendar.early:
            yield Keep(token=len(calendar.changes))
        if token is not None:
            yield from calendar.reported(token, page)
        else:
            yield from calendar.listing(page, len(calendar.changes) if began is None else began)

    return Fivetran(app.handler)


def present(fivetran: Fivetran) -> dict[int, int]:
    return {row["id"]: row["value"] for row in fivetran.tables.get("events", {}).values()}


def kept(fivetran: Fivetran) -> Any:
    return fivetran.state["tables"]["events"].get("kept")


EARLY = pytest.mark.parametrize("early", [True, False], ids=["asked before", "with the last page"])


@EARLY
def test_only_the_first_pass_lists_and_deletes_are_heard_of(early: bool) -> None:
    """Only the token shows a cancellation."""
    calendar = Calendar(early=early)
    fivetran = connection(calendar, deletes=False)
    fivetran.sync()
    calendar.change(1, None)
    calendar.change(2, 5)
    (reply,) = fivetran.sync()
    assert reply.body["delete"] == {"events": [{"id": 1}]}
    assert present(fivetran) == calendar.events
    assert calendar.asked == [None, 0]
    assert kept(fivetran) == {"token": 2}


@EARLY
def test_a_pass_that_is_cut_goes_on_with_the_token_it_was_begun_with(
    early: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it keeps counts with its last rows: until then the value is beside the position."""
    monkeypatch.setenv("FIVETRAN_ANSWER_BYTES", "1800")
    calendar = Calendar(12, early=early)
    fivetran = connection(calendar)
    fivetran.sync()
    for number in range(8):
        calendar.change(number, 9)
    calendar.asked.clear()
    fivetran.syncs += 1
    assert fivetran.call().body["hasMore"]
    assert kept(fivetran) == {"token": 0}
    while fivetran.call().body["hasMore"]:
        assert kept(fivetran) == {"token": 0}
    assert set(calendar.asked) == {0}
    assert len(calendar.asked) >= 2
    assert (kept(fivetran), present(fivetran)) == ({"token": 8}, calendar.events)


@EARLY
def test_a_row_that_changes_behind_a_cut_arrives(early: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pass that goes on asks for a token again, which is younger than the pages read so far."""
    monkeypatch.setenv("FIVETRAN_ANSWER_BYTES", "1800")
    calendar = Calendar(12, early=early)
    fivetran = connection(calendar)
    fivetran.call()
    calendar.change(0, 5)
    calendar.change(1, None)
    while fivetran.call().body["hasMore"]:
        pass
    fivetran.sync()
    assert present(fivetran) == calendar.events


@given(data=st.data())
@settings(deadline=None, max_examples=200)
def test_the_destination_equals_the_source_whatever_happens(data: st.DataObject) -> None:
    """Cuts, lost answers, failures, tokens that expire: nothing that only a token shows is lost."""
    calendar = Calendar(
        data.draw(st.integers(0, 9)),
        early=data.draw(st.booleans()),
        says=data.draw(st.sampled_from(["200", "400", "404", "410", "422"])),
        size=data.draw(st.integers(1, 4)),
    )
    fivetran = connection(calendar)
    fivetran.losing = data.draw(st.sets(st.integers(0, 40), max_size=12))
    fivetran.sends_id = data.draw(st.booleans())
    with mock.patch.dict("os.environ", {"FIVETRAN_ANSWER_BYTES": str(data.draw(st.integers(2_200, 6_000)))}):
        for value in range(1, data.draw(st.integers(1, 6))):
            calendar.failing = {
                calendar.requests + n for n in data.draw(st.sets(st.integers(1, 12), max_size=3))
            }
            fivetran.sync()
            for number in data.draw(st.lists(st.integers(0, 12), max_size=4)):
                calendar.change(number, data.draw(st.sampled_from([None, value])))
            if data.draw(st.integers(0, 3)) == 0:
                calendar.expire()
        calendar.failing = set()
        for _ in range(3):
            fivetran.sync()
        assert fivetran.sync()[-1].status == 200
    assert present(fivetran) == calendar.events
    assert calendar.asked[-1] is not None


@pytest.mark.parametrize("says", ["200", "410"])
def test_an_expired_token_costs_a_listing_and_what_two_do_not_find_is_deleted(
    says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second listing follows in the next sync; what is deleted between the two, the first one's token shows."""
    calendar = Calendar(says=says)
    fivetran = connection(calendar)
    fivetran.sync()
    calendar.change(1, None)
    calendar.expire()
    fivetran.sync()
    assert 1 in present(fivetran)
    assert "What two listings do not find is deleted" in capsys.readouterr().out
    calendar.change(2, None)
    fivetran.sync()
    assert {1, 2} - {*present(fivetran)} == {1}
    fivetran.sync()
    assert present(fivetran) == calendar.events
    fivetran.sync()
    assert calendar.asked == [None, 0, None, None, 2, 3]


@pytest.mark.parametrize("why", ["the page's token expires", "the settings change", "the author says so"])
def test_what_is_deleted_before_a_listing_begins_again_is_found(
    monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    """Nobody tells of it later: the first part of the listing has sent it, and the token is younger than its end."""
    monkeypatch.setenv("FIVETRAN_ANSWER_BYTES", "2200")
    events, refusals = [1, 2, 3, 4], [1]

    class Settings(Config):
        team: str

    app = Connector("calendar", config=Settings)

    @app.table(key="id", keeps="token", on_missing="delete")
    def table(_: Any, page: int | None = None, token: int | None = None) -> Iterator[Any]:
        answered()
        if token is not None:
            return
        if page is not None and why != "the settings change" and refusals and refusals.pop():
            raise ExpiredError("gone") if why == "the author says so" else ConfigurationError("", status=410)
        for place in range(page or 0, len(events), 3):
            yield from ({"id": event, "text": "x" * 300} for event in events[place : place + 3])
            yield At(page=place + 3)
        yield Keep(token=1)

    fivetran = Fivetran(app.handler, {"team": "a"})
    fivetran.call()
    assert fivetran.state["tables"]["table"]["at"]
    events.remove(1)
    if why == "the settings change":
        fivetran.secrets["team"] = "b"
    for _ in range(3):
        fivetran.sync()
    assert {row["id"] for row in fivetran.tables["table"].values()} == {2, 3, 4}


def test_without_on_missing_a_warning_says_what_stays(capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody tells of what was deleted while the token expired."""
    calendar = Calendar()
    fivetran = connection(calendar, deletes=False)
    fivetran.sync()
    calendar.change(1, None)
    calendar.expire()
    fivetran.sync()
    assert set(present(fivetran)) == {*calendar.events, 1}
    said = capsys.readouterr().out
    assert 'stay at the destination; on_missing=\\"delete\\" would find them' in said
    assert "HTTP 410" in said


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_are_no_expired_token(status: int) -> None:
    """A person has to know, and the token stays."""
    calendar = Calendar(says=str(status))
    fivetran = connection(calendar)
    fivetran.sync()
    calendar.expire()
    assert fivetran.sync()[-1].status == 500
    assert kept(fivetran) == {"token": 0}
    assert calendar.asked == [None, 0, 0][: len(calendar.asked)]


def test_a_pass_of_changes_is_no_listing() -> None:
    """However often it does not show a row that has not changed."""
    calendar = Calendar()
    fivetran = connection(calendar)
    for value in range(4):
        fivetran.sync()
        calendar.change(0, value)
    assert set(present(fivetran)) == {*range(7)}
    assert calendar.asked == [None, 0, 1, 2]


class Filtered(Config):
    """What decides which events there are."""

    room: str = "a"


def filtered(asked: list[Any]) -> Fivetran:
    app = Connector("filtered", config=Filtered)

    @app.table(key="id", keeps="token")
    def events(config: Filtered, token: str | None = None) -> Iterator[Any]:
        asked.append((config.room, token))
        yield {"id": 1}
        yield Keep(token=f"of {config.room}")

    return Fivetran(app.handler)


def test_a_token_counts_under_the_settings_that_it_was_given_under() -> None:
    """Another room is another query: its rows are listed whole."""
    asked: list[Any] = []
    fivetran = filtered(asked)
    fivetran.sync()
    fivetran.secrets = {"room": "b"}
    fivetran.sync()
    fivetran.sync()
    assert asked == [("a", None), ("b", None), ("b", "of b")]


def test_a_token_of_a_listing_under_other_settings_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is asked for before the list, the open pass holds it while the settings change."""
    monkeypatch.setenv("FIVETRAN_ANSWER_BYTES", "2000")
    app = Connector("filtered", config=Filtered)

    @app.table(key="id", keeps="token")
    def events(config: Filtered, page: int = 0, token: str | None = None) -> Iterator[Any]:
        yield Keep(token=f"of {config.room}")
        if token is None:
            for place in range(page, 12):
                yield {"id": place, "text": "x" * 300}
                yield At(page=place + 1)

    fivetran = Fivetran(app.handler)
    assert fivetran.call().body["hasMore"]
    fivetran.secrets = {"room": "b"}
    fivetran.sync()
    assert kept(fivetran) == {"token": "of b"}


def test_a_pass_that_keeps_nothing_leaves_what_was_kept_and_none_forgets_it() -> None:
    """A listing whose token has expired does not go back to it."""
    values: list[Any] = [{"token": 1}, {}, {"token": None}, {"token": 2}]
    asked: list[Any] = []
    app = Connector("kept")

    @app.table(key="id", keeps="token")
    def events(_: Any, token: int | None = None) -> Iterator[Any]:
        asked.append(token)
        yield {"id": 1}
        yield Keep(**values[len(asked) - 1])

    fivetran = Fivetran(app.handler)
    for _ in values:
        fivetran.sync()
    assert asked == [None, 1, 1, None]


def test_whole_in_the_state_lists_everything_once() -> None:
    """The patch of docs/state.md."""
    calendar = Calendar()
    fivetran = connection(calendar)
    fivetran.sync()
    fivetran.state["tables"]["events"]["whole"] = True
    fivetran.sync()
    fivetran.sync()
    assert calendar.asked == [None, None, 0]


def test_a_token_of_another_type_lists_everything_once(capsys: pytest.CaptureFixture[str]) -> None:
    """What another release has kept cannot be passed in."""
    calendar = Calendar()
    fivetran = connection(calendar)
    fivetran.sync()
    fivetran.state["tables"]["events"]["kept"] = {"token": "abc"}
    fivetran.sync()
    fivetran.sync()
    assert calendar.asked == [None, None, 0]
    assert "everything is listed again" in capsys.readouterr().out


def test_a_release_that_knows_nothing_of_it_lists_and_the_next_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The open pass of changes is no listing to it: it begins its own."""
    monkeypatch.setenv("FIVETRAN_ANSWER_BYTES", "1800")
    calendar = Calendar(12)
    fivetran = connection(calendar)
    fivetran.sync()
    for number in range(8):
        calendar.change(number, 9)
    calendar.change(11, None)
    fivetran.call()
    app = Connector("calendar")

    @app.table(key="id", on_missing="delete")
    def events(_: Any, page: int = 0) -> Iterator[Any]:
        assert page == 0
        yield from ({"id": number, "value": value} for number, value in calendar.events.items())

    now, fivetran.main = fivetran.main, app.handler
    assert fivetran.state["tables"]["events"]["at"]["token"] == 0
    fivetran.sync()
    fivetran.main = now
    fivetran.sync()  # the other release's listing did not find a row: a second one decides
    fivetran.sync()
    assert present(fivetran) == calendar.events
    assert kept(fivetran) == {"token": 9}


def test_a_listing_that_a_release_without_tokens_has_begun_is_begun_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A token of now is younger than what that release has read, and tells nothing of what has changed since."""
    monkeypatch.setenv("FIVETRAN_ANSWER_BYTES", "1800")
    calendar = Calendar(12)
    app = Connector("calendar")

    @app.table(key="id", on_missing="delete")
    def events(_: Any, page: int = 0) -> Iterator[Any]:
        for number in range(page, 12):
            yield row(number, calendar.events[number])
            yield At(page=number + 1)

    fivetran = Fivetran(app.handler)
    fivetran.call()
    assert fivetran.state["tables"]["events"]["at"]
    calendar.change(0, 5)
    fivetran.main = connection(calendar).main
    for _ in range(2):
        fivetran.sync()
    assert present(fivetran) == calendar.events


def test_a_token_that_came_with_a_second_part_of_its_rows_does_not_count(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A row that was sent with the first part may have changed before the second was asked for."""
    monkeypatch.setenv("FIVETRAN_ANSWER_BYTES", "2000")
    rows, asked = dict.fromkeys(range(10), 0), []
    app = Connector("large")

    @app.table(key="id", keeps="token")
    def events(_: Any, token: int | None = None) -> Iterator[Any]:
        asked.append(token)
        yield from ({"id": number, "value": value, "text": "x" * 300} for number, value in rows.items())
        yield Keep(token=len(asked))

    fivetran = Fivetran(app.handler)
    fivetran.sync()
    assert len(asked) > 1
    assert kept(fivetran) is None
    assert "does not count" in capsys.readouterr().out


def test_an_expired_error_that_nothing_explains_is_the_failure() -> None:
    """A pass that was begun with nothing has nothing to begin without."""
    app = Connector("expired")

    @app.table(key="id", keeps="token")
    def events(_: Any, token: int | None = None) -> Iterator[Any]:
        if token is None:
            raise ExpiredError("it has expired")
        yield {}

    replies = Fivetran(app.handler).sync()
    assert replies[-1].body["errorMessage"] == "Table events: it has expired"


def one(*, keeps: Any, items: list[Any], **options: Any) -> str:
    app = Connector("one")

    @app.table(key="id", keeps=keeps, **options)
    def events(_: Any, page: int = 0, token: int | None = None) -> Iterator[Any]:
        yield from items

    message: str = Fivetran(app.handler).sync()[-1].body["errorMessage"]
    return message


@pytest.mark.parametrize(
    ("keeps", "item", "says"),
    [
        ((), Keep(token=1), 'yielded Keep(token), and keeps nothing. Declare it with keeps="..."'),
        ("token", Keep(page=1), 'yielded Keep(page), and keeps token, not page. Declare it: keeps="page"'),
        ("token", Keep(token="soon"), "yielded Keep(token=...), a str, and token is annotated int | None"),
        ("token", At(token=1), "yielded At(token=1), and token is what it keeps. Yield Keep(...) for it"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_table_and_name(keeps: Any, item: Any, says: str) -> None:
    """No value is shown: it may be a credential."""
    assert one(keeps=keeps, items=[item]).startswith(f"Table events {says}")
