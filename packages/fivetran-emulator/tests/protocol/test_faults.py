"""Faults between Fivetran and the function."""

from __future__ import annotations

import pytest
from scripted import Emulator, Json, numbered

PAGES = 3


def rows(n: int) -> Json:
    """Page `n`: two keyed rows of its own, one shared with the page before, one keyless row, one delete."""
    return {
        "insert": {"t": [{"id": 2 * n + k, "v": [n, k]} for k in range(3)], "log": [{"n": n}]},
        "delete": {"t": [{"id": 2 * n - 3}]},
        "schema": {"t": {"primary_key": ["id"]}},
    }


page = numbered(PAGES, rows)


def same_as_a_clean_run(emulator: Emulator) -> bool:
    emulator.function.answers = [page]
    assert emulator.sync("--schema", "clean").status == 0
    outcome = emulator.look("tables", "--schema", "main", "--against", "clean")
    return outcome.status == 0


@pytest.mark.parametrize("call", [1, 2, PAGES])
@pytest.mark.parametrize("kind", ["repeat", "drop", "timeout", "503"])
def test_a_fault_at_any_call_changes_no_keyed_table(emulator: Emulator, kind: str, call: int) -> None:
    """Behaviour 13: the keyed tables end as in a clean run; a sync that the fault ended is followed by another."""
    emulator.function.answers = [page]
    faulty = emulator.sync("--fault", f"{kind}@{call}")
    if kind in ("repeat", "drop"):
        assert faulty.status == 0
    else:
        assert faulty.status == 1
        assert emulator.sync().status == 0
    assert same_as_a_clean_run(emulator)


def test_a_dropped_answer_is_asked_for_again_with_the_same_state(emulator: Emulator) -> None:
    """Behaviour 13: the function answered, nobody heard it."""
    emulator.function.answers = [page]
    emulator.sync("--fault", "drop@2")
    assert [request["state"] for request in emulator.function.requests[:4]] == [
        {},
        {"n": 1},
        {"n": 1},
        {"n": 2},
    ]


def test_a_repeated_call_doubles_rows_without_a_key_and_says_so(emulator: Emulator) -> None:
    """Behaviour 15: nothing tells them apart, which is why every call must have the same effect twice."""
    emulator.function.answers = [page]
    outcome = emulator.sync("--json", "--fault", "repeat@2")
    assert emulator.rows("SELECT n, count(*) FROM log GROUP BY n ORDER BY n") == [(0, 1), (1, 2), (2, 1)]
    doubled = [w["text"] for w in outcome.document["warnings"] if w["code"] == "repeat-doubled"]
    assert doubled == ["call 2 was repeated, and the rows of log are there twice: no key distinguishes them"]


def test_a_status_in_place_of_a_call_does_not_reach_the_function(emulator: Emulator) -> None:
    """Behaviour 28: a caller without the Invoker role sees a 403; so does this one, and it says what to do."""
    emulator.function.answers = [page]
    outcome = emulator.sync("--fault", "403@1")
    assert outcome.status == 1
    assert "needs the Invoker role" in outcome.err
    assert emulator.function.requests == []


def test_a_function_that_is_not_idempotent_is_found(emulator: Emulator) -> None:
    """Behaviour 13: the comparison tells which table differs, and by how much; status 1."""
    calls = iter(range(100))
    emulator.function.answers = [
        lambda _: {
            "state": {},
            "insert": {"t": [{"id": next(calls)}]},
            "schema": {"t": {"primary_key": ["id"]}},
        }
    ]
    emulator.sync("--fault", "repeat@1")
    emulator.sync("--schema", "clean")
    outcome = emulator.look("tables", "--schema", "main", "--against", "clean")
    assert outcome.status == 1
    assert outcome.out == "table t: 2 rows are in main only, 1 in clean only\n"
