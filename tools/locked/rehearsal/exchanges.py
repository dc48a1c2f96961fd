"""Requests that the fake of Google gets, and what it answers: Google's errors, and answers of the functions themselves."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from tools.locked.rehearsal.functions import LiveFunction, Resource
from tools.locked.rehearsal.identity import Refused

STATUSES = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
    409: "ALREADY_EXISTS", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 501: "UNIMPLEMENTED", 503: "UNAVAILABLE",
}  # fmt: skip


@dataclass(frozen=True)
class Call:
    """A request that came in: `body` is its JSON, or its bytes where it isn't JSON; `status` what it was answered.

    `headers` have lower-case names; `query` holds the last value of each name, and the whole query under "".
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any = field(repr=False)
    status: int = 0


@dataclass(frozen=True)
class Answer:
    """An HTTP answer: what a function says, or what it is made to say."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})


Serve = Callable[[LiveFunction, Call], Answer]
"""Answers a call of a function's address, after the token and the role were found good."""


class Failure(Exception):  # noqa: N818 - an answer, not a fault of ours
    """Answered as Google answers an error: status, message, and the fields it is about."""

    def __init__(self, status: int, message: str, fields: list[tuple[str, str]] | None = None) -> None:
        super().__init__(message)
        self.status, self.fields = status, fields or []

    def answer(self) -> Answer:
        """The JSON of https://cloud.google.com/apis/design/errors."""
        error: Resource = {
            "code": self.status,
            "message": str(self),
            "status": STATUSES.get(self.status, "UNKNOWN"),
        }
        if self.fields:
            found = [{"field": name, "description": why} for name, why in self.fields]
            error["details"] = [
                {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": found}
            ]
        return Answer(self.status, json.dumps({"error": error}).encode())


_SERVED_SECONDS = 600
"""For a call of a function that runs elsewhere on this machine."""

DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Asks an address of this machine, whatever proxy the machine has for others."""


def forward_to(url: str) -> Serve:
    """Serve from a function that runs at `url`: the body goes there, its answer comes back."""

    def serve(_: LiveFunction, call: Call) -> Answer:
        body = call.body if isinstance(call.body, bytes) else json.dumps(call.body).encode()
        headers = {"Content-Type": call.headers.get("content-type", "application/json")}
        request = urllib.request.Request(url, body, headers, method=call.method)  # noqa: S310 - http, by us
        try:
            with DIRECTLY.open(request, timeout=_SERVED_SECONDS) as answer:
                return Answer(answer.status, answer.read(), dict(answer.headers))
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.read(), dict(error.headers))

    return serve


def bearer(call: Call) -> str:
    """The token of a request. Refused if it has none."""
    scheme, _, token = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Refused("no bearer token")
    return token


def form(call: Call) -> dict[str, str]:
    """The fields of a form that was posted."""
    text = call.body.decode() if isinstance(call.body, bytes) else ""
    return {key: values[0] for key, values in parse_qs(text).items()}
