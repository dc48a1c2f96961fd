"""The connector that is measured: tickets by offset, as an author writes it, on Google's default limits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fivetran_runtime import Client, Config, Connector, Offset


class Tickets(Config):
    url: str


app = Connector("benchmark", config=Tickets, client=lambda config: Client(config.url))


@app.table(key="id")
def tickets(source: Client, offset: int = 0) -> Iterator[Any]:
    yield from source.pages("/tickets", Offset(offset, size=1_000, total="total"), rows="data")


main = app.handler
