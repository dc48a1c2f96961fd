"""The team of the tests of connecting; Google and Fivetran are fakes, each call of the function is real HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from connected_team import GROUP, Function, Team
from fake_fivetran import FakeFivetran, Group
from vendor_description import Description

from tools.locked.connecting import last_sent
from tools.locked.deploying import gcloud
from tools.locked.deploying.gcloud import SignedIn
from tools.locked.rehearsal.google import FakeGoogle
from tools.repository.model import Repository


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
