from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from connector_bugzilla import main
from fivetran_emulator.contract import contract_tests

PRODUCTS = {"Widgets", "Gadgets", "Émile & Söhne / R&D", "Empty Product"}


def selects(table: str, row: Mapping[str, Any]) -> bool:
    """Products that the secrets name, and bugs of theirs that are not restricted."""
    return (
        row["name"] in PRODUCTS if table == "products" else row["product"] in PRODUCTS and not row["groups"]
    )


test_contract = contract_tests(
    main,
    practice=Path(__file__).parents[1] / "practice.py",
    keeps_deleted={"bugs": "Bugzilla does not tell which bugs were deleted or have become invisible"},
    commits_late={"bugs": timedelta(minutes=10)},
    leave_alone={"products": "the secrets name them, and one that disappears is an error, not a delete"},
    selects=selects,
)
