"""States that live connections hold: what releases 0.1.0 and 0.2.0 wrote, and what README.md tells people to patch in.

Never edit one of STATES: when the connector writes another shape, add a state and keep these.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from bugs import arrived, bug, change, visible

from fivetran_emulator.contract import Trial

WHOLE = {
    "products": {
        "keys": "c-pI0%1*5;R<eqYR&vcPD5+EkD9TSMO)gQ2)rnSePfSTqEhz@G!!r@=!=1UAIjIV23c-iBW#pwQ=qm)NxhTcP)&c+^_8O1"
    },
    "components": {"keys": "c-pI0DlSPaC|0tHHqtRfhOxB(Y{3T`"},
}
SYNC = {"id": "00000000-0000-4000-8000-000000000001", "done": ["products", "components"]}
MIDDLE = {
    "since": "2019-01-01T00:00:00Z",
    "at": {"second": "2024-07-12T14:04:08Z", "taken": 0, "last": 248},
    "seen": "2024-07-12T14:04:08Z",
}
WHOLE_0_2 = {
    "products": {
        "declared": "name",
        "keys": "c-pI0%1*5;R<eqYR&vcPD5+EkD9TSMO)gQ2)rnSePfSTqEhz@G!!r@=!=1UAIjIV23c-iBW#pwQ=qm)NxhTcP)&c+^_8O1",
        "kinds": ["text"],
    },
    "components": {"declared": "id", "keys": "c-pI0DlSPaC|0tHHqtRfhOxB(Y{3T`", "kinds": ["int"]},
}
MIDDLE_0_2 = {
    "since": "2019-01-01T00:00:00Z",
    "at": {"second": "2024-10-22T14:04:19Z", "taken": 0, "last": 259},
    "seen": "2024-10-22T14:04:19Z",
    "first": "2019-08-20T14:00:28Z",
    "declared": "id by last_change_time, an instant",
    "embeds": "9:1efccfe55da6",
}
"""Without `place`, a digest in which the practice source's port counts."""
STATES: dict[str, dict[str, Any]] = {
    "after a sync": {
        "version": 1,
        "connector": "bugzilla",
        "tables": {**WHOLE, "bugs": {"mark": "2026-06-22T06:20:42Z"}},
    },
    "in the middle of a pass": {
        "version": 1,
        "connector": "bugzilla",
        "tables": {**WHOLE, "bugs": MIDDLE},
        "sync": SYNC,
    },
    "in the middle of a pass, the listing of ids having failed": {
        "version": 1,
        "connector": "bugzilla",
        "tables": {**WHOLE, "bugs.keys": {"keys": "c-pI0DlSPaC|0tHHqtQ!LI^oZ4=imGTMGbOT1>J"}, "bugs": MIDDLE},
        "sync": {**SYNC, "failed": ["bugs.keys"]},
    },
    "after a listing that missed bug 301": {
        "version": 1,
        "connector": "bugzilla",
        "tables": {
            **WHOLE,
            "bugs": {"mark": "2026-06-22T06:20:42Z"},
            "bugs.keys": {
                "keys": "c-pI0DlSPaC|0tHHqtR1g`<$VFt!!|+~;u8",
                "missed": "c-pI0DlSPaC|0tHHa0MftpxxndIa(",
            },
        },
    },
    "0.2.0, after a sync": {
        "version": 1,
        "connector": "bugzilla",
        "tables": {
            **WHOLE_0_2,
            "bugs": {
                "mark": "2026-06-22T06:20:42Z",
                "declared": "id by last_change_time, an instant",
                "scope": "bd6af5f55e12",
                "embeds": "9:1efccfe55da6",
            },
            "bugs.keys": {"declared": "id", "keys": "c-pI0DlSPaC|0tHHqtR1g`<$VFt!!|+~;u8", "kinds": ["int"]},
        },
    },
    "0.2.0, in the middle of a pass": {
        "version": 1,
        "connector": "bugzilla",
        "tables": {
            **WHOLE_0_2,
            "bugs": MIDDLE_0_2,
            "bugs.keys": {
                "declared": "id",
                "keys": "c-pI0DlSPaC|0tHHqtQ!LI^oZ4@x?=762CvP_Y",
                "kinds": ["int"],
                "tried": "c-pI0DlSPaC|0tHHr1gIG|@4n4veh@0AnU4S^",
            },
        },
        "sync": {**SYNC, "done": ["products", "components", "bugs.keys"]},
    },
}


def begun_at(state: dict[str, Any]) -> str:
    """The second from which bugs have still to come, or will come again."""
    part = state["tables"]["bugs"]
    return str(part["at"]["second"]) if "at" in part else "2026-06-22T06:10:42Z"


def marks(state: dict[str, Any]) -> dict[str, Any]:
    return {name: part["mark"] for name, part in state["tables"].items() if "mark" in part}


def is_reconciling(state: dict[str, Any]) -> bool:
    return "bugs.keys" in state["tables"]


@pytest.mark.parametrize("name", STATES)
def test_a_connection_of_an_earlier_release_goes_on_where_it_was(trial: Trial, name: str) -> None:
    """What it has to bring comes, what it had brought is not asked for again, and it ends like a new connection."""
    state, deleted = STATES[name], {**bug(trial, 10), "id": 301}
    trial.connection = trial.connect(reconcile=is_reconciling(state))
    trial.connection.sync()
    bugs = trial.connection.warehouse.tables["bugs"]
    for key, row in list(bugs.items()):
        if row["last_change_time"] >= begun_at(state):
            del bugs[key]
    if "missed" in state["tables"].get("bugs.keys", {}):
        bugs["[301]"] = deleted
    change(trial, 8)
    trial.connection.state, trial.connection.syncs = state, 0  # the sync that the state tells of goes on
    sync = trial.connection.sync()
    assert sync.complete
    assert arrived(trial) == visible(trial)
    assert sync.rows.get("products", 0) == (0 if "sync" in state else 4)
    assert sync.rows["bugs"] == sum(row["last_change_time"] >= begun_at(state) for row in visible(trial))
    other = trial.connect(reconcile=is_reconciling(state))
    other.sync()
    assert marks(trial.connection.state) == marks(other.state)


README = (Path(__file__).parents[1] / "README.md").read_text()
SHOWN = [
    state
    for text in re.findall(r"```json\n(.*?)```", README, re.DOTALL)
    if "version" in (state := json.loads(text))
]


@pytest.mark.parametrize("state", SHOWN)
def test_the_states_in_the_readme_may_be_patched_in(trial: Trial, state: dict[str, Any]) -> None:
    """The connector takes them, and brings what they leave to be read."""
    trial.connection.state = state
    assert trial.connection.sync().complete
    mark = state["tables"]["bugs"]["mark"]
    assert [row["id"] for row in arrived(trial)] == [
        row["id"] for row in visible(trial) if row["last_change_time"] >= mark
    ]


def test_the_readme_shows_a_state() -> None:
    """Else the test before has nothing to try."""
    assert SHOWN
