from __future__ import annotations

from pathlib import Path
from typing import Any

from functions_framework import create_app
from listed import arrived, at_source

from fivetran_emulator.contract import Trial
from fivetran_emulator.contract.memory_warehouse import MemoryWarehouse
from fivetran_emulator.practice import serving
from fivetran_emulator.practice.loading import load


def test_google_serves_it_as_it_is(tmp_path: Path) -> None:
    """The functions framework finds `main`, and a whole sync goes through it."""
    practice = load(Path(__file__).parents[1] / "practice.py")
    (tmp_path / "main.py").write_text("from connector_casa import main\n")
    client = create_app("main", str(tmp_path / "main.py")).test_client()
    warehouse, more = MemoryWarehouse(), True
    state: dict[str, Any] = {}
    with serving(practice.source) as url:
        while more:
            answer: Any = client.post("/", json={"state": state, "secrets": practice.secrets_at(url)}).json
            warehouse.load(answer)
            state, more = answer["state"], answer["hasMore"]
    assert {table: len(rows) for table, rows in warehouse.tables.items()} == {"projects": 250, "users": 230}


def test_every_row_arrives_as_biztera_has_it(trial: Trial) -> None:
    """Nested settings, nulls and umlauts included; each sync asks for everything again."""
    for _ in range(2):
        trial.connection.sync()
        assert arrived(trial) == at_source(trial)
    assert [request.query for request in trial.source.requests if request.path == "/users"] == [
        "offset=0&limit=100",
        "offset=90&limit=100",
        "offset=180&limit=100",
        "offset=220&limit=100",
        "offset=230&limit=100",
    ] * 2


def test_a_project_that_is_deleted_while_projects_are_listed_costs_no_other(trial: Trial) -> None:
    """Its id is the bookmark of the next page: the source refuses it, and the listing begins again."""
    trial.source.before = lambda now: trial.rows["projects"].remove("p00100") if now == 2 else None
    trial.connection.sync()
    trial.heal()
    trial.connection.sync()
    trial.connection.sync()
    assert arrived(trial) == at_source(trial)
