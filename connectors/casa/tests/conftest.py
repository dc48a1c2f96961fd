"""What the tests stand on: the practice source behind a layer of faults, and Fivetran's side of a connection.

No time passes in a trial. Waits and time-outs are virtual, so a test of a minute's backoff takes milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from connector_casa import main
from fivetran_emulator.contract.function import InProcess
from fivetran_emulator.contract.trial import Trial
from fivetran_emulator.contract.virtual_time import VirtualTime
from fivetran_emulator.practice.loading import load
from fivetran_runtime.clock import use_clock

# Seeds are fixed, so that a run tells the same tomorrow; a long run looks for what the short one has not met.
settings.register_profile("short", max_examples=15, deadline=None, derandomize=True, database=None)
settings.register_profile(
    "long", max_examples=2_000, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("short")


class RuntimeTime(VirtualTime):
    """Stands still for the function alone: the practice source, in the same process, keeps its own time."""

    @contextmanager
    def in_force(self) -> Iterator[None]:
        with use_clock(self):
            yield


@pytest.fixture(scope="session")
def new_trial() -> Callable[..., Trial]:
    """Makes a trial; named limits are those of a deployment, e.g. answer_bytes=20_000."""
    function = InProcess(main)

    def make(**limits: int) -> Trial:
        practice = load(Path(__file__).parents[1] / "practice.py")
        named = {f"FIVETRAN_{name.upper()}": value for name, value in limits.items()}
        return Trial(function, practice, limits=named, time=RuntimeTime())

    return make


@pytest.fixture
def trial(new_trial: Callable[..., Trial]) -> Trial:
    return new_trial()
