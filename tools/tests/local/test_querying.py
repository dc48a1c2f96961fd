from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from small_repository import ROOT, Write, add_project

from tools.local.syncing import emulator_environment, query
from tools.local.testing import run_histories, run_mutants
from tools.repository.errors import RepositoryError
from tools.repository.model import Repository

COUNT = "SELECT 6 * 7 AS answer"


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    """A warehouse file with one table of somebody's."""
    file = tmp_path / "other.duckdb"
    python = emulator_environment(Repository(ROOT)).python
    script = f"import duckdb; duckdb.connect({str(file)!r}).execute('CREATE TABLE kept AS SELECT 1 AS id')"
    subprocess.run([python, "-c", script], check=True)
    return file


@pytest.mark.index
def test_the_warehouse_is_asked_in_sql(warehouse: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Nobody needs DuckDB's own program for a look."""
    assert query(Repository(ROOT), COUNT, [], warehouse=warehouse) == 0
    assert re.search(r"answer(?s:.)*42", capfd.readouterr().out)


@pytest.mark.index
def test_a_query_only_reads(warehouse: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What a sync brought can't be lost by a slip."""
    code = query(Repository(ROOT), "DROP TABLE kept", [], warehouse=warehouse)
    assert code != 0
    assert "read-only" in capfd.readouterr().err
    assert query(Repository(ROOT), "FROM kept", [], warehouse=warehouse) == 0


def test_no_mutants_are_reported_in_one_sentence(small: Repository, write: Write) -> None:
    """A session with nothing to run is no success."""
    add_project(write, "packages/fivetran-emulator", "fivetran_emulator", name="fivetran-emulator")
    with pytest.raises(RepositoryError, match=r"^packages/fivetran-emulator has no .*: there are no mutants"):
        run_mutants(Repository(small.root))


def test_no_histories_are_reported_in_one_sentence(small: Repository, write: Write) -> None:
    """The same of the runtime's."""
    add_project(write, "packages/fivetran-runtime", "fivetran_runtime", name="fivetran-runtime")
    with pytest.raises(
        RepositoryError, match=r"^packages/fivetran-runtime has no .*: there are no histories"
    ):
        run_histories(Repository(small.root))
