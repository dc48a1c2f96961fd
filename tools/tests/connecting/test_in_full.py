"""The command in a process of its own, killed for good; and a real connector, of which Fivetran's syncs call the function."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Mapping
from dataclasses import replace

import pytest
from connected_team import TOKEN, Team
from fake_fivetran import KEY, SECRET
from small_repository import ROOT

from tools.environments.virtual_environments import connector_sdk_environment
from tools.local.processes import server
from tools.local.syncing import LISTENING, Local
from tools.locked.declared.deployments import deployment
from tools.locked.deploying.package import package
from tools.locked.rehearsal.functions import LiveFunction
from tools.locked.rehearsal.google import Answer, Call, forward_to
from tools.repository.limits import Limits
from tools.repository.model import Repository


def begun(team: Team, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """The command, begun as CI would."""
    command = [
        sys.executable,
        "-m",
        "tools.locked.connecting.connect",
        "acme",
        "--trigger",
        team.live.url,
        *arguments,
    ]
    account: Mapping[str, str] = {
        "FIVETRAN_API_KEY": KEY,
        "FIVETRAN_API_SECRET": SECRET,
        "FIVETRAN_API_URL": team.fivetran.url,
        "PYTHONPATH": str(ROOT),
        **environment,
    }
    return subprocess.Popen(
        command, cwd=team.root, env={**os.environ, **account}, text=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def test_a_process_killed_in_the_setup_test_is_finished_by_the_next(team: Team) -> None:
    """SIGKILL while the function is asked; the account comes from the environment, and nothing prints it."""
    arrived, goes_on, function = threading.Event(), threading.Event(), team.function

    def hold(live: LiveFunction, call: Call) -> Answer:
        arrived.set()
        goes_on.wait(30)
        return function(live, call)

    team.google.serve = hold
    with begun(team, "--secrets", team.secrets(), "--yes") as process:
        assert arrived.wait(30)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    goes_on.set()
    assert team.fivetran.only().paused

    with begun(team, "--secrets", team.secrets(), "--yes") as process:
        text, _ = process.communicate(timeout=60)
    assert process.returncode == 0, text
    assert len(team.fivetran.only().rows["tickets"]) == 4
    assert not [secret for secret in (TOKEN, KEY, SECRET) if secret in text]


def test_a_message_is_all_there_is_of_a_failure(team: Team) -> None:
    """No traceback, and the exit status says it."""
    with begun(team, "--secrets", team.secrets(), "--yes", FIVETRAN_API_SECRET="another") as process:
        text, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert text.startswith("Fivetran answers 401")
    assert "Traceback" not in text


@pytest.mark.index
@pytest.mark.connector("casa")
def test_a_real_package_is_uploaded_and_synced(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """Casa's package as it arrived, run by the SDK's own server: tested by its form's test, and every row arrives."""
    repository, folder = Repository(ROOT), team.root / "unzipped"
    sdk = connector_sdk_environment(repository, repository.connector("casa")).prepare()
    archive = package(
        repository, replace(deployment(repository, "casa"), key="casa-test", host="connector_sdk")
    )
    with zipfile.ZipFile(archive) as zipped:
        zipped.extractall(folder)
    command = [
        str(sdk.python),
        "-m",
        "fivetran_emulator.connector_sdk",
        str(folder),
        str(team.root / "sdk.log"),
    ]
    log = team.root / "function.log"
    with (
        Local.prepared(repository, "casa", Limits()).practice() as (_, secrets),
        server("the Connector SDK", command, log=log, cwd=folder, env={"NO_PROXY": "127.0.0.1"}) as running,
    ):
        team.fivetran.package_url = running.wait_for(LISTENING, seconds=60)[1]
        team.declare("host: connector_sdk")
        file = team.root / "secrets.json"
        file.write_text(json.dumps(secrets))
        team.connect("--secrets", str(file), "--yes", "--package", str(archive))
    made = team.fivetran.only()
    assert team.fivetran.packages[made.config["package_id"]] == archive.read_bytes()
    archive.unlink()
    assert (made.setup_state, made.failed_at, made.tasks) == ("connected", None, [])
    assert made.rows
    assert all(made.rows.values())


@pytest.mark.index
@pytest.mark.connector("casa")
def test_a_real_connector_is_connected_and_synced(team: Team) -> None:
    """Casa's function from its practice source: the setup test is its own check, and every row arrives."""
    local = Local.prepared(Repository(ROOT), "casa", Limits())
    with local.practice() as (_, secrets), local.function() as (url, _):
        team.google.serve = forward_to(url)
        file = team.root / "secrets.json"
        file.write_text(json.dumps(secrets))
        team.connect("--secrets", str(file), "--yes")
        made = team.fivetran.only()
        assert (made.setup_state, made.failed_at) == ("connected", None)
        counted = {table: len(rows) for table, rows in made.rows.items()}
        assert counted
        assert all(counted.values())
        team.connect("--sync")
        assert {table: len(rows) for table, rows in made.rows.items()} == counted
        assert made.failed_at is None
