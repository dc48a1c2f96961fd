"""The ceiling with four connections: every page is asked for by its offset, by whichever connection is free."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import msgspec

from benchmarks.arguments import PAGE, Task, task
from benchmarks.ceiling.tickets import PAGES_A_LOAD, Connection, load

CONNECTIONS = 4


def pages(asked: Task) -> Iterator[msgspec.Raw]:
    """Every page in its order, at most some loads ahead."""
    own = threading.local()
    with ThreadPoolExecutor(CONNECTIONS, initializer=partial(_connect, own, asked.url)) as threads:
        first = Connection(asked.url).page(0, PAGE)
        yield first.data
        asking: deque[Future[msgspec.Raw]] = deque()
        for offset in range(PAGE, first.total, PAGE):
            asking.append(threads.submit(_page, own, offset, PAGE))
            if len(asking) > 2 * PAGES_A_LOAD:
                yield asking.popleft().result()
        while asking:
            yield asking.popleft().result()


def _connect(own: threading.local, url: str) -> None:
    own.connection = Connection(url)


def _page(own: threading.local, offset: int, size: int) -> msgspec.Raw:
    connection: Connection = own.connection
    return connection.page(offset, size).data


if __name__ == "__main__":
    load(pages(task()), task().database)
