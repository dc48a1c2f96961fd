from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from functions_framework import create_app
from listed import arrived, at_source, list_text_ids

from fivetran_emulator.contract import Trial, Trials
from fivetran_emulator.contract.lab.connection import MemoryWarehouse
from fivetran_emulator.practice import serving
from fivetran_emulator.practice.serving import load


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
    trial.source.before = lambda now: trial.rows["projects"].remove(100) if now == 2 else None
    trial.connection.sync()
    trial.heal()
    trial.connection.sync()
    trial.connection.sync()
    assert arrived(trial) == at_source(trial)


@pytest.mark.parametrize("text", [False, True])
def test_a_listing_goes_on_from_its_bookmark_in_the_next_call(new_trial: Trials, *, text: bool) -> None:
    """Whether ids are numbers or texts: no page of projects is asked for twice, and ids arrive as they are."""
    trial = new_trial(answer_bytes=20_000)
    if text:
        list_text_ids(trial, 250)
    sync = trial.connection.sync()
    assert sync.complete, sync.exchanges[-1].error
    assert len(sync.exchanges) > 3
    pages = [request.query for request in trial.source.requests if request.path == "/projects"]
    assert len(pages) == len(set(pages))
    assert arrived(trial) == at_source(trial)


def test_pages_capped_just_above_the_overlap_are_not_read_row_by_row(trial: Trial) -> None:
    """Eleven users a page, ten of which would be read again: at most half of a page is."""
    trial.cap(11)
    trial.connection.sync()
    assert len([request for request in trial.source.requests if request.path == "/users"]) < 60
    assert arrived(trial) == at_source(trial)
