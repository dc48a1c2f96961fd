"""Whatever interrupts a sync, the warehouse and the state end as if nothing had.

An interruption is an answer that is full after a page or a few, a request that fails in any way, an answer that is lost
on its way to Fivetran, a row that comes or goes between two requests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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
ROW_BYTES = 300
"""More than any row here takes."""


@dataclass(frozen=True)
class Biztera:
    """How many rows there are, and how many a page has."""

    projects: int
    users: int
    cap: int


@dataclass(frozen=True)
class Interruptions:
    """When what happens: faults by request, calls whose answers are lost, pages that an answer holds."""

    faults: dict[int, str]
    lost: frozenset[int]
    pages: int


sources = st.builds(
    Biztera,
    projects=st.integers(0, 40),
    users=st.integers(0, 40),
    cap=st.sampled_from([1, 3, 10, 11, 15, 100]),
)
interruptions = st.builds(
    Interruptions,
    faults=st.dictionaries(st.integers(1, 25), st.sampled_from(sorted(FAULTS)), max_size=4),
    lost=st.frozensets(st.integers(1, 8), max_size=3),
    pages=st.integers(1, 5),
)


def trial_of(new_trial: Trials, biztera: Biztera, **limits: int) -> Trial:
    """A practice source with so many of its rows."""
    trial = new_trial(**limits)
    for table, count in (("projects", biztera.projects), ("users", biztera.users)):
        for row in trial.rows[table].listed()[count:]:
            trial.rows[table].remove(row["id"])
    trial.cap(biztera.cap)
    return trial


def disturb(trial: Trial, disturbed: Interruptions) -> None:
    """A sync with everything that goes wrong."""
    trial.source.fault = lambda asked: FAULTS.get(disturbed.faults.get(asked.number, ""))
    trial.connection.sync(lose=lambda number: number in disturbed.lost)


def answer_bytes(biztera: Biztera, disturbed: Interruptions) -> int:
    """Room for so many pages."""
    return 3_500 + ROW_BYTES * min(biztera.cap, 40) * disturbed.pages


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


@given(biztera=sources, disturbed=interruptions)
def test_nothing_is_lost_and_nothing_stays_behind(
    new_trial: Trials, biztera: Biztera, disturbed: Interruptions
) -> None:
    """A disturbed sync, and a quiet one if it failed, leave the rows and the state of a single undisturbed one."""
    calm = trial_of(new_trial, biztera)
    assert calm.connection.sync().complete
    trial = trial_of(new_trial, biztera, answer_bytes=answer_bytes(biztera, disturbed))
    disturb(trial, disturbed)
    trial.heal()
    assert trial.connection.sync().complete
    assert not differences(trial.connection.warehouse, calm.connection.warehouse)
    for connection in (trial.connection, calm.connection):
        connection.sync()
    assert kept(trial) == kept(calm)


@given(
    biztera=sources,
    disturbed=interruptions,
    departures=st.dictionaries(
        st.integers(1, 20), st.tuples(st.sampled_from(["projects", "users"]), st.integers(1, 40)), max_size=6
    ),
    arrivals=st.dictionaries(st.integers(1, 20), st.sampled_from(["projects", "users"]), max_size=4),
)
def test_moving_lists_are_caught_up_with(
    new_trial: Trials,
    biztera: Biztera,
    disturbed: Interruptions,
    departures: dict[int, tuple[str, int]],
    arrivals: dict[int, str],
) -> None:
    """Rows come and go while they are listed: three quiet syncs later all is as at the source.

    Three: the listing that was open may have met a row before it went, and two without it decide.
    """
    trial = trial_of(new_trial, biztera, answer_bytes=answer_bytes(biztera, disturbed))

    def move(number: int) -> None:
        if number in departures:
            table, key = departures[number]
            if key in {row["id"] for row in trial.rows[table].listed()}:
                trial.rows[table].remove(key)
        if number in arrivals:
            row = {"id": 90_000 + number, "createdAt": "2026-01-01T00:00:00.000Z"}
            trial.rows[arrivals[number]].put(row)

    trial.source.before = move
    disturb(trial, disturbed)
    assert all(sync.complete for sync in trial.quiet(trial.connection, 3))
    assert not differences(trial.connection.warehouse, as_new(trial))


@given(biztera=sources, lost=st.frozensets(st.integers(1, 8), max_size=4), pages=st.integers(1, 3))
def test_an_answer_that_is_lost_comes_again_the_same(
    new_trial: Trials, biztera: Biztera, lost: frozenset[int], pages: int
) -> None:
    """As long as the source stands still, the call that is repeated gets the same rows and the same state."""
    trial = trial_of(new_trial, biztera, answer_bytes=answer_bytes(biztera, Interruptions({}, lost, pages)))
    sync = trial.connection.sync(lose=lambda number: number in lost)
    assert sync.complete
    for number, (before, after) in enumerate(zip(sync.exchanges, sync.exchanges[1:], strict=False), start=1):
        if number in lost:
            assert after.answer == before.answer
