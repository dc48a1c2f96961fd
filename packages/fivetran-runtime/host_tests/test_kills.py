"""A process of the SDK's may die at any moment: the next one goes on, and ends as if nothing had happened."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fivetran_sdk import Connection

from fivetran_emulator.connector_sdk.served import LoadedConnector
from fivetran_emulator.practice.serving import Practice, load, serving

SMALL, LARGE = {"FIVETRAN_ANSWER_BYTES": "6000"}, {"FIVETRAN_ANSWER_BYTES": "30000"}
"""A page in each answer, which is one message and a checkpoint; or several."""

SEED = 13
BEFORE, WITHIN, LOST, KEPT = (
    "between upserts and checkpoint",
    "among upserts",
    "checkpoint lost",
    "checkpoint kept, not acknowledged",
)
MOMENTS = [*[BEFORE] * 6, *[LOST] * 5, *[KEPT] * 5, *[WITHIN] * 4]
MAX_SYNCS = 12
FOUND_MISSING = {"casa": ("projects", "users")}
"""By connector, tables whose deletes are inferred, and whose rows nothing else is about."""


@pytest.fixture
def source(connector: Path) -> Iterator[tuple[Practice, dict[str, Any]]]:
    """A practice source, and the secrets that open it."""
    practice = load(connector / "practice.py")
    with serving(practice.source) as url:
        yield practice, practice.secrets_at(url)


class Crashes:
    """Crashes at those of the moments that come in a sync; what is left is for the next one."""

    def __init__(self, moments: list[str], chance: random.Random, *, small: bool) -> None:
        self._moments, self._chance = moments, chance
        self._at_rows = BEFORE if small else WITHIN
        self._messages = 0

    def __call__(self, _number: int, kind: str) -> str | None:
        """Among rows only at the first message of an answer: others follow it, or none at all."""
        is_first, self._messages = self._messages == 0, 0 if kind == "checkpoint" else self._messages + 1
        possible = [LOST, KEPT] if kind == "checkpoint" else [self._at_rows] if is_first else []
        chosen = next((moment for moment in self._moments if moment in possible), None)
        if chosen is None or self._chance.random() < 0.3:
            return None
        self._moments.remove(chosen)
        self._messages = 0
        return "lost" if chosen == LOST else "kept"


def test_killed_at_twenty_moments_it_ends_with_the_same_rows_and_the_same_state(
    connector: Path, loaded: LoadedConnector, source: tuple[Practice, dict[str, Any]]
) -> None:
    """Rows are removed in between, so that passes which are killed must delete those and no others."""
    practice, secrets = source
    chance = random.Random(SEED)
    undisturbed, killed = Connection(loaded, secrets, SMALL), Connection(loaded, secrets)
    moments = chance.sample(MOMENTS, len(MOMENTS))
    for number in range(MAX_SYNCS):
        killed.keeps_rows = number % 3 != 1
        killed.environment = SMALL if number % 2 == 0 else LARGE
        undisturbed.sync()
        killed.sync(Crashes(moments, chance, small=number % 2 == 0))
        assert killed.tables == undisturbed.tables, moments
        assert killed.state == undisturbed.state, moments
        if not moments and number > 1:
            break
        if number == 0:
            _remove_some(practice, FOUND_MISSING.get(connector.name, ()))
    assert not moments
    assert killed.crashes == len(MOMENTS)
    assert killed.deleted == undisturbed.deleted
    assert len(killed.deleted) == 3 * len(FOUND_MISSING.get(connector.name, ()))


def _remove_some(practice: Practice, names: tuple[str, ...]) -> None:
    source: Any = practice.source
    for name in names:
        rows = source.tables[name]
        for row in rows.listed()[3:6]:
            rows.remove(row["id"])
