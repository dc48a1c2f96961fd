"""The function's own names of tables and columns, over all answers of a sync.

`userData` and `user_data` become one name in the warehouse. Within one answer the checks of its rows see both; here they
are seen when one comes in the first answer and the other in the second.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fivetran_emulator.warehouse.row_checks import TableOfAnswer

__all__ = ["Spellings"]


class Spellings:
    """How each table and column was spelt so far in this sync."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, ...], str] = {}

    def problems(self, tables: Iterable[TableOfAnswer]) -> list[str]:
        """A sentence for each name that comes in another spelling than before; the others are kept for the next answers."""
        found = dict(_names(tables))
        wrong = {name: one for name, one in found.items() if self._seen.get(name, one) != one}
        self._seen |= {name: one for name, one in found.items() if name not in wrong}
        return [_problem(name, self._seen[name], one) for name, one in wrong.items()]


def _names(tables: Iterable[TableOfAnswer]) -> Iterator[tuple[tuple[str, ...], str]]:
    """The warehouse's name of each table and column, without regard to case, and the function's."""
    for table in tables:
        yield (table.name.lower(),), table.source
        for member, column in table.columns.items():
            yield (table.name.lower(), column.lower()), member


def _problem(name: tuple[str, ...], first: str, now: str) -> str:
    what = "the table" if len(name) == 1 else f"table {name[0]}: the column"
    return f"{what} {now!r} came as {first!r} in an earlier answer, and Fivetran names both `{name[-1]}`"
