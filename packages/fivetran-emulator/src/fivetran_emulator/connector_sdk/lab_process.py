"""The laboratory's end in a process of its own: its clock and its sockets, whose decisions are made where the check runs.

Whatever the connector does with time or the network is said over a pipe, and goes on when it has been answered; between the calls
of a sync nobody answers, so the process stands still. Each message is (what, argument); each answer has the clock's time first.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from multiprocessing.connection import Connection
from typing import Any, NoReturn

from fivetran_emulator.contract.lab.network import Answering, Network
from fivetran_emulator.contract.lab.virtual_time import VirtualTime

__all__ = ["in_lab"]


class _Line:
    """The pipe to the check."""

    def __init__(self, number: int) -> None:
        self._pipe: Connection[Any, Any] = Connection(number)
        self._alone = threading.Lock()  # a connector may ask from several threads

    def say(self, what: str, argument: object = None) -> tuple[float, Any]:
        """Say something; the time, and the answer."""
        with self._alone:
            self._pipe.send((what, argument))
            answer: tuple[float, Any] = self._pipe.recv()
        return answer


class _Time(VirtualTime):
    def __init__(self, line: _Line, start: datetime, zone: str, seconds: float) -> None:
        super().__init__(start, zone=zone)
        self.seconds = seconds
        self._line = line

    def sleep(self, seconds: float) -> None:
        self.seconds, _ = self._line.say("sleep", seconds)

    def advance(self, seconds: float) -> None:
        self.seconds, _ = self._line.say("advance", seconds)


class _Network(Network):
    def __init__(self, line: _Line, clock: VirtualTime) -> None:
        super().__init__(_nothing, clock)
        self._line = line
        self._number = 0

    def connected(self, timeout: float | None) -> None:
        self._say("connect", timeout)

    def asked_for(self, host: str) -> None:
        self._say("host", host)

    def kill(self, one: socket.socket) -> NoReturn:
        self._say("kill")
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError

    def answer(self, request: bytes, answering: Answering) -> Iterator[bytes]:
        self._number = number = self._number + 1
        reset, answering.seconds, piece = self._say("ask", (number, request))
        while piece is not None:
            yield piece
            reset, _, piece = self._say("next", number)
        if reset:
            raise ConnectionResetError(*reset)

    def _say(self, what: str, argument: object = None) -> Any:
        self.clock.seconds, answer = self._line.say(what, argument)
        return answer


def _nothing(_environ: Any, _start_response: Any) -> Any:
    raise AssertionError  # requests are answered where the check runs


@contextmanager
def in_lab(pipe: int, memory: int | None = None, *, start: str, zone: str, seconds: float) -> Iterator[None]:
    """Have the laboratory in the place of the machine's clock and network."""
    line = _Line(pipe)
    clock = _Time(line, datetime.fromisoformat(start), zone, seconds)
    if memory is not None:
        tracemalloc.start()
        threading.Thread(target=_tell_peak, args=[memory], daemon=True).start()
    with clock.active(), _Network(line, clock).active():
        yield


def _tell_peak(number: int) -> None:
    """Say how much memory there was at the most, whenever it is asked for."""
    pipe: Connection[Any, Any] = Connection(number)
    while True:
        pipe.recv()
        pipe.send(tracemalloc.get_traced_memory()[1])
