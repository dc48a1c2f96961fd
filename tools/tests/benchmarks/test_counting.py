from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from small_repository import ROOT

from tools.local.syncing import emulator_environment
from tools.locked.benchmarks.bench import counted
from tools.locked.benchmarks.results import fault
from tools.locked.benchmarks.scenarios import Scenario
from tools.repository.errors import RepositoryError
from tools.repository.model import Repository

ROWS = 50
WHOLE = "CREATE TABLE tickets AS SELECT i AS id, '2025-01-01' AS updated_at FROM range(50) AS one(i)"
LEFT = {
    "whole": ([WHOLE], ""),
    "lost": ([WHOLE, "DELETE FROM tickets WHERE id = 7"], "49 rows, 49 keys of 50"),
    "twice": ([WHOLE, "INSERT INTO tickets FROM tickets WHERE id = 7"], "51 rows, 50 keys of 50"),
    "one lost, one twice": ([WHOLE, "UPDATE tickets SET id = 8 WHERE id = 7"], "50 rows, 49 keys of 50"),
    "changed": (
        [WHOLE, "UPDATE tickets SET updated_at = '2026-01-01' WHERE id = 7"],
        "1 changed rows of 0",
    ),
    "staging": ([WHOLE, "CREATE SCHEMA dlt_staging", "CREATE TABLE dlt_staging.tickets AS SELECT 1 AS id"], ""),
    "elsewhere": (["CREATE TABLE others AS SELECT 1 AS id"], "0 tables are called tickets"),
}  # fmt: skip
"""What contestants may leave: the statements that make it, and what is wrong with it."""
MAKES = """
import duckdb, json, sys
for name, statements in json.loads(sys.argv[2]).items():
    with duckdb.connect(f"{sys.argv[1]}/{name}.duckdb") as warehouse:
        for one in statements:
            warehouse.execute(one)
"""


@pytest.fixture(scope="module")
def python() -> Path:
    """A Python that has DuckDB."""
    return emulator_environment(Repository(ROOT)).python


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory, python: Path) -> Path:
    """The folder with all of them."""
    folder = tmp_path_factory.mktemp("left")
    statements = json.dumps({name: statements for name, (statements, _) in LEFT.items()})
    subprocess.run([python, "-c", MAKES, str(folder), statements], check=True)
    return folder


@pytest.mark.index
@pytest.mark.parametrize("name", LEFT)
def test_a_warehouse_with_a_row_lost_or_twice_is_wrong(left: Path, python: Path, name: str) -> None:
    """A time with a row missing is no time: what is in the file decides, not an exit status."""
    try:
        said = fault(counted(python, ROOT, left / f"{name}.duckdb"), Scenario(ROWS, (), 1))
    except RepositoryError as error:
        said = str(error).rpartition("ValueError: ")[2]
    assert said == LEFT[name][1]


def test_changes_that_did_not_arrive_are_wrong() -> None:
    """A second sync that brings nothing is fast, and wrong."""
    found = {"rows": ROWS, "keys": ROWS, "changed": 0}
    assert fault(found, Scenario(ROWS, (), 1, changed=3)) == "0 changed rows of 3"
