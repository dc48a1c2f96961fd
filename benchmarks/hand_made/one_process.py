"""No function at all: one process that reads pages as dicts and loads them, one after the other. What dicts alone cost."""

from __future__ import annotations

import orjson
import requests

from benchmarks.arguments import PAGE, Task, task
from benchmarks.hand_made.arrow_load import Loader

PAGES_A_LOAD = 10


def load(asked: Task) -> None:
    """Load all tickets, ten pages at a time."""
    loader, session = Loader(asked.database), requests.Session()
    offset, total = 0, 1
    while offset < total:
        rows = []
        for start in range(offset, min(offset + PAGES_A_LOAD * PAGE, max(total, PAGE)), PAGE):
            answer = session.get(f"{asked.url}/tickets", params={"offset": start, "limit": PAGE})
            answer.raise_for_status()
            page = orjson.loads(answer.content)
            rows += page["data"]
            total = page["total"]
        loader.load(rows)
        offset += len(rows)
    loader.close()


if __name__ == "__main__":
    load(task())
