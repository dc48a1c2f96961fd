"""A connector's description of itself: the part of its README that is made from the code."""

from __future__ import annotations

from typing import Annotated

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
