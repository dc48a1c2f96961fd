"""Python's collector is held back while an invocation runs, and as it was afterwards."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import suppress

import pytest

from fivetran_runtime._invocation.budget import Budget, Limits
from fivetran_runtime._invocation.context import ALLOCATIONS, Invocation, run_as


@pytest.fixture(autouse=True)
def usual() -> Iterator[tuple[int, int, int]]:
    """Thresholds of a host's own, as this Python keeps them."""
    before = gc.get_threshold()
    gc.set_threshold(800, 11, 12)
    yield gc.get_threshold()
    gc.set_threshold(*before)


def invocation() -> Invocation:
    return Invocation(Budget(Limits()))


def test_it_runs_rarely_within_an_invocation_and_as_usual_after(usual: tuple[int, int, int]) -> None:
    """Also where it ends with an error."""
    with suppress(KeyboardInterrupt), run_as(invocation()):
        assert gc.get_threshold() == (ALLOCATIONS, *usual[1:])
        assert gc.isenabled()
        raise KeyboardInterrupt
    assert gc.get_threshold() == usual


def test_of_several_invocations_the_last_to_end_puts_it_back(usual: tuple[int, int, int]) -> None:
    """A host may serve some at once, and they end in any order."""
    first, second = run_as(invocation()), run_as(invocation())
    first.__enter__()
    second.__enter__()
    second.__exit__(None, None, None)
    assert gc.get_threshold()[0] == ALLOCATIONS
    first.__exit__(None, None, None)
    assert gc.get_threshold() == usual


@pytest.mark.parametrize("own", [0, 10 * ALLOCATIONS])
def test_a_host_that_lets_it_run_less_keeps_that(own: int) -> None:
    """0 switches it off."""
    gc.set_threshold(own)
    with run_as(invocation()):
        assert gc.get_threshold()[0] == own


def test_cycles_are_found_within_an_invocation() -> None:
    """What an author's code leaves in them does not fill the memory of a long call."""

    class Node:
        alive = 0

        def __init__(self) -> None:
            Node.alive += 1
            self.itself = self

        def __del__(self) -> None:
            Node.alive -= 1

    with run_as(invocation()):
        for _ in range(4 * ALLOCATIONS):
            Node()
        assert Node.alive < 2 * ALLOCATIONS
    gc.collect()
