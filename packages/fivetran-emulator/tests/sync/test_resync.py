"""The re-sync."""

from __future__ import annotations

from collections.abc import Sequence

from scripted import Emulator, Json


def users(ids: Sequence[int], *, more: bool = False) -> Json:
    return {
        "state": {"n": len(ids)},
        "insert": {"users": [{"id": n} for n in ids], "log": [{"a": 1}]},
        "schema": {"users": {"primary_key": ["id"]}},
        "hasMore": more,
    }


def test_a_resync_starts_from_nothing_and_keeps_the_tables(emulator: Emulator) -> None:
    """Behaviour 26: the first call has `state: {}`; rows that do not come again stay and are counted."""
    emulator.answering(users([1, 2, 3]))
    emulator.function.requests.clear()
    emulator.function.answers = [users([1], more=True), users([2])]
    outcome = emulator.sync("--json", command="resync")
    assert emulator.function.requests[0]["state"] == {}
    assert outcome.document["resync"] is True
    assert outcome.document["not_seen_again"] == {"users": 1}
    assert [w["text"] for w in outcome.document["warnings"] if w["code"] == "not-seen-again"] == [
        "table users: 1 rows were not sent again"
    ]
    assert emulator.rows("SELECT id FROM users ORDER BY id") == [(1,), (2,), (3,)]


def test_rows_that_did_not_come_again_can_be_flagged(emulator: Emulator) -> None:
    """Behaviour 26: `--unseen flag` does what Fivetran does for connectors whose deletes it handles."""
    emulator.answering(users([1, 2, 3]))
    emulator.function.answers = [users([1, 3])]
    emulator.sync("--unseen", "flag", command="resync")
    assert emulator.rows("SELECT id FROM users WHERE _fivetran_deleted") == [(2,)]


def test_a_resync_that_failed_is_finished_by_the_next_sync(emulator: Emulator) -> None:
    """Behaviour 26: which counts what the first part sent, and tells of the rest once."""
    emulator.answering(users([1, 2, 3]))
    emulator.function.answers = [users([1], more=True), b""]
    emulator.function.requests.clear()
    assert emulator.sync(command="resync").status == 1
    outcome = emulator.answering(users([2]))
    assert emulator.function.requests[0]["state"] == {"n": 1}
    assert outcome.document["not_seen_again"] == {"users": 1}
    assert emulator.answering(users([2])).document["not_seen_again"] == {}


def test_a_resync_in_fixed_time_sees_the_same(emulator: Emulator) -> None:
    """Behaviour 29: the days of two syncs differ, so old rows differ from new ones."""
    emulator.answering(users([1, 2]), arguments=("--deterministic",))
    emulator.function.answers = [users([1])]
    outcome = emulator.sync("--json", "--deterministic", command="resync")
    assert outcome.document["not_seen_again"] == {"users": 1}
