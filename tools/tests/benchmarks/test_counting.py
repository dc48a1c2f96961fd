from __future__ import annotations

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


def left(folder: Path, *statements: str) -> dict[str, int]:
    """What is counted in a warehouse that a contestant left after these statements."""
    file = folder / "left.duckdb"
    python = emulator_environment(Repository(ROOT)).python
    script = (
        f"import duckdb; w = duckdb.connect({str(file)!r}); [w.execute(one) for one in {list(statements)!r}]"
    )
    subprocess.run([python, "-c", script], check=True)
    return counted(python, ROOT, file)


@pytest.mark.index
@pytest.mark.parametrize(
    ("statements", "said"),
    [
        ((), ""),
        (("DELETE FROM tickets WHERE id = 7",), "49 rows, 49 keys of 50"),
        (("INSERT INTO tickets FROM tickets WHERE id = 7",), "51 rows, 50 keys of 50"),
        (("UPDATE tickets SET id = 8 WHERE id = 7",), "50 rows, 49 keys of 50"),
        (("UPDATE tickets SET updated_at = '2026-01-01' WHERE id = 7",), "1 changed rows of 0"),
        (("CREATE SCHEMA dlt_staging", "CREATE TABLE dlt_staging.tickets AS SELECT 1 AS id"), ""),
    ],
)
def test_a_warehouse_with_a_row_lost_or_twice_is_wrong(
    tmp_path: Path, statements: tuple[str, ...], said: str
) -> None:
    """A time with a row missing is no time: what is in the file decides, not an exit status."""
    assert fault(left(tmp_path, WHOLE, *statements), Scenario(ROWS, (), 1)) == said


@pytest.mark.index
def test_changes_that_did_not_arrive_are_wrong(tmp_path: Path) -> None:
    """A second sync that brings nothing is fast, and wrong."""
    assert fault(left(tmp_path, WHOLE), Scenario(ROWS, (), 1, changed=3)) == "0 changed rows of 3"


@pytest.mark.index
def test_a_warehouse_without_the_table_is_an_error(tmp_path: Path) -> None:
    """Nothing that was loaded elsewhere counts."""
    with pytest.raises(RepositoryError, match="0 tables are called tickets"):
        left(tmp_path, "CREATE TABLE others AS SELECT 1 AS id")
