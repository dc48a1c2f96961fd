from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from functions_framework import create_app

from fivetran_emulator.practice import serving
from fivetran_emulator.practice.loading import load

ROOM = Path(__file__).parents[1]
PRACTICE = load(ROOM / "practice.py")

Answer = dict[str, Any]


@pytest.fixture
def url() -> Iterator[str]:
    """The practice source's address, while a test runs."""
    with serving(PRACTICE.source) as address:
        yield address


@pytest.fixture
def function(tmp_path: Path) -> FlaskClient:
    """The function as Google serves it."""
    main = tmp_path / "main.py"
    main.write_text("from {{ cookiecutter.module }} import main\n")
    client: FlaskClient = create_app("main", str(main)).test_client()
    return client


def call(function: FlaskClient, secrets: Answer, state: Answer | None = None, **more: object) -> Answer:
    """One answer, as Fivetran asks for it."""
    answer: Answer = function.post(
        "/", json={"agent": "test", "state": state or {}, "secrets": secrets, **more}
    ).get_json()
    return answer


def sync(function: FlaskClient, secrets: Answer, state: Answer) -> tuple[dict[int, Answer], Answer]:
    """All items of one sync by id, and the state after it."""
    items: dict[int, Answer] = {}
    while True:
        answer = call(function, secrets, state)
        items |= {item["id"]: item for item in answer["insert"].get("items", [])}
        state = answer["state"]
        if not answer["hasMore"]:
            return items, state


def test_a_first_sync_brings_every_row(function: FlaskClient, url: str) -> None:
    """Nothing that the source lists is missing."""
    items, _ = sync(function, PRACTICE.secrets_at(url), {})
    assert len(items) == 250


def test_a_second_sync_brings_only_what_may_have_changed(function: FlaskClient, url: str) -> None:
    """Only items as new as the newest one seen come again."""
    secrets = PRACTICE.secrets_at(url)
    everything, state = sync(function, secrets, {})
    newest = max(item["updated_at"] for item in everything.values())
    again, _ = sync(function, secrets, state)
    assert {item["updated_at"] for item in again.values()} == {newest}


def test_a_wrong_token_is_said_and_not_shown(function: FlaskClient, url: str) -> None:
    """Whoever set up the connection learns what to change; the token appears nowhere."""
    answer = call(function, {**PRACTICE.secrets_at(url), "token": "not-the-token"}, setup_test=True)
    assert "401" in answer["errorMessage"]
    assert "not-the-token" not in str(answer)
