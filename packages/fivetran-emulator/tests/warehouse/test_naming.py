"""Fivetran's names."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fivetran_emulator.warehouse.columns import collisions, column_name, table_name


@pytest.mark.parametrize(
    ("source", "table", "column"),
    [
        ("userName", "user_name", "user_name"),
        ("UserID", "user_id", "user_id"),
        ("HTTPServer", "httpserver", "httpserver"),
        ("user-name", "user_name", "user_name"),
        ("user.data", "user_data", "user_data"),
        ("order#", "order_", "order_"),
        ("_id", "id", "_id"),
        ("__x", "x", "_x"),
        ("1st_col", "1_st_col", "1_st_col"),
        ("address1", "address_1", "address_1"),
        ("$amount", "amount", "_amount"),
        ("Größe", "gro_e", "gro_e"),
        ("Crème Brûlée", "creme_brulee", "creme_brulee"),
    ],
)
def test_names_are_those_fivetran_gives(source: str, table: str, column: str) -> None:
    """The pairs seen from Fivetran's own code."""
    assert (table_name(source), column_name(source)) == (table, column)


@given(st.text())
def test_a_name_has_only_lower_case_letters_digits_and_single_underscores(source: str) -> None:
    """Whatever a function sends, no name needs quoting for its characters."""
    assert re.fullmatch(r"_?([a-z0-9]+_?)*", column_name(source))
    assert not table_name(source).startswith("_")


@given(st.text())
def test_a_name_of_fivetrans_stays_as_it_is(source: str) -> None:
    """Naming a second time changes nothing."""
    assert column_name(column_name(source)) == column_name(source)
    assert table_name(table_name(source)) == table_name(source)


@given(st.lists(st.text(max_size=4), unique=True))
def test_collisions_are_exactly_the_shared_names(sources: list[str]) -> None:
    """Every source whose name is another's too is found, and no other."""
    found = {source for _, same in collisions(sources, column_name) for source in same}
    names = [column_name(source) for source in sources]
    assert found == {source for source in sources if names.count(column_name(source)) > 1}
