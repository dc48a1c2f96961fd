"""A function as Google runs it that grinds out as many rows as it is asked for, or passes on what a source gives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fivetran_runtime import At, Client, Config, Connector, PageNumber


class Mill(Config):
    rows: int = 0
    ids: int = 0
    text: str = ""
    url: str | None = None


app = Connector("mill", config=Mill)


@app.table(key="id")
def grains(mill: Mill, first: int = 0) -> Iterator[Any]:
    """Rows in units of a thousand."""
    for number in range(first, mill.rows):
        if number > first and number % 1_000 == 0:
            yield At(first=number)
        yield {"id": number, "text": mill.text, "even": number % 2 == 0}


@app.table(key="id", on_missing="delete", max_missing=1)
def listed(mill: Mill, first: int = 0) -> Iterator[Any]:
    """Consecutive ids, all of them in each listing."""
    for number in range(first, mill.ids):
        if number > first and number % 1_000 == 0:
            yield At(first=number)
        yield {"id": number}


@app.table(key="id")
def pages(mill: Mill, page: int = 1) -> Iterator[Any]:
    """What the source lists."""
    if mill.url:
        yield from Client(mill.url).pages("/pages", PageNumber(page))


main = app.handler
