"""Whether the next row may come too late: time, looked at whenever a table yields.

The client looks at the time before each request, and an `At` is a place to stop; a table whose rows come slowly from
elsewhere (a library, a file, a computation) would go on until the platform ends the call, and with it what all tables
have read in it. Code that never yields cannot be ended.
"""

from __future__ import annotations

from fivetran_runtime._invocation.budget import Budget

_LOOK_SECONDS = 0.1


class RowClock:
    """How fast the rows of one pass come in this invocation.

    Args:
        budget: what time there is.
        may_stop: whether it costs nothing to stop before the first `At`, since the next call has more time.
    """

    def __init__(self, budget: Budget, *, may_stop: bool) -> None:
        self._budget = budget
        self._may_stop = may_stop
        self._looked = budget.elapsed()
        self._gap = self._longest_gap = 0.0

    def begin_unit(self) -> None:
        """An `At` was reached: from here on it costs nothing to stop."""
        self._may_stop = True
        self._looked = self._budget.elapsed()

    def look(self) -> float:
        """Look at the time; returns for how many seconds from now nobody need look again.

        Raises:
            OutOfBudget: the time is used, or will be before the next row comes.
        """
        now = self._budget.elapsed()
        gap, before = now - self._looked, self._gap
        self._looked, self._gap, self._longest_gap = now, gap, max(self._longest_gap, gap)
        # Rows of one page come at once: without a place to stop at, only what is slow twice in a row is slow.
        self._budget.require_next(self._longest_gap if self._may_stop else min(gap, before))
        return 0.0 if gap > _LOOK_SECONDS else min(_LOOK_SECONDS, self._budget.remaining())
