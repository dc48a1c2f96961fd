"""The same with a cursor: after the first sync, only what has changed is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from fivetran_runtime import Client, Config, Connector, Offset


class Tickets(Config):
    url: str


app = Connector("benchmark", config=Tickets, client=lambda config: Client(config.url))


@app.table(key="id", cursor="updated_at")
def tickets(source: Client, since: datetime | None, offset: int = 0) -> Iterator[Any]:
    pages = Offset(offset, size=1_000, total="total")
    yield from source.pages("/tickets", pages, rows="data", updated_since=since)


main = app.handler
