from __future__ import annotations

import re

import pytest

from tools.environments.machine import findings, next_steps


@pytest.mark.parametrize(
    ("connectors", "synced"),
    [(["bugzilla", "datasette"], ["datasette"]), (["acme", "billing"], ["acme"]), ([], [])],
)
def test_a_sync_is_suggested_only_of_a_connector_that_is_there(
    connectors: list[str], synced: list[str]
) -> None:
    """The example if this repository has it; in an adopted one the team's own, and before its first none."""
    said = next_steps(connectors)
    assert re.findall(r"nox -s sync -- (\S+)", said) == synced
    assert "nox -s create -- NAME" in said


def test_what_is_missing_is_said_with_what_needs_it() -> None:
    """On a machine without git and gcloud; only Python is needed by everything."""
    said = {found.name: str(found) for found in findings(lambda _: None)}
    assert said["python"].startswith("ok ")
    assert said["git"].startswith("missing git")
    assert "nox -s deploy" in said["gcloud"]
