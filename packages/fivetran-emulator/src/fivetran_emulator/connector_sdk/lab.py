"""A connector on the Connector SDK, under the contract's checks: `PracticeSubject(SdkInLab(folder), practice)`.

Each sync has a process of its own, which the SDK serves. Time and the network in it are the laboratory's (forking.py), so faults,
crashes and waits are those of a function under test. What comes up to a checkpoint is one answer; between two calls the process
stands still where it first asks for something.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing import Pipe
from multiprocessing.connection import wait
from pathlib import Path
from subprocess import TimeoutExpired
from threading import Thread
from typing import Any, NoReturn, TypeVar

from fivetran_emulator.connector_sdk.function import OpenSync, SdkFunction, SdkReply
from fivetran_emulator.connector_sdk.served import ForkedServer, LoadedConnector, SdkServer
from fivetran_emulator.contract.lab.connection import LabReply
from fivetran_emulator.contract.lab.network import Answering, Killed, Network
from fivetran_emulator.contract.lab.trial import Platform
from fivetran_emulator.contract.lab.virtual_time import VirtualTime
from fivetran_emulator.errors import FunctionError

__all__ = ["SdkInLab"]

_ENDED_SECONDS = 5
T = TypeVar("T")
_Piece = tuple[tuple[Any, ...] | None, float, bytes | None]


PLATFORM = Platform(
    without={
        "C14": "an answer has no largest size there: the Connector SDK sends rows in messages of at most 100 rows or 100 kB",
        "C15": "there is no deadline: a sync may take as long as it takes, and that each request has a time-out is C43",
        "C17": "an answer has no largest size there: a row is sent as it is, however long it is",
        "C19": "there is no deadline to be missed: for up to an hour the source is waited for",
    },
    answer_seconds=60,
    names_syncs=False,
    only_text=True,
    fractions_as_text=True,
    attacked_bytes=700_000_000,  # of 1 GB
)
"""The Connector SDK, as docs/decisions/0015 has it."""


class SdkInLab:
    """The connector.py in a folder, as the function of a trial. To be closed."""

    platform = PLATFORM

    def __init__(self, folder: Path) -> None:
        self._function = _Function(folder)
        self._called: object = None

    @contextmanager
    def within(self, time: VirtualTime, network: Network) -> Iterator[None]:
        """Calls have this clock and this network, in their own process."""
        network.begin()
        self._function.lab = (time, network)
        yield

    def call(self, body: Mapping[str, Any], environment: Mapping[str, str]) -> LabReply:
        """What comes up to the next checkpoint, of the process that has come so far, or of a new one."""
        function = self._function
        called = (id(function.lab[1]), body.get("sync_id"), body.get("secrets"), dict(environment))
        if called != self._called:
            function.end_sync()
        self._called, function.environment = called, environment
        function.written = ""
        reply = function.answer(body)
        function.take_written()
        return LabReply(reply.status, reply.body, reply.headers, function.written)

    def peak(self, call: Callable[[], T]) -> tuple[T, int]:
        """Run it; memory is that of the processes that it needs."""
        self._function.end_sync()
        self._function.peak = 0
        try:
            return call(), self._function.peak
        finally:
            self._function.peak = None

    def close(self) -> None:
        """End all its processes."""
        self._function.close()


class _Function(SdkFunction):
    lab: tuple[VirtualTime, Network]
    written = ""
    """What was written during the last call."""
    peak: int | None = None
    """The most memory of its processes, where it is measured."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._loaded = LoadedConnector(folder)

    def _server(self) -> SdkServer:
        return _LabServer(
            self._loaded,
            *self.lab,
            log=self._log.fileno(),
            environment=self.environment,
            traced=self.peak is not None,
        )

    def answer(self, body: Mapping[str, Any]) -> SdkReply:
        reply = super().answer(body)
        if isinstance(server := self._open and self._open.server, _LabServer):
            self._note(server)
        return reply

    def end_sync(self) -> None:
        if isinstance(server := self._open and self._open.server, _LabServer):
            self._note(server)
        super().end_sync()

    def _note(self, server: _LabServer) -> None:
        if self.peak is not None:
            self.peak = max(self.peak, server.peak())

    def take_written(self) -> str:
        new = super().take_written()
        self.written += new
        return new

    @staticmethod
    def _has_more(sync: OpenSync) -> bool:
        server = sync.server
        assert isinstance(server, _LabServer)  # noqa: S101 - it has made it
        return server.goes_on()

    def close(self) -> None:
        super().close()
        self._loaded.close()


class _LabServer(ForkedServer):
    """A server whose time and network are those of a trial: while something is waited for, they are served."""

    def __init__(
        self,
        loaded: LoadedConnector,
        time: VirtualTime,
        network: Network,
        *,
        log: int,
        environment: Mapping[str, str],
        traced: bool,
    ) -> None:
        self._time, self._network = time, network
        self._asked, theirs = Pipe()
        self._memory, theirs_of_memory = Pipe()
        self._arrived: deque[Any] = deque()
        self._bell, self._button = socket.socketpair()
        self._answers: dict[int, tuple[Iterator[bytes], Answering]] = {}
        given = {"start": time.start.isoformat(), "zone": time.zone, "seconds": time.seconds}
        with theirs, theirs_of_memory:
            files = [theirs.fileno(), *([theirs_of_memory.fileno()] if traced else [])]
            super().__init__(loaded, log=log, environment=environment, asked={"lab": given}, files=files)

    def _call(self, method: Any, request: Any) -> Any:
        future = method.future(request)
        future.add_done_callback(self._arrive)
        self._next()
        try:
            return future.result()
        except self._grpc.RpcError as error:
            raise self._failure(error) from None

    def update(self, configuration: Mapping[str, str], state: str) -> Iterator[Any]:
        """The operations; each is waited for while the process's requests are answered."""
        request = self._messages.UpdateRequest(configuration=configuration, state_json=state)
        stream = self._stub.Update(request)
        Thread(target=self._read, args=[stream], daemon=True).start()
        while (found := self._next()) is not None:
            if isinstance(found, self._grpc.RpcError):
                raise self._failure(found)
            yield found

    def _read(self, stream: Any) -> None:
        try:
            for operation in stream:
                self._arrive(operation)
        except self._grpc.RpcError as error:
            self._arrive(error)
        else:
            self._arrive(None)

    def _arrive(self, something: Any) -> None:
        self._arrived.append(something)
        with suppress(OSError):  # closed meanwhile
            self._button.send(b".")

    def goes_on(self) -> bool:
        """Whether the process does anything after a checkpoint but end well."""
        while not self._arrived:
            if self._asked in wait([self._asked, self._bell]):
                return True
            self._bell.recv(1024)
        return self._arrived[0] is not None

    def _next(self) -> Any:
        """What arrives next. Raises FunctionError for a process that has died or is to die."""
        while not self._arrived:
            # What has arrived comes first: a process that asks something has sent all before it.
            if self._bell in (ready := wait([self._asked, self._bell])):
                self._bell.recv(1024)
            elif self._asked in ready:
                self._serve()
        return self._arrived.popleft()

    def _serve(self) -> None:
        try:
            what, argument = self._asked.recv()
        except EOFError:
            raise self._died() from None
        try:
            answer = getattr(self, f"_on_{what}")(argument)
        except Killed:
            self._network.killed = True
            self.kill()
            raise FunctionError("the process was killed") from None
        self._asked.send((self._time.seconds, answer))

    def _on_sleep(self, seconds: float) -> None:
        self._time.sleep(seconds)

    def _on_advance(self, seconds: float) -> None:
        self._time.advance(seconds)

    def _on_connect(self, timeout: float | None) -> None:
        self._network.connected(timeout)

    def _on_host(self, host: str) -> None:
        self._network.asked_for(host)

    def _on_kill(self, _: None) -> NoReturn:
        raise Killed

    def _on_ask(self, asked: tuple[int, bytes]) -> _Piece:
        number, request = asked
        answering = Answering()
        self._answers[number] = iter(self._network.answer(request, answering)), answering
        return self._on_next(number)

    def _on_next(self, number: int) -> _Piece:
        """The next piece of an answer, how long it takes, and how the connection breaks instead."""
        pieces, answering = self._answers[number]
        try:
            piece = next(pieces, None)
        except ConnectionResetError as broken:
            return broken.args, answering.seconds, None
        return None, answering.seconds, piece

    def peak(self) -> int:
        """The most memory that its process has had at once, in bytes; 0 once it has died."""
        try:
            self._memory.send(None)
            return int(self._memory.recv())
        except (OSError, EOFError):
            return 0

    def _died(self) -> FunctionError:
        with suppress(TimeoutExpired):
            self.process.wait(_ENDED_SECONDS)
        return self._ended() or FunctionError("the connector's process ended")

    def close(self) -> None:
        """End it, whatever it does."""
        super().close()
        for end in (self._asked, self._memory, self._bell, self._button):
            end.close()
