from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools.local.syncing import real_source
from tools.repository.names import dataset, practice_schema


@pytest.mark.parametrize(
    ("secrets", "expected"),
    [
        ({"token": "t", "url": "https://acme.example/api/v1?tenant=secret"}, "the source at acme.example"),
        ({"url": "https://user:hush-hush@acme.example:8443"}, "the source at acme.example"),
        ({"token": "t"}, "a real source"),
        ([], "a real source"),
    ],
)
def test_a_real_source_is_known_by_its_host(tmp_path: Path, secrets: object, expected: str) -> None:
    """So that staging's rows and production's don't meet in one schema; nothing secret of the address is kept."""
    file = tmp_path / "secrets.json"
    file.write_text(json.dumps(secrets))
    assert real_source(file) == expected


def test_practice_rows_have_a_schema_of_their_own() -> None:
    """A first sync of the real source begins from an empty state, whatever was practised before."""
    assert practice_schema("acme-billing") == "acme_billing_practice"
    assert practice_schema("acme-billing") != dataset("acme-billing")
