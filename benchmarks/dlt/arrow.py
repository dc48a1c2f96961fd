"""dlt with Arrow: pages become tables at once, which dlt loads without normalizing each row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dlt
import pyarrow as pa
from dlt.common import json
from dlt.sources.helpers import requests

from benchmarks.arguments import PAGE, Task, task
from benchmarks.dlt.settings import pipeline

NESTED = ("requester", "tags")
PAGES_A_TABLE = 20


def load(asked: Task) -> None:
    """Load the tickets by dlt's merge."""
    tickets = dlt.resource(
        tables(asked.url), name="tickets", primary_key="id", write_disposition="merge", parallelized=False
    )
    with pipeline(asked.database) as running:
        running.run(tickets, loader_file_format="parquet").raise_on_failed_jobs()


def tables(url: str) -> Iterator[pa.Table]:
    """All tickets, some pages a table."""
    session, offset, total, rows = requests.Client().session, 0, 1, []
    while offset < total:
        answer = session.get(f"{url}/tickets", params={"offset": offset, "limit": PAGE})
        answer.raise_for_status()
        page = json.loadb(answer.content)
        rows += page["data"]
        offset, total = offset + PAGE, page["total"]
        if len(rows) >= PAGES_A_TABLE * PAGE or offset >= total:
            yield pa.table({name: _column(name, rows) for name in rows[0]})
            rows = []


def _column(name: str, rows: Sequence[Mapping[str, Any]]) -> pa.Array:
    if name in NESTED:
        return pa.array([json.dumps(row[name]) for row in rows], pa.string())
    if name == "email":
        return pa.array([row[name] for row in rows], pa.string())
    return pa.array([row[name] for row in rows])


if __name__ == "__main__":
    load(task())
