"""Tickets as so many tables, 100 a page, each with so many pages on their way: tables in parallel, and pages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fivetran_runtime import Client, Config, Connector, Offset, Table


class Tickets(Config):
    url: str
    tables: int = 1
    ahead: int = 1


@dataclass(frozen=True)
class Source:
    """The client of the tables, and how they are read."""

    client: Client
    config: Tickets


app = Connector("benchmark", config=Tickets, client=lambda config: Source(Client(config.url), config))


def tickets(source: Source, offset: int = 0) -> Iterator[Any]:
    """One table's."""
    pages = Offset(offset, size=100, total="total")
    yield from source.client.pages("/tickets", pages, rows="data", ahead=source.config.ahead)


@app.tables
def tables(source: Source) -> Iterator[Table]:
    """All of them."""
    for number in range(source.config.tables):
        yield Table(f"tickets_{number}", tickets, key="id", parallel=True)


main = app.handler
