"""Faults of waiting for a source."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mutants.mutant import Mutant

Fault = Callable[..., Any]
_WAITS = "sync/test_waits.py"


def _itself_first(original: Fault) -> Fault:
    def wait_for_source(self: Any, seconds: float, why: str) -> None:
        self.others_first = False
        original(self, seconds, why)

    return wait_for_source


def _no_last_chance(original: Fault) -> Fault:
    def read_unfinished(self: Any) -> None:
        empty, self._sync.empty = self._sync.empty, 0
        original(self)
        self._sync.empty = empty

    return read_unfinished


def _no_wait_for_limits(_: Fault) -> Fault:
    return lambda self, seconds, why: self.wait(seconds, why)


def _limits_as_jobs(original: Fault) -> Fault:
    def stopped(self: Any, *arguments: Any, **named: Any) -> None:
        original(self, *arguments, **named)
        self._progress.limits.clear()

    return stopped


class _NeverRaised(BaseException):
    why = ""


MUTANTS = (
    Mutant(
        "what was waited for in one call is taken up by the next",
        "fivetran_runtime._sync.loop.StillWaiting",
        lambda _: _NeverRaised,
        f"{_WAITS}::test_a_report_that_takes_longer_than_a_sync_is_taken_up_by_the_next",
    ),
    Mutant(
        "other tables are read while one waits for its source",
        "fivetran_runtime._invocation.context.Invocation.wait_for_source",
        _itself_first,
        f"{_WAITS}::test_other_tables_are_read_while_one_waits",
    ),
    Mutant(
        "a table that fails is reported before the sync ends because another waits",
        "fivetran_runtime._sync.loop._Call._read_unfinished",
        _no_last_chance,
        f"{_WAITS}::test_a_table_that_fails_is_reported_also_while_another_waits",
    ),
    Mutant(
        "a limit longer than a call is waited for over several",
        "fivetran_runtime._invocation.context.Invocation.wait_for_limit",
        _no_wait_for_limits,
        f"{_WAITS}::test_a_minutes_limit_is_waited_for_over_calls",
    ),
    Mutant(
        "a limit that never ends fails the sync",
        "fivetran_runtime._sync.loop._Call._stopped",
        _limits_as_jobs,
        f"{_WAITS}::test_a_limit_that_never_ends_is_reported",
    ),
)
