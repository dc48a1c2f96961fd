"""A connector's description of itself: the part of its README that is made from the code."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated

import pytest
from msgspec import Meta

from fivetran_runtime import Config, Connector
from fivetran_runtime.describe import readme_section


class Acme(Config):
    """What is typed in."""

    start: Annotated[int, Meta(description="the first number", examples=[7])] | None = None


def test_what_is_said_of_a_part_of_a_union_is_shown() -> None:
    """A key that may be left out has its bounds, its example and its meaning within a union."""
    section = readme_section(Connector("acme", config=Acme))
    assert '"start": 7' in section
    assert "| `start` | a whole number | optional | the first number |" in section


def test_declared_types_are_a_column_of_the_tables() -> None:
    """Of the table and of its children; a connector that declares none has no such column."""
    app = Connector("acme")

    @app.table(
        key="id", children={"lines": ["id"]}, columns={"due": "date", "lines": {"price": "decimal(12, 2)"}}
    )
    def orders(_: object) -> Iterator[object]:
        yield {}

    @app.table(key="id")
    def users(_: object) -> Iterator[object]:
        yield {}

    section = readme_section(app)
    assert "| table | key | read | types |\n|---|---|---|---|\n" in section
    assert "| `orders` | `id` | whole, in every sync | `due` date |" in section
    assert "| `lines` | `id` | with `orders` | `price` decimal(12, 2) |" in section
    assert "| `users` | `id` | whole, in every sync |  |" in section


@pytest.mark.parametrize(
    ("lookback", "said"),
    [
        (timedelta(seconds=1), "1 second"),
        (timedelta(seconds=90), "90 seconds"),
        (timedelta(minutes=1), "1 minute"),
        (timedelta(days=2), "2 days"),
    ],
)
def test_a_lookback_is_said_as_a_person_would(lookback: timedelta, said: str) -> None:
    """In the largest unit that it is a multiple of."""
    app = Connector("acme")

    @app.table(key="id", cursor="at", lookback=lookback)
    def orders(_: object, since: datetime | None) -> Iterator[object]:
        yield {}

    assert f"by `at`, the last {said} again" in readme_section(app)
