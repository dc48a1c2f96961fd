"""Servers of a connector.py that are there in no time: forks of a process that has loaded it, and the SDK, once.

    loaded = Loaded(folder)
    server = ForkedServer(loaded)

A fork is a process of its own, and dies alone. To load the SDK takes most of a second, and to fork some ten milliseconds.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from fivetran_emulator.connector_sdk.served import Process, SdkServer
from fivetran_emulator.errors import FunctionError

__all__ = ["ForkedServer", "Loaded"]

_MODULE = "fivetran_emulator.connector_sdk.forking"
_MAX_ASKED = 65_536
_LOOK_SECONDS = 0.005


class Loaded:
    """A process that has loaded the connector.py in a folder, to be forked.

    Raises FunctionError when it can't be loaded.
    """

    def __init__(self, folder: Path) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, tempfile.TemporaryFile() as written:
            command = [sys.executable, "-u", "-m", _MODULE, str(folder), str(theirs.fileno())]
            self._process = subprocess.Popen(
                command, cwd=folder, stdout=written, stderr=written, pass_fds=[theirs.fileno()]
            )
            theirs.close()
            if not self._control.recv(_MAX_ASKED):
                code = self._process.wait()
                written.seek(0)
                trace = written.read().decode(errors="replace")
                self._control.close()
                raise FunctionError(f"the connector's process ended (exit {code})", details=[trace])

    def fork(self, asked: Mapping[str, Any], files: Sequence[int]) -> int:
        """A fork that does what is asked; its id. `files` are what it has open: a log first."""
        socket.send_fds(self._control, [json.dumps(asked).encode()], files)
        return int(self._control.recv(_MAX_ASKED))

    def ended(self, process: int, *, wait: bool) -> int | None:
        """How a fork has ended, as `subprocess` says it; None while it runs."""
        self._control.send(json.dumps({"ended": process, "wait": wait}).encode())
        code: int | None = json.loads(self._control.recv(_MAX_ASKED))
        return code

    def close(self) -> None:
        """End it, and whatever it has forked."""
        self._control.close()
        self._process.wait()


class _Fork:
    """The process of one server."""

    def __init__(self, loaded: Loaded, number: int) -> None:
        self._loaded, self._number = loaded, number
        self._code: int | None = None

    def poll(self) -> int | None:
        if self._code is None:
            self._code = self._loaded.ended(self._number, wait=False)
        return self._code

    def wait(self, timeout: float | None = None) -> int:
        if timeout is not None:
            end = time.monotonic() + timeout
            while self.poll() is None:
                if time.monotonic() > end:
                    raise subprocess.TimeoutExpired(str(self._number), timeout)
                time.sleep(_LOOK_SECONDS)
        if self._code is None:
            self._code = self._loaded.ended(self._number, wait=True)
        assert self._code is not None  # noqa: S101 - it has been waited for
        return self._code

    def kill(self) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self._number, 9)


class ForkedServer(SdkServer):
    """A server that is a fork; the rest as in `SdkServer`.

    `asked` goes to the fork, and `files` are open in it behind the log: see forking.py.
    """

    def __init__(
        self,
        loaded: Loaded,
        *,
        log: IO[bytes] | int = subprocess.DEVNULL,
        environment: Mapping[str, str] | None = None,
        asked: Mapping[str, Any] | None = None,
        files: Sequence[int] = (),
    ) -> None:
        def start(port: int) -> Process:
            whole = {"port": port, "environment": dict(environment or {}), **(asked or {})}
            with open(os.devnull, "wb") as nothing:  # noqa: PTH123 - a device
                written = nothing if log == subprocess.DEVNULL else log
                number = written if isinstance(written, int) else written.fileno()
                return _Fork(loaded, loaded.fork(whole, [number, *files]))

        self._connect(start)
