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


class Connected(Protocol):
    """A connected socket, with what was taken of an answer before its turn, if anything was."""

    sock: Any
    early: EarlyAnswer | None


class Taker(Protocol):
    """Whoever asked for what comes early: an invocation."""

    @property
    def early_room(self) -> int:
        """The bytes of one answer that may be taken early."""

    def taking(self) -> AbstractContextManager[list[Connected]]:
        """The connections on which answers come early; nobody else takes anything or becomes the reader meanwhile."""


class EarlyAnswer:
    """The bytes of an answer that were taken from a connected socket before its turn."""

    def __init__(self, sock: Any) -> None:
        self.sock = sock
        self.taken = bytearray()
        self._ended = False

    def may_take(self, room: int) -> bool:
        """Whether more may come, and there is room for it."""
        return not self._ended and len(self.taken) < room

    def take(self) -> None:
        """Take what is there without waiting; what is wrong with the connection shows at its turn."""
        timeout = self.sock.gettimeout()
        self.sock.settimeout(0)
        try:
            piece = self.sock.recv(_PIECE)
            self.taken += piece
            self._ended = not piece
        except BlockingIOError:
            pass
        except OSError as error:
            self._ended = not _only_wants_more(error)
        finally:
            self.sock.settimeout(timeout)

    def read(self, buffer: Any) -> int:
        """Hand over what was taken, as much as there is and fits."""
        count = min(len(buffer), len(self.taken))
        buffer[:count] = self.taken[:count]
        del self.taken[:count]
        return count


def _only_wants_more(error: OSError) -> bool:
    """Whether TLS has no whole record yet."""
    return type(error).__name__ in ("SSLWantReadError", "SSLWantWriteError")


def wait_for(sock: Any, seconds: float, invocation: Taker) -> None:
    """Wait until a socket can be read, and take meanwhile what comes for other turns.

    Raises:
        TimeoutError: it cannot be within these seconds.
    """
    if not isinstance(sock, socket.socket):  # TLS within a proxy's TLS, of which nothing says what it holds
        return
    end = monotonic() + seconds
    while not _has_decrypted(sock):
        left = end - monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        with selectors.DefaultSelector() as waiting:
            waiting.register(sock, selectors.EVENT_READ)
            _register(waiting, invocation)
            ready = [key.data for key, _ in waiting.select(left)]
        if None in ready:
            return
        _take(invocation, ready)


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
    found = []
    with invocation.taking() as unread:
        for connected in unread:
            connected.early = connected.early or EarlyAnswer(connected.sock)
            can_be_seen = isinstance(connected.sock, socket.socket)
            found += [connected] if can_be_seen and connected.early.may_take(invocation.early_room) else []
    return found


def _take(invocation: Taker, ready: list[Connected]) -> None:
    """Take what has come on these connections, but of those whose turn it is by now."""
    with invocation.taking() as unread:
        for connected in ready:
            if connected in unread and connected.early is not None:
                connected.early.take()


def _has_decrypted(sock: Any) -> bool:
    """Whether TLS holds bytes that a look at the socket does not show."""
    return bool(getattr(sock, "pending", int)())
