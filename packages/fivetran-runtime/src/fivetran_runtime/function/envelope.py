"""Fivetran's envelope: what a request holds, and how an answer is written; the only place that knows its members.

The same over any host that takes Fivetran's POST (docs/protocol.md, "The request" and "The answer").
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from decimal import InvalidOperation
from typing import Any, Protocol

import msgspec

from fivetran_runtime._encoding import decode, encode
from fivetran_runtime._sync.session import Ended, schema_json

Answer = tuple[bytes | Iterator[bytes], int, dict[str, str]]
"""Body, status and headers, as Flask takes them."""

REPORT_HEADER = "X-Connector-Invocation"
"""The header in which the invocation's log line travels too; Fivetran ignores it, the emulator shows it."""


class Request(Protocol):
    """What of Flask's request is used."""

    headers: Any
    method: str

    def get_data(self) -> bytes:
        """The body."""


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """What Fivetran sends; everything is optional except that it is an object."""

    state: object
    secrets: object
    sync_id: str | None
    setup_test: bool


class BadRequestError(Exception):
    """The request is not Fivetran's: its text says what was expected."""


def parse(request: Request) -> Envelope:
    """What a request holds.

    Raises:
        BadRequestError: it is no POST of a JSON object.
    """
    if request.method != "POST":
        raise BadRequestError(
            "This is a Fivetran function connector: POST a JSON object with agent, state and secrets."
        )
    try:
        body = decode(request.get_data())
    except RecursionError:
        raise BadRequestError("The request's body is nested too deeply to be read.") from None
    except (ValueError, InvalidOperation):
        raise BadRequestError(
            "The request's body is not JSON; Fivetran POSTs {agent, state, secrets}."
        ) from None
    if not isinstance(body, dict):
        raise BadRequestError(
            "The request's body is not a JSON object; Fivetran POSTs {agent, state, secrets}."
        )
    sync_id = body.get("sync_id")
    return Envelope(
        state=body.get("state"),
        secrets=body.get("secrets"),
        sync_id=sync_id if isinstance(sync_id, str) and sync_id else None,
        setup_test=body.get("setup_test") is True,
    )


class SyncBody:
    """The JSON of a sync's answer, put together from rows that are encoded already, piece by piece while it is sent.

    As one text it would be in memory beside its rows, and again as the host's.
    """

    def __init__(self, ended: Ended) -> None:
        self._batch = ended.batch
        self._before = b'{"state":' + encode(ended.state) + b',"insert":'
        more = b"true" if ended.has_more else b"false"
        self._after = b',"schema":' + schema_json(ended.tables) + b',"hasMore":' + more + b"}"
        operations = sum(self._batch.json_size(deletes=deletes) for deletes in (False, True))
        self._size = len(self._before) + operations + len(_DELETE) + len(self._after)

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        yield self._before
        yield from self._batch.json(deletes=False)
        yield _DELETE
        yield from self._batch.json(deletes=True)
        yield self._after


_DELETE = b',"delete":'


def setup_body(state: object) -> bytes:
    """The JSON of a setup test's answer: the state as it came."""
    return encode({"state": state or {}, "hasMore": False})


def error_body(
    message: str, kind: str, *, trace: list[str] | None = None, sync_id: str | None = None
) -> bytes:
    """The JSON of an answer that brings nothing; what is given has no secret in it any more."""
    body: dict[str, Any] = {"errorMessage": message, "errorType": kind}
    if trace is not None:
        body["stackTrace"] = trace
    if sync_id:
        body["sync_id"] = sync_id
    return encode(body)


def respond(body: bytes | SyncBody, status: int, report: Mapping[str, Any]) -> Answer:
    """The answer over HTTP; what is reported goes into a header."""
    headers = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    if report:
        headers[REPORT_HEADER] = json.dumps(report, separators=(",", ":"))  # ASCII, as headers have to be
    return body if isinstance(body, bytes) else iter(body), status, headers
