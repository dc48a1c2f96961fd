"""Whatever interrupts a sync, the warehouse and the state end as if nothing had.

An interruption is an answer that is full after a page or a few, a request that fails in any way, an answer that is lost
on its way to Fivetran. The source is a real Datasette over tables made up by hypothesis: with a compound key, without
one, with a cursor that ties, has nulls and is written in several zones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from databases import Publisher
from hypothesis import given
from hypothesis import strategies as st

from fivetran_emulator.contract import Trial, Trials, faults
from fivetran_emulator.contract.memory_warehouse import differences

if TYPE_CHECKING:
    pass


FAULTS: Mapping[str, faults.Fault] = {
    "503": faults.status(503),
    "429 at once": faults.status(429, retry_after="0"),
    "reset": faults.reset,
    "cut body": faults.cut_body,
    "HTML": faults.html,
    "hang": faults.hang,
}
SCHEMA = """
create table pairs (a integer, b text, primary key (a, b));
create table bare (word text);
create table "odd name/%" (id integer primary key, changed text);
"""
ROW_BYTES = 120
"""More than any row here takes."""


@dataclass(frozen=True)
class Tables:
    """What is published, and how many rows a page has."""

    pairs: set[tuple[int, str]]
    bare: list[str]
    changed: list[str | None]
    page: int


@dataclass(frozen=True)
class Interruptions:
    """When what happens: faults by request, calls whose answers are lost, pages that an answer holds."""

    faults: dict[int, str]
    lost: frozenset[int]
    pages: int


WORDS = st.text("aé漢~%,/ ", max_size=5)
MOMENTS = [
    "2026-01-01T00:00:00Z",
    "2026-01-01T09:30:00+09:00",
    "2026-01-01T00:00:00-08:00",
    "2026-03-05T12:00:00Z",
]
tables = st.builds(
    Tables,
    pairs=st.sets(st.tuples(st.integers(-3, 30), WORDS), max_size=10),
    bare=st.lists(WORDS, max_size=8),
    changed=st.lists(st.none() | st.sampled_from(MOMENTS), max_size=12),
    page=st.integers(1, 7),
)
interruptions = st.builds(
    Interruptions,
    faults=st.dictionaries(st.integers(1, 20), st.sampled_from(sorted(FAULTS)), max_size=4),
    lost=st.frozensets(st.integers(1, 6), max_size=3),
    pages=st.integers(1, 4),
)


@dataclass(frozen=True)
class MadeUp:
    """Where databases are made, and what publishes them."""

    path: Path
    publisher: Publisher


@pytest.fixture(scope="session")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> MadeUp:
    publisher = Publisher()
    return MadeUp(tmp_path_factory.mktemp("published") / "made_up.db", publisher)


def trial_of(new_trial: Trials, source: Publisher, **limits: int) -> Trial:
    """The made-up database behind the faults."""
    trial = new_trial(source, **limits)
    trial.connection = trial.connect(database="made_up", cursors={"odd name/%": "changed"})
    return trial


def kept(trial: Trial) -> dict[str, object]:
    """What is remembered of the tables between syncs."""
    parts = trial.connection.state["tables"].items()
    return {name: (part.get("mark"), part.get("keys")) for name, part in parts}


@given(content=tables, disturbed=interruptions)
def test_nothing_is_lost_and_nothing_stays_behind(
    new_trial: Trials, made_up: MadeUp, content: Tables, disturbed: Interruptions
) -> None:
    """A disturbed sync, and a quiet one if it failed, leave the rows and the state of a single undisturbed one."""
    rows: dict[str, Any] = {
        "pairs": sorted(content.pairs),
        "bare": [(word,) for word in content.bare],
        '"odd name/%"': list(enumerate(content.changed)),
    }
    made_up.publisher.publish(made_up.path, SCHEMA, rows, page=content.page)
    calm = trial_of(new_trial, made_up.publisher)
    assert calm.connection.sync().complete
    trial = trial_of(
        new_trial, made_up.publisher, answer_bytes=1_000 + ROW_BYTES * content.page * disturbed.pages
    )
    trial.source.fault = lambda asked: FAULTS.get(disturbed.faults.get(asked.number, ""))
    trial.connection.sync(lose=lambda number: number in disturbed.lost)
    trial.heal()
    assert trial.connection.sync().complete
    assert not differences(trial.connection.warehouse, calm.connection.warehouse)
    for connection in (trial.connection, calm.connection):
        connection.sync()
    assert kept(trial) == kept(calm)
    arrived = {table: len(found) for table, found in calm.connection.warehouse.tables.items()}
    assert arrived == {name.strip('"'): len(listed) for name, listed in rows.items() if listed}
