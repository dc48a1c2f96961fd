"""States that live connections hold: what release 0.1.0 wrote, and what README.md tells people to patch in.

Never edit one of STATES: when the connector writes another shape, add a state and keep these.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from fivetran_emulator.contract import Trial

LISTED = {
    "airlines": {"keys": "c-pI0%1*5;R<eqYR&sPyiq(l$axw!`p+H`2EdY@92*&"},
    "airports": {"keys": "c-pI0%1*5;R<eqYR&omTQ;OAzR`PQ5R*H?S1psU;2g?"},
    "planes": {"keys": "c-pI0%1*5;R<eqYR`N46F*34Hiq!!!jZBOT4V7YJYXOz$2&M"},
    "remarks": {"keys": "c-pI0DlSPaC|0tHHq-&a*jfNG#|23"},
}
SYNC = {"id": "00000000-0000-4000-8000-000000000001"}
STATES: dict[str, tuple[dict[str, Any], int]] = {
    "after a sync": (
        {
            "version": 1,
            "connector": "datasette",
            "tables": {
                **LISTED,
                "flights": {"mark": "2013-01-05T12:00:00Z"},
                "weather": {"mark": "2013-01-01T15:00:00Z"},
            },
        },
        12,
    ),
    "in the middle of the flights": (
        {
            "version": 1,
            "connector": "datasette",
            "tables": {
                "airlines": LISTED["airlines"],
                "airports": LISTED["airports"],
                "flights": {
                    "at": {"after": "2013-01-04T10~3A00~3A00Z,2013-01-04T10~3A00~3A00Z,AA,1503"},
                    "seen": "2013-01-04T10:00:00Z",
                },
            },
            "sync": {**SYNC, "done": ["airlines", "airports"]},
        },
        10,
    ),
    "the flights having failed": (
        {
            "version": 1,
            "connector": "datasette",
            "tables": {**LISTED, "weather": {"mark": "2013-01-01T15:00:00Z"}},
            "sync": {**SYNC, "done": [*LISTED, "weather"], "failed": ["flights"]},
        },
        30,
    ),
}
"""With how many of the thirty flights are still to come."""


def kept(state: dict[str, Any]) -> dict[str, Any]:
    """What is remembered of the tables between syncs."""
    parts = state["tables"].items()
    return {name: (part.get("mark"), part.get("keys")) for name, part in parts}


@pytest.mark.parametrize("name", STATES)
def test_a_connection_of_release_0_1_0_goes_on_where_it_was(trial: Trial, name: str) -> None:
    """What it has to bring comes, what it had brought is not asked for again, and it ends like a new connection."""
    state, to_come = STATES[name]
    other = trial.connect()
    other.sync()
    trial.connection.state, trial.connection.syncs = state, 0  # the sync that the state tells of goes on
    sync = trial.connection.sync()
    assert sync.complete
    assert sync.rows["flights"] == to_come
    assert sync.rows.get("airlines", 0) == (0 if "sync" in state else 3)
    for connection in (trial.connection, other):
        connection.sync()
    assert kept(trial.connection.state) == kept(other.state)


README = (Path(__file__).parents[1] / "README.md").read_text()
SHOWN = [
    state
    for text in re.findall(r"```json\n(.*?)```", README, re.DOTALL)
    if "version" in (state := json.loads(text))
]


@pytest.mark.parametrize("state", SHOWN)
def test_the_states_in_the_readme_may_be_patched_in(trial: Trial, state: dict[str, Any]) -> None:
    """The connector takes them; no flight is after the day they name."""
    trial.connection.state = state
    sync = trial.connection.sync()
    assert sync.complete
    assert sync.rows == {"airlines": 3, "airports": 2, "planes": 2, "weather": 10, "remarks": 3}


def test_the_readme_shows_a_state() -> None:
    """Else the test before has nothing to try."""
    assert SHOWN
