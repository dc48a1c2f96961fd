"""Tickets from the source into DuckDB: pages are cut out of their answers as they are, and DuckDB reads the JSON itself."""

from __future__ import annotations

import http.client
import tempfile
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

import duckdb
import msgspec

COLUMNS = {
    "id": "BIGINT", "account_id": "BIGINT", "title": "VARCHAR", "body": "VARCHAR", "status": "VARCHAR",
    "priority": "BIGINT", "email": "VARCHAR", "created_at": "TIMESTAMP", "updated_at": "TIMESTAMP",
    "is_public": "BOOLEAN", "seconds_open": "BIGINT", "requester": "JSON", "tags": "JSON",
}  # fmt: skip
PAGES_A_LOAD = 50


class Page(msgspec.Struct):
    """An answer of the source; its rows stay the text they came as."""

    data: msgspec.Raw
    total: int


class Connection:
    """One connection to the source, kept."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc)
        self._decoder = msgspec.json.Decoder(Page)

    def page(self, offset: int, size: int) -> Page:
        """The rows from `offset` on. RuntimeError for any status but 200: the ceiling tries nothing twice."""
        self._connection.request("GET", f"/tickets?offset={offset}&limit={size}")
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"the source answered {answer.status}")
        page: Page = self._decoder.decode(body)
        return page


def load(pages: Iterable[msgspec.Raw], database: str) -> None:
    """Merge pages by `id` into the table, some at a time, each load in a transaction."""
    with duckdb.connect(database) as warehouse, tempfile.TemporaryDirectory() as folder:
        columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
        warehouse.execute(f"CREATE TABLE tickets ({columns})")
        waiting: list[Path] = []
        for page in pages:
            file = Path(folder) / f"{len(waiting)}.json"
            file.write_bytes(page)
            waiting.append(file)
            if len(waiting) == PAGES_A_LOAD:
                _merge(warehouse, waiting)
                waiting = []
        if waiting:
            _merge(warehouse, waiting)


def _merge(warehouse: duckdb.DuckDBPyConnection, files: list[Path]) -> None:
    read = "SELECT * FROM read_json($files, format = 'array', columns = $columns)"
    warehouse.execute("BEGIN")
    warehouse.execute(
        f"CREATE TEMP TABLE staged AS {read}", {"files": list(map(str, files)), "columns": COLUMNS}
    )
    warehouse.execute("DELETE FROM tickets USING staged WHERE tickets.id = staged.id")
    warehouse.execute("INSERT INTO tickets FROM staged")
    warehouse.execute("DROP TABLE staged")
    warehouse.execute("COMMIT")
