"""Small databases, published by a real Datasette in this process."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datasette.app import Datasette  # type: ignore[import-untyped]


class Publisher:
    """An ASGI application: Datasette over the database published last.

    One for all databases, since whatever serves an ASGI application keeps an event loop for it; and Datasette asks SQLite
    in the thread of the request, since it would keep threads.
    """

    def __init__(self) -> None:
        self._app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request (ASGI)."""
        await self._app(scope, receive, send)

    def publish(
        self, path: Path, schema: str, rows: dict[str, Sequence[Sequence[Any]]], *, page: int
    ) -> None:
        """Make a database at the path and publish it; `page` is the most rows of a page."""
        path.unlink(missing_ok=True)
        database = sqlite3.connect(path)
        database.executescript(schema)
        for table, listed in rows.items():
            for row in listed:
                places = ", ".join("?" * len(row))
                database.execute(f"insert into {table} values ({places})", row)  # noqa: S608 - from tests
        database.commit()
        database.close()
        self._app = Datasette([str(path)], settings={"max_returned_rows": page, "num_sql_threads": 0}).app()
