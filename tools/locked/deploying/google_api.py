"""Google's API, asked directly with gcloud's own token: existence, labels and settings are JSON there, never words.

https://cloud.google.com/functions/docs/reference/rest, https://cloud.google.com/iam/docs/reference/credentials/rest.
gcloud's overridden endpoints are followed, so that whoever has gcloud talk to another address has us talk to it too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests

from tools.locked.deploying.gcloud import SignedIn
from tools.locked.deploying.live import LiveFunction, read_function
from tools.repository.errors import RepositoryError

SECONDS = 30
"""How long an answer may take."""


class CannotAskError(RepositoryError):
    """Google refuses to tell: its status and message."""


@dataclass(frozen=True)
class GoogleApi:
    """The API as one account sees it."""

    who: SignedIn

    def function(self, project: str, region: str, name: str) -> LiveFunction | None:
        """The function, or None if Google says that there is none. RepositoryError for any other answer.

        The second API knows both generations, and which of them a function is of; the first API's is read there.
        """
        path = f"projects/{project}/locations/{region}/functions/{name}"
        found = self._get("cloudfunctions", f"v2/{path}")
        if found is not None and found.get("environment") == "GEN_1":
            found = self._get("cloudfunctions", f"v1/{path}")
        return None if found is None else read_function(found)

    def functions(self, project: str) -> list[LiveFunction]:
        """All functions of a project, of both generations. RepositoryError if a region doesn't answer."""
        found: list[LiveFunction] = []
        page = ""
        while True:
            query = {"pageSize": "1000", **({"pageToken": page} if page else {})}
            answer = self._get("cloudfunctions", f"v2/projects/{project}/locations/-/functions", query) or {}
            if answer.get("unreachable"):
                raise RepositoryError(
                    f"Google can't list all functions now: {', '.join(answer['unreachable'])}"
                )
            found += map(read_function, answer.get("functions", ()))
            page = answer.get("nextPageToken", "")
            if not page:
                return found

    def id_token(self, audience: str) -> str:
        """A token of the account itself that opens the function at `audience`, if the account is an Invoker there.

        CannotAskError if the account may not impersonate itself, or is a person, who has no such tokens here.
        """
        path = f"v1/projects/-/serviceAccounts/{self.who.account}:generateIdToken"
        answer = self._ask("POST", "iamcredentials", path, json={"audience": audience, "includeEmail": True})
        if answer.status_code != requests.codes.ok:
            raise CannotAskError(_words(answer))
        return str(_json(answer).get("token", ""))

    def _get(self, service: str, path: str, query: Mapping[str, str] | None = None) -> dict[str, Any] | None:
        """JSON of a resource; None only where Google itself says NOT_FOUND."""
        answer = self._ask("GET", service, path, params=query)
        data = _json(answer)
        if answer.status_code == requests.codes.ok:
            return data
        error = data.get("error")
        if isinstance(error, dict) and (answer.status_code, error.get("status")) == (404, "NOT_FOUND"):
            return None
        raise CannotAskError(f"Google doesn't tell about {path}: {_words(answer)}")

    def _ask(self, method: str, service: str, path: str, **request: Any) -> requests.Response:
        endpoint = self.who.endpoints.get(service, f"https://{service}.googleapis.com/")
        headers = {"Authorization": f"Bearer {self.who.token}"}
        url = f"{endpoint.rstrip('/')}/{path}"
        try:
            return requests.request(
                method, url, headers=headers, timeout=SECONDS, allow_redirects=False, **request
            )
        except requests.RequestException as error:
            raise CannotAskError(f"{endpoint} doesn't answer: {type(error).__name__}") from error


def _json(answer: requests.Response) -> dict[str, Any]:
    try:
        data = answer.json()
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def _words(answer: requests.Response) -> str:
    error = _json(answer).get("error")
    said = error.get("message", "") if isinstance(error, dict) else ""
    return f"{answer.status_code} {said or answer.reason}".strip()
