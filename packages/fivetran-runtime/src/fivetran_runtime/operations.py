"""What a table yields besides plain rows: where it may be resumed, rows of child tables, and deletes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn

from fivetran_runtime.errors import DefectError


class At:
    """Everything yielded before this is whole; resume me with these arguments.

    The names are those of the table function's keyword parameters. Parameters left out take their defaults
    when the table is resumed, so `At(project=7)` means "project 7, from its first page".

    Args:
        position: the parameters, by name. Each comes back as its annotation says; without one it is JSON: a text, a number, a
            list or a dict of them, or None.
    """

    __slots__ = ("position",)

    def __init__(self, **position: Any) -> None:
        self.position = position

    def __repr__(self) -> str:
        return f"At({', '.join(f'{name}={value!r}' for name, value in self.position.items())})"

    def __getitem__(self, column: object) -> NoReturn:
        """What reads rows of `Client.pages` by itself meets the At between the pages, too."""
        message = f"{self!r}[{column!r}]: between the rows of two pages there is an At, which is no row."
        raise DefectError(message, hint="Make rows with pages(..., row=...), and yield from it.")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, At) and self.position == other.position

    __hash__ = None  # type: ignore[assignment]  # a position may hold lists


class Keep:
    """What the next sync is to start from, such as a delta token: `Keep(delta=token)`.

    The names are those that the table declares with `keeps=`. The next pass gets the values as arguments, once this pass is
    complete and its last rows are in an answer; until then the passes that are asked again get what this one got. None
    keeps nothing.

    Args:
        values: what is kept, by the names of the parameters; of the kinds that an `At` may hold.
    """

    __slots__ = ("values",)

    def __init__(self, **values: Any) -> None:
        self.values = values

    def __repr__(self) -> str:
        return f"Keep({', '.join(self.values)})"


class Skip:
    """The parent that is read has nothing to read at present, and why: `Skip("404: no issues")`.

    For a table with `parents=`. It goes on with the next parent; a warning in the log counts what was skipped. When the
    parent is there again, it is read from the floor.

    Args:
        why: the reason, as the warning is to have it; an exception is taken by its text.
    """

    __slots__ = ("why",)

    def __init__(self, why: object = "nothing to read", /) -> None:
        self.why = str(why)

    def __repr__(self) -> str:
        return f"Skip({self.why!r})"


class Row:
    """A row of a child table declared with `children=`; rows of the table itself are plain dicts.

    Args:
        table: the child table's name.
        columns: the row, from column to value, with all columns of the child's key.
    """

    __slots__ = ("columns", "table")

    def __init__(self, table: str, columns: Mapping[str, Any], /) -> None:
        self.table = table
        self.columns = columns

    def __repr__(self) -> str:
        return f"Row({self.table!r}, {dict(self.columns)!r})"


class Children:
    """All rows of a child table that belong to one row now: `Children("lines", order["lines"], order_id=order["id"])`.

    What belonged to that row before and is not among them is deleted. The columns after the rows name whose they are, one for
    each column of the table's key, in its order; rows without them get them. Where the rows take several requests, give a
    function without arguments in their place, such as `lambda: acme.pages(...)`: it is called a second time before
    anything is deleted, since a list that moves while it is read can hide a row.

    Args:
        table: the child table's name, declared with `children=`.
        rows: all its rows that belong to the one row, as dicts; or a function without arguments that gives them.
        of: the columns of the child table that name the one row, to its key.
    """

    __slots__ = ("of", "rows", "table")

    def __init__(
        self,
        table: str,
        rows: Iterable[Mapping[str, Any] | At] | Callable[[], Iterable[Mapping[str, Any] | At]],
        /,
        **of: Any,
    ) -> None:
        self.table = table
        self.rows = rows
        self.of = of

    def __repr__(self) -> str:
        of = [f"{name}={value!r}" for name, value in self.of.items()]
        return f"Children({', '.join([repr(self.table), '...', *of])})"


class Delete:
    """The row with this key is deleted at the source: `Delete(id=7)`, or `Delete("comments", ticket_id=1, id=2)`.

    Every key column of the table must be named, and nothing else.

    Args:
        table: a child table's name; by default the row is one of the table itself.
        key: the row's key, from column to value.
    """

    __slots__ = ("key", "table")

    def __init__(self, table: str | None = None, /, **key: Any) -> None:
        self.table = table
        self.key = key

    def __repr__(self) -> str:
        table = [repr(self.table)] if self.table else []
        return f"Delete({', '.join([*table, *(f'{name}={value!r}' for name, value in self.key.items())])})"
