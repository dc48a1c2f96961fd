"""What comes on connections whose turn it is not yet, taken by whoever waits for another answer.

A source that does one thing after the other, with one thread or one worker, does not begin an answer before it has written the last
one: if that is a page which was asked for early, and larger than what systems hold between them, it would wait for its reader, and
the reader for it.
"""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from time import monotonic
from typing import Any, Protocol

_PIECE = 1 << 17

_LOOK_S = 0.02
"""How long it takes at most until it is seen that a connection is made."""
_AGAIN_S = 0.1
"""How long it takes at most until it is seen that the table's own thread has asked for another page."""


class Connected(Protocol):
    """A connected socket, with what was taken of an answer before its turn, if anything was."""

    sock: Any
    early: EarlyAnswer | None


class Taker(Protocol):
    """Whoever asked for what comes early: an invocation."""

    @property
    def early_room(self) -> int:
        """The bytes that may be taken early, of all answers."""

    def taking(self) -> AbstractContextManager[list[Connected]]:
        """The connections on which answers come early; nobody else takes anything or becomes the reader meanwhile."""


class EarlyAnswer:
    """The bytes of an answer that were taken from a connected socket before its turn.

    Attributes:
        taken: what was taken.
        is_given_up: whether there was no room for it: what comes is thrown away, and it is asked for again at its turn.
    """

    def __init__(self, sock: Any) -> None:
        self.sock = sock
        self.taken = bytearray()
        self.is_given_up = False
        self._ended = False

    @property
    def may_take(self) -> bool:
        """Whether more may come, and can be taken."""
        return not self._ended and can_be_seen(self.sock)

    def take(self) -> None:
        """Take what is there without waiting; what is wrong with the connection shows at its turn."""
        piece = bytearray(_PIECE)
        try:
            count = _read_now(self.sock, piece)
        except OSError:
            count = 0
        self.taken += b"" if self.is_given_up else piece[: count or 0]
        self._ended = count == 0

    def give_up(self) -> None:
        """Do without it. Its source writes it to the end all the same, which lets it come to the next request."""
        self.taken.clear()
        self.is_given_up = True

    def read(self, buffer: Any) -> int:
        """Hand over what was taken, as much as there is and fits.

        Raises:
            ConnectionResetError: it was given up.
        """
        if self.is_given_up:
            raise ConnectionResetError("given up for want of room")
        count = min(len(buffer), len(self.taken))
        buffer[:count] = self.taken[:count]
        del self.taken[:count]
        return count


def _is_nothing_yet(error: OSError) -> bool:
    """Whether there is nothing to read, or no whole record of TLS."""
    return isinstance(error, BlockingIOError) or type(error).__name__ in (
        "SSLWantReadError",
        "SSLWantWriteError",
    )


def can_be_seen(sock: Any) -> bool:
    """Whether a look at a socket shows what it holds: not that of TLS within a proxy's TLS."""
    return isinstance(sock, socket.socket)


def read_beside(sock: Any, buffer: Any, seconds: float, invocation: Taker) -> int:
    """Read from a socket as soon as something is there, and take meanwhile what comes for other turns.

    It is asked without waiting before each look: TLS may hold bytes that the socket does not show, and show some that are no answer.

    Raises:
        TimeoutError: nothing comes within these seconds.
    """
    end = monotonic() + seconds
    while (count := _read_now(sock, buffer)) is None:
        left = end - monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        with selectors.DefaultSelector() as waiting:
            waiting.register(sock, selectors.EVENT_READ)
            _register(waiting, invocation)
            _take(
                invocation,
                [key.data for key, _ in waiting.select(min(left, _AGAIN_S)) if key.data is not None],
            )
    return count


def _read_now(sock: Any, buffer: Any) -> int | None:
    """What is there already; None if nothing is."""
    timeout = sock.gettimeout()
    sock.settimeout(0)
    try:
        return int(sock.recv_into(buffer))
    except OSError as error:
        if not _is_nothing_yet(error):
            raise
        return None
    finally:
        sock.settimeout(timeout)


@contextmanager
def taken_meanwhile(invocation: Taker) -> Iterator[None]:
    """Take what comes early while another connection is made, with its proxy and its TLS, which wait for the source by themselves."""
    over = threading.Event()
    threading.Thread(target=_take_until, args=(over, invocation), daemon=True, name="early answers").start()
    try:
        yield
    finally:
        over.set()


def _take_until(over: threading.Event, invocation: Taker) -> None:
    while not over.is_set():
        with selectors.DefaultSelector() as waiting:
            _register(waiting, invocation)
            _take(invocation, [key.data for key, _ in waiting.select(_LOOK_S)])


def _register(waiting: selectors.BaseSelector, invocation: Taker) -> None:
    for connected in _may_be_taken(invocation):
        with suppress(KeyError, ValueError):  # it is closed by now
            waiting.register(connected.sock, selectors.EVENT_READ, connected)


def _may_be_taken(invocation: Taker) -> list[Connected]:
    """The connections on which more may come early."""
    found: list[Connected] = []
    with invocation.taking() as unread:
        for connected in [*unread]:
            early = connected.early = connected.early or EarlyAnswer(connected.sock)
            found += [connected] if early.may_take else []
    return found


def _take(invocation: Taker, ready: list[Connected]) -> None:
    """Take what has come on these connections, but of those whose turn it is by now, while there is room."""
    with invocation.taking() as unread:
        for connected in ready:
            if (early := connected.early) is None or connected not in unread:
                continue
            if sum(len(one.early.taken) for one in unread if one.early is not None) >= invocation.early_room:
                early.give_up()
            early.take()
