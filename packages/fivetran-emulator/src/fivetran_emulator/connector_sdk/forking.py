"""``python -m fivetran_emulator.connector_sdk.forking FOLDER SOCKET``: load the connector.py in a folder, and fork servers of it.

What is asked comes over a socket, whose number is SOCKET: see `Loaded`. It ends, with its forks, when the other end does.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import sys
import time
from contextlib import AbstractContextManager, nullcontext, suppress
from importlib import import_module
from types import SimpleNamespace
from typing import Any, NoReturn

from fivetran_emulator.connector_sdk.lab_process import in_lab

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
    return nullcontext() if lab is None else in_lab(*pipes, **lab)


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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
