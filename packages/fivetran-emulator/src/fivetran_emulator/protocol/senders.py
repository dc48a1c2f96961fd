"""Senders that stand before a function: with faults made on purpose, or with recordings of its answers.

Faults (`drop@3`, `repeat@2`, `timeout@1`, `503@4`) are named by the number of the call, so a run with one can be repeated
exactly. A recording is made to be read in a review, so it is formatted JSON without secrets and without what differs from run
to run: times, sizes, the destination's name.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from fivetran_emulator.errors import FunctionError, UsageError
from fivetran_emulator.protocol.function import FunctionReply, FunctionRequest, Sender
from fivetran_emulator.secrets import Secrets

__all__ = ["ComparingSender", "Fault", "FaultySender", "RecordingSender", "ReplayingSender", "read_faults"]


@dataclass(frozen=True)
class Fault:
    """What happens to call `number`, counted from 1 in each sync.

    `kind` is `repeat` (the answer is loaded, its state is lost, the call is made again), `drop` (the answer is lost on its
    way and the call is made again), `timeout` (the function does its work, too late) or a status such as `503`, which
    the platform gives without a call of the function.
    """

    kind: str
    number: int


def read_faults(texts: Iterable[str]) -> tuple[Fault, ...]:
    """The faults that `texts` such as `drop@3` name. Raises UsageError with every text that names none."""
    found = [re.fullmatch(r"(repeat|drop|timeout|[45]\d\d)@([1-9]\d*)", text) for text in texts]
    wrong = [f"`{text}` is no fault" for text, match in zip(texts, found, strict=True) if match is None]
    if wrong:
        hint = "KIND@CALL, where KIND is repeat, drop, timeout or a status such as 503: --fault drop@3"
        raise UsageError(*wrong, hint=hint)
    return tuple(Fault(match[1], int(match[2])) for match in found if match)


class FaultySender:
    """Sends as `sender` does, with the faults of the calls they name. `repeat` is the sync loop's to do."""

    def __init__(self, sender: Sender, faults: Iterable[Fault]) -> None:
        self._sender = sender
        self._kinds = {fault.number: fault.kind for fault in faults if fault.kind != "repeat"}
        self._number = 0

    @property
    def url(self) -> str:
        """The function's address."""
        return self._sender.url

    def send(self, request: FunctionRequest) -> FunctionReply:
        """POST `request`, or fail in its place."""
        self._number += 1
        kind = self._kinds.get(self._number, "")
        if kind.isdigit():
            return FunctionReply(status=int(kind), reason="(a fault)", body=b"", headers={}, seconds=0.0)
        reply = self._sender.send(request)
        if kind == "timeout":
            problem = f"the function's answer to call {self._number} came too late (a fault)"
            raise FunctionError(problem, hint="The next sync makes the same call again.")
        return self._sender.send(request) if kind == "drop" else reply


_MADE_BY = "fivetran-emulator sync --record"
_MAX_LINES = 40


class RecordingSender:
    """Sends as `sender` does and writes every exchange into `folder`, in place of an older recording there."""

    def __init__(self, sender: Sender, folder: Path, secrets: Secrets) -> None:
        self._sender, self._folder, self._secrets = sender, folder, secrets
        self._number = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for file in _files(folder):
                file.unlink()
        except OSError as error:
            raise UsageError(f"cannot record into {folder}: {error.strerror}") from error

    @property
    def url(self) -> str:
        """The function's address."""
        return self._sender.url

    def send(self, request: FunctionRequest) -> FunctionReply:
        """POST `request` and record both it and the answer."""
        reply = self._sender.send(request)
        self._number += 1
        _file(self._folder, self._number).write_text(
            _exchange(request, reply, self._secrets), encoding="utf-8"
        )
        return reply


class ReplayingSender:
    """Answers from the recording in `folder`; no function is called."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number = 0
        _require_recording(folder)

    @property
    def url(self) -> str:
        """The folder, in place of an address."""
        return str(self._folder)

    def send(self, request: FunctionRequest) -> FunctionReply:
        """The recorded answer to the next request."""
        self._number += 1
        recorded = _read(_file(self._folder, self._number), self._number)
        content_type = {"Content-Type": recorded.content_type} if recorded.content_type else {}
        body = recorded.text.encode() if recorded.text is not None else bytes(recorded.body)
        return FunctionReply(status=recorded.status, body=body, headers=content_type, seconds=0.0)


class ComparingSender:
    """Sends as `sender` does and compares every exchange with the recording in `folder`."""

    def __init__(self, sender: Sender, folder: Path, secrets: Secrets) -> None:
        self._sender, self._folder, self._secrets = sender, folder, secrets
        self._number = 0
        _require_recording(folder)

    @property
    def url(self) -> str:
        """The function's address."""
        return self._sender.url

    def send(self, request: FunctionRequest) -> FunctionReply:
        """POST `request`. Raises FunctionError, with the difference, when request or answer are not as recorded."""
        self._number += 1
        file = _file(self._folder, self._number)
        _read(file, self._number)
        reply = self._sender.send(request)
        was, now = file.read_text(encoding="utf-8"), _exchange(request, reply, self._secrets)
        if was != now:
            raise self._differs(file, was, now)
        return reply

    def _differs(self, file: Path, was: str, now: str) -> FunctionError:
        lines = difflib.unified_diff(
            was.splitlines(), now.splitlines(), "recorded", "this time", lineterm="", n=2
        )
        details = list(lines)
        more = len(details) - _MAX_LINES
        shown = [*details[:_MAX_LINES], f"and {more} more lines"] if more > 0 else details
        problem = f"call {self._number} is not as in {file}"
        return FunctionError(problem, hint="If it is meant to differ, record it again.", details=shown)


class _Answer(msgspec.Struct):
    status: int
    content_type: str
    body: msgspec.Raw = msgspec.Raw(b"null")
    text: str | None = None
    """The body, when it is not JSON."""


class _Exchange(msgspec.Struct):
    answer: _Answer


def _exchange(request: FunctionRequest, reply: FunctionReply, secrets: Secrets) -> str:
    names = msgspec.json.decode(request.secrets, type=dict[str, object])
    sent = {
        "state": msgspec.Raw(request.state.encode()),
        "secrets": dict.fromkeys(sorted(names), "***"),
        "sync_id": request.sync_id,
        **request.members,
    }
    facts = {"made_by": _MADE_BY, "request": sent, "answer": {"status": reply.status, **_body(reply)}}
    text = msgspec.json.format(msgspec.json.encode(facts), indent=2).decode()
    # A number that is hidden becomes a text, so that the file stays JSON.
    return _HIDDEN_NUMBER.sub(r'\1"***"', secrets.redact(text)) + "\n"


_HIDDEN_NUMBER = re.compile(r'^(\s*(?:"(?:[^"\\]|\\.)*": )?)[\d.eE+-]*\*\*\*[\d.eE+*-]*(?=,?$)', re.MULTILINE)


def _body(reply: FunctionReply) -> dict[str, object]:
    content_type: dict[str, object] = {"content_type": reply.headers.get("Content-Type", "")}
    try:
        reply.body.decode()
        msgspec.json.decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return content_type | {"text": reply.body.decode(errors="replace")}
    return content_type | {"body": msgspec.Raw(reply.body)}


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("[0-9][0-9][0-9][0-9].json"))


def _file(folder: Path, number: int) -> Path:
    return folder / f"{number:04}.json"


def _require_recording(folder: Path) -> None:
    if not _files(folder):
        raise UsageError(f"there is no recording in {folder}", hint=f"Make one: --record {folder}")


def _read(file: Path, number: int) -> _Answer:
    try:
        return msgspec.json.decode(file.read_bytes(), type=_Exchange).answer
    except FileNotFoundError as error:
        problem = f"the recording in {file.parent} ends before call {number}"
        raise FunctionError(problem, hint="If more calls are meant, record it again.") from error
    except (OSError, msgspec.DecodeError) as error:
        raise UsageError(f"the recording {file} cannot be read: {error}") from error
