"""A Connector SDK connector in the place of a function: the same requests, the same answers.

An answer is what comes up to a checkpoint, with the checkpoint as its state; the call after it goes on with the same sync of the
SDK. So the emulator's loop, warehouse and screen, and whatever else calls functions, serve both. Rows that the SDK deletes
are flagged, so every table is one of `softDelete`.

A request with another state than the last answer's begins a sync in a new process, as Fivetran does after a crash.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any

import msgspec

from fivetran_emulator.connector_sdk.served import SdkServer, row_of
from fivetran_emulator.errors import FunctionError
from fivetran_emulator.protocol.answer import SDK_HEADER
from fivetran_emulator.protocol.shared_facts import REPORT_HEADER

__all__ = ["OpenSync", "SdkFunction", "SdkReply", "configuration_of"]

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_UPSERT, _DELETE = 0, 2
_REPORT = re.compile(r"^.*? rows, .*? deletes, [^{]*(\{.*\})$")


@dataclass(frozen=True)
class SdkReply:
    """A function's answer: status, JSON text, and headers."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class _UpToCheckpoint:
    """What has come since the last checkpoint: of each key the last operation."""

    def __init__(self, keys: Mapping[str, list[str]]) -> None:
        self._keys = keys
        self._operations: dict[tuple[str, str], tuple[int, dict[str, Any]]] = {}

    def take(self, record: Any) -> None:
        row = row_of(record.data)
        name = record.table_name
        key = [row.get(column) for column in self._keys.get(name, row)]
        self._operations[name, _ENCODER.encode(key).decode()] = (record.type, row)

    def rows(self, kind: int) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = {}
        for (name, _), (what, row) in self._operations.items():
            if what == kind:
                found.setdefault(name, []).append(row)
        return found

    def body(self, state: str, *, has_more: bool) -> bytes:
        return _ENCODER.encode(
            {
                "state": msgspec.Raw(state.encode()),
                "insert": self.rows(_UPSERT),
                "delete": self.rows(_DELETE),
                "schema": {name: {"primary_key": key} for name, key in self._keys.items()},
                "softDelete": sorted(self._keys),
                "hasMore": has_more,
            }
        )


@dataclass
class OpenSync:
    """A sync of the SDK's that an answer was taken of: the state that was sent last, what was read ahead of it, and the rest."""

    server: SdkServer
    operations: Iterator[Any]
    keys: Mapping[str, list[str]]
    state: str
    ahead: list[Any] = field(default_factory=list)


class SdkFunction:
    """Answers a function's requests from what the connector.py in `folder` gives to the Connector SDK.

    `environment` is added to that of its processes; their log goes to `log`, or a file that is thrown away.
    """

    def __init__(
        self, folder: Path, *, environment: Mapping[str, str] | None = None, log: Path | None = None
    ) -> None:
        self._folder, self.environment = folder, environment or {}
        self._open: OpenSync | None = None
        self._log = _appended_to(log)
        self._read_to = 0

    def answer(self, body: Mapping[str, Any]) -> SdkReply:
        """The answer to a request; a failure is one, too."""
        configuration = configuration_of(body.get("secrets") or {})
        try:
            if body.get("setup_test") is True:
                return self._setup_test(configuration, body.get("state") or {})
            state = json.dumps(body.get("state") or {})
            if self._open is None or json.loads(self._open.state) != json.loads(state):
                self.end_sync()
                self._open = self._begun(configuration, state)
            return self._next(self._open)
        except FunctionError as error:
            self.end_sync()
            failure = {"errorMessage": error.problems[0], "hint": error.hint}  # the traceback is in the log
            return SdkReply(500, _ENCODER.encode(failure), {**self._headers(), SDK_HEADER: "failed"})

    def _begun(self, configuration: Mapping[str, str], state: str) -> OpenSync:
        server = self._server()
        try:
            tables = server.schema(configuration)
        except FunctionError:
            server.close()
            raise
        keys = {table.name: [one.name for one in table.columns if one.primary_key] for table in tables}
        operations = server.update(configuration, state)
        return OpenSync(server, operations, keys, state)

    def _next(self, sync: OpenSync) -> SdkReply:
        """What comes up to the next checkpoint, or to the end."""
        answer = _UpToCheckpoint(sync.keys)
        ahead, sync.ahead = sync.ahead, []
        for operation in chain(ahead, sync.operations):
            if operation.WhichOneof("operation") == "checkpoint":
                sync.state = operation.checkpoint.state_json
                return self._reply(answer, sync, has_more=self._has_more(sync))
            self._take(answer, operation)
        return self._reply(answer, sync, has_more=False)

    @staticmethod
    def _has_more(sync: OpenSync) -> bool:
        """Whether anything comes after a checkpoint, another checkpoint included. A failure is the next call's."""
        try:
            sync.ahead = list(islice(sync.operations, 1))
        except FunctionError as error:
            sync.operations = _Failed(error)
            return True
        return bool(sync.ahead)

    @staticmethod
    def _take(answer: _UpToCheckpoint, operation: Any) -> None:
        if operation.WhichOneof("operation") == "structured_records":
            for record in operation.structured_records.structured_records:
                answer.take(record)

    def _reply(self, answer: _UpToCheckpoint, sync: OpenSync, *, has_more: bool) -> SdkReply:
        body = answer.body(sync.state, has_more=has_more)
        if not has_more:
            self.end_sync()
        return SdkReply(200, body, self._headers())

    def _setup_test(self, configuration: Mapping[str, str], state: object) -> SdkReply:
        server = self._server()
        try:
            for test in server.form().tests:
                if (problem := server.test(test.name, configuration)) is not None:
                    raise FunctionError(problem)
        finally:
            server.close()
        return SdkReply(200, _ENCODER.encode({"state": state, "hasMore": False}))

    def _server(self) -> SdkServer:
        return SdkServer(self._folder, log=self._log.fileno(), environment=self.environment)

    def _headers(self) -> dict[str, str]:
        """The invocation's report, which is in the SDK's log."""
        reports = [report for line in self.take_written().splitlines() if (report := _report_in(line))]
        return {REPORT_HEADER: reports[-1]} if reports else {}

    def take_written(self) -> str:
        """What its processes have written since this was last asked for."""
        self._log.seek(self._read_to)
        new = self._log.read()
        self._read_to += len(new)
        return new.decode(errors="replace")

    def close(self) -> None:
        """End the sync that is open, as a crash does, and close the log; it answers nothing after that."""
        self.end_sync()
        self._log.close()

    def end_sync(self) -> None:
        """End the process of the sync that is open, if one is."""
        if self._open is not None:
            self._open.server.close()
            self._open = None


class _Failed:
    """What comes of a sync that has failed: the failure."""

    def __init__(self, error: FunctionError) -> None:
        self._error = error

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        raise self._error


def _appended_to(log: Path | None) -> IO[bytes]:
    """An empty file that is only appended to: it is read here while a process goes on writing."""
    if log is None:
        return tempfile.TemporaryFile("a+b")
    log.write_bytes(b"")
    return log.open("a+b")


def _report_in(line: str) -> str | None:
    """The report of an answer in a line of the SDK's log."""
    try:
        message = json.loads(line)["message"]
        found = _REPORT.match(message)
    except (ValueError, KeyError, TypeError):
        return None
    return found[1] if found else None


def configuration_of(secrets: Mapping[str, Any]) -> dict[str, str]:
    """Secrets as the SDK's configuration has them: text only, without what is left out."""
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in secrets.items()
        if value is not None
    }
