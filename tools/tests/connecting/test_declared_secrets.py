"""Secrets that the connector can't use are refused before anything is asked of Fivetran, all problems at once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from connected_team import SECRETS, TOKEN, Team
from small_repository import ROOT

from tools.locked.connecting.declared_secrets import declared_secrets
from tools.repository.errors import RepositoryError
from tools.repository.model import Repository

ROWS = """\
| `token` | a text that is not empty | required | A token. |
| `url` | text | default `"https://acme.example"` | Where | it is. |
| `products` | a list like ["first", "second"] | optional | Products. |
| `bug_limit` | a whole number | default `500` | Bugs. |
| `label` | text | optional | A label. |
"""


def refused(team: Team, content: Any) -> str:
    """What is said of a file, without its values; the connection that is there stays as it is, and isn't asked for."""
    file = team.root / "other.json"
    file.write_text(json.dumps(content))
    with pytest.raises(RepositoryError) as raised:
        team.connect("--secrets", str(file), "--yes")
    assert team.fivetran.calls == []
    assert team.fivetran.only().secrets == SECRETS
    assert TOKEN not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({}, ["token: is missing"]),
        ({"token": ""}, ["token: is empty"]),
        ({"token": None}, ["token: is null"]),
        ({"token": 5}, ["token: must be a text that is not empty, and is a number"]),
        ({"token": {"a": TOKEN}}, ["token: must be a text that is not empty, and is an object"]),
        ({"token": TOKEN, "url": ""}, ["url: is empty"]),
        ({"token": TOKEN, "bug_limit": True}, ["bug_limit: must be a whole number, and is true or false"]),
        (
            {"tokn": TOKEN, "urll": "u", "products": {}},
            [
                "tokn: the connector has no such key. Did you mean `token`?",
                "urll: the connector has no such key. Did you mean `url`?",
                "token: is missing",
                "products: must be a list",
                "connectors/acme/README.md lists the keys",
            ],
        ),
    ],
)
def test_what_the_code_declares_is_asked_for(team: Team, content: Any, expected: list[str]) -> None:
    """Unknown and missing keys, and values of another type."""
    team.connected()
    team.describe(ROWS)
    said = refused(team, content)
    assert "other.json: these can't be the secrets of acme, so nothing was sent" in said
    assert not [words for words in expected if words not in said]


def test_what_the_form_would_make_of_it_is_taken(team: Team) -> None:
    """Texts for everything, lists and numbers as JSON has them, and an optional one left empty."""
    team.describe(ROWS)
    changes: dict[str, Any] = {"products": ["a"], "bug_limit": "7", "label": "", "url": None}
    team.connect("--secrets", team.secrets(**changes), "--yes")
    assert team.fivetran.only().secrets == {
        "token": TOKEN,
        "products": '["a"]',
        "bug_limit": "7",
        "label": "",
    }


@pytest.mark.parametrize(
    ("content", "expected"),
    [({"token": 5}, "token: must be text, and is a number"), ({"token": " "}, "token: is empty")],
)
def test_a_plain_function_gets_filled_texts(team: Team, content: Any, expected: str) -> None:
    """It declares nothing else."""
    team.connected()
    assert expected in refused(team, content)


def test_no_secrets_at_all_replace_none(team: Team) -> None:
    """A plain function may need none; one that has some doesn't lose them to an empty file."""
    team.connected()
    file = team.root / "none.json"
    file.write_text("{}")
    with pytest.raises(RepositoryError, match="it holds no secrets, and made_1 has some: token, url"):
        team.connect("--secrets", str(file), "--yes")
    assert team.fivetran.writes() == []


@pytest.mark.connector("casa")
def test_a_real_readme_is_read() -> None:
    """As the runtime writes it."""
    declared = declared_secrets(Repository(ROOT), "casa") or {}
    assert {key: one.need.split()[0] for key, one in declared.items()} == {
        "access_token": "required",
        "url": "default",
    }
