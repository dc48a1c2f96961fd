"""Whatever interrupts a sync, the warehouse and the state end as if nothing had.

An interruption is an answer that is full after a page or a few, a request that fails in any way, an answer that is lost
on its way to Fivetran, a bug that changes or disappears between two requests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bugs import PRODUCTS, bug, change
from hypothesis import given
from hypothesis import strategies as st

from fivetran_emulator.contract import Trial, Trials, faults
from fivetran_emulator.contract.memory_warehouse import MemoryWarehouse, differences

FAULTS: Mapping[str, faults.Fault] = {
    "503": faults.status(503),
    "429 at once": faults.status(429, retry_after="0"),
    "reset": faults.reset,
    "cut body": faults.cut_body,
    "HTML": faults.html,
    "hang": faults.hang,
}
ROW_BYTES = 350
"""More than any bug here takes."""


@dataclass(frozen=True)
class Tracker:
    """What is read: the second in which each bug changed, how many bugs a page has, and whether ids are listed."""

    seconds: list[int]
    limit: int
    cap: int | None
    reconcile: bool


@dataclass(frozen=True)
class Interruptions:
    """When what happens: faults by request, calls whose answers are lost, pages that an answer holds."""

    faults: dict[int, str]
    lost: frozenset[int]
    pages: int


trackers = st.builds(
    Tracker,
    seconds=st.lists(st.integers(0, 6), min_size=1, max_size=30),
    limit=st.integers(1, 12),
    cap=st.none() | st.integers(1, 6),
    reconcile=st.booleans(),
)
interruptions = st.builds(
    Interruptions,
    faults=st.dictionaries(st.integers(1, 25), st.sampled_from(sorted(FAULTS)), max_size=4),
    lost=st.frozensets(st.integers(1, 8), max_size=3),
    pages=st.integers(1, 5),
)


def trial_of(new_trial: Trials, tracker: Tracker, **limits: int) -> Trial:
    """A practice source with these bugs instead of its own."""
    trial = new_trial(**limits)
    rows = trial.rows["bugs"]
    template = bug(trial, 2)
    for row in rows.listed():
        rows.remove(row["id"])
    for number, second in enumerate(tracker.seconds, start=1):
        place = {"id": number, "product": PRODUCTS[number % 3], "last_change_time": at(second)}
        rows.put({**template, **place, "groups": []})
    if tracker.cap:
        trial.cap(tracker.cap)
    trial.connection = trial.connect(bug_limit=tracker.limit, reconcile=tracker.reconcile)
    return trial


def at(second: int) -> str:
    return f"2026-06-01T{second // 3600:02}:00:{second % 60:02}Z"


def disturb(trial: Trial, disturbed: Interruptions) -> None:
    """A sync with everything that goes wrong, and if it fails for it, one more."""
    trial.source.fault = lambda asked: FAULTS.get(disturbed.faults.get(asked.number, ""))
    trial.connection.sync(lose=lambda number: number in disturbed.lost)


def answer_bytes(tracker: Tracker, disturbed: Interruptions) -> int:
    """Room for so many pages of bugs; never less than the components and the largest listing of ids need."""
    return 3_500 + ROW_BYTES * tracker.limit * disturbed.pages


def as_new(trial: Trial) -> MemoryWarehouse:
    """What a new connection gets of the source as it is now, whole answers at a time."""
    trial.heal()
    trial.limits = {}
    connection = trial.connect()
    assert connection.sync().complete
    return connection.warehouse


def kept(trial: Trial) -> dict[str, object]:
    """What is remembered of the tables between syncs."""
    parts = trial.connection.state["tables"].items()
    return {name: (part.get("mark"), part.get("keys")) for name, part in parts}


@given(tracker=trackers, disturbed=interruptions)
def test_nothing_is_lost_and_nothing_stays_behind(
    new_trial: Trials, tracker: Tracker, disturbed: Interruptions
) -> None:
    """A disturbed sync, and a quiet one if it failed, leave the rows and the state of a single undisturbed one."""
    calm = trial_of(new_trial, tracker)
    assert calm.connection.sync().complete
    trial = trial_of(new_trial, tracker, answer_bytes=answer_bytes(tracker, disturbed))
    disturb(trial, disturbed)
    trial.heal()
    assert trial.connection.sync().complete
    assert not differences(trial.connection.warehouse, calm.connection.warehouse)
    for connection in (trial.connection, calm.connection):
        connection.sync()
    assert kept(trial) == kept(calm)


@given(
    tracker=trackers,
    disturbed=interruptions,
    changes=st.dictionaries(st.integers(1, 25), st.integers(1, 30), max_size=6),
    departures=st.dictionaries(st.integers(1, 25), st.integers(1, 30), max_size=2),
)
def test_a_moving_tracker_is_caught_up_with(
    new_trial: Trials,
    tracker: Tracker,
    disturbed: Interruptions,
    changes: dict[int, int],
    departures: dict[int, int],
) -> None:
    """Bugs change (and, where ids are listed, leave) while they are read: later all is as at the source.

    One quiet sync does for changes. A bug that left takes three: the listing that was open may have met it before, and
    two without it decide.
    """
    trial = trial_of(new_trial, tracker, answer_bytes=answer_bytes(tracker, disturbed))

    def move(number: int) -> None:
        there = {row["id"] for row in trial.rows["bugs"].listed()}
        if changes.get(number) in there:
            change(trial, changes[number], at=at(3600 + number))
        if tracker.reconcile and departures.get(number) in there:
            trial.rows["bugs"].remove(departures[number])

    trial.source.before = move
    disturb(trial, disturbed)
    assert all(sync.complete for sync in trial.quiet(trial.connection, 3 if tracker.reconcile else 1))
    assert not differences(trial.connection.warehouse, as_new(trial))


@given(tracker=trackers, pages=st.integers(1, 3), cut=st.integers(0, 20))
def test_marks_never_move_back_and_positions_stay_small(
    new_trial: Trials, tracker: Tracker, pages: int, cut: int
) -> None:
    """Answer after answer, in this sync and the next one, after a failure anywhere."""
    disturbed = Interruptions({cut: "HTML"}, frozenset(), pages)
    trial = trial_of(new_trial, tracker, answer_bytes=answer_bytes(tracker, disturbed))
    disturb(trial, disturbed)
    trial.heal()
    trial.connection.sync()
    parts: list[Any] = [
        exchange.answer["state"]["tables"].get("bugs", {})
        for exchange in trial.connection.exchanges
        if not exchange.failed
    ]
    marks = [part["mark"] for part in parts if "mark" in part]
    assert marks == sorted(marks)
    assert all(set(part.get("at", {})) <= {"second", "taken", "last"} for part in parts)
