from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from bugs import PRODUCTS, arrived, bug, change, keep, product, rename_component, visible
from functions_framework import create_app

from fivetran_emulator.contract import Trial, Trials
from fivetran_emulator.contract.lab.connection import MemoryWarehouse
from fivetran_emulator.practice import serving
from fivetran_emulator.practice.serving import load


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


def test_components_have_the_columns_of_the_connector_that_this_one_replaces(trial: Trial) -> None:
    """And say which product they are of; what Bugzilla adds (flag types) is not sent on."""
    trial.connection.sync()
    assert arrived(trial, "components")[0] == {
        "id": 2,
        "name": "API",
        "description": "API of Widgets <b>&amp;</b> 漢字",
        "default_qa_contact": "",
        "is_active": True,
        "product": "Widgets",
    }


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


@pytest.mark.parametrize(
    ("limit", "number"), [*(("7", number) for number in range(3, 28, 4)), ("100", 3), ("100", 6)]
)
def test_a_bug_that_changes_while_bugs_are_read_hides_no_other(trial: Trial, number: int, limit: str) -> None:
    """Whichever request the change comes before, and be it one of those that share a second."""
    keep(trial, 140)
    trial.source.before = lambda now: change(trial, 5, 2) if now == number else None
    trial.connection = trial.connect(bug_limit=limit)
    trial.connection.sync()
    assert bug(trial, 5)["status"] == "VERIFIED", "the change has come"
    assert [row["id"] for row in arrived(trial)] == [row["id"] for row in visible(trial)]
    trial.connection.sync()
    assert arrived(trial) == visible(trial)


def change_before(trial: Trial, number: int) -> None:
    """Bug 2 changes at the source ahead of a request."""
    trial.source.before = lambda now: change(trial, 2) if now == number else None


def test_a_change_between_any_two_requests_costs_no_other_bug(new_trial: Trials) -> None:
    """Nor with pages of a single bug, where checking whether a bug is in its place takes a request of its own."""
    for number in range(1, 25):
        trial = new_trial()
        trial.cap(1)
        keep(trial, 4)
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
    ("secrets", "expected"), [({"bug_limit": "0"}, "bug_limit"), ({"max_date": "lately"}, "max_date")]
)
def test_secrets_that_bugzilla_would_take_for_something_else_are_refused(
    trial: Trial, secrets: dict[str, Any], expected: str
) -> None:
    """A limit of 0 would mean no limit."""
    assert expected in trial.connect(**secrets).sync().exchanges[-1].error
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


@pytest.mark.parametrize("cap", [2, 100, 101])
def test_ids_are_listed_in_few_pages_whatever_the_cap(trial: Trial, cap: int) -> None:
    """Pages overlap by a hundred ids, but never by more than half of what the server gives."""
    bugs = min(300, cap * 30)
    keep(trial, bugs)
    trial.connection = trial.connect(reconcile=True)
    trial.cap(cap)
    trial.connection.sync()
    listings = [request for request in trial.source.requests if "include_fields=id&" in f"{request.query}&"]
    assert len(listings) < 2 * bugs / cap + 10
    assert arrived(trial) == visible(trial)


def test_a_product_that_is_added_brings_its_old_bugs(trial: Trial) -> None:
    """In the next sync, with its components; the mark says nothing about what was not asked for."""
    trial.connection = trial.connect(products=["Widgets"])
    trial.connection.sync()
    trial.connection.secrets = {**trial.connection.secrets, "products": ["Widgets", "Gadgets"]}
    trial.connection.sync()
    assert arrived(trial) == visible(trial, ("Widgets", "Gadgets"))
    assert {"Widgets", "Gadgets"} == {row["product"] for row in arrived(trial, "components")}


def test_an_earlier_max_date_brings_the_bugs_before_the_old_one(trial: Trial) -> None:
    """And a new key, another limit or another spelling of the address bring nothing again."""
    trial.connection = trial.connect(max_date="2024-01-01")
    trial.connection.sync()
    secrets = trial.connection.secrets
    trial.connection.secrets = {
        **secrets,
        "bug_limit": "50",
        "url": f"{secrets['url']}".removesuffix("/rest/"),
    }
    assert trial.connection.sync().rows["bugs"] == 60
    trial.connection.secrets = {**secrets, "max_date": "2019-01-01"}
    trial.connection.sync()
    assert arrived(trial) == visible(trial)


@pytest.mark.parametrize("limit", ["10", "40"])
@pytest.mark.parametrize("number", [0, 2, 4, 9])
def test_a_renamed_component_is_renamed_in_all_of_its_bugs(
    new_trial: Trials, number: int, limit: str
) -> None:
    """Though none of them counts as changed; be it before a sync or between any two requests of the first one."""
    trial = new_trial(answer_bytes=10_000)
    keep(trial, 120)
    trial.connection = trial.connect(bug_limit=limit)
    if number:
        trial.source.before = lambda now: (
            rename_component(trial, "Widgets", "API", "API v2") if now == number else None
        )
    trial.connection.sync()
    trial.heal()
    if not number:
        rename_component(trial, "Widgets", "API", "API v2")
    trial.connection.sync()
    assert arrived(trial) == visible(trial)
    assert "API v2" in {row["component"] for row in arrived(trial)}


def test_a_new_component_costs_no_second_reading(trial: Trial) -> None:
    """No bug holds its name yet."""
    trial.connection.sync()
    widgets = product(trial, "Widgets")
    new = {**widgets["components"][0], "id": 99, "name": "Brand new"}
    trial.rows["products"].put({**widgets, "components": [*widgets["components"], new]})
    assert trial.connection.sync().rows["bugs"] == 60


@pytest.mark.parametrize("reconcile", [False, True])
def test_a_renamed_product_is_renamed_in_all_of_its_bugs(trial: Trial, *, reconcile: bool) -> None:
    """Once the secrets call it by its new name; until then it is an error, and nothing is deleted."""
    trial.connection = trial.connect(reconcile=reconcile)
    trial.connection.sync()
    before = arrived(trial)
    trial.rows["products"].put({**product(trial, "Gadgets"), "name": "Gizmos"})
    for row in trial.rows["bugs"].listed():
        if row["product"] == "Gadgets":
            trial.rows["bugs"].put({**row, "product": "Gizmos"})
    for _ in range(3):
        assert "Gadgets" in trial.connection.sync().exchanges[-1].error
    assert arrived(trial) == before
    products = ["Gizmos" if name == "Gadgets" else name for name in PRODUCTS]
    trial.connection.secrets = {**trial.connection.secrets, "products": products}
    trial.connection.sync()
    assert arrived(trial) == visible(trial, tuple(products))


@pytest.mark.parametrize("cap", [7, 100])
def test_bugs_that_become_visible_without_a_change_arrive(trial: Trial, cap: int) -> None:
    """With `reconcile`, which lists them: they are asked for by their ids, in the same sync."""
    keep(trial, 120)
    hidden = range(10, 50)
    shown = {number: bug(trial, number) for number in hidden}
    for row in shown.values():
        trial.rows["bugs"].put({**row, "groups": ["core-security"]})
    trial.cap(cap)
    trial.connection = trial.connect(reconcile=True)
    trial.connection.sync()
    for row in shown.values():
        trial.rows["bugs"].put(row)
    sync = trial.connection.sync()
    assert sync.complete, sync.exchanges[-1].error
    assert arrived(trial) == visible(trial)


def test_bugs_from_before_max_date_are_not_asked_for_by_their_ids(trial: Trial) -> None:
    """They are not listed either."""
    trial.connection = trial.connect(max_date="2024-01-01", reconcile=True)
    for _ in range(3):
        assert trial.connection.sync().complete
        assert arrived(trial) == [row for row in visible(trial) if row["last_change_time"] >= "2024-01-01"]
    assert not [request for request in trial.source.requests if "&id=" in f"&{request.query}"]
