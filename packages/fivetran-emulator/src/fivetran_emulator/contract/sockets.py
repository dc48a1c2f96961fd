"""The function's sockets to the source under virtual time: a hanging answer costs no real second.

A time-out is a property of a socket, whatever HTTP library set it. So the wait for a slow or hanging answer is decided
here, where the library reads: it times out after the socket's own time-out, or, without one, never returns.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import inf
from time import monotonic
from typing import Any
from unittest import mock

from fivetran_emulator.contract.virtual_time import VirtualTime

__all__ = ["Hung", "Waits"]

_LOOK = 0.002
_REAL_SECONDS = 10
"""After so long on the real clock a practice source is broken; this is no virtual time-out."""


class Hung(BaseException):
    """The function waits for an answer without a time-out; nothing it catches may change that."""


@dataclass
class Waits:
    """How long the source takes to answer, by the client's port; and the time-outs seen when connecting."""

    seconds: dict[int, float] = field(default_factory=dict)
    connect_timeouts: list[float | None] = field(default_factory=list)

    def delay(self, port: int, seconds: float) -> None:
        """The answer to this client takes so long; called before anything is answered."""
        self.seconds[port] = seconds

    @contextmanager
    def in_force(self, clock: VirtualTime, source_port: int) -> Iterator[None]:
        """Make reads from the source take virtual time."""
        receive: Callable[..., int] = socket.socket.recv_into
        connect: Callable[..., None] = socket.socket.connect

        def recv_into(self_: socket.socket, *arguments: Any, **named: Any) -> int:
            if _peer_port(self_) == source_port:
                self._wait(self_, clock)
            return receive(self_, *arguments, **named)

        def connect_to(self_: socket.socket, address: Any) -> None:
            if isinstance(address, tuple) and address[1] == source_port:
                self.connect_timeouts.append(self_.gettimeout())
            connect(self_, address)

        with (
            mock.patch.object(socket.socket, "recv_into", recv_into),
            mock.patch.object(socket.socket, "connect", connect_to),
        ):
            yield

    def _wait(self, reader: socket.socket, clock: VirtualTime) -> None:
        port, give_up = reader.getsockname()[1], monotonic() + _REAL_SECONDS
        while port not in self.seconds and not select.select([reader], [], [], _LOOK)[0]:
            if monotonic() > give_up:
                raise TimeoutError("the practice source did not answer")
        seconds, timeout = self.seconds.pop(port, 0.0), reader.gettimeout()
        if timeout is not None and seconds > timeout:
            clock.advance(timeout)
            raise TimeoutError("timed out")
        if seconds == inf:
            raise Hung
        clock.advance(seconds)


def _peer_port(reader: socket.socket) -> int | None:
    # The server's own sockets pass here too: their peer is the client, whose port is never the source's.
    try:
        return int(reader.getpeername()[1])
    except (OSError, IndexError, ValueError):
        return None
