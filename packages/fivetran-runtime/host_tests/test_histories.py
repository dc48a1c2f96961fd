"""Whatever changes and dies in whatever order: a few quiet syncs bring the source's rows."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from fivetran_sdk import Connection

from fivetran_emulator.connector_sdk.served import LoadedConnector
from fivetran_emulator.practice.serving import load, serving

SYNCS, QUIET, USUAL = 4, 3, 2
CHANGED = {"casa": ("projects", "users")}
"""By connector, tables whose rows may be changed, added and removed at will."""


@pytest.mark.parametrize("seed", range(1, 9))
def test_a_history_of_changes_and_crashes_ends_with_the_sources_rows(
    connector: Path, loaded: LoadedConnector, whole: bool, seed: int
) -> None:
    """Rows touched, added and removed between syncs, of which some die; the truth is what a new connection gets."""
    if seed > USUAL and not whole:
        pytest.skip("a part of --whole")
    if connector.name not in CHANGED:
        pytest.skip("its practice rows depend on one another")
    chance = random.Random(seed)
    practice = load(connector / "practice.py")
    with serving(practice.source) as url:
        secrets = practice.secrets_at(url)
        connection = Connection(loaded, secrets, {"FIVETRAN_ANSWER_BYTES": "9000"})
        for number in range(SYNCS + QUIET):
            if number < SYNCS:
                _change(practice.source, CHANGED[connector.name], chance)
            connection.keeps_rows = chance.random() < 0.5
            connection.sync(_crashing(chance, 2 if number < SYNCS else 0))
        fresh = Connection(loaded, secrets)
        fresh.sync()
    assert connection.tables == fresh.tables
    assert connection.crashes > 2


def _crashing(chance: random.Random, times: int) -> Any:
    left = [times]

    def crash(_number: int, _kind: str) -> str | None:
        if not left[0] or chance.random() < 0.7:
            return None
        left[0] -= 1
        return chance.choice(["lost", "kept"])

    return crash


def _change(source: Any, names: tuple[str, ...], chance: random.Random) -> None:
    for name in names:
        rows = source.tables[name]
        listed = rows.listed()
        for row in chance.sample(listed, 3):
            rows.remove(row["id"])
        for row in chance.sample(rows.listed(), 3):
            rows.put({**row, "touched": chance.randrange(1000)})
        highest = max(row["id"] for row in listed)
        rows.put({**listed[0], "id": highest + chance.randrange(1, 5)})
