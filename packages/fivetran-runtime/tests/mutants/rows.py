"""Faults by which rows or deletes are lost: marks, keys, the state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fivetran_runtime import cursors
from fivetran_runtime.errors import StateError
from mutants.mutant import Mutant

Fault = Callable[..., Any]
_MARKS, _MISSING, _STATE = "sync/test_high_water.py", "sync/test_deletes.py", "sync/test_state.py"


def _newest_met_is_the_mark(marks: Any, state: Any) -> None:
    state.mark = marks._dumped(marks._seen)


def _whole_call_is_the_first_answer(_: Fault) -> Fault:
    def see_first(self: Any, value: Any) -> None:
        self._first = value if self._first is None else max(self._first, value)

    return see_first


def _without_latest(original: Fault) -> Fault:
    def see(self: Any, row: Any) -> None:
        self._latest = None
        original(self, row)

    return see


def _in_settings(name: str) -> Callable[[Fault], Fault]:
    """Terms that know nothing of one of their members."""
    return lambda original: lambda **named: original(**{**named, name: None})


def _losses_are_forgotten(original: Fault) -> Fault:
    def is_too_much(self: Any, candidates: Any, *, waiting: int) -> Any:
        self._state.lost = 0
        return original(self, candidates, waiting=waiting)

    return is_too_much


def _one_listing_is_enough(original: Fault) -> Fault:
    def settle(self: Any, *, confirms: bool = False) -> None:
        self._missed = self._known - self._found
        original(self, confirms=confirms)

    return settle


def _dropped_in_silence(original: Fault) -> Fault:
    def save(self: Any) -> None:
        original(self)
        self._state.over = 0

    return save


def _refused(*_: Any) -> Any:
    raise StateError("members that this release does not know")


def _refused_ahead(original: Fault) -> Fault:
    def not_ahead(table: Any, value: Any, now: Any) -> Any:
        if original(table, value, now) != value:
            raise StateError("the mark is later than now")
        return value

    return not_ahead


def _null_is_refused(original: Fault) -> Fault:
    def cannot_parse(self: Any, row: Any, error: Exception) -> None:
        original(self, {**row, self._column: "null"}, error)

    return cannot_parse


MUTANTS = (
    Mutant(
        "a row that changes while its list is read arrives",
        "fivetran_runtime._sync.high_water.Marks.complete",
        lambda _: _newest_met_is_the_mark,
    ),
    Mutant(
        "parents that are read one after the other share one mark",
        "fivetran_runtime._sync.high_water.Marks.complete",
        lambda _: _newest_met_is_the_mark,
        f"{_MARKS}::test_parents_read_one_after_the_other_share_one_mark",
    ),
    Mutant(
        "only the source's first answer may move the mark, not the whole first call",
        "fivetran_runtime._sync.high_water.Marks._see_first",
        _whole_call_is_the_first_answer,
        f"{_MARKS}::test_a_row_made_of_a_second_answer_is_not_of_the_first",
    ),
    Mutant(
        "the lookback comes off the mark",
        "fivetran_runtime.cursors.minus",
        lambda _: lambda mark, lookback: mark,  # noqa: ARG005 - as the original's
        f"{_MARKS}::test_a_declared_order_asks_from_the_newest_row_less_the_lookback",
    ),
    Mutant(
        "a row dated ahead hides no change until then",
        "fivetran_runtime._sync.high_water.Marks.see",
        _without_latest,
        f"{_MARKS}::test_a_row_dated_an_hour_ahead_hides_no_change_of_that_hour",
    ),
    Mutant(
        "an epoch later than now moves no mark",
        "fivetran_runtime.cursors.EPOCHS",
        lambda original: dict.fromkeys(original, cursors.INTEGER),
        f"{_MARKS}::test_a_row_dated_ahead_arrives_and_does_not_move_the_mark",
    ),
    Mutant(
        "a mark ahead of the clock is lowered, and no dead connection",
        "fivetran_runtime._sync.start._not_ahead",
        _refused_ahead,
        f"{_MARKS}::test_a_mark_ahead_of_the_clock_is_lowered_with_a_warning",
    ),
    Mutant(
        "from a mark ahead of the clock nothing was read: the table is asked from now",
        "fivetran_runtime._sync.start._not_ahead",
        lambda _: lambda table, value, now: value,  # noqa: ARG005
        f"{_MARKS}::test_a_mark_ahead_of_the_clock_is_lowered_with_a_warning",
    ),
    Mutant(
        "a mark of another year costs a pass from the start",
        "fivetran_runtime._sync.start._require_not_ahead",
        lambda _: lambda kind, values, now: None,  # noqa: ARG005
        f"{_MARKS}::test_a_mark_of_another_year_says_nothing",
    ),
    Mutant(
        "a filter that is widened brings the old rows",
        "fivetran_runtime._sync.state.TableState.forget_mark",
        lambda _: lambda self: None,  # noqa: ARG005
        f"{_MARKS}::test_a_filter_that_widens_brings_the_old_rows",
    ),
    Mutant(
        "a mark counts under the settings that it was reached under",
        "fivetran_runtime._sync.readings.Terms",
        _in_settings("scope"),
        f"{_MARKS}::test_a_filter_that_widens_brings_the_old_rows",
    ),
    Mutant(
        "a position of another address begins its pass again",
        "fivetran_runtime._sync.readings.Terms",
        _in_settings("place"),
        f"{_MARKS}::test_a_position_of_another_address_begins_the_pass_again",
    ),
    Mutant(
        "a renamed object is renamed in the rows that hold it",
        "fivetran_runtime._sync.readings.Terms",
        _in_settings("embedded"),
        f"{_MARKS}::test_a_renamed_object_is_renamed_in_the_rows_that_hold_it",
    ),
    Mutant(
        "a null cursor is warned about and refuses no row",
        "fivetran_runtime._sync.high_water.Marks._cannot_parse",
        _null_is_refused,
        f"{_MARKS}::test_a_null_cursor_is_sent_and_warned_about_once",
    ),
    Mutant(
        "a row that is named by its own table moves the mark",
        "fivetran_runtime._sync.table_pass.Row",
        lambda _: type("Row", (), {}),
        f"{_MARKS}::test_a_row_named_by_its_own_table_moves_the_mark",
    ),
    Mutant(
        "a release that declares another key or cursor reads the table from the start",
        "fivetran_runtime.tables.Table.declared",
        lambda _: "",
        f"{_MARKS}::test_a_release_that_declares_another_key_or_cursor_reads_the_table_once_from_the_start",
    ),
    Mutant(
        "a lookback that has no effect, or skips rows, is refused",
        "fivetran_runtime.tables._lookback_problems",
        lambda _: lambda table, lookback: (),  # noqa: ARG005
        f"{_MARKS}::test_a_day_cursor_looks_back_whole_days",
    ),
    # Deletes that are inferred
    Mutant(
        "a row that was hidden and is shown again arrives",
        "fivetran_runtime._sync.deletes.Missing._ask_again",
        lambda _: lambda self, returned: None,  # noqa: ARG005
        "sync/test_delete_strategies.py::test_a_row_that_was_deleted_by_inference_comes_back_with_its_old_date",
    ),
    Mutant(
        "a list that loses most of its keys is a question, and deletes nothing",
        "fivetran_runtime._sync.deletes.Missing._is_too_much",
        lambda _: lambda self, candidates, *, waiting: False,  # noqa: ARG005
        f"{_MISSING}::test_an_empty_list_is_a_question_and_not_an_order",
    ),
    Mutant(
        "many small losses are one large one",
        "fivetran_runtime._sync.deletes.Missing._is_too_much",
        _losses_are_forgotten,
        f"{_MISSING}::test_many_small_losses_are_one_large_one",
    ),
    Mutant(
        "one listing without a key deletes nothing",
        "fivetran_runtime._sync.deletes.Missing.settle",
        _one_listing_is_enough,
        f"{_MISSING}::test_a_key_that_is_found_again_is_not_deleted",
    ),
    Mutant(
        "ids that come as text are the same rows",
        "fivetran_runtime._sync.row_encoder.part",
        lambda original: lambda value: value if isinstance(value, str) else original(value),
        f"{_MISSING}::test_a_key_is_its_text_whichever_way_it_is_written",
    ),
    Mutant(
        "a key is its text: 05 is not 5",
        "fivetran_runtime._sync.row_encoder.part",
        lambda original: lambda value: int(value) if str(value).isdigit() else original(value),
        f"{_MISSING}::test_one_key_written_both_ways_is_one_row_of_an_answer",
    ),
    Mutant(
        "keys that have no room are reported, and not dropped in silence",
        "fivetran_runtime._sync.deletes.Missing.save",
        _dropped_in_silence,
        f"{_MISSING}::test_too_many_keys_are_refused_with_the_table_and_the_way_out",
    ),
    Mutant(
        "tables share the room for keys",
        "fivetran_runtime._sync.deletes.room_for",
        lambda _: lambda part, state: 700_000,  # noqa: ARG005
        f"{_MISSING}::test_keys_without_room_fail_their_table_alone_and_lose_no_rows",
    ),
    Mutant(
        "more deletes than an answer holds go over several",
        "fivetran_runtime._sync.delete_strategies.ByListing.next",
        lambda original: lambda self, room: original(self, 10**12),  # noqa: ARG005
        f"{_MISSING}::test_more_deletes_than_an_answer_holds_go_over_several",
    ),
    # The state
    Mutant(
        "members of another release cost no connection",
        "fivetran_runtime._sync.state._unknown",
        lambda _: _refused,
        f"{_STATE}::test_what_another_release_has_written_is_kept",
    ),
    Mutant(
        "members of another release are kept",
        "fivetran_runtime._sync.state._others",
        lambda _: lambda received, known: {},  # noqa: ARG005
        f"{_STATE}::test_what_another_release_has_written_is_kept",
    ),
)
