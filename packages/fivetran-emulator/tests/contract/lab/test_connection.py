from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st

from fivetran_emulator.contract.lab.connection import MemoryWarehouse
from fivetran_emulator.protocol.answer import read_answer
from fivetran_emulator.protocol.rules import Rules
from fivetran_emulator.warehouse.ledger import LoadedTable
from fivetran_emulator.warehouse.load import load_answer
from fivetran_emulator.warehouse.row_checks import check_answer

Ids = st.integers(0, 6)
ROWS = st.lists(st.fixed_dictionaries({"id": Ids, "name": st.sampled_from(["a", "b", None])}), max_size=5)
ANSWERS = st.lists(st.tuples(ROWS, st.lists(Ids, max_size=3)), max_size=6)


def answer(rows: list[dict[str, Any]], removed: list[int]) -> dict[str, Any]:
    return {
        "state": {},
        "insert": {"things": rows},
        "delete": {"things": [{"id": id_} for id_ in removed]},
        "schema": {"things": {"primary_key": ["id"]}},
        "hasMore": False,
    }


@settings(max_examples=60, deadline=None)
@given(ANSWERS)
def test_it_holds_what_the_real_warehouse_holds(
    answers: list[tuple[list[dict[str, Any]], list[int]]],
) -> None:
    """Whatever is inserted, replaced and deleted in whatever order."""
    memory, known = MemoryWarehouse(), dict[str, LoadedTable]()
    with duckdb.connect() as warehouse:
        for batch, (rows, removed) in enumerate(answers, 1):
            body = answer(rows, removed)
            memory.load(body)
            read = read_answer(json.dumps(body).encode())
            loaded = load_answer(
                warehouse,
                "s",
                check_answer(read, known, Rules()),
                known,
                batch=batch,
                at=datetime(2026, 1, 1, tzinfo=UTC),
            )
            known |= {table.name: table for table in loaded.changed}
        seen: list[Any] = []
        if "things" in known:
            name = "name" if "name" in known["things"].columns else "NULL"
            seen = warehouse.execute(f"SELECT id, {name} FROM s.things ORDER BY id").fetchall()  # noqa: S608
    held = sorted((row["id"], row["name"]) for row in memory.tables.get("things", {}).values())
    assert sorted(seen) == held
