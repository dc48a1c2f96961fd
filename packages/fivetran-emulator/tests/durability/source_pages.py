"""A source of pages, and what the warehouse must hold after any number of them.

The pages have whatever a transaction could tear apart: new rows, changed rows, deletes, flagged deletes, rows without a
key, tables and columns that appear late, and a column that changes its type halfway.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import duckdb

PAGES = 10
ROWS = 20
Row = dict[str, object]

_KEYS = {"users": {"primary_key": ["id"]}, "notes": {"primary_key": ["id"]}}


def page(number: int) -> dict[str, object]:
    """The answer to state `{"n": number}`."""
    last = {"state": {"n": number}, "hasMore": False}
    return _page(number) if number < PAGES else last


def _page(n: int) -> dict[str, object]:
    late = f"late_{chr(ord('a') + n // 4)}"
    insert = {
        "users": [*_users(n), *({**row, "name": f"again {n}"} for row in _users(n - 1)[:10])],
        "events": [{"page": n, "row": row} for row in range(ROWS)],
        "notes": [{"id": n}],
        late: [{"id": n}],
    }
    return {
        "state": {"n": n + 1},
        "insert": insert,
        "delete": {"users": [{"id": (n - 1) * ROWS + 15}], "notes": [{"id": n - 2}]},
        "schema": {**_KEYS, late: {"primary_key": ["id"]}},
        "softDelete": ["notes"],
        "hasMore": n + 1 < PAGES,
    }


def _users(n: int) -> list[Row]:
    score: object = n if n < PAGES // 2 else f"{n} points"
    extra = f"extra_{chr(ord('a') + max(n, 0) // 4)}"
    return [{"id": n * ROWS + row, "name": f"user {row}", "score": score, extra: row} for row in range(ROWS)]


def committed(path: Path) -> int:
    """How many pages the warehouse at `path` holds; all that is in the file must be of these pages and of no other."""
    with duckdb.connect(path) as warehouse:
        tables = {
            name
            for (name,) in warehouse.execute("FROM (SHOW ALL TABLES) SELECT schema || '.' || name").fetchall()
        }
        if "fivetran_emulator.connections" not in tables:
            assert not tables
            return 0
        states = warehouse.execute("SELECT state FROM fivetran_emulator.connections").fetchall()
        number = json.loads(states[0][0]).get("n", 0) if states else 0
        [(accepted,)] = warehouse.execute("SELECT count(*) FROM fivetran_emulator.invocations").fetchall()
        assert accepted == number or number == PAGES < accepted  # a finished source may be asked again
        expected = _expected(number)
        assert {table for table in tables if table.startswith("main.")} == {
            f"main.{name}" for name in expected
        }
        for name, rows in expected.items():
            assert _counted(_stored(warehouse, name)) == _counted(rows), (name, number)
    return int(number)


def _expected(pages: int) -> dict[str, list[Row]]:
    """The tables after so many pages; a member that is None may as well be absent."""
    users: dict[object, Row] = {}
    tables: dict[str, list[Row]] = {}
    for n in range(pages):
        answer = _page(n)
        users.pop((n - 1) * ROWS + 15, None)
        inserted = answer["insert"]
        assert isinstance(inserted, Mapping)
        users |= {row["id"]: dict(row) for row in inserted["users"]}
        for name in inserted.keys() - {"users", "notes"}:
            tables.setdefault(name, []).extend(inserted[name])
    if not pages:
        return {}
    widened = pages > PAGES // 2
    for row in users.values():
        row["score"] = str(row["score"]) if widened else row["score"]
    notes: list[Row] = [{"id": n, "_fivetran_deleted": n < pages - 2} for n in range(pages)]
    return tables | {"users": list(users.values()), "notes": notes}


def _stored(warehouse: duckdb.DuckDBPyConnection, table: str) -> list[Row]:
    found = warehouse.execute(f'SELECT * EXCLUDE (_fivetran_synced) FROM main."{table}"')  # noqa: S608 - our own names
    names = [name for name, *_ in found.description]
    hidden = {"_fivetran_batch", "_fivetran_index"}
    return [
        {name: value for name, value in zip(names, row, strict=True) if name not in hidden}
        for row in found.fetchall()
    ]


def _counted(rows: list[Row]) -> Counter[tuple[tuple[str, object], ...]]:
    return Counter(tuple(sorted((k, v) for k, v in row.items() if v is not None)) for row in rows)
