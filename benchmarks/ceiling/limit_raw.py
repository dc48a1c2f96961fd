"""The ceiling with one connection: the pages that follow are asked for while the last ones are loaded."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from queue import Queue

import msgspec

from benchmarks.arguments import PAGE, Task, task
from benchmarks.ceiling.tickets import PAGES_A_LOAD, Connection, load


def pages(asked: Task) -> Iterator[msgspec.Raw]:
    """Every page in its order, read ahead by another thread."""
    ahead: Queue[msgspec.Raw | None] = Queue(2 * PAGES_A_LOAD)
    threading.Thread(target=_read, args=(asked, ahead), daemon=True).start()
    while (page := ahead.get()) is not None:
        yield page


def _read(asked: Task, ahead: Queue[msgspec.Raw | None]) -> None:
    try:
        connection, offset, total = Connection(asked.url), 0, 1
        while offset < total:
            page = connection.page(offset, PAGE)
            ahead.put(page.data)
            offset, total = offset + PAGE, page.total
    finally:
        ahead.put(None)


if __name__ == "__main__":
    load(pages(task()), task().database)
