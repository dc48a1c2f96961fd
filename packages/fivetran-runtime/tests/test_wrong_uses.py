"""What an author reads who uses something wrongly: one sentence that names the table and the argument, and what to write."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from fivetran import Fivetran

from fivetran_runtime import At, Children, Connector, Delete, Keep, Row, Skip

Case = tuple[Callable[..., Any], str]


def require_sentence(message: str, says: str, *, begins: str = "Table orders") -> None:
    """What is the same for all of them: one table, once, and no word of Python's own."""
    assert message.startswith(begins)
    assert says in message
    assert len(re.findall(r"\bTable \w", message)) <= 1, message
    assert not re.search(r"[A-Z]\w*Error\b|\n|NoneType|\ba (int|object)\b", message), message


def answered(app: Connector, **secrets: Any) -> str:
    """The message with which the first sync of a connector fails."""
    message: str = Fivetran(app.handler, secrets=secrets).sync()[-1].body["errorMessage"]
    return message


def reading(read: Callable[..., Any], **options: Any) -> str:
    """The message of a connector with one table."""
    app = Connector("wrong")
    app.table(name="orders", **{"key": "id", **options})(read)
    return answered(app)


LINES = {"lines": ["order_id", "line"]}

TAKES_ONE: Any = lambda _: []  # noqa: E731 - a function as an author writes it
NO_ROWS: list[tuple[Any, str]] = [
    (None, "None"),
    (7, "an int"),
    ("x", "a str"),
    ({"line": 1}, "a dict"),
    (Row("lines", {}), "a Row"),
    (lambda: None, "None"),
    (lambda: {"line": 1}, "a dict"),
]
NO_DICTS: list[tuple[Any, str]] = [
    ([None], "None"),
    ([7], "an int"),
    (["x"], "a str"),
    (lambda: [Row("lines", {})], "a Row"),
]
YIELDED: list[Case] = [
    (lambda: None, "yielded None; it may yield dicts, Row,"),
    (lambda: 7, "yielded an int; it may yield dicts, Row,"),
    (lambda: [{"id": 1}], "yielded a list: yield from it"),
    (lambda: At, "yielded the class At: write At(...)"),
    (lambda: At(1), "At(...) was given other arguments than it has"),  # type: ignore[call-arg]
    (lambda: At(page=1)["id"], "between the rows of two pages there is an At"),
    (lambda: At(offset=1), "its parameters are: page, not offset"),
    (lambda: At(page=object()), "an object, and page is annotated int: the next call could not get it back"),
    (lambda: Keep("token"), "Keep(...) was given other arguments than it has"),  # type: ignore[call-arg]
    (lambda: Keep(page=1), 'keeps nothing. Declare it with keeps="..."'),
    (lambda: Skip("404"), "has no parents= of which one could be skipped. Declare parents="),
    (lambda: Row("lines", None), "yielded Row('lines', ...) with None for the columns"),  # type: ignore[arg-type]
    (lambda: Row("notes", {}), "is not among its children. Declare it: children={'notes'"),
    (Delete, "a Delete does not name id"),
    (lambda: Delete("notes", id=1), "is not among its children. Declare it: children={'notes'"),
    (lambda: Children("lines"), "Children(...) was given other arguments than it has"),  # type: ignore[call-arg]
    (lambda: Children("notes", [], order_id=1), "is not among its children. Declare it: children={'notes'"),
    (lambda: Children("orders", [], order_id=1), "is not among its children. Declare it: children={'orders'"),
    (lambda: Children("lines", []), "as many columns as orders has in its key, id"),
    (lambda: Children("lines", [], order_id=None), "order_id is None; it names whose they are"),
    (lambda: Children("lines", [], order_id=[1]), "order_id is a list; it names whose they are"),
    (lambda: Children("lines", [{"line": 1}], number=1), "nothing in its key column order_id"),
    (lambda: Children("lines", [{"line": [1]}], order_id=1), "a list in its key column line"),
    (lambda: Children("lines", [{"order_id": 2, "line": 1}], order_id=1), "a row whose order_id is 2"),
    (partial(Children, "lines", TAKES_ONE, order_id=1), "takes arguments; it is called without any"),
    *(
        (partial(Children, "lines", rows, order_id=1), f"gave {what} for the rows; it gives a list")
        for rows, what in NO_ROWS
    ),
    *(
        (partial(Children, "lines", rows, order_id=1), f"gave {what}; it gives the rows, as dicts")
        for rows, what in NO_DICTS
    ),
]


@pytest.mark.parametrize(("item", "says"), YIELDED)
def test_what_a_table_yields_wrongly_is_named(item: Callable[[], Any], says: str) -> None:
    """Of children, the table that has yielded them."""

    def orders(_: Any, page: int = 1) -> Iterator[Any]:
        yield item()

    require_sentence(reading(orders, children=LINES), says)
