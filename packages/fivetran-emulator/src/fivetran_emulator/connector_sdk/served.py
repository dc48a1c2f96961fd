"""A folder with a connector.py, served by Fivetran's Connector SDK in a process of its own, and a client of it.

To load the SDK takes most of a second, so whoever needs many servers has them forked from one process that has loaded it: `ForkedServer`.
A fork is a process of its own, and dies alone.

The stubs are those of the installed wheel. Only whoever uses this room needs grpc and the SDK; this package does not.

Source: fivetran_connector_sdk 2.13.1 (MIT), `Connector.run`, protos/connector_sdk_pb2_grpc.py, and `ValueType` of
protos/common.proto.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import IO, Any, Protocol

import msgspec

from fivetran_emulator.errors import FunctionError

__all__ = ["ForkedServer", "LoadedConnector", "Process", "SdkServer", "free_port", "row_of"]

_RUN = "from connector import connector; connector.run(port=int(__import__('sys').argv[1]))"
_STARTED_SECONDS = 60
_ENDED_SECONDS = 5
_LOOK_SECONDS, _LOOKS = 0.01, 10
_LOG_HINT = "Its log has what it wrote last."
_MAX_MESSAGE = 128 * 1024 * 1024
_PROTOS = "fivetran_connector_sdk.protos"
_MODULE = "fivetran_emulator.connector_sdk.forking"
_MAX_ASKED = 65_536


class Process(Protocol):
    """What has to be known of a server's process; `subprocess.Popen` is one."""

    def poll(self) -> int | None:
        """How it ended, as `subprocess` says it; None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """How it ends. Raises TimeoutExpired."""

    def kill(self) -> None:
        """End it with SIGKILL."""


class SdkServer:
    """One process that serves a connector. It can run one sync; a second one would wait for ever.

    `folder` has the connector.py. `log` gets what the process writes, `environment` is added to its own, `python` runs it. Raises FunctionError
    when it does not start.
    """

    def __init__(
        self,
        folder: Path,
        *,
        log: IO[bytes] | int = subprocess.DEVNULL,
        environment: Mapping[str, str] | None = None,
        python: str = sys.executable,
    ) -> None:
        def start(port: int) -> Process:
            command = [python, "-u", "-B", "-c", _RUN, str(port)]
            variables = {**os.environ, **(environment or {})}
            return subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env=variables)

        self._connect(start)

    def _connect(self, start: Callable[[int], Process]) -> None:
        """Start the process, by a function of a free port, and wait until it listens."""
        port = free_port()
        self.process = start(port)
        self._messages = import_module(f"{_PROTOS}.connector_sdk_pb2")
        self._common = import_module(f"{_PROTOS}.common_pb2")
        self._grpc: Any = import_module("grpc")
        size = [
            ("grpc.max_receive_message_length", _MAX_MESSAGE),
            ("grpc.max_send_message_length", _MAX_MESSAGE),
        ]
        self._channel = self._grpc.insecure_channel(f"localhost:{port}", options=size)
        self._stub = import_module(f"{_PROTOS}.connector_sdk_pb2_grpc").SourceConnectorStub(self._channel)
        self._wait(port)

    def _wait(self, port: int) -> None:
        # gRPC itself would wait for a second after an attempt that came too early.
        for look in range(int(_STARTED_SECONDS / _LOOK_SECONDS)):
            with suppress(OSError), socket.create_connection(("localhost", port), timeout=1):
                return
            if look % _LOOKS == 0 and self.process.poll() is not None:
                break
            time.sleep(_LOOK_SECONDS)
        ended = self._ended()
        self.close()
        raise ended or FunctionError(
            f"the Connector SDK's server has not started after {_STARTED_SECONDS} s", hint=_LOG_HINT
        )

    def form(self) -> Any:
        """The setup form: its fields and tests."""
        return self._call(self._stub.ConfigurationForm, self._common.ConfigurationFormRequest())

    def test(self, name: str, configuration: Mapping[str, str]) -> str | None:
        """Run a setup test by its name; what is wrong, None if nothing is."""
        request = self._common.TestRequest(name=name, configuration=configuration)
        answer = self._call(self._stub.Test, request)
        return None if answer.WhichOneof("response") == "success" else str(answer.failure)

    def schema(self, configuration: Mapping[str, str]) -> Any:
        """The declared tables, each with its columns. Raises FunctionError with the connector's error."""
        answer = self._call(self._stub.Schema, self._messages.SchemaRequest(configuration=configuration))
        return answer.without_schema.tables

    def update(self, configuration: Mapping[str, str], state: str) -> Iterator[Any]:
        """The operations of a sync that goes on from a state, JSON text. Raises FunctionError when it fails."""
        request = self._messages.UpdateRequest(configuration=configuration, state_json=state)
        try:
            yield from self._stub.Update(request)
        except self._grpc.RpcError as error:
            raise self._failure(error) from None

    def _call(self, method: Any, request: Any) -> Any:
        try:
            return method(request)
        except self._grpc.RpcError as error:
            raise self._failure(error) from None

    def _failure(self, error: Any) -> FunctionError:
        """What has failed; without an answer the process may have ended, which is seen a moment later."""
        if error.code() is self._grpc.StatusCode.UNAVAILABLE:
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(_ENDED_SECONDS)
        return self._ended() or _failure(error)

    def _ended(self) -> FunctionError | None:
        """That the process has ended by itself, and how; None while it runs."""
        code = self.process.poll()
        if code is None:
            return None
        how = f"signal {-code}" if code < 0 else f"exit {code}"
        return FunctionError(f"the connector's process ended ({how})", hint=_LOG_HINT)

    def kill(self) -> None:
        """End the process as a crash does (SIGKILL)."""
        self.process.kill()
        self.close()

    def close(self) -> None:
        """End it, whatever it does."""
        self._channel.close()
        self.process.kill()
        self.process.wait()


class LoadedConnector:
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

    def __init__(self, loaded: LoadedConnector, number: int) -> None:
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
        loaded: LoadedConnector,
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


def _failure(error: Any) -> FunctionError:
    """What a sync's user task says: the exception's text, with the traceback that the SDK puts behind it."""
    text = str(error.details()).removeprefix("Exception iterating responses: ")
    text = text.removeprefix("Exception calling application: ")
    message, _, trace = text.partition("\nTraceback (most recent call last):")
    for what in ("update()", "schema()", "configuration_form()"):
        message = message.removeprefix(f"failed while executing {what} error: ")
    return FunctionError(message or "the connector gives no reason", details=[trace] if trace else [])


def free_port() -> int:
    """A port that is free at every address of this machine, since the SDK listens at all of them."""
    both = socket.has_dualstack_ipv6()
    with socket.create_server(
        ("", 0), family=socket.AF_INET6 if both else socket.AF_INET, dualstack_ipv6=both
    ) as free:
        return int(free.getsockname()[1])


def row_of(data: Mapping[str, Any]) -> dict[str, Any]:
    """Column to value; what has no form in JSON goes as ISO text, a decimal as a number with its digits."""
    return {column: _value(value) for column, value in data.items()}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("inner")
    if kind in (None, "null"):
        return None
    found = getattr(value, kind)
    if kind == "json":
        return msgspec.Raw(found.encode())
    if kind == "decimal":
        return Decimal(found)
    if kind == "naive_date":
        return found.ToDatetime().date().isoformat()
    if kind in ("naive_datetime", "utc_datetime"):
        at = found.ToDatetime(tzinfo=UTC if kind == "utc_datetime" else None)
        return at.isoformat().replace("+00:00", "Z")
    return found
