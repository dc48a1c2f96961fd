"""Faults between Fivetran and a function, made on purpose: `drop@3`, `repeat@2`, `timeout@1`, `503@4`.

A newcomer would draw them at random. They are named by the number of the call, so a run with a fault can be repeated exactly
and compared with a run without.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from fivetran_emulator.errors import FunctionError, UsageError
from fivetran_emulator.protocol.function import FunctionReply, FunctionRequest, Sender

__all__ = ["Fault", "FaultySender", "read_faults"]


@dataclass(frozen=True)
class Fault:
    """What happens to call `number`, counted from 1 in each sync.

    `kind` is `repeat` (the answer is loaded, its state is lost, the call is made again), `drop` (the answer is lost on its
    way and the call is made again), `timeout` (the function does its work, too late) or a status such as `503`, which
    the platform gives without calling the function.
    """

    kind: str
    number: int


def read_faults(texts: Iterable[str]) -> tuple[Fault, ...]:
    """The faults that `texts` such as `drop@3` name. Raises UsageError with every text that names none."""
    found = [re.fullmatch(r"(repeat|drop|timeout|[45]\d\d)@([1-9]\d*)", text) for text in texts]
    wrong = [f"`{text}` is no fault" for text, match in zip(texts, found, strict=True) if match is None]
    if wrong:
        hint = "KIND@CALL, where KIND is repeat, drop, timeout or a status such as 503: --fault drop@3"
        raise UsageError(*wrong, hint=hint)
    return tuple(Fault(match[1], int(match[2])) for match in found if match)


class FaultySender:
    """Sends as `sender` does, with the faults of the calls they name. `repeat` is the sync loop's to do."""

    def __init__(self, sender: Sender, faults: Iterable[Fault]) -> None:
        self._sender = sender
        self._kinds = {fault.number: fault.kind for fault in faults if fault.kind != "repeat"}
        self._number = 0

    @property
    def url(self) -> str:
        """The function's address."""
        return self._sender.url

    def send(self, request: FunctionRequest) -> FunctionReply:
        """POST `request`, or fail in its place."""
        self._number += 1
        kind = self._kinds.get(self._number, "")
        if kind.isdigit():
            return FunctionReply(status=int(kind), reason="(a fault)", body=b"", headers={}, seconds=0.0)
        reply = self._sender.send(request)
        if kind == "timeout":
            problem = f"the function's answer to call {self._number} came too late (a fault)"
            raise FunctionError(problem, hint="The next sync makes the same call again.")
        return self._sender.send(request) if kind == "drop" else reply
