"""Fivetran's REST API: the few requests that a connection needs, each tried again where that is safe.

https://fivetran.com/docs/rest-api/api-reference/connections; the types are those of the vendor's OpenAPI description,
which the tests hold every request to. An account's key and secret come from the environment, and are never shown.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

import requests

from tools.repository.errors import RepositoryError

KEY, SECRET, ADDRESS = "FIVETRAN_API_KEY", "FIVETRAN_API_SECRET", "FIVETRAN_API_URL"
"""Environment variables; the last is for a stand-in of the API."""

FIVETRAN = "https://api.fivetran.com"
ACCEPT = "application/json;version=2"
THIS_MACHINE = ("127.0.0.1", "localhost", "::1")

SECONDS = 120
"""How long an answer may take: a setup test calls the function, with a cold start."""

WAITS = (1.0, 3.0, 9.0)
"""Seconds between tries, unless Fivetran says how long."""

MAX_WAIT = 60.0
"""The longest `Retry-After` that is waited out."""

Json = dict[str, Any]


class ApiError(RepositoryError):
    """Fivetran refused, or can't be asked. `status` is its HTTP status, 0 without one; `said` its own message."""

    def __init__(self, problem: str, status: int = 0, said: str = "") -> None:
        super().__init__(problem)
        self.status, self.said = status, said


class UnclearError(ApiError):
    """Whether the request was carried out isn't known: the answer was lost, or was a failure of the server."""


@dataclass(frozen=True)
class Account:
    """Whose connections they are: the API's address, and the key and secret that open it."""

    url: str
    key: str = field(repr=False)
    secret: str = field(repr=False)

    @classmethod
    def of_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """RepositoryError with every variable that is missing or can't be right."""
        missing = [name for name in (KEY, SECRET) if not environment.get(name, "").strip()]
        if missing:
            raise RepositoryError(
                f"{' and '.join(missing)}: not in the environment. They are an API key's two halves "
                "(in Fivetran, your name > API Key); export them, in CI from a context. No file here holds them"
            )
        url = environment.get(ADDRESS) or FIVETRAN
        parts = urlsplit(url)
        if parts.scheme != "https" and parts.hostname not in THIS_MACHINE:
            raise RepositoryError(
                f"{ADDRESS}: the key is only sent to an https:// address, or to this machine"
            )
        return cls(url.rstrip("/"), environment[KEY].strip(), environment[SECRET].strip())


@dataclass(frozen=True)
class FivetranApi:
    """The API as one account sees it. Every method raises ApiError with Fivetran's words."""

    account: Account
    session: requests.Session = field(default_factory=requests.Session, repr=False)
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)

    def connections(self, group: str, schema: str) -> Iterator[Json]:
        """A group's connections that load into a schema; other groups' aren't seen."""
        return self._listed(f"groups/{group}/connections", schema=schema)

    def caller(self, group: str) -> str:
        """The Google service account that calls the functions of a group's connections."""
        return str(self._data("GET", f"groups/{group}/service-account")["service_account"])

    def connection(self, of: str) -> Json:
        """A connection, its configuration with masked secrets among it."""
        return self._data("GET", f"connections/{of}")

    def create(self, body: Json) -> Json:
        """A new connection. UnclearError if it may have been made all the same: look before another try."""
        return self._data("POST", "connections", json=body, again=False)

    def change(self, of: str, body: Json) -> Json:
        """The connection with other settings; what the body doesn't name stays."""
        return self._data("PATCH", f"connections/{of}", json=body)

    def test(self, of: str) -> Json:
        """Run the setup test; the connection with `setup_tests`."""
        return self._data("POST", f"connections/{of}/test", json={})

    def sync(self, of: str) -> str:
        """Start a sync, without ending one that runs; Fivetran's message."""
        return self._said("POST", f"connections/{of}/sync", json={"force": False})

    def resync(self, of: str) -> str:
        """Have the next sync read everything again; Fivetran's message."""
        return self._said("POST", f"connections/{of}/resync", json={}, again=False)

    def state(self, of: str) -> Json:
        """The state with which the next sync begins."""
        return dict(self._data("GET", f"connections/{of}/state")["state"])

    def set_state(self, of: str, state: Json) -> Json:
        """Replace it; the state that Fivetran has then."""
        return dict(self._data("PATCH", f"connections/{of}/state", json={"state": state})["state"])

    def packages(self) -> Iterator[Json]:
        """The account's packages of the Connector SDK."""
        return self._listed("connector-sdk/packages")

    def package(self, of: str) -> Json:
        """A package: `connection_id` if it has a connection, `file_sha256_hash` of its zip."""
        return self._data("GET", f"connector-sdk/packages/{of}")

    def upload(self, name: str, content: bytes) -> Json:
        """A new package. UnclearError if it may have been made all the same: look before another try."""
        return self._data("POST", "connector-sdk/packages", files=_file(name, content), again=False)

    def replace_package(self, of: str, name: str, content: bytes) -> Json:
        """A package with another zip."""
        return self._data("PATCH", f"connector-sdk/packages/{of}", files=_file(name, content))

    def download(self, of: str) -> bytes:
        """The zip of a package; described as JSON, and a file."""
        return self._tried("GET", f"connector-sdk/packages/{of}/download", again=True).content

    def _listed(self, path: str, **query: str) -> Iterator[Json]:
        """Every item, page by page."""
        while True:
            page = self._data("GET", path, params=query)
            yield from page["items"]
            if not page.get("next_cursor"):
                return
            query = {**query, "cursor": page["next_cursor"]}

    def _said(self, method: str, path: str, **request: Any) -> str:
        return str(self.ask(method, path, **request).get("message", ""))

    def _data(self, method: str, path: str, **request: Any) -> Json:
        answer = self.ask(method, path, **request)
        if not isinstance(answer.get("data"), dict):
            raise ApiError(
                f"Fivetran's answer to {method} /v1/{path} has no data: is {self.account.url} its API?"
            )
        return dict(answer["data"])

    def ask(self, method: str, path: str, *, again: bool = True, **request: Any) -> Json:
        """One request, tried again while Fivetran has too many of them or, with `again`, while it fails; its JSON."""
        answer = self._tried(method, path, again=again, **request)
        document = _document(answer)
        if document is None:
            raise ApiError(
                f"{_shown(answer, method, path)} with something that isn't its JSON: is it Fivetran's address?",
                answer.status_code,
            )
        return document

    def _tried(self, method: str, path: str, *, again: bool, **request: Any) -> requests.Response:
        for wait in WAITS:
            try:
                return self._once(method, path, **request)
            except _LaterError as later:
                self.sleep(wait if later.wait is None else min(later.wait, MAX_WAIT))
            except UnclearError:
                if not again:
                    raise
                self.sleep(wait)
        try:
            return self._once(method, path, **request)
        except UnclearError as error:
            kind = ApiError if isinstance(error, _LaterError) else UnclearError
            raise kind(f"{error} (tried {len(WAITS) + 1} times)", error.status, error.said) from None

    def _once(self, method: str, path: str, **request: Any) -> requests.Response:
        try:
            answer = self.session.request(
                method,
                f"{self.account.url}/v1/{path}",
                auth=(self.account.key, self.account.secret),
                headers={"Accept": ACCEPT},
                timeout=SECONDS,
                allow_redirects=False,
                **request,
            )
        except requests.RequestException as error:
            # By its kind alone: the exception's text repeats the request.
            why = "no answer in time" if isinstance(error, requests.Timeout) else type(error).__name__
            raise UnclearError(
                f"{self.account.url} can't be reached ({why}): look at the network, a proxy or a firewall, and run it again"
            ) from None
        if not 200 <= answer.status_code < 300:
            raise _error(answer, method, path)
        return answer


def _file(name: str, content: bytes) -> dict[str, tuple[str, bytes, str]]:
    return {"file": (name, content, "application/zip")}


class _LaterError(UnclearError):
    """Too many requests: not carried out; `wait` is the seconds that Fivetran asks for, if it says."""

    wait: float | None = None


def _document(answer: requests.Response) -> Json | None:
    """The answer's JSON object, None if it isn't one."""
    try:
        document = answer.json()
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _said(answer: requests.Response) -> str:
    return str((_document(answer) or {}).get("message", ""))


def _shown(answer: requests.Response, method: str, path: str) -> str:
    said = _said(answer) if answer.status_code >= 300 else ""
    return f"Fivetran answers {answer.status_code} to {method} /v1/{path}" + (f": {said}" if said else "")


def _error(answer: requests.Response, method: str, path: str) -> ApiError:
    status, said, shown = answer.status_code, _said(answer), _shown(answer, method, path)
    if status == 401:
        return ApiError(
            f"{shown}\n    the API key or its secret is wrong, or was withdrawn: look at {KEY} and {SECRET}",
            status,
            said,
        )
    if status == 403:
        return ApiError(
            f"{shown}\n    the API key's role may not do this: its owner needs the right at Fivetran",
            status,
            said,
        )
    if status == 429:
        later = _LaterError(f"{shown}\n    too many requests: run it again later", status, said)
        seconds = answer.headers.get("Retry-After", "")
        later.wait = float(seconds) if seconds.isdigit() else None
        return later
    if status >= 500:
        return UnclearError(f"{shown}\n    Fivetran has trouble: run it again later", status, said)
    if status < 400:
        return ApiError(f"{shown}, which leads elsewhere: is it Fivetran's address?", status, said)
    return ApiError(shown, status, said)
