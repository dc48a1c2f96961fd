"""Fivetran's names: what a table or column of a function is called in the warehouse.

The rules for tables and columns differ: a table loses its leading underscores, a column keeps one. And Fivetran does not
resolve collisions: `userName` and `user_name` become one column, which is why callers must ask for `collisions`.

Source: "Naming conventions" of Fivetran's documentation (`FIVETRAN_NAMING`), see `docs/protocol.md`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass

__all__ = ["NAMINGS", "SYSTEM_PREFIX", "Naming", "collisions", "column_name", "table_name"]

SYSTEM_PREFIX = "_fivetran_"
"""Columns that start so are Fivetran's own."""

_BORDERS = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[0-9])(?=[^0-9])|(?<=[^0-9])(?=[0-9])")


def column_name(source: str) -> str:
    """The warehouse's name of the column `source`: `userName` is `user_name`, `$amount` is `_amount`.

    Empty when `source` is.
    """
    words = re.sub(r"[^A-Za-z0-9_]", "_", _without_accents(source))
    return re.sub(r"_+", "_", _BORDERS.sub("_", words)).lower()


def table_name(source: str) -> str:
    """The warehouse's name of the table `source`: as a column's, without leading underscores.

    Empty when nothing is left, as of `"_"`.
    """
    return column_name(source).lstrip("_")


@dataclass(frozen=True)
class Naming:
    """How the names of a function's tables and columns become the warehouse's."""

    table: Callable[[str], str]
    column: Callable[[str], str]


NAMINGS = {"fivetran": Naming(table_name, column_name), "source": Naming(str, str)}
"""`FIVETRAN_NAMING` and `SOURCE_NAMING`, by the words of the switch `--naming`."""


def collisions(sources: Iterable[str], rule: Callable[[str], str]) -> list[tuple[str, list[str]]]:
    """The names that several of `sources` would share, each with those sources in the order given."""
    by_name: dict[str, list[str]] = {}
    for source in sources:
        by_name.setdefault(rule(source), []).append(source)
    return [(name, same) for name, same in by_name.items() if len(same) > 1]


def _without_accents(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
