"""Faults in what is remembered from sync to sync beside marks: what a table keeps, and its parents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fivetran_runtime._sync import keys
from mutants.mutant import Mutant

Fault = Callable[..., Any]
_KEPT = "sync/test_kept.py"
_PARENTS = "sync/test_parents.py"


def _counts_at_once(original: Fault) -> Fault:
    def pause(self: Any, *, in_parts: bool) -> None:
        original(self, in_parts=in_parts)
        self._state.kept = {**(self._state.kept or {}), **self._keeping} or None

    return pause


def _the_newest_counts(original: Fault) -> Fault:
    return lambda self, item, is_first: original(self, item, is_first=False)  # noqa: ARG005


def _never_sent_in_parts(original: Fault) -> Fault:
    return lambda self, was_sent: original(self, was_sent=False)  # noqa: ARG005


def _second_listing_keeps(_: Fault) -> property:
    return property(lambda self: False)  # noqa: ARG005


def _one_listing_is_enough(_: Fault) -> property:
    return property(lambda self: bool(self._state.over))


def _not_in_the_position(original: Fault) -> Fault:
    def kept(self: Any, *arguments: Any, **named: Any) -> None:
        original(self, *arguments, **named)
        self.stored = {}

    return kept


def _is_a_listing(_: Fault) -> Fault:
    return lambda self: None  # noqa: ARG005


def _all_are_covered(original: Fault) -> Fault:
    def parents(self: Any, *arguments: Any, **named: Any) -> None:
        original(self, *arguments, **named)
        self._covered = {*self._listed}

    return parents


def _remembered(which: Callable[[Any], Any]) -> Callable[[Fault], Fault]:
    """A pass at whose end other parents count as read."""

    def fault(original: Fault) -> Fault:
        def complete(self: Any) -> Any:
            cut = original(self)
            self._state.parents = keys.pack(which(self))
            return cut

        return complete

    return fault


def _skipped_is_read(original: Fault) -> Fault:
    def read_parent(self: Any, client: Any, parent: Any, within: Any) -> Any:
        cut = original(self, client, parent, within)
        self._ended = None if cut else parent
        return cut

    return read_parent


def _is_another_ones_page(_: Fault) -> Fault:
    def within(self: Any, position: Any) -> dict[str, Any]:
        return {name: value for name, value in position.items() if name != self._name}

    return within


def _in_silence(original: Fault) -> Fault:
    def pause(self: Any) -> None:
        original(self)
        self._state.no_room = {}

    return pause


MUTANTS = (
    Mutant(
        "a token counts only with the last rows of its pass",
        "fivetran_runtime._sync.kept.KeptValues.pause",
        _counts_at_once,
        f"{_KEPT}::test_a_pass_that_is_cut_goes_on_with_the_token_it_was_begun_with",
    ),
    Mutant(
        "a token that is asked for again is younger than the pages read so far",
        "fivetran_runtime._sync.kept.KeptValues.keep",
        _the_newest_counts,
        f"{_KEPT}::test_a_row_that_changes_behind_a_cut_arrives",
    ),
    Mutant(
        "a token that came with the second part of a page does not count",
        "fivetran_runtime._sync.kept.KeptValues.begin",
        _never_sent_in_parts,
        f"{_KEPT}::test_a_token_that_came_with_a_second_part_of_its_rows_does_not_count",
    ),
    Mutant(
        "a second listing keeps no token",
        "fivetran_runtime._sync.kept.KeptValues._confirms",
        _second_listing_keeps,
        f"{_KEPT}::test_an_expired_token_costs_a_listing_and_what_two_do_not_find_is_deleted",
    ),
    Mutant(
        "what a listing after an expired token does not find is looked for again",
        "fivetran_runtime._sync.deletes.Missing.are_open",
        _one_listing_is_enough,
        f"{_KEPT}::test_an_expired_token_costs_a_listing_and_what_two_do_not_find_is_deleted",
    ),
    Mutant(
        "a pass that goes on asks with the token that it was begun with",
        "fivetran_runtime._sync.kept.KeptValues.__init__",
        _not_in_the_position,
        f"{_KEPT}::test_a_pass_that_is_cut_goes_on_with_the_token_it_was_begun_with",
    ),
    Mutant(
        "a pass of changes is no listing",
        "fivetran_runtime._sync.kept.KeptValues._say_what_is_read",
        _is_a_listing,
        f"{_KEPT}::test_a_pass_of_changes_is_no_listing",
    ),
    Mutant(
        "a parent that is added later has its older rows",
        "fivetran_runtime._sync.parents.ParentsPass.__init__",
        _all_are_covered,
        f"{_PARENTS}::test_a_parent_that_is_added_later_is_read_from_the_floor",
    ),
    Mutant(
        "a parent that was away is not counted as read",
        "fivetran_runtime._sync.parents.ParentsPass._complete",
        _remembered(lambda one: one._done | one._covered),
        f"{_PARENTS}::test_a_parent_that_was_away_is_read_from_the_floor_when_it_is_back",
    ),
    Mutant(
        "a parent that is skipped is not counted as read",
        "fivetran_runtime._sync.parents.ParentsPass._read_parent",
        _skipped_is_read,
        f"{_PARENTS}::test_a_parent_that_was_away_is_read_from_the_floor_when_it_is_back",
    ),
    Mutant(
        "a parent that appears behind the position is not counted as read",
        "fivetran_runtime._sync.parents.ParentsPass._complete",
        _remembered(lambda one: {*one._listed}),
        f"{_PARENTS}::test_a_parent_that_appears_in_front_of_the_position_is_read_by_the_next_pass",
    ),
    Mutant(
        "a page of a parent that has vanished is none of the next one's",
        "fivetran_runtime._sync.parents.ParentsPass._within",
        _is_another_ones_page,
        f"{_PARENTS}::test_a_parent_that_vanishes_in_the_middle_leaves_its_place_to_the_next",
    ),
    Mutant(
        "parents without room are reported",
        "fivetran_runtime._sync.parents.ParentsPass._pause",
        _in_silence,
        f"{_PARENTS}::test_parents_without_room_are_reported_and_read_from_the_floor",
    ),
)
