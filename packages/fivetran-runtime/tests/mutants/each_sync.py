"""Faults by which a sync depends on how an earlier one ended, or one table on another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mutants.mutant import Mutant

Fault = Callable[..., Any]
_EACH_SYNC, _CUTS = "sync/test_each_sync.py", "sync/test_cuts.py"


def _restarts_are_counted_for_ever(original: Fault) -> Fault:
    def is_stale(self: Any, refused: Any) -> Any:
        begun = self._state.unknown.get("begun_again", 0)
        if not original(self, refused) or begun >= 3:
            return False
        self._state.unknown = {**self._state.unknown, "begun_again": begun + 1}
        return True

    return is_stale


def _what_takes_the_time_ends_the_call(original: Fault) -> Fault:
    def read(self: Any, reading: Any, *, is_first: bool) -> None:
        original(self, reading, is_first=is_first)
        error = self._progress.failures.get(reading.name)
        if error is not None and "nothing could be completed" in str(error):
            raise error

    return read


def _the_sync_never_ends(original: Fault) -> Fault:
    def settle(self: Any) -> None:
        sync = self._state.sync
        original(self)
        self._state.sync = sync

    return settle


def _failed_although_done(_: Fault) -> Fault:
    def failed_for_good(self: Any, failed: list[str]) -> set[str]:
        return {*self._progress.failures} & {*failed}

    return failed_for_good


def _every_reading_is_new(original: Fault) -> Fault:
    count = iter(range(10**9))

    def digest_of(self: Any, reading: Any, batch: Any) -> Any:
        digest = original(self, reading, batch)
        return digest and f"{next(count)}"

    return digest_of


def _empty_answers_are_counted_for_ever(_: Fault) -> Fault:
    def leave_the_rest(self: Any, leave: Any) -> None:
        self._progress.leaves_the_rest = leave.ends  # and the state keeps its count

    return leave_the_rest


def _only_exceptions(original: Fault) -> Fault:
    def as_connector_error(error: BaseException, **named: Any) -> Any:
        if not isinstance(error, Exception):
            raise error
        return original(error, **named)

    return as_connector_error


def _stops_unnoticed(original: Fault) -> Fault:
    def stop(self: Any, cut: str, why: str) -> Any:
        try:
            original(self, cut, why)
        finally:
            self.stopped = None

    return stop


def _the_end_replaces_the_error(_: Fault) -> Fault:
    def steps(self: Any, client: Any) -> Any:
        try:
            return (yield from self._run(client))
        finally:
            self._pause()

    return steps


MUTANTS = (
    Mutant(
        "a position that expires for the fourth time begins its pass again",
        "fivetran_runtime._sync.table_pass.Pass._begins_again",
        _restarts_are_counted_for_ever,
    ),
    Mutant(
        "a position is no longer known whichever status says so",
        "fivetran_runtime._sync.table_pass._STALE",
        lambda _: frozenset({410}),
    ),
    Mutant(
        "without a sync id finished tables are read again while another fails",
        "fivetran_runtime._sync.loop._Call._read_finished_again",
        lambda _: lambda self: False,  # noqa: ARG005 - as the original's
    ),
    Mutant(
        "without a sync id a table that has taken all the time is named in an answer, so that the next call begins elsewhere",
        "fivetran_runtime._sync.loop._Call._has_to_read_again_next",
        lambda _: lambda self, failed: False,  # noqa: ARG005 - as the original's
        f"{_EACH_SYNC}::test_a_table_that_begins_to_hang_after_a_lost_answer_keeps_the_finished_one_out_once",
    ),
    Mutant(
        "what is done counts in one sync only",
        "fivetran_runtime._sync.state.State.begin",
        lambda original: lambda self, sync_id: original(self, None),  # noqa: ARG005
    ),
    Mutant(
        "a sync that is over leaves nothing to the next one",
        "fivetran_runtime._sync.loop._Call._settle",
        _the_sync_never_ends,
    ),
    Mutant(
        "a call that brings nothing new ends the sync with the failure",
        "fivetran_runtime._sync.loop._Call._is_new",
        lambda _: lambda self, *before: True,  # noqa: ARG005
    ),
    Mutant(
        "a finished table that is read again and has nothing new is not sent again",
        "fivetran_runtime._sync.reread.Rereading._digest_of",
        _every_reading_is_new,
    ),
    Mutant(
        "what other tables bring is sent although one fails",
        "fivetran_runtime._sync.loop._Call._is_new",
        lambda original: lambda self, *before: not self._progress.failures and original(self, *before),
    ),
    Mutant(
        "a table that hangs leaves the others their time",
        "fivetran_runtime._sync.loop._Call._read",
        _what_takes_the_time_ends_the_call,
    ),
    Mutant(
        "a table that waits for an hour leaves the others their time",
        "fivetran_runtime._sync.loop._Call._read",
        _what_takes_the_time_ends_the_call,
        f"{_EACH_SYNC}::test_a_table_that_takes_all_the_time_leaves_the_others_theirs",
    ),
    Mutant(
        "a finished table that hangs takes its share of the time, and no more",
        "fivetran_runtime._invocation.budget.Budget.part",
        lambda original: lambda self, share: original(self, 1),  # noqa: ARG005
    ),
    Mutant(
        "a list without rows and without an end lets the others go first",
        "fivetran_runtime._sync.loop._Call._let_others_first",
        lambda _: lambda self, reading, *, has_rows: None,  # noqa: ARG005
        f"{_EACH_SYNC}::test_a_list_without_an_end_and_without_rows_keeps_no_other_table_out",
    ),
    Mutant(
        "stretches without rows are given to the next sync before Fivetran gives up",
        "fivetran_runtime.function.rules.FunctionRules.max_empty_answers",
        lambda _: 10**9,
        f"{_CUTS}::test_stretches_without_rows_go_on_over_as_many_syncs_as_they_take",
    ),
    Mutant(
        "empty answers count within one sync only",
        "fivetran_runtime._sync.loop._Call._leave_the_rest",
        _empty_answers_are_counted_for_ever,
        f"{_CUTS}::test_stretches_without_rows_go_on_over_as_many_syncs_as_they_take",
    ),
    Mutant(
        "a position that is refused every time ends the sync",
        "fivetran_runtime._sync.loop.MAX_RESTARTS",
        lambda _: 10**9,
        "sync/test_delete_strategies.py::test_a_position_that_is_refused_every_time_ends_the_sync_and_not_the_connection",
    ),
    Mutant(
        "a defect that moves a position in every call ends the sync",
        "fivetran_runtime._sync.loop._Call._failed_for_good",
        lambda _: lambda self, failed: set(),  # noqa: ARG005
        f"{_EACH_SYNC}::test_a_defect_that_moves_a_position_each_time_ends_the_sync",
    ),
    Mutant(
        "a pass that had failed ends although its keys have no room",
        "fivetran_runtime._sync.loop._Call._failed_for_good",
        _failed_although_done,
        f"{_EACH_SYNC}::test_a_pass_that_had_failed_ends_although_its_keys_have_no_room",
    ),
    Mutant(
        "a table that swallows the end of its budget is not complete",
        "fivetran_runtime._invocation.budget.Budget._stop",
        _stops_unnoticed,
        f"{_EACH_SYNC}::test_a_table_that_catches_the_end_of_its_budget_is_not_complete",
    ),
    Mutant(
        "whatever a library raises fails one table only",
        "fivetran_runtime._sync.loop.as_connector_error",
        _only_exceptions,
        f"{_EACH_SYNC}::test_whatever_a_library_raises_fails_one_table",
    ),
    Mutant(
        "whatever a library raises is answered",
        "fivetran_runtime.function.handler.as_connector_error",
        _only_exceptions,
        "function/test_handler.py::test_what_is_no_exception_is_answered_too",
    ),
    Mutant(
        "a table's own error is what is reported, although its end fails, too",
        "fivetran_runtime._sync.table_pass.Pass.steps",
        _the_end_replaces_the_error,
        f"{_EACH_SYNC}::test_a_tables_own_error_is_reported_although_its_end_fails_too",
    ),
    Mutant(
        "without a sync id a second listing without a key deletes it while another table fails",
        "fivetran_runtime._sync.reread.Rereading._has_decided",
        lambda _: lambda self, reading, before: False,  # noqa: ARG005
        f"{_EACH_SYNC}::test_deletes_are_found_while_another_table_fails",
    ),
    Mutant(
        "without a sync id a table is read from its floor while another one fails",
        "fivetran_runtime._sync.reread.Rereading._is_to_be_whole",
        lambda _: lambda self, reading, before: False,  # noqa: ARG005
        f"{_EACH_SYNC}::test_a_row_with_an_old_date_is_fetched_while_another_table_fails",
    ),
)
