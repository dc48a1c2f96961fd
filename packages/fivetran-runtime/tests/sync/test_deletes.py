"""Deletes inferred from complete listings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from fivetran import Fivetran, Reply, answered
from hypothesis import given, settings
from hypothesis import strategies as st

from fivetran_runtime import At, Connector, Delete, TransientError

Ids = list[Any]


def listing(
    ids: Ids, *, key: str | list[str] = "id", failing: list[bool] | None = None, **declared: Any
) -> Fivetran:
    """A connection whose one table lists the ids, two to a unit; fails at its end while `failing` says so."""
    app = Connector("listing")

    @app.table(key=key, on_missing="delete", **declared)
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


def reported(replies: list[Reply]) -> dict[str, Any]:
    """What the last call of a sync reports of itself."""
    return dict(json.loads(replies[-1].headers["X-Connector-Invocation"]))


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


def test_what_waits_for_a_second_listing_is_reported() -> None:
    """In the sync whose listing was the first not to find it, so that a person knows why the row is still there."""
    ids: Ids = [1, 2, 3, 4, 5]
    fivetran = listing(ids)
    assert "missing_once" not in reported(fivetran.sync())
    ids.remove(3)
    assert reported(fivetran.sync())["missing_once"] == {"things": 1}
    assert "missing_once" not in reported(fivetran.sync())


def test_a_key_that_is_found_again_is_not_deleted() -> None:
    """A row that one shifted page hid stays."""
    ids: Ids = [1, 2, 3]
    fivetran = listing(ids)
    fivetran.sync()
    ids.remove(2)
    fivetran.sync()
    assert present(fivetran) == {1, 2, 3}
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


def test_what_an_open_pass_had_found_is_no_part_of_a_pass_that_a_person_has_begun() -> None:
    """As docs/state.md says to read a table again: without `since`, `at` and `seen`, while a pass is open."""
    ids: Ids = [1, 2, 3, 4, 5]
    failing = [True] * 8
    fivetran = listing(ids, failing=failing)
    fivetran.sync()
    failing.clear()
    part = fivetran.state["tables"]["things"]
    assert part["found"]
    for name in ("since", "at", "seen"):
        part.pop(name, None)
    part["whole"] = True
    ids.remove(3)
    fivetran.sync()
    fivetran.sync()
    assert present(fivetran) == {1, 2, 4, 5}


def test_a_recreated_key_ends_present() -> None:
    """Deleted, removed from the destination, and back at the source: it is inserted."""
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


def lose(ids: Ids, share: float) -> None:
    del ids[: round(len(ids) * share)]


def test_an_empty_list_is_a_question_and_not_an_order(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is deleted, the sync is a success with a warning, and rows go on arriving."""
    ids: Ids = list(range(100))
    fivetran = listing(ids)
    fivetran.sync()
    ids[:] = [0]
    for number in range(200, 204):
        ids.append(number)
        assert fivetran.sync()[-1].status == 200
    assert present(fivetran) == {*range(100), *ids}
    assert "99 of 104 keys were in none of the last two listings" in capsys.readouterr().out
    ids += range(1, 100)
    fivetran.sync()
    assert not {"held", "asked"} & fivetran.state["tables"]["things"].keys()


def test_one_edit_of_the_state_confirms_the_set_that_was_asked_about() -> None:
    """That set and no other: what has come back stays, and the next loss is a question of its own."""
    ids: Ids = list(range(100))
    fivetran = listing(ids)
    fivetran.sync()
    ids[:] = range(30)
    for _ in range(3):
        fivetran.sync()
    part = fivetran.state["tables"]["things"]
    part["confirm"] = part["asked"]
    ids.append(99)
    fivetran.sync()
    assert present(fivetran) == {*range(30), 99}
    part = fivetran.state["tables"]["things"]
    assert not {"held", "asked", "confirm"} & part.keys()
    ids[:] = [0]
    for _ in range(3):
        fivetran.sync()
    assert len(present(fivetran)) == 31


def test_a_word_that_was_given_for_another_set_counts_for_nothing() -> None:
    """More keys were deleted since: a person looks again."""
    ids: Ids = list(range(100))
    fivetran = listing(ids)
    fivetran.sync()
    ids[:] = range(30)
    for _ in range(2):
        fivetran.sync()
    fivetran.state["tables"]["things"]["confirm"] = "00000000"
    fivetran.sync()
    assert len(present(fivetran)) == 100


@pytest.mark.parametrize("between", [1, 2, 3, 4])
def test_many_small_losses_are_one_large_one(between: int) -> None:
    """49 % three times is 87 %, also when quiet syncs lie between them."""
    ids: Ids = list(range(200))
    fivetran = listing(ids)
    fivetran.sync()
    for _ in range(3):
        lose(ids, 0.49)
        for _ in range(between):
            fivetran.sync()
    for _ in range(3):
        fivetran.sync()
    assert len(present(fivetran)) >= 100


def test_a_few_keys_of_a_small_table_are_deleted_without_asking() -> None:
    """Nineteen of twenty."""
    ids: Ids = list(range(20))
    fivetran = listing(ids)
    fivetran.sync()
    ids[:] = [0]
    fivetran.sync()
    fivetran.sync()
    assert present(fivetran) == {0}


def test_a_table_may_say_how_much_may_go() -> None:
    """All of it, for one that is filled again each day."""
    ids: Ids = list(range(100))
    fivetran = listing(ids, max_missing=1)
    fivetran.sync()
    ids[:] = range(100, 200)
    fivetran.sync()
    fivetran.sync()
    assert present(fivetran) == set(ids)


@pytest.mark.parametrize("start", [range(1, 6), ["a", 5, "05"], [10**17, -3, 0], [True, 1.5, "x"]])
def test_a_key_is_its_text_whichever_way_it_is_written(start: Any) -> None:
    """Ids that were 5 come as "5": the same rows, nothing is deleted; "05" is another key."""
    ids: Ids = list(start)
    fivetran = listing(ids)
    fivetran.sync()
    ids[:] = [json.dumps(each) if not isinstance(each, str) else each for each in ids]
    for _ in range(3):
        replies = fivetran.sync()
        assert not any(reply.body["delete"] for reply in replies)
    gone = ids.pop()
    fivetran.sync()
    (reply,) = fivetran.sync()
    assert reply.body["delete"] == {"things": [{"id": gone}]}


def test_one_key_written_both_ways_is_one_row_of_an_answer() -> None:
    """The last one, as for any key."""
    (reply,) = listing([5, "5", "05"]).sync()
    assert reply.body["insert"] == {"things": [{"id": "5"}, {"id": "05"}]}


def test_more_deletes_than_an_answer_holds_go_over_several(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is sent once, whatever fails in between."""
    ids: Ids = [f"{number:040}x" for number in range(300)]
    fivetran = listing(ids, max_missing=1)
    fivetran.sync()
    monkeypatch.setenv("FIVETRAN_ANSWER_BYTES", "3000")
    del ids[1:]
    fivetran.sync()
    fivetran.syncs += 1
    fivetran.call()  # the sync is given up here
    before = len(fivetran.replies)
    for _ in range(2):
        fivetran.sync()
    sent = [
        row["id"] for reply in fivetran.replies[before:] for row in reply.body["delete"].get("things", [])
    ]
    assert len(sent) == len(set(sent))
    assert present(fivetran) == set(ids)


def test_a_source_that_says_what_is_deleted_is_believed_at_once() -> None:
    """A Delete in a listing takes the key out of it."""
    app = Connector("both")
    gone = [False]

    @app.table(key="id", on_missing="delete")
    def things(_: Any) -> Iterator[Any]:
        yield {"id": 1}
        yield Delete(id=2) if gone[0] else {"id": 2}

    fivetran = Fivetran(app.handler)
    fivetran.sync()
    gone[0] = True
    fivetran.sync()
    assert present(fivetran) == {1}


def test_keys_without_room_fail_their_table_alone_and_lose_no_rows(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Three tables share the room: each works or says by name and number that it does not."""
    app = Connector("large")
    wanted = [
        [str(UUID(int=n * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128 + t)) for n in range(16_000)]
        for t in range(3)
    ]

    def read(place: int) -> Any:
        def things(_: Any) -> Iterator[Any]:
            yield from ({"id": each} for each in wanted[place])

        return things

    for place in range(3):
        app.table(key="id", name=f"t{place}", on_missing="delete")(read(place))
    fivetran = Fivetran(app.handler)
    for _ in range(2):
        last = fivetran.sync()[-1]
        assert last.body["errorMessage"].startswith("Table t2: its 16,000 keys do not fit into the state")
    capsys.readouterr()
    assert [len(fivetran.tables[f"t{place}"]) for place in range(3)] == [16_000] * 3
    gone = wanted[0].pop()
    fivetran.sync()
    fivetran.sync()
    assert json.dumps([gone]) not in fivetran.tables["t0"]


def test_too_many_keys_are_refused_with_the_table_and_the_way_out(capsys: pytest.CaptureFixture[str]) -> None:
    """Above the cap the table fails with a message that says what to do."""
    fivetran = listing(
        [str(UUID(int=n * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128)) for n in range(40_000)]
    )
    last = fivetran.sync()[-1]
    capsys.readouterr()
    assert last.status == 500
    assert last.body["errorMessage"].startswith("Table things: its 40,000 keys do not fit")
    assert "Leave on_missing out" in last.body["errorMessage"]


def test_a_key_without_room_that_no_answer_has_sent_is_an_error_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is all there is: a row that a listing shows, with a date that the mark has passed."""
    app, rows = Connector("old"), {1: 5}

    @app.table(key="id", cursor="at", on_missing="delete", listing=lambda _: ({"id": row} for row in rows))
    def things(_: Any, since: int | None) -> Iterator[Any]:
        answered()
        yield from ({"id": row, "at": at} for row, at in rows.items() if since is None or at >= since)

    fivetran = Fivetran(app.handler)
    fivetran.sync()
    rows.clear()
    for _ in range(2):
        fivetran.sync()
    assert not present(fivetran)
    rows[2] = 3
    monkeypatch.setattr("fivetran_runtime._sync.deletes.KEYS_BYTES", 5)
    assert "Table things: its 1 keys do not fit" in fivetran.sync()[-1].body["errorMessage"]


def test_a_hundred_thousand_close_integers_fit_easily(capsys: pytest.CaptureFixture[str]) -> None:
    """Ordinary ids compress to next to nothing."""
    fivetran = listing(list(range(5_000_000, 5_100_000)))
    fivetran.sync()
    capsys.readouterr()
    assert len(fivetran.state["tables"]["things"]["keys"]) < 2_000


def test_unreadable_keys_in_the_state_are_collected_again(capsys: pytest.CaptureFixture[str]) -> None:
    """A state that was patched wrongly costs what it held, with a line in the log, and no connection."""
    ids: Ids = [1, 2]
    fivetran = listing(ids)
    fivetran.state = {"connector": "listing", "tables": {"things": {"keys": "not packed"}}}
    fivetran.sync()
    assert "keys of table things cannot be read: they are collected again" in capsys.readouterr().out
    ids.remove(2)
    fivetran.sync()
    fivetran.sync()
    assert present(fivetran) == {1}


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
            "an existing row is missing after a complete pass"
        )
        if sign == "+" and identity not in ids:
            ids.append(identity)
        elif sign == "-" and identity in ids:
            ids.remove(identity)
    failing.clear()
    for _ in range(3):
        fivetran.sync()
    assert present(fivetran) == set(ids)
