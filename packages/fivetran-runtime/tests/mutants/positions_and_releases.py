"""Faults of what the state says: positions that do not come back, calls without an end, releases that hold more."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from fivetran_runtime._encoding import decode, encode
from mutants.mutant import Mutant

Fault = Callable[..., Any]
_POSITIONS, _SLOW, _RELEASES = "sync/test_positions.py", "sync/test_slow_rows.py", "sync/test_releases.py"


def _written_as_it_is(_: Fault) -> Fault:
    return lambda _table, at: decode(encode(at.position))


def _only_as_it_came(_: Fault) -> Fault:
    def forms(value: Any) -> Iterator[Any]:
        yield value

    return forms


def _fractions_become_text(original: Fault) -> Fault:
    def dump(self: Any) -> dict[str, Any]:
        dumped = original(self)
        at = dumped.get("at", {})
        return {
            **dumped,
            "at": {name: value if type(value) is int else str(value) for name, value in at.items()},
        }

    return dump


def _the_floor_is_not_noted(original: Fault) -> Fault:
    def note_terms(table: Any, state: Any, terms: Any) -> None:
        original(table, state, terms)
        state.floor = None

    return note_terms


MUTANTS = (
    Mutant(
        "a position that would not come back is refused at the first At",
        "fivetran_runtime._sync.table_pass.stored",
        _written_as_it_is,
        f"{_POSITIONS}::test_a_position_that_would_not_come_back_fails_before_anything_is_cut",
    ),
    Mutant(
        "ids that change their type in the middle of a pass lose nothing",
        "fivetran_runtime._sync.positions._forms",
        _only_as_it_came,
        f"{_POSITIONS}::test_ids_that_change_their_type_in_the_middle_of_a_pass_lose_nothing",
    ),
    Mutant(
        "007 is another position than 7",
        "fivetran_runtime._sync.positions._INTEGER",
        lambda _: re.compile(r"-?[0-9]+"),
        f"{_POSITIONS}::test_what_would_not_come_back_is_refused_at_the_first_at",
    ),
    Mutant(
        "a fraction in a position comes back as a number",
        "fivetran_runtime._sync.state.TableState.dump",
        _fractions_become_text,
        f"{_POSITIONS}::test_a_position_comes_back_as_its_annotation_says",
    ),
    Mutant(
        "time is looked at whenever a row is yielded",
        "fivetran_runtime._invocation.budget.RowClock.look",
        lambda _: lambda self: 1e9,  # noqa: ARG005
        f"{_SLOW}::test_without_an_at_the_table_fails_by_name_and_the_others_rows_arrive",
    ),
    Mutant(
        "a call ends before a row that comes too late",
        "fivetran_runtime._invocation.budget.Budget.require_next",
        lambda _: lambda self, seconds: self.require(0, ""),  # noqa: ARG005
        f"{_SLOW}::test_with_an_at_in_the_call_the_answer_is_given_there",
    ),
    Mutant(
        "a table that fits into a call is not stopped because its pages are slow",
        "fivetran_runtime._invocation.budget.RowClock.__init__",
        lambda original: lambda self, budget, *, may_stop: original(self, budget, may_stop=may_stop or True),
        f"{_SLOW}::test_a_table_that_fits_into_a_call_is_not_stopped_because_its_pages_are_slow",
    ),
    Mutant(
        "a release that adds a child table brings the old rows",
        "fivetran_runtime._sync.start._children",
        lambda _: lambda table: {},  # noqa: ARG005
        f"{_RELEASES}::test_a_release_that_lets_a_table_hold_more_brings_the_old_rows",
    ),
    Mutant(
        "a release with an earlier floor brings the old rows",
        "fivetran_runtime._sync.table_pass.note_terms",
        _the_floor_is_not_noted,
        f"{_RELEASES}::test_a_release_that_lets_a_table_hold_more_brings_the_old_rows",
    ),
    Mutant(
        "a release with another default brings the old rows",
        "fivetran_runtime._scope._settings",
        lambda original: (
            lambda config, *, with_defaults: original(config, with_defaults=with_defaults and False)
        ),
        f"{_RELEASES}::test_a_release_that_lets_a_table_hold_more_brings_the_old_rows",
    ),
    Mutant(
        "a state of a release that wrote less is taken over without a pass",
        "fivetran_runtime._scope.Digest.is_of",
        lambda _: lambda self, written: written in (None, self.current),
        f"{_RELEASES}::test_a_state_of_a_release_that_wrote_less_is_taken_over_without_a_pass",
    ),
)
