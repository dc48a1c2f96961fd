"""Small databases, published by a real Datasette in this process."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datasette.app import Datasette  # type: ignore[import-untyped]


def published(path: Path, schema: str, rows: dict[str, Sequence[Sequence[Any]]], *, page: int) -> Any:
    """Datasette's own application over these tables; `page` is the most rows of a page.

    It asks SQLite in the thread of each request: a hundred instances with threads of their own would be too many.
    """
    path.unlink(missing_ok=True)
    with sqlite3.connect(path) as database:
        database.executescript(schema)
        for table, listed in rows.items():
            for row in listed:
                database.execute(f"insert into {table} values ({', '.join('?' * len(row))})", row)  # noqa: S608 - from tests
    database.close()
    return Datasette([str(path)], settings={"max_returned_rows": page, "num_sql_threads": 0}).app()
