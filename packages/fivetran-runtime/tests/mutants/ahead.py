"""Faults by which a page that is asked for before its turn loses rows, or harms a source."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from fivetran_runtime._invocation.context import running
from fivetran_runtime.errors import ConfigurationError
from mutants.mutant import Mutant

Fault = Callable[..., Any]
_AHEAD = "http/test_read_ahead.py"
_EARLY = "http/test_early.py"
_ONE_AT_A_TIME = f"{_AHEAD}::test_a_client_asks_for_one_thing_at_a_time"
_AT_ITS_TURN = f"{_AHEAD}::test_what_is_wrong_with_a_page_shows_at_its_turn"


def _nothing(_: Fault) -> Fault:
    return lambda *_arguments, **_named: None


def _always(_: Fault) -> Fault:
    return lambda *_arguments, **_named: True


def _error_is_the_end(original: Fault) -> Fault:
    def page(self: Any, paginator: Any) -> Any:
        try:
            return original(self, paginator)
        except ConfigurationError:
            return None

    return page


def _asked_and_waited_for(original: Fault) -> Fault:
    def ask_ahead(self: Any, paginator: Any, behind: Any) -> None:
        original(self, paginator, behind)
        self._source.page(paginator.target(self._path), paginator.query(), frozenset(), None)

    return ask_ahead


def _whatever_was_asked_for(original: Fault) -> Fault:
    def ask_ahead(self: Any, paginator: Any, behind: Any) -> None:
        if self._sent:
            self._sent[0] = paginator, self._sent[0][1]
        original(self, paginator, behind)

    return ask_ahead


def _left_open(_: Fault) -> Fault:
    return lambda self: self._unread.remove(self)


def _counted_at_once(original: property) -> property:
    return property(lambda self: self.requests - self.retries)


def _asked_twice(original: Fault) -> Fault:
    return lambda self, request, _=None: original(self, request, None)


def _in_the_tables_own_thread(original: Fault) -> Fault:
    return lambda self: original(self) if self.ahead is not None else []


def _of_whoever_runs(original: Fault) -> Fault:
    def taken_over(self: Any) -> Any:
        self._invocation = running()
        return original(self)

    return taken_over


def _sent_just_now(original: Fault) -> Fault:
    def received(self: Any) -> Any:
        self.sent_at = float("inf")
        return original(self)

    return received


def _never_slow(original: Fault) -> Fault:
    def send_ahead(self: Any, request: Any, ahead: Any, *, alone: bool) -> Any:
        ahead.is_slow = False
        return original(self, request, ahead, alone=alone)

    return send_ahead


def _from_its_end(_: Fault) -> Fault:
    def read(self: Any, buffer: Any) -> int:
        count = min(len(buffer), len(self.taken))
        buffer[:count] = self.taken[len(self.taken) - count :]
        del self.taken[len(self.taken) - count :]
        return count

    return read


MUTANTS = (
    Mutant(
        "what follows a token is asked for at its turn, unless the author says otherwise",
        "fivetran_runtime.http.tokens._Led.reads_ahead",
        lambda _: True,
        f"{_AHEAD}::test_only_what_may_be_asked_for_in_vain_is_asked_for_before_its_turn",
    ),
    Mutant(
        "the error of a page that was asked for early is the table's",
        "fivetran_runtime.http.pagination._Pages.page",
        _error_is_the_end,
        _AT_ITS_TURN,
    ),
    Mutant(
        "the error of a page that was asked for early shows at its turn",
        "fivetran_runtime.http.pagination._Pages.ask_ahead",
        _asked_and_waited_for,
        _AT_ITS_TURN,
    ),
    Mutant(
        "a page that was asked for early is not asked for again",
        "fivetran_runtime.http._sending.RequestSender.answered",
        _asked_twice,
        _ONE_AT_A_TIME,
    ),
    Mutant(
        "a page that was asked for early is the one that follows",
        "fivetran_runtime.http.pagination._Pages.ask_ahead",
        _whatever_was_asked_for,
        f"{_AHEAD}::test_pages_that_are_smaller_than_was_asked_for_leave_no_rows_out",
    ),
    Mutant(
        "a client asks for one thing at a time",
        "fivetran_runtime.http._sending.RequestSender._settle",
        _nothing,
        _ONE_AT_A_TIME,
    ),
    Mutant(
        "whoever waits for a source takes what comes before its turn",
        "fivetran_runtime._invocation.early._may_be_taken",
        lambda _: lambda invocation: [],  # noqa: ARG005 - as the original's
        f"{_EARLY}::test_two_clients_of_a_source_that_answers_one_request_at_a_time",
    ),
    Mutant(
        "whoever makes a connection takes what comes before its turn",
        "fivetran_runtime.http._deadlines.taken_meanwhile",
        lambda _: lambda invocation: nullcontext(),  # noqa: ARG005 - as the original's
        f"{_EARLY}::test_two_clients_of_a_source_that_answers_one_request_at_a_time",
    ),
    Mutant(
        "what has no room before its turn keeps nobody waiting",
        "fivetran_runtime._invocation.early.EarlyAnswer.give_up",
        lambda _: lambda self: setattr(self, "_ended", True),  # it is not read any more
        f"{_EARLY}::test_what_has_no_room_is_asked_for_again",
    ),
    Mutant(
        "a thread reads the page that is in the way of what it asks",
        "fivetran_runtime._invocation.context.Invocation.unread",
        _in_the_tables_own_thread,
        f"{_EARLY}::test_a_thread_reads_the_page_that_is_in_its_way",
    ),
    Mutant(
        "an early page is its own invocation's, in whichever thread it is read",
        "fivetran_runtime.http._sending.SentRequest._taken_over",
        _of_whoever_runs,
        f"{_EARLY}::test_a_page_is_read_by_one_thread_only_whatever_else_runs_in_the_process",
    ),
    Mutant(
        "a wait that several pages were refused with is waited for once",
        "fivetran_runtime.http._sending.SentRequest.received",
        _sent_just_now,
        f"{_EARLY}::test_a_wait_that_a_source_asks_for_is_waited_for_once",
    ),
    Mutant(
        "lists of a slow source are not asked early one after the other",
        "fivetran_runtime.http._sending.RequestSender.send_ahead",
        _never_slow,
        f"{_EARLY}::test_lists_of_a_slow_source_are_not_asked_early_again",
    ),
    Mutant(
        "what was taken before its turn is what is read first",
        "fivetran_runtime._invocation.early.EarlyAnswer.read",
        _from_its_end,
        f"{_EARLY}::test_two_clients_of_a_source_that_answers_one_request_at_a_time",
    ),
    Mutant(
        "a page that does not come leaves the rows before it their time",
        "fivetran_runtime.http._sending._SETTLED_S",
        lambda _: float("inf"),
        f"{_EARLY}::test_a_page_that_does_not_come_takes_no_time_from_the_rows_before_it",
    ),
    Mutant(
        "no request outlives the answer",
        "fivetran_runtime.http._sending.SentRequest.drop",
        _left_open,
        f"{_AHEAD}::test_nothing_outlives_the_answer",
    ),
    Mutant(
        "an answer that nobody has read yet is none of a pass",
        "fivetran_runtime._invocation.context.Invocation.distinct_requests",
        _counted_at_once,
        f"{_AHEAD}::test_the_first_answer_is_the_one_that_is_read_first",
    ),
    Mutant(
        "nothing is sent before the rate allows it",
        "fivetran_runtime.http._retries.Delay.is_over",
        _always,
        f"{_AHEAD}::test_a_rate_is_kept",
    ),
    Mutant(
        "a token is fetched at the turn of what needs it",
        "fivetran_runtime.http._sending.require_turn",
        _nothing,
        f"{_AHEAD}::test_a_token_is_fetched_at_the_turn_of_the_page_that_needs_it",
    ),
    Mutant(
        "no page is asked for behind one that ends the call",
        "fivetran_runtime._sync.table_pass.Pass._takes",
        _always,
        f"{_AHEAD}::test_nothing_is_asked_for_behind_a_page_that_fills_the_answer",
    ),
)
