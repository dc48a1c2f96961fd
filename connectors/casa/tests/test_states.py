"""States that live connections hold: what release 0.1.0 wrote, and what README.md shows people.

Never edit one of STATES: when the connector writes another shape, add a state and keep these.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from listed import arrived, at_source, list_text_ids

from fivetran_emulator.contract import Trial

ALL_USERS = "c-pI0%1*5;R<eqYRw^|B0z;)(9VpWX!8ArNO%O~|1k((`G)FKk5KK!r)6f9HMA&8sv@Nz40Mj)hjs"
SYNC = {"id": "00000000-0000-4000-8000-000000000001"}
STATES: dict[str, dict[str, Any]] = {
    "after a sync": {
        "version": 1,
        "connector": "casa",
        "tables": {
            "projects": {
                "keys": "c-pI0%1*5;R<eqYRw^(60z;)(9VpWX!8ArNO%O~|1k((`G)FKk5KK!r)6f9HMA&8sv@Nz40K%^#QU"
            },
            "users": {"keys": ALL_USERS},
        },
    },
    "in the middle of projects": {
        "version": 1,
        "connector": "casa",
        "tables": {
            "projects": {
                "at": {"bookmark": "p00010"},
                "found": "c-pI0%1*5;R<eqYRw^(60z;)(9VpWX!8ArNO%O~|1k((`G)FKk5KK!r)6hUEHntW34E!BE",
            }
        },
        "sync": SYNC,
    },
    "projects done, users having failed": {
        "version": 1,
        "connector": "casa",
        "tables": {
            "projects": {
                "keys": "c-pI0%1*5;R<eqYRw^(60z;)(9VpWX!8ArNO%O~|1k((`G)FKk5KK!r)6f9HMA&8sv@Nz40K%^#QU"
            }
        },
        "sync": {**SYNC, "done": ["projects"], "failed": ["users"]},
    },
    "after a listing that missed user u00003": {
        "version": 1,
        "connector": "casa",
        "tables": {
            "projects": {
                "keys": "c-pI0%1*5;R<eqYRw^(60z;)(9VpWX!8ArNO%O~|1k((`G)FKk5KK!r)6f9HMA&8sv@Nz40K%^#QU"
            },
            "users": {
                "keys": "c-pI0%1*5;R<eqYRw^|B0z;)(9VpWX!8AcIO%Y5p1k)VBv_LQ|;Y>pV1QTI}A<&B0S^#L8AN~",
                "missed": "c-pI0%1*5;R<eqYRw^|B0%N7v*jfNcq6SX",
            },
        },
    },
}
"""Of a Biztera with projects p00001 to p00012 and users u00001 to u00012."""


def kept(state: dict[str, Any]) -> dict[str, Any]:
    """What is remembered of the tables between syncs."""
    parts = state["tables"].items()
    return {name: (part.get("mark"), part.get("keys")) for name, part in parts}


@pytest.mark.parametrize("name", STATES)
def test_a_connection_of_release_0_1_0_goes_on_where_it_was(trial: Trial, name: str) -> None:
    """Twelve rows of each table: what has to come comes, what is deleted goes, and it ends like a new connection."""
    list_text_ids(trial, 12)
    trial.connection.sync()
    state, tables = STATES[name], trial.connection.warehouse.tables
    if "missed" in state["tables"].get("users", {}):
        trial.rows["users"].remove("u00003")
    if "at" in state["tables"]["projects"]:
        del tables["projects"]['["p00011"]'], tables["projects"]['["p00012"]']
    if "users" not in state["tables"]:
        del tables["users"]
    trial.connection.state, trial.connection.syncs = state, 0  # the sync that the state tells of goes on
    sync = trial.connection.sync()
    assert sync.complete
    assert arrived(trial) == at_source(trial)
    assert sync.rows.get("projects", 0) == {"in the middle of projects": 2}.get(
        name, 0 if "sync" in state else 12
    )
    other = trial.connect()
    other.sync()
    assert kept(trial.connection.state) == kept(other.state)


README = (Path(__file__).parents[1] / "README.md").read_text()
SHOWN = [
    state
    for text in re.findall(r"```json\n(.*?)```", README, re.DOTALL)
    if "version" in (state := json.loads(text))
]


@pytest.mark.parametrize("state", SHOWN)
def test_the_states_in_the_readme_may_be_patched_in(trial: Trial, state: dict[str, Any]) -> None:
    """The connector takes them, and goes on from where they say."""
    trial.connection.state = state
    assert trial.connection.sync().complete
    bookmark = state["tables"]["projects"]["at"]["bookmark"]
    assert arrived(trial)["projects"] == [row for row in at_source(trial)["projects"] if row["id"] > bookmark]


def test_the_readme_shows_a_state() -> None:
    """Else the test before has nothing to try."""
    assert SHOWN
