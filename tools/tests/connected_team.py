"""A team with a deployed function, an account at Fivetran and secrets: what the tests of connecting act with.

Google and Fivetran are fakes, each call of the function is real HTTP. A folder's conftest.py takes the fixtures it needs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
from fake_fivetran import KEY, SECRET, FakeFivetran, Group, Made
from vendor_description import Description

from tools.local.connecting import asked
from tools.locked.connecting import last_sent
from tools.locked.connecting.connect import connect
from tools.locked.deploying import gcloud
from tools.locked.deploying.gcloud import SignedIn
from tools.locked.fivetran.api import Account, FivetranApi
from tools.locked.rehearsal.functions import LiveFunction
from tools.locked.rehearsal.google import Answer, Call, FakeGoogle
from tools.repository.model import Repository

GROUP = "decent_dropsy"
TOKEN = "token-that-nobody-may-see"
SECRETS = {"token": TOKEN, "url": "https://acme.example"}


@dataclass
class Function:
    """acme's function: two pages of tickets, for who has the token."""

    token: str = TOKEN
    bodies: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, _: LiveFunction, call: Call) -> Answer:
        """As Fivetran's protocol has it."""
        body = call.body
        self.bodies.append(body)
        if body["secrets"].get("token") != self.token:
            repeated = body["secrets"].get("token") if body.get("setup_test") else "it"
            message = f"The source answered 401 to {repeated}: check token."
            return Answer(500, json.dumps({"errorMessage": message, "errorType": "configuration"}).encode())
        if body.get("setup_test"):
            return Answer(200, b'{"state": {}, "schema": {}, "hasMore": false}')
        page = body["state"].get("page", 0)
        rows = {"tickets": [{"id": page * 2 + n} for n in (1, 2)]} if page < 2 else {}
        answer = {
            "state": {"page": page + 1},
            "insert": rows,
            "schema": {"tickets": {"primary_key": ["id"]}},
            "hasMore": page < 1,
        }
        return Answer(200, json.dumps(answer).encode())


@dataclass
class Team:
    """A repository with the group acme, whose function is deployed and may be called, and an account at Fivetran."""

    repository: Repository
    google: FakeGoogle
    fivetran: FakeFivetran
    live: LiveFunction
    function: Function
    waited: list[float] = field(default_factory=list)
    session: requests.Session = field(default_factory=requests.Session)

    @property
    def root(self) -> Path:
        """The repository's folder."""
        return self.repository.root

    def declare(self, *lines: str) -> None:
        """Deploy.yaml's group, with more lines."""
        text = "".join(
            f"  {line}\n" for line in ("connector: acme", "environment: dev", f"group: {GROUP}", *lines)
        )
        (self.root / "deploy.yaml").write_text(f"acme:\n{text}")

    def secrets(self, name: str = "secrets.json", **changes: Any) -> str:
        """A file of acme's secrets."""
        file = self.root / name
        content = {**SECRETS, **changes}
        file.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))
        return str(file)

    def describe(self, secrets: str) -> None:
        """Acme as a connector of the runtime with these rows of secrets, as `nox -s update` writes them."""
        start = "<!-- generated from the code by `nox -s update`: do not edit up to the end mark -->"
        table = f"## Secrets\n\n| key | type | | meaning |\n|---|---|---|---|\n{secrets}\n## Tables\n\n"
        text = f"# acme\n\n{start}\n{table}<!-- end of the generated part -->\n"
        (self.root / "connectors/acme/README.md").write_text(text)

    def api(self, *, secret: str = SECRET, url: str = "") -> FivetranApi:
        """Fivetran, waiting without time passing."""
        return FivetranApi(Account(url or self.fivetran.url, KEY, secret), self.session, self.waited.append)

    def connect(self, *arguments: str, api: FivetranApi | None = None) -> None:
        """What `nox -s connect -- acme ARGUMENTS` does."""
        connect(Repository(self.root), asked(["acme", *arguments]), api or self.api())

    def connected(self, *arguments: str) -> Made:
        """The connection, made in one go; the log of requests is empty again."""
        self.connect("--secrets", self.secrets(), "--yes", *arguments)
        self.fivetran.calls.clear()
        return self.fivetran.only()


@pytest.fixture(scope="session")
def description() -> Description:
    """The vendor's, loaded once."""
    return Description.loaded()


@pytest.fixture(scope="session")
def everybodys_google() -> Iterator[FakeGoogle]:
    """Google, whose key takes longer to make than a test."""
    with FakeGoogle(project="dev-project") as google:
        yield google


@pytest.fixture
def google(everybodys_google: FakeGoogle) -> FakeGoogle:
    """Without the functions of the test before."""
    everybodys_google.functions.clear()
    everybodys_google.calls.clear()
    return everybodys_google


@pytest.fixture
def team(
    small: Repository, description: Description, google: FakeGoogle, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Team]:
    """Nobody is at a terminal."""
    monkeypatch.setattr(last_sent, "COST", 2)
    function = google.serve = Function()
    with FakeFivetran(description, google) as fivetran:
        live = google.deployed("acme")
        fivetran.groups[GROUP] = Group()
        live.grant(fivetran.groups[GROUP].caller)
        endpoints = {"cloudfunctions": google.url}
        signed_in = SignedIn(google.deployer, google.access_token(), endpoints)
        monkeypatch.setattr(gcloud, "signed_in", lambda: signed_in)
        made = Team(small, google, fivetran, live, function)
        made.declare()
        yield made
        made.session.close()


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A person at the terminal: what is said to each question, taken from this list."""
    said: list[str] = []
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda _: said.pop(0))
    return said


def shown(capsys: pytest.CaptureFixture[str]) -> str:
    """Everything that was printed, without a secret in it."""
    captured = capsys.readouterr()
    text = captured.out + captured.err
    for secret in (TOKEN, KEY, SECRET):
        assert secret not in text
    return text
