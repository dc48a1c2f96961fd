"""The budget: when an invocation has to stop."""

from __future__ import annotations

import pytest
from virtual_clock import VirtualClock

from fivetran_runtime._invocation.budget import MB, Budget, Limits, OutOfBudget, memory_in_use

pytestmark = pytest.mark.usefixtures("clock")


def test_a_tenth_of_the_time_is_kept_for_the_answer(clock: VirtualClock) -> None:
    """Encoding and sending it takes time too."""
    budget = Budget(Limits(seconds=100))
    assert budget.remaining() == 90
    clock.sleep(80)
    assert budget.remaining() == pytest.approx(10)
    clock.sleep(80)
    assert budget.remaining() == 0
    assert budget.elapsed() == 160


def test_a_wait_that_fits_is_slept(clock: VirtualClock) -> None:
    """All of it."""
    Budget(Limits(seconds=100)).wait(89, "waiting")
    assert clock.slept == [89]


@pytest.mark.parametrize("seconds", [90, 91, 10**9])
def test_a_wait_that_does_not_fit_is_not_begun(clock: VirtualClock, seconds: float) -> None:
    """The invocation ends instead, and says what it would have waited for."""
    with pytest.raises(OutOfBudget, match="the source's limit") as caught:
        Budget(Limits(seconds=100)).wait(seconds, "the source's limit")
    assert caught.value.cut == "wait"
    assert clock.slept == []


def test_with_no_time_left_nothing_is_begun(clock: VirtualClock) -> None:
    """Not even what takes no time; the reason is time, not the wait."""
    budget = Budget(Limits(seconds=100))
    clock.sleep(90)
    with pytest.raises(OutOfBudget, match="90 of 100 seconds") as caught:
        budget.require(0, "asking")
    assert caught.value.cut == "time"


def test_an_authors_except_exception_does_not_swallow_the_end() -> None:
    """Swallowing it would turn a cut into lost rows."""
    assert not issubclass(OutOfBudget, Exception)


@pytest.mark.parametrize(
    ("used", "unit", "cut"), [(9 * MB, 0, None), (8 * MB, 1 * MB, None), (8 * MB, 1 * MB + 1, "bytes")]
)
def test_another_unit_must_fit_into_the_answer(used: int, unit: int, cut: str | None) -> None:
    """A tenth of the answer is kept for state and schema; the rest may be filled to the byte."""
    budget = Budget(Limits(seconds=float("inf"), memory_bytes=2**60))
    assert budget.cut_before(used_bytes=used, unit_bytes=unit, unit_seconds=0) == cut


@pytest.mark.parametrize(("unit", "cut"), [(0, None), (9.9, None), (10, "time"), (60, "time")])
def test_another_unit_must_fit_into_the_time_twice(clock: VirtualClock, unit: float, cut: str | None) -> None:
    """Twice: the next unit may be slower than the slowest so far."""
    budget = Budget(Limits(seconds=100, memory_bytes=2**60))
    clock.sleep(70)
    assert budget.cut_before(used_bytes=0, unit_bytes=0, unit_seconds=unit) == cut


def test_memory_is_kept_free_for_another_unit() -> None:
    """An answer that fills more than three quarters of the function's memory is sent."""
    limit = int((memory_in_use() + 40 * MB) / 0.8)
    tight, roomy = Budget(Limits(memory_bytes=limit)), Budget(Limits(memory_bytes=limit * 4))
    held = b"x" * (200 * MB)  # far more than the limit asks for: the process may give much back in between
    assert tight.cut_before(used_bytes=0, unit_bytes=0, unit_seconds=0) == "memory"
    assert roomy.cut_before(used_bytes=0, unit_bytes=0, unit_seconds=0) is None
    assert held


def test_memory_that_was_used_before_the_request_cuts_nothing() -> None:
    """Sending an answer early gives none of it back; every invocation would bring one unit."""
    budget = Budget(Limits(memory_bytes=memory_in_use()))
    assert budget.cut_before(used_bytes=0, unit_bytes=0, unit_seconds=0) is None
