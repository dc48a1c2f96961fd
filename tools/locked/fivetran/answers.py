"""Answers of Fivetran's API: an error as a message, a success as the members that the vendor's description promises.

Anything else that comes, from a proxy or another address, is an error that names the request, and never a traceback.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import requests

from tools.repository.errors import RepositoryError

Json = dict[str, Any]

NOT_FIVETRANS = "so it isn't Fivetran's: look for a proxy on the way, or at FIVETRAN_API_URL"


class ApiError(RepositoryError):
    """Fivetran refused, or can't be asked. `status` is its HTTP status, 0 without one; `said` its own message."""

    def __init__(self, problem: str, status: int = 0, said: str = "") -> None:
        super().__init__(problem)
        self.status, self.said = status, said


class UnclearError(ApiError):
    """Whether the request was carried out isn't known: the answer was lost, or was a failure of the server."""


class LaterError(ApiError):
    """Too many requests: not carried out. `wait` is the seconds that Fivetran asks for, if it says."""

    wait: float | None = None


@dataclass(frozen=True)
class Asked:
    """A request that was sent, as messages name it, and how its answer is read."""

    method: str
    path: str

    def __str__(self) -> str:
        return f"{self.method} /v1/{self.path}"

    def json(self, answer: requests.Response) -> Json:
        """The object that a success is."""
        document = _document(answer)
        if document is None:
            raise self.unexpected("isn't an object of JSON")
        return document

    def data(self, answer: requests.Response, members: Sequence[str] = ()) -> Json:
        """Its `data`, with these members."""
        return self._with_members(self.json(answer).get("data"), members, "`data`")

    def objects(self, data: Json, name: str, members: Sequence[str]) -> list[Json]:
        """A list in the data, each of its objects with these members."""
        found = data.get(name)
        if not isinstance(found, list):
            raise self.unexpected(f"has no list `{name}`")
        return [self._with_members(one, members, f"`{name}`") for one in found]

    def _with_members(self, data: object, members: Sequence[str], where: str) -> Json:
        if not isinstance(data, dict):
            raise self.unexpected(f"has no object in {where}")
        if missing := [name for name in members if data.get(name) is None]:
            raise self.unexpected(f"has no `{'`, `'.join(missing)}` in {where}")
        return data

    def unexpected(self, what: str) -> ApiError:
        """A success that isn't Fivetran's; of a request that changes something it leaves open whether it did."""
        kind = ApiError if self.method == "GET" else UnclearError
        return kind(f"The answer to {self} {what}, {NOT_FIVETRANS}")

    def error(self, answer: requests.Response) -> ApiError:
        """An answer that is no success, with what to do next."""
        status, said = answer.status_code, str((_document(answer) or {}).get("message", ""))
        shown = f"Fivetran answers {status} to {self}" + (f": {said}" if said else "")
        if status == 429:
            later = LaterError(f"{shown}\n    too many requests: run it again later", status, said)
            later.wait = _seconds(answer.headers.get("Retry-After", ""))
            return later
        if status >= 500:
            return UnclearError(f"{shown}\n    Fivetran has trouble: run it again later", status, said)
        if status < 400:
            return ApiError(f"The answer {status} to {self} leads elsewhere, {NOT_FIVETRANS}", status, said)
        hint = HINTS.get(status, "")
        return ApiError(shown + (f"\n    {hint}" if hint else ""), status, said)


HINTS = {
    401: "the API key or its secret is wrong, or was withdrawn: look at FIVETRAN_API_KEY and FIVETRAN_API_SECRET",
    403: "the API key's role may not do this: its owner needs the right at Fivetran",
}


def _document(answer: requests.Response) -> Json | None:
    """The answer's JSON object, None if it isn't one."""
    try:
        document = answer.json()
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _seconds(text: str) -> float | None:
    """A Retry-After in seconds, the one form that Fivetran documents."""
    return float(text) if text.isascii() and text.isdigit() else None
