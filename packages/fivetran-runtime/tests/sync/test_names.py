"""Names that become one at Fivetran, and Fivetran's own, in every spelling: docs/protocol.md, "Names"."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fivetran import Fivetran

from fivetran_runtime import Connector, Table
from fivetran_runtime._sync.row_encoder import column_name, table_name
from fivetran_runtime.errors import DeclarationError


def rows_of(name: str) -> Callable[..., Any]:
    def read(_: Any) -> Iterator[Any]:
        yield {"id": 1, "of": name}

    return read


def discovering(*names: str) -> Fivetran:
    app = Connector("names")
    app.tables(lambda _: [Table(name, rows_of(name), key="id") for name in names])
    return Fivetran(app.handler)


@pytest.mark.parametrize(
    ("name", "at_fivetran"),
    [
        ("userName", "user_name"),
        ("User Name", "user_name"),
        ("USERNAME", "username"),
        ("HTTPServer", "httpserver"),
        ("address1", "address_1"),
        ("a1b2", "a_1_b_2"),
        ("a--b", "a_b"),
        ("größe", "große"),
        ("naïve", "naive"),
        ("$amount", "_amount"),
    ],
)
def test_a_columns_name_at_fivetran(name: str, at_fivetran: str) -> None:
    """As the page on the protocol says; other scripts stay as they are."""
    assert column_name(name) == at_fivetran
    assert table_name(name) == at_fivetran.lstrip("_")


@pytest.mark.parametrize(
    "names",
    [
        ("Orders", "orders"),
        ("order items", "order_items"),
        ("orderItems", "order_items"),
        ("_a", "a"),
        ("item1", "item_1"),
        ("é", "e"),
    ],
)
def test_tables_that_become_one_are_refused_by_both_names(names: tuple[str, str]) -> None:
    """Their rows would overwrite each other; nothing is sent before that is settled."""
    (reply,) = discovering("others", *names).sync()
    assert reply.status == 500
    for name in names:
        assert repr(name) in reply.body["errorMessage"]
    assert "are one to Fivetran" in reply.body["errorMessage"]
    assert "name=" in reply.body["errorMessage"]


@pytest.mark.parametrize("name", ["", "_", "!", "_fivetran_x", "_FivetranX", "_Fivetran x"])
def test_a_table_that_fivetran_cannot_name_is_refused(name: str) -> None:
    """With no letter in it, or called as Fivetran calls its own."""
    (reply,) = discovering(name).sync()
    assert reply.status == 500
    assert f"The table name {name!r}" in reply.body["errorMessage"]


def test_all_names_are_reported_at_once() -> None:
    """One correction after the other would take a sync each."""
    (reply,) = discovering("A", "a", "_fivetran_x", "B", "b").sync()
    assert reply.body["errorMessage"].count("are one to Fivetran") == 2
    assert "_fivetran_x" in reply.body["errorMessage"]


def test_a_child_and_a_declared_table_are_compared_too() -> None:
    """When the module is imported."""
    app = Connector("names")
    app.table(key="id", name="orderItems")(rows_of("a"))
    with pytest.raises(DeclarationError, match="'orderItems' and 'Order Items' are one to Fivetran"):
        app.table(key="id", name="orders", children={"Order Items": "id"})(rows_of("b"))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            {"userName": 1, "user_name": 2},
            "the columns 'userName' and 'user_name' are one to Fivetran, user_name",
        ),
        ({"ID": 2}, "the columns 'id' and 'ID' are one to Fivetran, id"),
        ({"_Fivetran_synced": 1}, "the column name '_Fivetran_synced' cannot be used"),
        ({"_fivetranDeleted": 1}, "the column name '_fivetranDeleted' cannot be used"),
        ({"": 1}, "the column name '' has no letter or digit"),
    ],
)
def test_columns_that_become_one_are_refused_by_both_names(columns: dict[str, Any], message: str) -> None:
    """The value of one would be lost under the other's."""

    def things(_: Any) -> Iterator[Any]:
        yield {"id": 7, **columns}

    app = Connector("names")
    app.table(key="id")(things)
    (reply,) = Fivetran(app.handler).sync()
    assert reply.status == 500
    assert f"Table things, key id=7: {message}" in reply.body["errorMessage"]


def test_a_column_that_is_renamed_from_row_to_row_is_one_column() -> None:
    """And meant to be."""

    def things(_: Any) -> Iterator[Any]:
        yield {"id": 1, "userName": "a"}
        yield {"id": 2, "user_name": "b"}

    app = Connector("names")
    app.table(key="id")(things)
    assert Fivetran(app.handler).sync()[-1].status == 200


def test_names_in_other_scripts_are_not_taken_for_one() -> None:
    """What Fivetran makes of them is not known."""
    assert {reply.status for reply in discovering("Заказы", "Клиенты").sync()} == {200}
