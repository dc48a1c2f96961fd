from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings
from virtual_clock import VirtualClock

from fivetran_runtime._invocation.budget import Budget, Limits
from fivetran_runtime._invocation.clock import use_clock
from fivetran_runtime._invocation.context import Invocation, run_as

# Seeds are fixed, so that a run tells the same tomorrow; --hypothesis-profile=random looks for what it has not met.
settings.register_profile("fixed", derandomize=True, database=None, deadline=None)
settings.register_profile("random", print_blob=True, deadline=None)
settings.load_profile("fixed")


@pytest.fixture
def clock() -> Iterator[VirtualClock]:
    """Virtual time, from 2026-01-01 on."""
    virtual = VirtualClock()
    with use_clock(virtual):
        yield virtual


@pytest.fixture
def invocation(clock: VirtualClock) -> Iterator[Invocation]:
    """The call of a function that may take 100 s of virtual time."""
    with run_as(Invocation(Budget(Limits(seconds=100)))) as invocation:
        yield invocation
