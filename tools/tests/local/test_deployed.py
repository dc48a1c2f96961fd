from __future__ import annotations

import json

import pytest
from small_repository import ROOT, Write

from tools.environments.virtual_environments import tools_environment
from tools.local import deployed as asking
from tools.local import syncing
from tools.local.deployed import Deployed, deployed
from tools.locked.declared.deployments import main
from tools.repository.errors import RepositoryError
from tools.repository.limits import Limits
from tools.repository.model import Repository


def test_a_connector_that_isnt_mentioned_needs_no_environment(
    small: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first sync on a new machine doesn't install the tools for nothing; it says whose limits it has."""
    monkeypatch.setattr(asking, "tools_environment", None)
    found = deployed(small, "other-one")
    assert found == Deployed(Limits(1, 60, 256))
    assert found.limits.origin == "Google's defaults; nothing deploys this connector"


def test_an_unknown_connector_gets_the_nearest(small: Repository) -> None:
    """Before anything else is looked at."""
    with pytest.raises(RepositoryError, match="Did you mean `acme`"):
        deployed(small, "acne")


def test_bytes_that_arent_text_end_in_a_message(small: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """The session that asks has no parser; it repeats what the one that has says."""
    (small.root / "deploy.yaml").write_bytes(b"acme: \xe9\n")
    tools = tools_environment(Repository(ROOT))
    monkeypatch.setattr(asking, "tools_environment", lambda _: tools)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with pytest.raises(RepositoryError, match=r"^deploy\.yaml:1: this isn't UTF-8"):
        deployed(small, "acme")


@pytest.mark.index
@pytest.mark.connector("casa")
def test_a_deployed_connector_has_the_limits_of_its_function() -> None:
    """And says which group of deploy.yaml they are from; the Pythons are those its functions run on."""
    found = deployed(Repository(ROOT), "casa")
    assert found.limits.origin == "limits of `casa` in deploy.yaml"
    assert found.pythons == ("3.12",)


def test_the_answer_is_json(
    small: Repository, write: Write, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Between the environment that reads YAML and the one that runs nox."""
    write("deploy.yaml", "acme:\n  connector: acme\n  environment: dev\n  generation: 2\n")
    monkeypatch.chdir(small.root)
    main([])
    limits = {
        "generation": 2, "timeout": 540, "memory": 1024, "origin": "limits of `acme` in deploy.yaml",
    }  # fmt: skip
    assert json.loads(capsys.readouterr().out) == {"acme": {"limits": limits, "pythons": ["3.13"]}}


def test_a_sync_begins_with_its_limits_and_why_it_has_them(
    small: Repository, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A group in deploy.yaml changes how a sync is cut on this machine; that is never silent."""

    def stop(*_: object) -> None:
        raise RepositoryError("far enough")

    monkeypatch.setattr(syncing, "emulator_environment", lambda _: None)
    monkeypatch.setattr(syncing, "_check_usage", lambda *_: 0)
    monkeypatch.setattr(syncing.Local, "prepared", stop)
    limits = Limits(1, 540, 1024, origin="limits of `acme` in deploy.yaml")
    for one in (limits, Limits()):
        with pytest.raises(RepositoryError, match="far enough"):
            syncing.sync(small, "acme", one, secrets=None, options=[])
    assert capfd.readouterr().err.splitlines() == [
        "limits           generation 1, 540 s, 1024 MB (limits of `acme` in deploy.yaml)",
        "limits           generation 1, 60 s, 256 MB (Google's defaults; nothing deploys this connector)",
    ]
