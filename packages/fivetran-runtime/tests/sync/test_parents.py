"""Tables that are read parent by parent: one mark for all, and the set of those that it holds for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from fivetran import CountedSource, Fivetran, Reply, answered
from hypothesis import given, settings
from hypothesis import strategies as st

from fivetran_runtime import At, ConfigurationError, Connector, Skip


class Forge(CountedSource):
    """Repositories with issues: (repository, issue) to the time of its change; a page has `size` issues."""

    def __init__(self, *, size: int = 2) -> None:
        super().__init__()
        self.issues: dict[tuple[int, int], int] = {}
        self.listed: set[int] = set()
        self.without: set[int] = set()
        """Repositories that are listed and whose issues are answered with 404."""
        self.size, self.clock = size, 0
        self.asked: list[tuple[int, int | None, int]] = []

    def repositories(self, _: Any) -> Iterator[int]:
        self.answer()
        yield from sorted(self.listed, key=lambda number: (number * 7) % 5)

    def edit(self, repository: int, number: int) -> None:
        self.clock += 1
        self.issues[repository, number] = self.clock

    def page(self, repository: int, since: int | None, page: int) -> list[dict[str, Any]]:
        self.answer()
        self.asked.append((repository, since, page))
        if repository in self.without:
            raise ConfigurationError("HTTP 404: no issues", status=404)
        rows = [
            {"repository": repository, "id": number, "at": at, "text": "x" * 150}
            for (parent, number), at in sorted(self.issues.items())
            if parent == repository and (since is None or at >= since)
        ]
        return rows[page : page + self.size]

    def connection(self) -> Fivetran:
        app = Connector("forge")

        @app.table(key=["repository", "id"], cursor="at", parents=self.repositories)
        def issues(_: Any, repository: int, since: int | None, page: int = 0) -> Iterator[Any]:
            try:
                while rows := self.page(repository, since, page):
                    yield from rows
                    page += len(rows)
                    yield At(page=page)
            except ConfigurationError as refused:
                if refused.status != 404:
                    raise
                yield Skip("404")

        return Fivetran(app.handler)

    def seen(self) -> dict[tuple[int, int], int]:
        """What a connection can know."""
        shown = self.listed - self.without
        return {place: at for place, at in self.issues.items() if place[0] in shown}


def present(fivetran: Fivetran) -> dict[tuple[int, int], int]:
    return {(row["repository"], row["id"]): row["at"] for row in fivetran.tables.get("issues", {}).values()}


def two_repositories() -> Forge:
    """Repository 2 has older issues than repository 1, and is not listed yet."""
    forge = Forge()
    for number in range(3):
        forge.edit(2, number)
    for number in range(5):
        forge.edit(1, number)
    forge.listed = {1}
    return forge


def test_a_parent_that_is_added_later_is_read_from_the_floor() -> None:
    """The mark says nothing of it; the others go on from the mark."""
    forge = two_repositories()
    fivetran = forge.connection()
    for _ in range(3):
        fivetran.sync()
    forge.listed = {1, 2}
    forge.asked.clear()
    fivetran.sync()
    assert {(repository, since) for repository, since, _ in forge.asked} == {(1, 8), (2, None)}
    forge.asked.clear()
    fivetran.sync()
    assert {(repository, since) for repository, since, _ in forge.asked} == {(1, 8), (2, 8)}
    assert present(fivetran) == forge.issues


@pytest.mark.parametrize("how", ["gone from the list", "refused"])
def test_a_parent_that_was_away_is_read_from_the_floor_when_it_is_back(
    how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What changed meanwhile, the mark has passed."""
    forge = two_repositories()
    forge.listed = {1, 2}
    fivetran = forge.connection()
    for _ in range(3):
        fivetran.sync()
    if how == "refused":
        forge.without = {2}
    else:
        forge.listed = {1}
    forge.edit(2, 0)
    forge.edit(1, 0)
    for _ in range(3):
        fivetran.sync()
    assert (how == "refused") == ("skipped repository 2: 404" in capsys.readouterr().out)
    forge.without, forge.listed = set(), {1, 2}
    fivetran.sync()
    assert present(fivetran) == forge.issues


def test_a_parent_that_appears_in_front_of_the_position_is_read_by_the_next_pass(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It was listed when the pass ended, and not read by it."""
    monkeypatch.setenv("FIVETRAN_ANSWER_BYTES", "1900")
    forge = Forge()
    for number in range(12):
        forge.edit((0, 1, 3)[number // 4], number)
    forge.listed = {1, 3}
    fivetran = forge.connection()
    fivetran.syncs += 1
    assert fivetran.call().body["hasMore"]
    forge.listed = {0, 1, 3}
    while fivetran.call().body["hasMore"]:
        pass
    fivetran.sync()
    fivetran.sync()
    assert present(fivetran) == forge.seen()


def test_a_parent_that_vanishes_in_the_middle_leaves_its_place_to_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its page is none of the next one's."""
    monkeypatch.setenv("FIVETRAN_ANSWER_BYTES", "1500")
    forge = two_repositories()
    for number in range(4):
        forge.edit(3, number)
    forge.listed = {1, 3}
    fivetran = forge.connection()
    fivetran.syncs += 1
    assert fivetran.call().body["hasMore"]
    assert fivetran.state["tables"]["issues"]["at"] == {"repository": 1, "page": 4}
    forge.listed = {3}
    forge.asked.clear()
    while fivetran.call().body["hasMore"]:
        pass
    assert forge.asked[0] == (3, None, 0)
    forge.listed = {1, 3}
    fivetran.sync()
    assert present(fivetran) == forge.seen()


def test_a_parent_that_vanishes_leaves_its_place_to_one_with_a_large_page(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whose rows go over several answers: each of them goes on behind the one before."""
    monkeypatch.setenv("FIVETRAN_ANSWER_BYTES", "1500")
    forge = Forge(size=20)
    for number in range(24):
        forge.edit(1 if number < 4 else 2, number)
    forge.listed = {1, 2}
    fivetran = forge.connection()
    fivetran.syncs += 1
    assert fivetran.call().body["hasMore"]
    assert fivetran.state["tables"]["issues"]["at"] == {"repository": 1, "page": 4}
    forge.listed = {2}
    while fivetran.call().body["hasMore"]:
        pass
    assert {place for place in present(fivetran) if place[0] == 2} == forge.seen().keys()


def test_a_release_that_adds_parents_begins_an_open_pass_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its position is in a list of all rows, and names no parent."""
    monkeypatch.setenv("FIVETRAN_ANSWER_BYTES", "1500")
    forge = two_repositories()
    forge.listed = {1, 2}
    app = Connector("forge")

    @app.table(key=["repository", "id"], cursor="at")
    def issues(_: Any, since: int | None, page: int = 0) -> Iterator[Any]:
        while rows := forge.page(1, since, page):
            yield from rows
            page += len(rows)
            yield At(page=page)

    fivetran = Fivetran(app.handler)
    fivetran.call()
    assert fivetran.state["tables"]["issues"]["at"] == {"page": 4}
    fivetran.main = forge.connection().main
    for _ in range(2):
        assert fivetran.sync()[-1].status == 200
    assert present(fivetran) == forge.issues
    assert "its position names no repository" in capsys.readouterr().out


@given(data=st.data())
@settings(deadline=None, max_examples=200)
def test_every_row_of_every_parent_arrives_whatever_happens(data: st.DataObject) -> None:
    """Parents come, go, are refused and come back; calls are cut, fail and are lost."""
    forge = Forge(size=data.draw(st.integers(1, 4)))
    fivetran = forge.connection()
    fivetran.sends_id = data.draw(st.booleans())
    fivetran.losing = data.draw(st.sets(st.integers(0, 60), max_size=12))
    quiet = fivetran.call

    def amid_changes() -> Reply:
        if len(fivetran.replies) % 3 == 2:
            change(forge, data)
        return quiet()

    fivetran.call = amid_changes  # type: ignore[method-assign]
    with mock.patch.dict("os.environ", {"FIVETRAN_ANSWER_BYTES": str(data.draw(st.integers(2_300, 6_000)))}):
        for _ in range(data.draw(st.integers(1, 5))):
            forge.failing = {forge.requests + n for n in data.draw(st.sets(st.integers(1, 20), max_size=3))}
            fivetran.sync()
            change(forge, data)
        forge.failing = set()
        fivetran.call, fivetran.losing = quiet, ()  # type: ignore[method-assign]
        for _ in range(3):
            assert fivetran.sync()[-1].status == 200
    rows = present(fivetran)
    assert {place: rows.get(place) for place in forge.seen()} == forge.seen()


def change(forge: Forge, data: st.DataObject) -> None:
    for place in data.draw(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), max_size=4)):
        forge.edit(*place)
    forge.listed = data.draw(st.sets(st.integers(0, 4)))
    forge.without = data.draw(st.sets(st.integers(0, 4), max_size=1))


def numbered(count: int, asked: list[int]) -> Fivetran:
    app = Connector("numbered")

    @app.table(key="id", cursor="at", parents=lambda _: range(count))
    def rows(_: Any, parent: int, since: int | None) -> Iterator[Any]:
        asked.append(parent)
        if parent % 1000 == 0:
            yield {"id": parent, "at": 1}

    return Fivetran(app.handler)


def test_a_hundred_thousand_parents_have_room() -> None:
    """Numbers that are close to each other take next to nothing."""
    asked: list[int] = []
    fivetran = numbered(100_000, asked)
    assert fivetran.sync()[-1].status == 200
    assert len(asked) == 100_000
    assert len(fivetran.state["tables"]["rows"]["parents"]) < 2_000


def test_parents_without_room_are_reported_and_read_from_the_floor(monkeypatch: pytest.MonkeyPatch) -> None:
    """By table and number; their rows arrive, in every sync."""
    monkeypatch.setattr("fivetran_runtime._sync.deletes.KEYS_BYTES", 20)
    forge = two_repositories()
    forge.listed = {1, 2}
    fivetran = forge.connection()
    for _ in range(3):
        replies = fivetran.sync()
        assert replies[-1].status == 500
        assert "Table issues: its 2 parents do not fit into the state" in replies[-1].body["errorMessage"]
    assert present(fivetran) == forge.issues
    assert {since for _, since, _ in forge.asked} == {None}
    monkeypatch.undo()
    fivetran.sync()
    assert fivetran.sync()[-1].status == 200


def packed(fivetran: Fivetran) -> list[int]:
    """What the parents and the keys take in the state."""
    parts = fivetran.state["tables"]
    return [len(parts["issues"].get("parents", "")), len(parts["issues.keys"].get("keys", ""))]


@pytest.mark.parametrize("sends_id", [True, False])
def test_parents_and_keys_share_the_room_there_is(sends_id: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where each of them fits alone, they do not take turns, and a sync without an id ends."""
    rows = [{"id": number, "at": number} for number in range(5)]
    app = Connector("shared")

    def listing(_: Any) -> Iterator[Any]:
        answered()
        yield from ()  # it lags behind: the table's own pass finds the keys, and room for them

    @app.table(key="id", cursor="at", parents=lambda _: [1, 9, 40], listing=listing, on_missing="delete")
    def issues(_: Any, parent: int, since: int | None) -> Iterator[Any]:
        answered()
        yield from (row for row in rows if parent == 9 and (since is None or row["at"] >= since))

    roomy, fivetran = Fivetran(app.handler), Fivetran(app.handler)
    roomy.sync()
    room = max(packed(roomy)) + 5
    assert min(packed(roomy)) > 5
    monkeypatch.setattr("fivetran_runtime._sync.deletes.KEYS_BYTES", room)
    fivetran.sends_id = sends_id
    for number in range(4):
        rows[number]["at"] += 10
        assert "do not fit into the state" in fivetran.sync(max_calls=20)[-1].body["errorMessage"]
        assert sum(packed(fivetran)) <= room


def test_a_state_from_before_reads_every_parent_once_from_the_floor() -> None:
    """A loop over parents did not say which ones its mark holds for."""
    forge = two_repositories()
    forge.listed = {1, 2}
    fivetran = forge.connection()
    fivetran.state = {
        "version": 1,
        "connector": "forge",
        "tables": {"issues": {"mark": 7, "declared": "repository, id by at, an integer"}},
    }
    fivetran.sync()
    assert present(fivetran) == forge.issues


def test_texts_and_numbers_may_be_parents_and_come_as_annotated() -> None:
    """In every call of the function, also after a cut."""
    app = Connector("mixed")
    asked: list[Any] = []

    @app.table(key="id", parents=lambda _: ["b", 5, "a", "5"])
    def rows(_: Any, name: str) -> Iterator[Any]:
        asked.append(name)
        yield {"id": name}

    Fivetran(app.handler).sync()
    assert asked == ["a", "b", "5"]


def test_a_page_that_is_no_longer_known_begins_its_parent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """And no other one."""
    monkeypatch.setenv("FIVETRAN_ANSWER_BYTES", "1900")
    asked: list[tuple[int, int]] = []
    refusals = [410]
    app = Connector("expiring")

    @app.table(key=["parent", "id"], parents=lambda _: [1, 2])
    def rows(_: Any, parent: int, page: int = 0) -> Iterator[Any]:
        asked.append((parent, page))
        if page and refusals:
            raise ConfigurationError("gone", status=refusals.pop())
        for number in range(page, 5):
            yield {"parent": parent, "id": number, "text": "x" * 300}
            yield At(page=number + 1)

    fivetran = Fivetran(app.handler)
    fivetran.sync()
    assert asked[:3] == [(1, 0), (1, 4), (1, 0)]
    assert len(fivetran.tables["rows"]) == 10


def test_a_parent_that_is_refused_at_once_is_asked_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing was read of it before, so there is no position that its source could have forgotten."""
    asked: list[int] = []
    app = Connector("refusing")

    @app.table(key=["parent", "id"], parents=lambda _: [1, 2])
    def rows(_: Any, parent: int, page: int = 0) -> Iterator[Any]:
        asked.append(parent)
        if page == 0:
            raise ConfigurationError("there is nothing here", status=404)
        yield {"parent": parent, "id": page}

    replies = Fivetran(app.handler).sync()
    assert replies[-1].body["errorMessage"] == "Table rows: there is nothing here"
    assert asked == [1]
    assert "no longer knows" not in capsys.readouterr().out


def test_parents_may_be_pages_of_keys() -> None:
    """What a paginator puts between its pages is no parent."""
    app = Connector("paged")

    @app.table(key="id", parents=lambda _: iter([1, At(page=2), 2]))
    def rows(_: Any, parent: int) -> Iterator[Any]:
        yield {"id": parent}

    fivetran = Fivetran(app.handler)
    fivetran.sync()
    assert [row["id"] for row in fivetran.tables["rows"].values()] == [1, 2]


def one(*items: Any, parents: Any = lambda _: [1], annotation: Any = int) -> str:
    app = Connector("one")

    def rows(_: Any, parent: Any, page: int = 0) -> Iterator[Any]:
        yield from items

    rows.__annotations__["parent"] = annotation
    app.table(key="id", parents=parents)(rows)
    message: str = Fivetran(app.handler).sync()[-1].body["errorMessage"]
    return message


def test_wrong_uses_are_refused_by_table_and_name() -> None:
    """Each in a sentence."""
    assert one(At(parent=2)).startswith("Table rows yielded At(parent=2), and parent is the parent")
    assert one(parents=lambda _: "abc").startswith(
        "Table rows: parents= gave 'abc'; it gives the keys of several."
    )
    assert one(parents=lambda _: None).startswith(
        "Table rows: parents= gave None; it gives the keys of several."
    )
    assert one(parents=lambda _: [{"id": 1}]).startswith("Table rows: parents= gave a dict; it gives the")
    assert one(parents=lambda _: ["x"]).startswith(
        "Table rows: parents= gave 'x', and parent is annotated int"
    )
    app = Connector("skipping")

    @app.table(key="id")
    def rows(_: Any) -> Iterator[Any]:
        yield Skip("404")

    message = Fivetran(app.handler).sync()[-1].body["errorMessage"]
    assert message.startswith("Table rows yielded Skip('404'), and has no parents=")
