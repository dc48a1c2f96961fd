"""A release that lets a table hold more brings the old rows of it; one that holds as much reads nothing again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fivetran import Fivetran, answered

from fivetran_runtime import At, Config, Connector, Row, Secret
from fivetran_runtime._scope import digests_of

ROWS: list[dict[str, Any]] = [
    {"id": number, "product": "ab"[number % 2], "at": number, "text": "x" * 300} for number in range(1, 21)
]
TOKEN = {"token": "one"}


class Release:
    """A release of one connector, and what its table asked the source for."""

    def __init__(
        self, *, default: str = "ab", comments: str | list[str] | None = None, **declared: Any
    ) -> None:
        self.asked: list[Any] = []
        self.main = _app(self, default, comments, declared).handler

    def syncs(self, fivetran: Fivetran, times: int = 3) -> None:
        """Take the connection over and sync."""
        fivetran.main = self.main
        for _ in range(times):
            assert {reply.status for reply in fivetran.sync()} == {200}


def _app(release: Release, default: str, comments: Any, declared: dict[str, Any]) -> Connector:
    class Settings(Config):
        """A filter that connections leave at its default."""

        token: Secret
        products: str = default

    app = Connector("releases", config=Settings)
    children = {} if comments is None else {"children": {"comments": comments}}

    @app.table(**{"key": "id", "cursor": "at", **children, **declared})
    def tickets(settings: Any, since: int | None, after: int = 0) -> Iterator[Any]:
        release.asked.append(since)
        answered()
        for row in ROWS:
            if row["at"] >= (since or 0) and row["product"] in settings.products and row["id"] > after:
                yield row
                if comments is not None:
                    yield Row("comments", {"id": row["id"], "ticket": row["id"]})
                yield At(after=row["id"])

    return app


def connection() -> Fivetran:
    """A connection that has not synced yet."""
    return Fivetran(lambda _: None, secrets=dict(TOKEN))


WIDER: dict[str, tuple[Callable[[], Release], Callable[[], Release]]] = {
    "a default": (lambda: Release(default="a"), lambda: Release(default="ab")),
    "children": (Release, lambda: Release(comments="id")),
    "a child's key": (lambda: Release(comments="id"), lambda: Release(comments=["ticket", "id"])),
    "an earlier floor": (lambda: Release(floor=15), lambda: Release(floor=5)),
    "no floor": (lambda: Release(floor=15), Release),
    "a floor of the settings": (lambda: Release(floor=lambda _: 15), lambda: Release(floor=lambda _: 5)),
}


@pytest.mark.parametrize("change", WIDER)
def test_a_release_that_lets_a_table_hold_more_brings_the_old_rows(
    change: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """By one pass from the floor, with one line in the log."""
    fivetran, (before, after) = connection(), (make() for make in WIDER[change])
    before.syncs(fivetran)
    after.syncs(fivetran)
    fresh = connection()
    (other := WIDER[change][1]()).syncs(fresh)
    assert fivetran.tables["tickets"] == fresh.tables["tickets"]
    if "comments" in fresh.tables:
        assert fresh.tables["comments"].items() <= fivetran.tables["comments"].items()
    assert after.asked[0] == other.asked[0]
    assert after.asked[1] is not None
    assert after.asked[1] > (other.asked[0] or 0)
    lines = [
        line for line in capsys.readouterr().out.splitlines() if "the table is read from the start" in line
    ]
    assert len(lines) == 1


@pytest.mark.parametrize("change", WIDER)
def test_in_the_middle_of_the_first_pass_too(change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read before the release is read again with it."""
    fivetran, (before, after) = connection(), (make() for make in WIDER[change])
    fivetran.main = before.main
    with monkeypatch.context() as patch:
        patch.setenv("FIVETRAN_ANSWER_BYTES", "1500")
        fivetran.call()
    assert fivetran.replies[-1].body["hasMore"]
    after.syncs(fivetran)
    fresh = connection()
    WIDER[change][1]().syncs(fresh)
    assert all(rows.items() <= fivetran.tables[name].items() for name, rows in fresh.tables.items())


SAME: dict[str, tuple[Callable[[], Release], Callable[[], Release]]] = {
    "nothing": (lambda: Release(comments="id", floor=3), lambda: Release(comments=["id"], floor=3)),
    "fewer children": (lambda: Release(comments="id"), Release),
    "a later floor": (lambda: Release(floor=5), lambda: Release(floor=15)),
    "a first floor": (Release, lambda: Release(floor=5)),
    "a default outside of the scope": (
        lambda: Release(default="a", scope=lambda _: "all"),
        lambda: Release(default="ab", scope=lambda _: "all"),
    ),
}


@pytest.mark.parametrize("change", SAME)
def test_a_release_that_holds_as_much_reads_nothing_again(change: str) -> None:
    """Nor one that holds less: what is at the destination stays."""
    fivetran, (before, after) = connection(), (make() for make in SAME[change])
    before.syncs(fivetran)
    after.syncs(fivetran)
    assert after.asked[0] >= 15


@pytest.mark.parametrize("release", [Release, lambda: Release(default="ab", comments="id", floor=2)])
def test_a_state_of_a_release_that_wrote_less_is_taken_over_without_a_pass(
    release: Callable[[], Release],
) -> None:
    """It says nothing about children, floor and defaults; from here on it does."""
    fivetran, later = connection(), release()
    later.syncs(fivetran)
    part = fivetran.state["tables"]["tickets"]
    part.pop("floor", None)
    del part["children"]
    part["scope"] = digests_of({}).former  # every setting stands at its default
    later.asked.clear()
    later.syncs(fivetran, 1)
    assert later.asked[0] >= 15
    assert fivetran.state["tables"]["tickets"]["children"] == (
        {} if release is Release else {"comments": ["id"]}
    )


def test_a_release_that_is_rolled_back_and_comes_again_loses_nothing() -> None:
    """While it was back, the children of what changed were not brought."""
    fivetran, narrow, wide = connection(), Release(), Release(comments="id")
    wide.syncs(fivetran)
    narrow.syncs(fivetran)
    del fivetran.tables["comments"]
    wide.syncs(fivetran)
    assert len(fivetran.tables["comments"]) == len(ROWS)


def test_a_new_token_and_a_setting_without_a_value_read_nothing_again() -> None:
    """Neither decides which rows there are."""

    class Before(Config):
        """As it was."""

        token: Secret | None = None

    class After(Config):
        """With a setting more, which is not set."""

        token: Secret | None = None
        product: str | None = None

    assert (
        len({digests_of(one) for one in (Before(), Before(token=Secret("t")), After(token=Secret("u")))}) == 1
    )
