"""Deletes inferred from complete listings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from fivetran import Fivetran
from hypothesis import given, settings
from hypothesis import strategies as st

from fivetran_runtime import At, Connector, TransientError

Ids = list[Any]


def listing(ids: Ids, *, key: str | list[str] = "id", failing: list[bool] | None = None) -> Fivetran:
    """A connection whose one table lists the ids, two to a unit; fails at its end while `failing` says so."""
    app = Connector("listing")

    @app.table(key=key, on_missing="delete")
    def things(_: Any, offset: int = 0) -> Iterator[Any]:
        while page := ids[offset : offset + 2]:
            yield from ({"id": each} if key == "id" else dict(zip(key, each, strict=True)) for each in page)
            offset += len(page)
            yield At(offset=offset)
        if failing and failing.pop():
            raise TransientError("the last page failed")

    return Fivetran(app.handler)


def present(fivetran: Fivetran) -> set[Any]:
    return {row["id"] for row in fivetran.tables.get("things", {}).values()}


def test_a_key_is_deleted_after_two_complete_passes_without_it() -> None:
    """One pass without a key deletes nothing; the second does."""
    ids: Ids = [1, 2, 3, 4, 5]
    fivetran = listing(ids)
    fivetran.sync()
    ids.remove(3)
    fivetran.sync()
    assert present(fivetran) == {1, 2, 3, 4, 5}
    fivetran.sync()
    assert present(fivetran) == {1, 2, 4, 5}


def test_a_key_that_is_found_again_is_not_deleted() -> None:
    """A row that one shifted page hid stays."""
    ids: Ids = [1, 2, 3]
    fivetran = listing(ids)
    fivetran.sync()
    ids.remove(2)
    fivetran.sync()
    ids.append(2)
    for _ in range(3):
        fivetran.sync()
    assert present(fivetran) == {1, 2, 3}


def test_a_failed_pass_deletes_nothing() -> None:
    """Passes that fail on their last page are not complete, however many there are."""
    ids: Ids = [1, 2, 3]
    failing: list[bool] = []
    fivetran = listing(ids, failing=failing)
    fivetran.sync()
    ids.remove(3)
    failing += [True] * 8
    for _ in range(4):
        assert fivetran.sync()[-1].status == 500
    assert present(fivetran) == {1, 2, 3}


def test_a_recreated_key_ends_present() -> None:
    """Deleted, gone from the destination, and back at the source: it is inserted."""
    ids: Ids = [1, 2]
    fivetran = listing(ids)
    fivetran.sync()
    ids.remove(2)
    fivetran.sync()
    fivetran.sync()
    assert present(fivetran) == {1}
    ids.append(2)
    fivetran.sync()
    assert present(fivetran) == {1, 2}


@pytest.mark.parametrize(
    "ids",
    [
        [[1, "a"], [1, "b"], [2, "a"]],
        [["ü", "\ud7ff"], ["", "'"], ['"', "\\"]],
    ],
)
def test_compound_and_text_keys_come_back_from_the_state(ids: Ids) -> None:
    """Any key survives being packed: the delete names exactly the columns and values of the row."""
    gone = ids[1]
    fivetran = listing(ids, key=["id", "part"])
    fivetran.sync()
    ids.remove(gone)
    fivetran.sync()
    (reply,) = fivetran.sync()
    assert reply.body["delete"] == {"things": [{"id": gone[0], "part": gone[1]}]}


def test_too_many_keys_are_refused_with_the_table_and_the_way_out(capsys: pytest.CaptureFixture[str]) -> None:
    """Above the cap the table fails with a message that says what to do."""
    fivetran = listing(
        [str(UUID(int=n * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128)) for n in range(30_000)]
    )
    last = fivetran.sync()[-1]
    capsys.readouterr()
    assert last.status == 500
    assert last.body["errorMessage"].startswith("Table things: 30,000 keys take")
    assert "Leave on_missing out" in last.body["errorMessage"]


def test_a_hundred_thousand_close_integers_fit_easily(capsys: pytest.CaptureFixture[str]) -> None:
    """Ordinary ids compress to next to nothing."""
    fivetran = listing(list(range(5_000_000, 5_100_000)))
    fivetran.sync()
    capsys.readouterr()
    assert len(fivetran.state["tables"]["things"]["keys"]) < 2_000


def test_unreadable_keys_in_the_state_are_an_error_that_says_what_to_remove() -> None:
    """A state patched wrongly loses nothing silently."""
    fivetran = listing([1])
    fivetran.state = {"version": 1, "connector": "listing", "tables": {"things": {"keys": "not packed"}}}
    (reply,) = fivetran.sync()
    assert reply.status == 500
    assert "Remove keys, missed and found of that table from the state" in reply.body["errorMessage"]


@given(
    changes=st.lists(st.tuples(st.sampled_from("+-"), st.integers(0, 12)), max_size=25),
    faults=st.lists(st.booleans(), max_size=12),
)
@settings(deadline=None, max_examples=150)
def test_after_three_quiet_passes_the_destination_equals_the_source(
    changes: list[tuple[str, int]], faults: list[bool]
) -> None:
    """Random additions and removals between passes, some of which fail."""
    ids: Ids = [1, 2, 3]
    failing = list(faults)
    fivetran = listing(ids, failing=failing)
    whole = True
    for sign, identity in changes:
        before, whole = whole, fivetran.sync()[-1].status == 200
        # A pass that goes on after a failure does not see what has moved in front of it since; the next one does.
        assert not (before and whole) or set(ids) <= present(fivetran), (
            "a living row is missing after a complete pass"
        )
        if sign == "+" and identity not in ids:
            ids.append(identity)
        elif sign == "-" and identity in ids:
            ids.remove(identity)
    failing.clear()
    for _ in range(3):
        fivetran.sync()
    assert present(fivetran) == set(ids)
