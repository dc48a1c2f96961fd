"""How much may be asked: the limit of a source on requests, said in the headers of every answer."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from fivetran_emulator.practice.errors import Refusal


@dataclass
class RateLimit:
    """`requests` in each window of `per` seconds; the next one gets `status` until the window is over.

    Every answer says in the headers `limit`, `remaining` and `reset` how many there are, how many are left, and when the window
    ends: in seconds from now, or with `epoch` as a moment in seconds since 1970. None leaves a header out. With `retry_after` a
    refusal has a ``Retry-After`` too. The first window begins with the first request.
    """

    requests: int
    per: float = 60.0
    status: int = 429
    limit: str | None = "X-RateLimit-Limit"
    remaining: str | None = "X-RateLimit-Remaining"
    reset: str | None = "X-RateLimit-Reset"
    epoch: bool = False
    retry_after: bool = False
    _began: float | None = field(default=None, init=False, repr=False)
    _used: int = field(default=0, init=False, repr=False)

    def headers(self) -> dict[str, str]:
        """Count a request; the headers that its answer has. `Refusal` for one too many."""
        now = time.time()
        if self._began is None or now >= self._began + self.per:
            passed = 0.0 if self._began is None else (now - self._began) // self.per * self.per
            self._began, self._used = (now if self._began is None else self._began + passed), 0
        self._used += 1
        ends = self._began + self.per
        left = -(-(ends - now) // 1)
        said = self._said(max(0, self.requests - self._used), int(-(-ends // 1) if self.epoch else left))
        if self._used > self.requests:
            waiting = {"Retry-After": str(int(left))} if self.retry_after else {}
            raise Refusal(self.status, "too many requests", headers={**said, **waiting})
        return said

    def _said(self, left: int, ends: int) -> dict[str, str]:
        said: Mapping[str | None, int] = {self.limit: self.requests, self.remaining: left, self.reset: ends}
        return {name: str(value) for name, value in said.items() if name is not None}
