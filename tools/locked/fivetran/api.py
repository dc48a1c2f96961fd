"""Fivetran's REST API: the few requests that a connection needs, each tried again where that is safe.

https://fivetran.com/docs/rest-api/api-reference/connections; the types are those of the vendor's OpenAPI description,
which the tests hold every request to. An account's key and secret come from the environment, and are never shown.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from urllib.parse import urlsplit

import requests

from tools.locked.fivetran.answers import ApiError, Asked, Json, LaterError, UnclearError
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
"""The longest `Retry-After` that is waited out; a longer one ends the run, with the time."""

MAX_SHOWN_WAIT = 10 * 365 * 86400.0
"""Seconds; a longer wait is shown as this one, for a date can't hold any number."""

OF_A_CONNECTION = ("id", "service", "schema", "paused")
"""What each connection in an answer has, by the vendor's description."""


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


def _to_stderr(line: str) -> None:
    """Beside a state that is printed, not in it."""
    print(line, file=sys.stderr, flush=True)


@dataclass(frozen=True)
class FivetranApi:
    """The API as one account sees it. Every method raises ApiError with Fivetran's words; waits are announced by `say`."""

    account: Account
    session: requests.Session = field(default_factory=requests.Session, repr=False)
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)
    say: Callable[[str], None] = field(default=_to_stderr, repr=False)

    def connections(self, group: str, schema: str) -> Iterator[Json]:
        """A group's connections that load into a schema; other groups' aren't seen."""
        return self._listed(Asked("GET", f"groups/{group}/connections"), OF_A_CONNECTION, schema=schema)

    def caller(self, group: str) -> str:
        """The Google service account that calls the functions of a group's connections."""
        asked = Asked("GET", f"groups/{group}/service-account")
        return str(asked.data(self._answer(asked), ("service_account",))["service_account"])

    def connection(self, of: str) -> Json:
        """A connection, its configuration with masked secrets among it."""
        return self._connection(Asked("GET", f"connections/{of}"))

    def create(self, body: Json) -> Json:
        """A new connection. UnclearError if it may have been made all the same: look before another try."""
        return self._connection(Asked("POST", "connections"), json=body, again=False)

    def change(self, of: str, body: Json) -> Json:
        """The connection with other settings; what the body doesn't name stays."""
        return self._connection(Asked("PATCH", f"connections/{of}"), json=body)

    def test(self, of: str) -> tuple[Json, list[Json]]:
        """Run the setup test; the connection, and each test's `title` and `status`."""
        asked = Asked("POST", f"connections/{of}/test")
        data = self._connection(asked, json={})
        if data.get("setup_tests") is None:
            return data, []
        return data, asked.objects(data, "setup_tests", ("title", "status"))

    def _connection(self, asked: Asked, **request: Any) -> Json:
        return asked.data(self._answer(asked, **request), OF_A_CONNECTION)

    def sync(self, of: str) -> str:
        """Start a sync, without ending one that runs; Fivetran's message."""
        return self._message(Asked("POST", f"connections/{of}/sync"), json={"force": False})

    def resync(self, of: str) -> str:
        """Have the next sync read everything again; Fivetran's message."""
        return self._message(Asked("POST", f"connections/{of}/resync"), json={}, again=False)

    def _message(self, asked: Asked, **request: Any) -> str:
        return str(asked.json(self._answer(asked, **request)).get("message", ""))

    def state(self, of: str) -> Json:
        """The state with which the next sync begins."""
        return self._state(Asked("GET", f"connections/{of}/state"))

    def set_state(self, of: str, state: Json) -> Json:
        """Replace it; the state that Fivetran has then."""
        return self._state(Asked("PATCH", f"connections/{of}/state"), json={"state": state})

    def _state(self, asked: Asked, **request: Any) -> Json:
        state = asked.data(self._answer(asked, **request)).get("state")
        if not isinstance(state, dict):
            raise asked.unexpected("has no object in `state`")
        return state

    def packages(self) -> Iterator[Json]:
        """The account's packages of the Connector SDK."""
        return self._listed(Asked("GET", "connector-sdk/packages"), ("id",))

    def package(self, of: str) -> Json:
        """A package: `connection_id` if it has a connection, `file_sha256_hash` of its zip."""
        return self._package(Asked("GET", f"connector-sdk/packages/{of}"))

    def upload(self, name: str, content: bytes) -> Json:
        """A new package. UnclearError if it may have been made all the same: look before another try."""
        return self._package(Asked("POST", "connector-sdk/packages"), files=_file(name, content), again=False)

    def replace_package(self, of: str, name: str, content: bytes) -> Json:
        """A package with another zip."""
        return self._package(Asked("PATCH", f"connector-sdk/packages/{of}"), files=_file(name, content))

    def _package(self, asked: Asked, **request: Any) -> Json:
        return asked.data(self._answer(asked, **request), ("id",))

    def download(self, of: str) -> bytes:
        """The zip of a package; described as JSON, and a file."""
        return self._answer(Asked("GET", f"connector-sdk/packages/{of}/download")).content

    def _listed(self, asked: Asked, members: tuple[str, ...], **query: str) -> Iterator[Json]:
        """Every item, page by page."""
        cursors: set[object] = set()
        while True:
            page = asked.data(self._answer(asked, params=query))
            yield from asked.objects(page, "items", members)
            cursor = str(page.get("next_cursor") or "")
            if not cursor:
                return
            if cursor in cursors:
                raise asked.unexpected("leads to a page that was read already")
            cursors.add(cursor)
            query = {**query, "cursor": cursor}

    def _answer(self, asked: Asked, *, again: bool = True, **request: Any) -> requests.Response:
        """A success: tried again while Fivetran has too many requests or, with `again`, while it fails."""
        for wait in WAITS:
            try:
                return self._once(asked, **request)
            except LaterError as error:
                self.wait(_time_asked_for(error, wait), error)
            except UnclearError as error:
                if not again:
                    raise
                self.wait(wait, error)
        try:
            return self._once(asked, **request)
        except (LaterError, UnclearError) as error:
            raise after_all_tries(error, ApiError if asked.method == "GET" else type(error)) from None

    def wait(self, seconds: float, error: ApiError) -> None:
        """Wait before another try, and say so."""
        why = f"answers {error.status}" if error.status else "gave no usable answer"
        self.say(f"Fivetran {why}: trying again in {seconds:g} s")
        self.sleep(seconds)

    def _once(self, asked: Asked, **request: Any) -> requests.Response:
        try:
            answer = self.session.request(
                asked.method,
                f"{self.account.url}/v1/{asked.path}",
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
            raise asked.error(answer)
        return answer


def after_all_tries(error: ApiError, kind: type[ApiError]) -> ApiError:
    """The error of the last of all tries, as one of `kind`."""
    return kind(f"{error} (tried {len(WAITS) + 1} times)", error.status, error.said)


def _time_asked_for(later: LaterError, usual: float) -> float:
    """The seconds that Fivetran asks for. ApiError, with the time, if that is too long to wait for here."""
    if later.wait is None:
        return usual
    if later.wait <= MAX_WAIT:
        return later.wait
    until = datetime.now(UTC) + timedelta(seconds=min(later.wait, MAX_SHOWN_WAIT))
    asked = f"Fivetran asks to wait until {until:%Y-%m-%d %H:%M} UTC"
    raise ApiError(f"{later}\n    {asked}", later.status, later.said) from None


def _file(name: str, content: bytes) -> dict[str, tuple[str, bytes, str]]:
    return {"file": (name, content, "application/zip")}
