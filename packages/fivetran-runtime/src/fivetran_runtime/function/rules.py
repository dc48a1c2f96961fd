"""What a function is allowed, and what an answer without anything new means to Fivetran.

An error carries no state and no rows: Fivetran keeps the state it has. After more than ten answers in a row without
rows it ends the sync as failed (docs/protocol.md, "The call loop").

Nothing tells a function its limits while it runs, so the deployment does, in three environment variables:
FIVETRAN_GENERATION (1 or 2), FIVETRAN_TIMEOUT_S, FIVETRAN_MEMORY_MB. Without them Google's defaults hold:
generation 1, 60 seconds, 256 MB (docs/protocol.md, "Limits"). FIVETRAN_ANSWER_BYTES lowers the answer's size below
that, for whatever stands between the function and Fivetran, and for tests.
"""

from __future__ import annotations

from collections.abc import Mapping

from fivetran_runtime._invocation.budget import Limits
from fivetran_runtime._sync.loop import MAX_RESTARTS, Leave, Progress
from fivetran_runtime._sync.state import SyncState
from fivetran_runtime.errors import ConfigurationError

ANSWER_BYTES = {1: 10_000_000, 2: 32_000_000}
"""The largest answer per generation; https://cloud.google.com/functions/quotas says MB, read here as 10^6."""


class FunctionRules:
    """When a sync of a function goes on, when it leaves the rest to the next one, and when it has failed."""

    max_empty_answers = 9

    def settle(self, progress: Progress, sync: SyncState) -> Leave | None:
        """None to be called again.

        Raises:
            ConnectorError: a table that fails would never be reported.
        """
        if sync.empty >= self.max_empty_answers:
            return self._leave_after_empty(progress, sync)
        if sync.id is None and max(sync.restarts.values(), default=0) > MAX_RESTARTS:
            return Leave(f"a pass has begun again more than {MAX_RESTARTS} times", ends=True)
        return None

    @staticmethod
    def _leave_after_empty(progress: Progress, sync: SyncState) -> Leave:
        """With a failure to be reported it goes on until Fivetran ends it as failed; positions are kept either way."""
        if progress.limits or (progress.waits and progress.failures):
            raise progress.failure()
        return Leave.after_empty(progress, sync, ends=not sync.failed)


def limits_from(environment: Mapping[str, str]) -> Limits:
    """The limits the deployment gave; Google's defaults where it gave none.

    Raises:
        ConfigurationError: a variable that is not a number, or a generation that is not 1 or 2.
    """
    generation = _positive(environment, "FIVETRAN_GENERATION", 1)
    if generation not in ANSWER_BYTES:
        message = f"The environment variable FIVETRAN_GENERATION is {generation}; it can be 1 or 2."
        raise ConfigurationError(message)
    answer_bytes = _positive(environment, "FIVETRAN_ANSWER_BYTES", ANSWER_BYTES[generation])
    return Limits(
        answer_bytes=min(answer_bytes, ANSWER_BYTES[generation]),
        seconds=_positive(environment, "FIVETRAN_TIMEOUT_S", 60),
        memory_bytes=_positive(environment, "FIVETRAN_MEMORY_MB", 256) * 2**20,
    )


def _positive(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name, str(default))
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        message = f"The environment variable {name} is {text!r}; it must be a whole number above 0."
        raise ConfigurationError(message)
    return int(text)
