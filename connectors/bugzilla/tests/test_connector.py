from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from bugs import arrived, change, visible
from functions_framework import create_app

from fivetran_emulator.contract import Trial, Trials
from fivetran_emulator.contract.memory_warehouse import MemoryWarehouse
from fivetran_emulator.practice import serving
from fivetran_emulator.practice.loading import load


def test_google_serves_it_as_it_is(tmp_path: Path) -> None:
    """The functions framework finds `main`, and a whole sync goes through it."""
    practice = load(Path(__file__).parents[1] / "practice.py")
    (tmp_path / "main.py").write_text("from connector_bugzilla import main\n")
    client = create_app("main", str(tmp_path / "main.py")).test_client()
    warehouse, more = MemoryWarehouse(), True
    state: dict[str, Any] = {}
    with serving(practice.source) as url:
        while more:
            answer: Any = client.post("/", json={"state": state, "secrets": practice.secrets_at(url)}).json
            warehouse.load(answer)
            state, more = answer["state"], answer["hasMore"]
    assert {table: len(rows) for table, rows in warehouse.tables.items()} == {
        "products": 4,
        "components": 8,
        "bugs": 299,
    }


def test_products_and_components_arrive(trial: Trial) -> None:
    """Of the configured products only; each component says whose it is."""
    trial.connection.sync()
    assert [row["name"] for row in arrived(trial, "products")] == sorted(trial.practice.secrets["products"])  # type: ignore[call-overload]
    assert {row["product"] for row in arrived(trial, "components")} <= set(trial.practice.secrets["products"])  # type: ignore[call-overload]


def test_a_second_sync_brings_what_has_changed(trial: Trial) -> None:
    """And, in case a change was committed late, the last ten minutes again."""
    trial.connection.sync()
    change(trial, 8)
    assert trial.connection.sync().rows["bugs"] == 1 + 60
    assert arrived(trial) == visible(trial)
    assert trial.connection.sync().rows["bugs"] == 1


def test_a_change_that_is_committed_late_arrives(trial: Trial) -> None:
    """Nine minutes behind a newer one that a sync has seen: Bugzilla's transactions end when they end."""
    trial.connection.sync()
    change(trial, 8, at="2026-06-22T06:11:42Z")
    trial.connection.sync()
    assert arrived(trial) == visible(trial)


@pytest.mark.parametrize("limit", ["7", "100"])
@pytest.mark.parametrize("number", range(3, 60, 8))
def test_a_bug_that_changes_while_bugs_are_read_hides_no_other(trial: Trial, number: int, limit: str) -> None:
    """Whichever request the change comes before, and be it one of those that share a second."""
    trial.source.before = lambda now: change(trial, 5, 2) if now == number else None
    trial.connection = trial.connect(bug_limit=limit)
    trial.connection.sync()
    assert [row["id"] for row in arrived(trial)] == [row["id"] for row in visible(trial)]
    trial.connection.sync()
    assert arrived(trial) == visible(trial)


def change_before(trial: Trial, number: int) -> None:
    """Bug 2 changes at the source ahead of a request."""
    trial.source.before = lambda now: change(trial, 2) if now == number else None


def test_a_change_between_any_two_requests_costs_no_other_bug(new_trial: Trials) -> None:
    """Nor with pages of a single bug, where looking whether a bug is in its place takes a request of its own."""
    for number in range(1, 25):
        trial = new_trial()
        trial.cap(1)
        for row in trial.rows["bugs"].listed()[4:]:
            trial.rows["bugs"].remove(row["id"])
        change(trial, 2, 3, 4, at="2026-06-01T00:00:00Z")
        change_before(trial, number)
        trial.connection.sync()
        trial.heal()
        trial.connection.sync()
        assert arrived(trial) == visible(trial), f"request {number}"


def test_the_first_sync_goes_back_as_far_as_max_date(trial: Trial) -> None:
    """Bugs that changed before are left out, then and in the next sync."""
    trial.connection = trial.connect(max_date="2024-01-01")
    for _ in range(2):
        trial.connection.sync()
        assert arrived(trial) == [row for row in visible(trial) if row["last_change_time"] >= "2024-01-01"]


def test_a_list_may_be_typed_as_text(trial: Trial) -> None:
    """Fivetran's form knows nothing but text."""
    trial.connection = trial.connect(products='["Widgets", "Gadgets"]')
    trial.connection.sync()
    assert arrived(trial) == visible(trial, ("Widgets", "Gadgets"))


@pytest.mark.parametrize(
    ("secrets", "told"), [({"bug_limit": "0"}, "bug_limit"), ({"max_date": "lately"}, "max_date")]
)
def test_secrets_that_bugzilla_would_take_for_something_else_are_refused(
    trial: Trial, secrets: dict[str, Any], told: str
) -> None:
    """A limit of 0 would mean no limit."""
    assert told in trial.connect(**secrets).sync().exchanges[-1].error
    assert not trial.source.requests


def test_the_setup_test_tells_a_product_that_the_key_does_not_see(trial: Trial) -> None:
    """Before any sync."""
    exchange = trial.connect(products=["Widgets", "Invisible"]).call(setup_test=True)
    assert "Invisible" in exchange.error


def test_a_bug_that_comes_back_is_not_deleted(trial: Trial) -> None:
    """A single listing without it decides nothing."""
    trial.connection = trial.connect(reconcile=True)
    trial.connection.sync()
    change(trial, 11, groups=["core-security"])
    trial.connection.sync()
    change(trial, 11, at="2026-07-01T01:00:00Z", groups=[])
    for _ in range(2):
        trial.connection.sync()
        assert arrived(trial) == visible(trial)


def test_reconciling_costs_the_ids_and_nothing_else(trial: Trial) -> None:
    """Ids are listed in pages of thousands without any other column, and are not sent."""
    trial.connection = trial.connect(reconcile=True)
    trial.connection.sync()
    assert trial.connection.sync().rows["bugs"] == 60
    listings = [request for request in trial.source.requests if "include_fields=id&" in f"{request.query}&"]
    assert len(listings) == 6, "in each sync a page, its overlap, and the empty one behind it"
    state = trial.connection.state["tables"]
    assert len(state["bugs.keys"]["keys"]) < 100, "three hundred ids in a row"


def test_a_product_that_is_added_brings_its_bugs_with_their_next_change(trial: Trial) -> None:
    """As README.md says of it."""
    trial.connection = trial.connect(products=["Widgets"])
    trial.connection.sync()
    trial.connection.secrets = {**trial.connection.secrets, "products": ["Widgets", "Gadgets"]}
    change(trial, 10)
    trial.connection.sync()
    assert {row["id"] for row in arrived(trial)} > {row["id"] for row in visible(trial, ("Widgets",))}
    assert {"Widgets", "Gadgets"} == {row["product"] for row in arrived(trial, "components")}
