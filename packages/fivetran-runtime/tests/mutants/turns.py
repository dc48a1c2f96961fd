"""Faults by which a table that takes turns with others is not read as if it were alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mutants.mutant import Mutant

Fault = Callable[..., Any]
_TURNS = "sync/test_turns.py"


def _ends_after_its_first_turn(original: Fault) -> Fault:
    def goes_on(self: Any, invocation: Any) -> bool:
        original(self, invocation)
        return False

    return goes_on


def _all_answers(original: property) -> property:
    return property(lambda self: original.fget(self) + self._elsewhere)  # type: ignore[misc]


def _time_goes_on(_: Fault) -> Fault:
    return lambda self: self._cut()


def _never_first(original: Fault) -> Fault:
    return lambda self, reading, **_: original(self, reading, is_first=False)


MUTANTS = (
    Mutant(
        "each table that takes turns is read to its end",
        "fivetran_runtime._sync.readings.Reader.goes_on",
        _ends_after_its_first_turn,
        f"{_TURNS}::test_each_goes_on_to_its_next_at_in_its_turn",
    ),
    Mutant(
        "the answers of others are none of a table's",
        "fivetran_runtime._invocation.context.Invocation.distinct_requests",
        _all_answers,
        f"{_TURNS}::test_the_answers_of_others_are_none_of_a_tables",
    ),
    Mutant(
        "the turns of others are no part of a table's time",
        "fivetran_runtime._sync.table_pass.Pass._resumed",
        _time_goes_on,
        f"{_TURNS}::test_the_turns_of_others_are_no_part_of_a_tables_time",
    ),
    Mutant(
        "the first table of those that take turns may fail for want of time",
        "fivetran_runtime._sync.loop._Call._steps",
        _never_first,
        f"{_TURNS}::test_a_table_that_hangs_keeps_no_other_one_out",
    ),
)
