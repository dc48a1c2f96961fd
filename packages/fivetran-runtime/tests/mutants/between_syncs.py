"""Faults in what is remembered from sync to sync beside marks: what a table keeps, its parents, its children."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fivetran_runtime._sync import keys
from mutants.mutant import Mutant

Fault = Callable[..., Any]
_KEPT = "sync/test_kept.py"
_PARENTS = "sync/test_parents.py"
_SETS = "sync/test_child_sets.py"


def _counts_at_once(original: Fault) -> Fault:
    def pause(self: Any, *, in_parts: bool) -> None:
        original(self, in_parts=in_parts)
        self._state.kept = {**(self._state.kept or {}), **self._keeping} or None

    return pause


def _the_newest_counts(original: Fault) -> Fault:
    return lambda self, item, is_first: original(self, item, is_first=False)  # noqa: ARG005


def _never_sent_in_parts(original: Fault) -> Fault:
    return lambda self, *, was_sent, at_start: original(self, was_sent=False, at_start=at_start)  # noqa: ARG005


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
        cut = yield from original(self, client, parent, within)
        self._ended = None if cut else parent
        return cut

    return read_parent


def _is_another_ones_page(_: Fault) -> Fault:
    def within(self: Any, position: Any, left: Any) -> dict[str, Any]:
        return {name: value for name, value in position.items() if name != self._name}

    return within


def _its_place_stays(original: Fault) -> Fault:
    return lambda self, position, left: original(self, position, left[:0])


def _in_silence(original: Fault) -> Fault:
    def pause(self: Any) -> None:
        original(self)
        self._state.no_room = {}

    return pause


def _one_reading_is_enough(_: Fault) -> property:
    return property(lambda self: 0)  # noqa: ARG005


def _moves_are_not_seen(_: Fault) -> property:
    return property(lambda self: False)  # noqa: ARG005


def _a_part_is_a_whole(_: Fault) -> Fault:
    return lambda self: None  # noqa: ARG005


def _children_stay(_: Fault) -> Fault:
    return lambda self, key, take: None  # noqa: ARG005


def _their_children_stay(_: Fault) -> Fault:
    return lambda self, key: iter(())  # noqa: ARG005


def _counts_what_is_cut(original: Fault) -> Fault:
    def save(self: Any) -> None:
        self.commit()
        original(self)

    return save


def _all_keys_count(_: Fault) -> Fault:
    return lambda self: True  # noqa: ARG005


def _taken_beforehand(_: Fault) -> Fault:
    def partial(room_for: Callable[..., int], *arguments: Any) -> Fault:
        room = room_for(*arguments)
        return lambda: room

    return partial


def _whoever_has_begun(original: Fault) -> Fault:
    def changed(table: Any, state: Any, terms: Any) -> Any:
        return None if table.kept and state.children is None else original(table, state, terms)

    return changed


def _whatever_the_settings(original: Fault) -> Fault:
    def start(table: Any, state: Any, terms: Any) -> Any:
        keeping = state.keeping
        started = original(table, state, terms)
        state.keeping = keeping
        return started

    return start


MUTANTS = (
    Mutant(
        "a token that was given under other settings does not count",
        "fivetran_runtime._sync.table_pass.start",
        _whatever_the_settings,
        f"{_KEPT}::test_a_token_of_a_listing_under_other_settings_does_not_count",
    ),
    Mutant(
        "a listing that a release without tokens has begun is begun again",
        "fivetran_runtime._sync.start._changed_meanwhile",
        _whoever_has_begun,
        f"{_KEPT}::test_a_listing_that_a_release_without_tokens_has_begun_is_begun_again",
    ),
    Mutant(
        "a release that adds parents begins an open pass again",
        "fivetran_runtime._sync.parents.ParentsPass._drop_position_of_no_parent",
        lambda _: lambda self: None,  # noqa: ARG005 - as the original's
        f"{_PARENTS}::test_a_release_that_adds_parents_begins_an_open_pass_again",
    ),
    Mutant(
        "what the first part of a listing has sent is missing when the listing begins again without it",
        "fivetran_runtime._sync.deletes.Missing.begin_again",
        lambda _: lambda self: None,  # noqa: ARG005 - as the original's
        f"{_KEPT}::test_what_is_deleted_before_a_listing_begins_again_is_found",
    ),
    Mutant(
        "what an open pass had found is no part of one that a person has begun",
        "fivetran_runtime._sync.deletes.Missing.begin",
        lambda _: lambda self: setattr(self._state, "over", 0),
        "sync/test_deletes.py::test_what_an_open_pass_had_found_is_no_part_of_a_pass_that_a_person_has_begun",
    ),
    Mutant(
        "a key without room is reported although no answer has sent it",
        "fivetran_runtime._sync.deletes.Missing._number",
        lambda _: lambda self: len(self._known | self._found),
        "sync/test_deletes.py::test_a_key_without_room_that_no_answer_has_sent_is_an_error_too",
    ),
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
        "what is sent of a large page is the next parent's, where its own has vanished",
        "fivetran_runtime._sync.parents.ParentsPass._within",
        _its_place_stays,
        f"{_PARENTS}::test_a_parent_that_vanishes_leaves_its_place_to_one_with_a_large_page",
    ),
    Mutant(
        "parents without room are reported",
        "fivetran_runtime._sync.parents.ParentsPass._pause",
        _in_silence,
        f"{_PARENTS}::test_parents_without_room_are_reported_and_read_from_the_floor",
    ),
    Mutant(
        "a set of several pages is read again before anything is deleted",
        "fivetran_runtime._invocation.context.Invocation.distinct_requests",
        _one_reading_is_enough,
        f"{_SETS}::test_what_was_read_over_several_pages_is_read_again_before_anything_is_deleted",
    ),
    Mutant(
        "a child that has moved to another row stays",
        "fivetran_runtime._sync.known_children.KnownChildren.may_move",
        _moves_are_not_seen,
        f"{_SETS}::test_a_line_that_has_moved_to_another_order_stays",
    ),
    Mutant(
        "a child that has moved is no longer one of the row that had it",
        "fivetran_runtime._sync.known_children.KnownChildren.settle_moves",
        lambda _: lambda self: None,  # noqa: ARG005 - as the original's
        f"{_SETS}::test_a_line_that_has_moved_away_from_a_deleted_order_is_deleted_when_it_is_no_longer_there",
    ),
    Mutant(
        "children that were sent are deleted although their row has never followed",
        "fivetran_runtime._sync.deletes.Missing.expect",
        lambda _: lambda self, rows, *, are_found: None,  # noqa: ARG005 - as the original's
        f"{_SETS}::test_a_set_whose_row_never_follows_is_deleted",
    ),
    Mutant(
        "parents and keys do not take turns in the room there is",
        "fivetran_runtime._sync.readings.partial",
        _taken_beforehand,
        f"{_PARENTS}::test_parents_and_keys_share_the_room_there_is",
    ),
    Mutant(
        "deletes of a set that is sent in parts are not lost with its first part",
        "fivetran_runtime._sync.child_sets.ChildSets.hold_back",
        _a_part_is_a_whole,
        f"{_SETS}::test_a_set_that_is_larger_than_an_answer_is_sent_in_parts",
    ),
    Mutant(
        "a row that the source deletes takes its children along",
        "fivetran_runtime._sync.child_sets.ChildSets.delete",
        _children_stay,
        f"{_SETS}::test_a_deleted_order_takes_its_lines_along",
    ),
    Mutant(
        "a row that listings do not find takes its children along",
        "fivetran_runtime._sync.child_sets.ChildSets.children_of",
        _their_children_stay,
        f"{_SETS}::test_a_deleted_order_takes_its_lines_along",
    ),
    Mutant(
        "a set that is cut says nothing of what is not in it",
        "fivetran_runtime._sync.child_sets.ChildSets.save",
        _counts_what_is_cut,
        f"{_SETS}::test_a_cut_inside_a_set_deletes_nothing",
    ),
    Mutant(
        "only keys that count are replaced by their number",
        "fivetran_runtime._sync.known_children.KnownChildren.can_count",
        _all_keys_count,
        f"{_SETS}::test_keys_without_room_are_reported_and_their_rows_arrive",
    ),
)
