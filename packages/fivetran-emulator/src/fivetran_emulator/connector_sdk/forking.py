"""``python -m fivetran_emulator.connector_sdk.forking FOLDER SOCKET``: load the connector.py in a folder, and fork servers of it.

What is asked comes over a socket, whose number is SOCKET: see `LoadedConnector`. It ends, with its forks, when the other end does.

A fork may be in the contract's laboratory (lab.py): its clock and its sockets are the laboratory's, and what they do is decided where the
check runs. Whatever the connector does with time or the network is said over a pipe, as (what, argument), and goes on when it has been
answered with (the clock's seconds, the answer). Between the calls of a sync nobody answers, so the process stands still.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import sys
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import datetime
from importlib import import_module
from multiprocessing.connection import Connection
from types import SimpleNamespace
from typing import Any, NoReturn

from fivetran_emulator.contract.lab.network import Answering, Network
from fivetran_emulator.contract.lab.virtual_time import VirtualTime

_PLATFORM = ("grpc", "fivetran_connector_sdk")
_LOADED_LATER = ("concurrent.futures.thread", "grpc._server")
"""What a server would load when it starts."""
_SAMPLED_SECONDS = 0.02
_MAX_ASKED, _MAX_FILES = 65_536, 4


def main(arguments: list[str]) -> int:
    """Fork whatever is asked for, until nobody asks."""
    folder, number = arguments
    sys.path.insert(0, folder)
    from connector import connector  # type: ignore[import-not-found]  # noqa: PLC0415 - it is in the folder

    for name in _LOADED_LATER:
        import_module(name)
    _keep_real_time()
    gc.freeze()  # what all forks share is not copied into each of them by a collection
    with socket.socket(fileno=int(number)) as control:
        control.send(b"loaded")
        _serve(control, connector)
    return 0


def _serve(control: socket.socket, connector: Any) -> None:
    running: set[int] = set()
    while True:
        message, files, _flags, _address = socket.recv_fds(control, _MAX_ASKED, _MAX_FILES)
        if not message:
            break
        asked = json.loads(message)
        if "ended" in asked:
            code = _ended(asked["ended"], wait=asked["wait"])
            running -= set() if code is None else {asked["ended"]}
            control.send(json.dumps(code).encode())
            continue
        if not (process := os.fork()):
            control.close()
            _run(connector, asked, files)
        for file in files:
            os.close(file)
        running.add(process)
        control.send(str(process).encode())
    for process in running:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def _ended(process: int, *, wait: bool) -> int | None:
    found, status = os.waitpid(process, 0 if wait else os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


def _run(connector: Any, asked: dict[str, Any], files: list[int]) -> NoReturn:
    """Be a server, in this fork, for as long as it is left alive."""
    log, *others = files
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.update(asked["environment"])
    code = 1
    try:
        with _surroundings(others, asked.get("lab")):
            connector.run(port=asked["port"])
        code = 0
    finally:
        os._exit(code)


def _surroundings(pipes: list[int], lab: dict[str, Any] | None) -> AbstractContextManager[None]:
    return nullcontext() if lab is None else _in_lab(*pipes, **lab)


def _keep_real_time() -> None:
    """Give gRPC and the SDK a `time` of their own, which no laboratory replaces: a server waits with it for its start.

    The SDK's sampler of memory sleeps in short: its second is how much longer every sync would take to end.
    """
    real = vars(time).copy()
    for name, module in list(sys.modules.items()):
        if name.startswith(_PLATFORM) and getattr(module, "time", None) is time:
            vars(module)["time"] = SimpleNamespace(**real)
    sampler: Any = import_module("fivetran_connector_sdk_common.memory_tracker")
    sampler.time = SimpleNamespace(sleep=lambda _seconds: real["sleep"](_SAMPLED_SECONDS))


class _Check:
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
    def __init__(self, line: _Check, start: datetime, zone: str, seconds: float) -> None:
        super().__init__(start, zone=zone)
        self.seconds = seconds
        self._line = line

    def sleep(self, seconds: float) -> None:
        self.seconds, _ = self._line.say("sleep", seconds)

    def advance(self, seconds: float) -> None:
        self.seconds, _ = self._line.say("advance", seconds)


class _Network(Network):
    def __init__(self, line: _Check, clock: VirtualTime) -> None:
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
def _in_lab(pipe: int, memory: int | None = None, *, start: str, zone: str, seconds: float) -> Iterator[None]:
    """Have the laboratory in the place of the machine's clock and network."""
    line = _Check(pipe)
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
