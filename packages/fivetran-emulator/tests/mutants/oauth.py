"""A correct connector that trades its secrets for an access token in each call, and its source."""

from __future__ import annotations

from typing import Any

import requests
from mutants.reference import Problem, Reference, Row
from mutants.source import practice

from fivetran_emulator.practice import ClientCredentials, Source
from fivetran_emulator.practice.serving import Practice

CLIENT, SECRET = "practice-client-0123", "practice-client-secret-4567"
TOKEN_PATH = "/oauth/token"


def oauth_practice() -> Practice:
    """The usual source behind client credentials."""
    usual = practice()
    assert isinstance(usual.source, Source)
    usual.source._access = ClientCredentials(CLIENT, SECRET)
    return Practice(usual.source, {"url": "{url}", "client_id": CLIENT, "client_secret": SECRET})


class OAuth(Reference):
    """The connector; an instance is the function."""

    practice = staticmethod(oauth_practice)
    released = Reference.released.parent / "never_released.json"

    def configure(self, secrets: Any) -> None:
        given = secrets if isinstance(secrets, dict) else {}
        wanted = ("url", "client_id", "client_secret")
        if missing := [key for key in wanted if not isinstance(given.get(key), str)]:
            raise Problem(f"secrets: {', '.join(missing)} must be given as text")
        self.url, self.token = given["url"], ""
        self.form = {
            "grant_type": "client_credentials",
            "client_id": given["client_id"],
            "client_secret": given["client_secret"],
        }

    def send(self, path: str, query: Row) -> tuple[int, Any, bytes]:
        if path == TOKEN_PATH:
            return self.ask_for_token()
        if not self.token:
            answer = self.get(TOKEN_PATH)
            token = answer.get("access_token") if isinstance(answer, dict) else None
            if not isinstance(token, str):
                raise Problem(f"{TOKEN_PATH} answered without an access token")
            self.keep(token)
        return super().send(path, query)

    def keep(self, token: str) -> None:
        """The token for the rest of this call; a place for mutants."""
        self.token = token

    def ask_for_token(self) -> tuple[int, Any, bytes]:
        with requests.post(
            self.url + TOKEN_PATH,
            data=self.form,
            timeout=(10, min(60, max(0.1, self.remaining()))),
            allow_redirects=False,
            stream=True,
        ) as response:
            return response.status_code, response.headers, self.body(TOKEN_PATH, response)
