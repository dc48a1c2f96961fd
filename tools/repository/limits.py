"""What Google grants one invocation, and how a function learns it: nothing at run time tells, so we do.

Python versions and memory steps are Google's, per generation of Cloud Functions; docs/protocol.md has the sources.
"""

from __future__ import annotations

from dataclasses import dataclass, field

MAX_TIMEOUT = {1: 540, 2: 3600}
"""Seconds an HTTP function may run, by generation."""

MAX_ANSWER_BYTES = {1: 10_000_000, 2: 32_000_000}
"""The largest answer by generation: https://cloud.google.com/functions/quotas says MB, taken as the smaller 10**6 bytes."""

MEMORY_STEPS = (128, 256, 512, 1024, 2048, 4096, 8192)
"""MB that the first generation comes in; the second takes any number up to MAX_MEMORY."""

MAX_MEMORY = {1: 8192, 2: 32768}

RUNTIMES = {1: ("python311", "python312"), 2: ("python311", "python312", "python313", "python314")}
"""Oldest first. Older than Python 3.11 the runtime package doesn't go."""

DEFAULT_RUNTIME = {1: "python312", 2: "python313"}
"""The newest of each generation that a connector's tests can run on; python314 only where deploy.yaml asks for it."""

NOT_DEPLOYED = "Google's defaults; nothing deploys this connector"


@dataclass(frozen=True)
class Limits:
    """Generation, seconds and MB of memory. The defaults are those of Google for a function that asks for nothing.

    `origin` says for a person where they are from: "limits of `casa` in deploy.yaml".
    """

    generation: int = 1
    timeout: int = 60
    memory: int = 256
    origin: str = field(default=NOT_DEPLOYED, compare=False)

    def variables(self) -> dict[str, str]:
        """As environment variables, where the runtime reads them."""
        return {
            "FIVETRAN_GENERATION": str(self.generation),
            "FIVETRAN_TIMEOUT_S": str(self.timeout),
            "FIVETRAN_MEMORY_MB": str(self.memory),
            # glibc keeps what a thread frees for that thread: with one arena a second answer reuses the first one's.
            "MALLOC_ARENA_MAX": "1",
        }

    def __str__(self) -> str:
        return f"generation {self.generation}, {self.timeout} s, {self.memory} MB"


def python_version(runtime: str) -> str:
    """The Python of one of Google's runtimes: `python312` -> `3.12`."""
    digits = runtime.removeprefix("python")
    return f"{digits[0]}.{digits[1:]}"
