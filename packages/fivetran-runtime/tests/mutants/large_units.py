"""Faults by which rows that an answer does not hold never arrive, are lost, or come for ever."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fivetran_runtime.errors import DefectError
from mutants.mutant import Mutant

Fault = Callable[..., Any]
_PASS = "fivetran_runtime._sync.table_pass"
_TESTS = "sync/test_large_units.py"


def _refused(_: Fault) -> Fault:
    def commit_part(self: Any, following: object) -> Any:
        raise DefectError("Yield At(...) more often.")

    return commit_part


def _again_for_ever(_: Fault) -> Fault:
    def send_unit_again(self: Any) -> None:
        self._sent = self._state.sent = 0

    return send_unit_again


def _what_was_sent_counts_as_found(original: Fault) -> Fault:
    def send_unit_again(self: Any) -> None:
        found = {*self._deletes._keys._found}
        original(self)
        self._deletes._keys._found = found

    return send_unit_again


def _counted_under_other_settings(original: Fault) -> Fault:
    def drop_what_changed(table: Any, state: Any, terms: Any) -> None:
        sent = state.sent
        original(table, state, terms)
        state.sent = sent

    return drop_what_changed


def _given_up(_: Fault) -> Fault:
    def leave_to_whole_pass(self: Any, keys: Any) -> None:
        self._begin_unit()
        self._missing.fetched(keys)

    return leave_to_whole_pass


def _goes_back_alone(_: Fault) -> Fault:
    def go_back_to(self: Any, position: Any) -> None:
        self._position, self._sent, self._committed = position, 0, False

    return go_back_to


def _counts_when_late(original: Fault) -> Fault:
    def begin(self: Any, *, was_sent: bool, at_start: bool) -> None:
        original(self, was_sent=was_sent, at_start=False)

    return begin


def _begins_again_with_each_part(original: Fault) -> Fault:
    def init(self: Any, deletes: Any, state: Any, **options: Any) -> None:
        original(self, deletes, state, **options)
        if state.sent and not self._position:
            deletes.begin_again()

    return init


MUTANTS = (
    Mutant(
        "no row of a first page that is sent in parts is missing",
        f"{_PASS}.Pass.__init__",
        _begins_again_with_each_part,
        f"{_TESTS}::test_no_row_of_a_first_page_that_is_sent_in_parts_is_missing",
    ),
    Mutant(
        "a change between two parts of a first page is not lost to a token that came with the second",
        "fivetran_runtime._sync.kept.KeptValues.begin",
        _counts_when_late,
        f"{_TESTS}::test_a_change_between_two_parts_of_a_first_page_is_not_lost_to_a_later_token",
    ),
    Mutant(
        "a row that is deleted before settings change between two parts is found",
        f"{_PASS}._was_begun",
        lambda _: lambda table, state: any(name not in table.kept for name in state.at or ()),
        f"{_TESTS}::test_a_row_that_is_deleted_before_settings_change_between_two_parts_is_found",
    ),
    Mutant(
        "a row that is deleted between two parts of the first page is found",
        f"{_PASS}.Pass._send_unit_again",
        _what_was_sent_counts_as_found,
        f"{_TESTS}::test_a_row_that_is_deleted_between_two_parts_of_the_first_page_is_found",
    ),
    Mutant(
        "a pass that begins again with a page that is sent in parts comes to its end",
        f"{_PASS}.Pass._go_back_to",
        _goes_back_alone,
        f"{_TESTS}::test_a_pass_that_begins_again_with_a_unit_that_is_sent_in_parts_comes_to_its_end",
    ),
    Mutant(
        "a page that is larger than an answer arrives",
        f"{_PASS}.Pass._commit_part",
        _refused,
        f"{_TESTS}::test_pages_that_are_larger_than_an_answer_arrive_in_every_style",
    ),
    Mutant(
        "an answer with a part of a page keeps its limit",
        "fivetran_runtime._sync.batch.Batch.drop",
        lambda _: lambda self, table, key: None,  # noqa: ARG005
        f"{_TESTS}::test_pages_that_are_larger_than_an_answer_arrive_in_every_style",
    ),
    Mutant(
        "a page that has changed is sent from its beginning",
        f"{_PASS}._digest",
        lambda _: lambda name, key, deletes: "the same",  # noqa: ARG005
        f"{_TESTS}::test_a_unit_that_is_another_one_is_sent_from_its_beginning",
    ),
    Mutant(
        "a delete in the place of a row that was sent is not passed over",
        f"{_PASS}._digest",
        lambda original: lambda name, key, deletes: original(name, key, set()),  # noqa: ARG005
        f"{_TESTS}::test_a_child_that_is_deleted_between_two_parts_is_deleted_where_a_row_of_it_was_sent",
    ),
    Mutant(
        "a page in another order in each call is an error",
        f"{_PASS}.Pass._send_unit_again",
        _again_for_ever,
        f"{_TESTS}::test_a_unit_in_another_order_in_each_call_is_an_error_that_says_what_helps",
    ),
    Mutant(
        "under other settings no row counts as sent",
        "fivetran_runtime._sync.start._drop_what_changed",
        _counted_under_other_settings,
        f"{_TESTS}::test_settings_that_change_in_the_middle_of_a_unit_read_it_from_its_beginning",
    ),
    Mutant(
        "rows that fetch= brings and an answer does not hold arrive",
        "fivetran_runtime._sync.fetching.Fetching._commit_part",
        _refused,
        f"{_TESTS}::test_rows_that_fetch_brings_come_in_smaller_portions",
    ),
    Mutant(
        "keys that fetch= asks for one by one, and slowly, arrive",
        "fivetran_runtime._sync.fetching._FETCHED_FIRST",
        lambda _: 100,
        "sync/test_slow_rows.py::test_keys_that_are_fetched_one_by_one_and_slowly_arrive_over_several_calls",
    ),
    Mutant(
        "what fetch= brings for one key and an answer does not hold arrives",
        "fivetran_runtime._sync.fetching.Fetching._leave_to_whole_pass",
        _given_up,
        f"{_TESTS}::test_what_fetch_brings_for_one_key_and_an_answer_does_not_hold_comes_from_the_floor",
    ),
)
