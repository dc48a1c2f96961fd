"""What the tests stand on: the practice source behind a layer of faults, and Fivetran's side of a connection.

No time passes in a trial. Waits and time-outs are virtual, so a test of a minute's backoff takes milliseconds.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from connector_datasette import main
from fivetran_emulator.contract import Trial, Trials

# Seeds are fixed, so that a run tells the same tomorrow; a long run looks for what the short one has not met.
settings.register_profile("short", max_examples=15, deadline=None, derandomize=True, database=None)
settings.register_profile(
    "long", max_examples=2_000, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("short")


@pytest.fixture(scope="session")
def new_trial() -> Trials:
    return Trials(main, practice=Path(__file__).parents[1] / "practice.py")


@pytest.fixture
def trial(new_trial: Trials) -> Trial:
    return new_trial()
