"""One deadline for a request: over the look-up of its host's name, connecting, headers and body.

A socket's own time-out is for one read: a source that sends a byte now and then, `100 Continue` for ever or an empty
block after the other is never late. Here every read is given what is left of the whole. These times are the machine's
own, not the clock's of `fivetran_runtime._invocation.clock`: they are how long a socket waits.
"""

from __future__ import annotations

import io
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from math import ceil
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any, cast

import msgspec
import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from fivetran_runtime._invocation.budget import OutOfBudget
from fivetran_runtime._invocation.context import running
from fivetran_runtime._invocation.early import EarlyAnswer, can_be_seen, read_beside, taken_meanwhile

UNKNOWN_HOST = "the host name is unknown"
"""What `what_broke` says where a name has no address: asking again rarely helps."""

SHORTEST_TIMEOUT_S = 0.1
"""A socket that is given no time at all would never wait."""


class Deadline(msgspec.Struct):
    """When the request that is running has to be over.

    Attributes:
        end: the moment by which the whole answer must have come.
        headers_end: the moment by which its headers must have.
        idle: seconds that one read may take.
        in_body: whether the headers are there.
        only_sends: whether the answer is to be read later: `RequestSent` is raised where it would be waited for.
        sent_on: the connection on which the request was sent before.
    """

    end: float
    headers_end: float
    idle: float
    in_body: bool = False
    only_sends: bool = False
    sent_on: Connection | None = None

    def next_read(self) -> float:
        """Seconds that the next read may take.

        Raises:
            TimeoutError: there is no time left.
        """
        left = (self.end if self.in_body else min(self.end, self.headers_end)) - monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        return (
            ceil(min(self.idle, left) * 10) / 10
        )  # a fraction more is no harm, and a repeated run is the same


_current: ContextVar[Deadline | None] = ContextVar("fivetran_runtime_deadline", default=None)


@contextmanager
def within(seconds: float, *, idle: float) -> Iterator[Deadline]:
    """Give requests that are sent here this long; their headers, and then each read, at most `idle` seconds."""
    now = monotonic()
    deadline = Deadline(now + seconds, now + idle, idle)
    token = _current.set(deadline)
    try:
        yield deadline
    finally:
        _current.reset(token)


class TimelyAdapter(HTTPAdapter):
    """Connections that keep to the deadline of the request that is running."""

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        super().init_poolmanager(*arguments, **named)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: Any, **named: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **named)
        manager.pool_classes_by_scheme = _POOLS
        return manager


class _Reader(io.RawIOBase):
    """Reads from a socket while there is time, what was taken of the answer before its turn first."""

    def __init__(self, raw: Any, timed: _Timed) -> None:
        self._raw = raw
        self._timed = timed

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if (early := self._timed.early) is not None and (early.taken or early.is_given_up):
            return early.read(buffer)
        if (deadline := _current.get()) is not None:
            seconds = deadline.next_read()
            self._timed.settimeout(seconds)
            if (invocation := running()).may_come_early() and can_be_seen(self._timed.sock):
                return read_beside(self._timed.sock, buffer, seconds, invocation)
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class _Timed:
    """A connected socket whose answers are read in time; everything else is the socket's own.

    Attributes:
        early: what was taken of an answer before its turn, if anything was.
    """

    def __init__(self, sock: Any) -> None:
        self.sock = sock
        self.early: EarlyAnswer | None = None

    def makefile(self, mode: str, *_: Any, **__: Any) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self.sock.makefile(mode, buffering=0), self))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sock, name)


class RequestSent(Exception):  # noqa: N818 - no error, but the way out of urllib3 with the connection open
    """A request was sent, and its answer is to be read later, from this connection."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self.connection = connection


class _SendsAhead:
    """A connection on which a request may be sent some time before its answer is read."""

    is_waiting = False
    """Whether a request was sent, and its answer was not asked for."""

    @property
    def timed(self) -> _Timed:
        """Its socket, once it is connected."""
        return cast("_Timed", self.sock)  # type: ignore[attr-defined] # as below

    def request(self, *arguments: Any, **named: Any) -> None:
        if self.is_waiting:  # this very request has been sent
            self.is_waiting = False
            return
        super().request(*arguments, **named)  # type: ignore[misc] # of the connection that this is mixed into
        if (deadline := _current.get()) is not None and deadline.only_sends:
            self.is_waiting = True
            raise RequestSent(cast("Connection", self))

    def close(self) -> None:
        if not self.is_waiting:  # urllib3 would, on the way out
            super().close()  # type: ignore[misc] # as above

    def hang_up(self) -> None:
        """Close it without having read the answer."""
        self.is_waiting = False
        self.close()


class _Connection(_SendsAhead, HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self)

    def connect(self) -> None:
        with taken_meanwhile(invocation) if (invocation := running()).may_come_early() else nullcontext():
            super().connect()
        _time(self)


class _SecureConnection(_SendsAhead, HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self)

    def connect(self) -> None:
        with taken_meanwhile(invocation) if (invocation := running()).may_come_early() else nullcontext():
            super().connect()
        _time(self)


def _time(connection: Any) -> None:
    connection.sock.settimeout(connection.timeout)
    connection.sock = _Timed(connection.sock)


Connection = _Connection | _SecureConnection


class _TakesUp:
    """A pool that gives a request the connection on which it was sent before."""

    def _get_conn(self, timeout: float | None = None) -> Any:
        if (deadline := _current.get()) is not None and deadline.sent_on is not None:
            connection, deadline.sent_on = deadline.sent_on, None
            return connection
        return super()._get_conn(timeout)  # type: ignore[misc] # of the pool that this is mixed into

    def _put_conn(self, connection: Any) -> None:
        deadline = _current.get()
        if connection is not None or deadline is None or not deadline.only_sends:
            super()._put_conn(connection)  # type: ignore[misc] # as above
        # Else its place in the pool is that of the connection whose answer is still to be read.


class _Pool(_TakesUp, HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(_TakesUp, HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


_POOLS = {"http": _Pool, "https": _SecurePool}


def _connect(connection: Any) -> socket.socket:
    """A socket to the first of the host's addresses that answers, all of them together within the time-out."""
    end = monotonic() + connection.timeout
    host = connection._dns_host  # noqa: SLF001 - what urllib3's own method of this name connects to
    try:
        found = _look_up(host, connection.port, connection.timeout)
        sock = _first_of(found, end, connection)
    except socket.gaierror as error:
        raise NameResolutionError(connection.host, connection, error) from error
    except TimeoutError as error:
        raise ConnectTimeoutError(connection, f"no connection to {connection.host} in time") from error
    except OSError as error:
        raise NewConnectionError(connection, f"no connection: {error}") from error
    sys.audit("http.client.connect", connection, connection.host, connection.port)
    return sock


Found = list[tuple[Any, ...]]


def _first_of(found: Found, end: float, connection: Any) -> socket.socket:
    failure: OSError = TimeoutError("no address answers")
    for place, (family, kind, protocol, _, address) in enumerate(found):
        left = end - monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        sock = socket.socket(family, kind, protocol)
        try:
            for option in connection.socket_options or ():
                sock.setsockopt(*option)
            # Each gets its share, or the first of four that is dead would take it all.
            sock.settimeout(max(SHORTEST_TIMEOUT_S, ceil(left / (len(found) - place) * 10) / 10))
            if connection.source_address:
                sock.bind(connection.source_address)
            sock.connect(address)
        except OSError as error:
            sock.close()
            failure = error
        except BaseException:
            sock.close()
            raise
        else:
            sock.settimeout(max(SHORTEST_TIMEOUT_S, end - monotonic()))  # for TLS, which follows
            return sock
    raise failure


def _look_up(host: str, port: int, seconds: float) -> Found:
    """A host's addresses.

    Raises:
        OSError: there are none (`socket.gaierror`), or nobody says so in time (`TimeoutError`).
    """
    host = host.strip("[]")
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        pass
    # The system's look-up cannot be interrupted, and takes half a minute where name servers are silent.
    answers: SimpleQueue[Found | BaseException] = SimpleQueue()

    def ask() -> None:
        try:
            answers.put(list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
        except BaseException as error:  # noqa: BLE001 - whatever it is belongs to the thread that waits
            answers.put(error)

    threading.Thread(target=ask, daemon=True, name="look up a host").start()
    try:
        found = answers.get(timeout=seconds)
    except Empty:
        raise TimeoutError("the host's name was not looked up in time") from None
    if isinstance(found, BaseException):
        raise found
    return found


def require_time(doing: str | Callable[[], str]) -> None:
    """Make sure that there is time left for the source.

    Args:
        doing: what the time was spent on.

    Raises:
        OutOfBudget: there is none; says what it was spent on.
    """
    try:
        running().budget.require(0, "")
    except OutOfBudget as stop:
        stop.why = f"{doing if isinstance(doing, str) else doing()}, and {stop.why}"
        stop.args = (stop.why,)
        raise


def what_broke(error: Exception) -> str:
    """What went wrong with a request, in a few words without any address."""
    match error:
        case requests.ConnectTimeout():
            return "no connection in time"
        case requests.Timeout() | urllib3.exceptions.ReadTimeoutError():
            return "no answer in time"
        case requests.exceptions.SSLError():
            return "the TLS certificate was refused"
        case urllib3.exceptions.ProtocolError() | urllib3.exceptions.DecodeError():
            return "the answer broke off"
        case requests.ConnectionError() if "NameResolution" in repr(error):
            return UNKNOWN_HOST
        case requests.ConnectionError() if "refused" in str(error):
            return "connection refused"
    return "the connection broke"
