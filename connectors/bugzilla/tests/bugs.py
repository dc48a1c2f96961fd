"""The bugs of the practice source, as a test changes them and as they should arrive."""

from __future__ import annotations

from typing import Any

from fivetran_emulator.contract import Trial

COLUMNS = (
    "id",
    "summary",
    "assigned_to",
    "creation_time",
    "status",
    "last_change_time",
    "creator",
    "product",
    "component",
)
COMPONENT = ("id", "name", "description", "default_qa_contact", "is_active")
PRODUCTS = ("Widgets", "Gadgets", "Émile & Söhne / R&D", "Empty Product")
LATER = "2026-07-01T00:00:00Z"
"""After every change that the practice source knows of."""


def bug(trial: Trial, number: int) -> dict[str, Any]:
    return next(dict(row) for row in trial.rows["bugs"].listed() if row["id"] == number)


def keep(trial: Trial, bugs: int) -> None:
    """Leave only so many at the source, the first ones: enough of them for many small pages, and quickly read."""
    for row in trial.rows["bugs"].listed()[bugs:]:
        trial.rows["bugs"].remove(row["id"])


def change(trial: Trial, *numbers: int, at: str = LATER, **columns: object) -> None:
    """Change bugs at the source, all in one second."""
    for number in numbers:
        changed = {"status": "VERIFIED", "last_change_time": at, **columns}
        trial.rows["bugs"].put({**bug(trial, number), **changed})


def product(trial: Trial, name: str) -> dict[str, Any]:
    return next(dict(row) for row in trial.rows["products"].listed() if row["name"] == name)


def rename_component(trial: Trial, of: str, old: str, new: str) -> None:
    """As an administrator does: its bugs carry the new name at once, and no bug counts as changed."""
    parent = product(trial, of)
    components = [
        {**component, "name": new if component["name"] == old else component["name"]}
        for component in parent["components"]
    ]
    trial.rows["products"].put({**parent, "components": components})
    for row in trial.rows["bugs"].listed():
        if (row["product"], row["component"]) == (of, old):
            trial.rows["bugs"].put({**row, "component": new})


def visible(trial: Trial, products: tuple[str, ...] = PRODUCTS) -> list[dict[str, Any]]:
    """The bugs that the key may see, with the columns of the table, by id."""
    bugs = [row for row in trial.rows["bugs"].listed() if not row["groups"] and row["product"] in products]
    return sorted(({column: bug[column] for column in COLUMNS} for bug in bugs), key=_id)


def arrived(trial: Trial, table: str = "bugs") -> list[dict[str, Any]]:
    """The rows of a table in the warehouse of the trial's connection, by key."""
    return sorted((dict(row) for row in trial.connection.warehouse.tables.get(table, {}).values()), key=_id)


def _id(row: dict[str, Any]) -> Any:
    return row.get("id") or row["name"]  # a product has no id
