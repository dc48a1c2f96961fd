"""Column types: what comes out is what went in, whatever came before."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import Emulator

from fivetran_emulator.protocol.answer import read_answer
from fivetran_emulator.warehouse.columns import Kind, kind_of, wider
from fivetran_emulator.warehouse.ledger import LoadedTable
from fivetran_emulator.warehouse.load import load_answer

kinds = st.sampled_from(Kind)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-10, 10), st.integers(-(2**63), 2**63 - 1), st.integers(-(2**130), 2**130),
    st.floats(allow_nan=False, allow_infinity=False), st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text("ab", max_size=2), inner, max_size=3)
    ),
    max_leaves=4,
)


@given(kinds, kinds, kinds)
def test_the_order_of_values_never_matters(a: Kind, b: Kind, c: Kind) -> None:
    """`wider` is commutative, associative and idempotent: a column ends the same whatever came first."""
    assert wider(a, b) is wider(b, a)
    assert wider(wider(a, b), c) is wider(a, wider(b, c))
    assert wider(a, a) is a
    assert wider(wider(a, b), a) is wider(a, b)


@given(st.lists(values), st.lists(values))
def test_the_kind_of_all_values_is_the_wider_of_its_parts(some: list[object], others: list[object]) -> None:
    """Where an answer is cut does not decide a type."""
    one, other, both = kind_of(some), kind_of(others), kind_of(some + others)
    if one is None or other is None:
        assert both is (one or other)
    else:
        assert both is wider(one, other)


@pytest.mark.parametrize(
    ("column", "sql"),
    [
        ([True, None], "BOOLEAN"),
        ([1, -(2**63)], "BIGINT"),
        ([2**63], "HUGEINT"),
        ([2**127], "VARCHAR"),
        ([1, 1.5], "DOUBLE"),
        ([2**53 + 1, 1.5], "VARCHAR"),
        ([True, 1], "VARCHAR"),
        (["x", 1], "VARCHAR"),
        (["2026-01-01T00:00:00Z"], "VARCHAR"),
        ([{}, "x"], "JSON"),
        ([[1], 1], "JSON"),
    ],
)
def test_the_smallest_type_that_holds_every_value(column: list[object], sql: str) -> None:
    """Behaviour 23: Fivetran's principle, with nothing rounded."""
    kind = kind_of(column)
    assert kind is not None
    assert kind.sql == sql


def test_only_nulls_have_no_type() -> None:
    """Behaviour 23: Fivetran makes no column of them."""
    assert kind_of([None, None]) is None


def load(warehouse: duckdb.DuckDBPyConnection, answers: list[list[object]]) -> None:
    """Each of `answers` is the column `v` of a table with ids counted on."""
    known: dict[str, LoadedTable] = {}
    start = 0
    for batch, column in enumerate(answers):
        rows = [{"id": start + n, "v": value} for n, value in enumerate(column)]
        start += len(rows)
        members = {"state": {}, "insert": {"t": rows}, "schema": {"t": {"primary_key": ["id"]}}}
        answer = read_answer(json.dumps(members).encode())
        loaded = load_answer(
            warehouse, "main", answer, known, batch=batch, at=datetime(2026, 1, 1, tzinfo=UTC)
        )
        known |= {table.name: table for table in loaded.changed}


def read_back(value: object, sql: str, sent: object) -> object:
    """A stored value as what was sent, given how its column ended."""
    if value is None or sql not in ("JSON", "VARCHAR") or (sql == "VARCHAR" and isinstance(sent, str)):
        return value
    return json.loads(value)  # type: ignore[arg-type]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(values, min_size=1, max_size=4), min_size=1, max_size=4))
def test_no_value_is_lost_rounded_or_changed(answers: list[list[object]]) -> None:
    """Behaviour 23: Over any answers with any values, every value can be read back from the column it ended in."""
    sent = [value for column in answers for value in column]
    with duckdb.connect() as warehouse:
        load(warehouse, answers)
        if all(value is None for value in sent):
            return
        [(sql,)] = warehouse.execute(
            "SELECT data_type FROM duckdb_columns() WHERE table_name = 't' AND column_name = 'v'"
        ).fetchall()
        stored = [value for (value,) in warehouse.execute("SELECT v FROM t ORDER BY id").fetchall()]
    assert [read_back(value, sql, was) for value, was in zip(stored, sent, strict=True)] == sent


def test_a_widened_column_is_reported(emulator: Emulator) -> None:
    """Behaviour 23: Table, column and both types are named."""
    schema = {"t": {"primary_key": ["id"]}}
    emulator.answering({"state": {}, "insert": {"t": [{"id": 1, "v": 1}]}, "schema": schema})
    outcome = emulator.answering({"state": {}, "insert": {"t": [{"id": 2, "v": "x"}]}, "schema": schema})
    [warning] = outcome.document["warnings"]
    assert warning["text"] == "column t.v was BIGINT and became VARCHAR: this answer has text in it"
    assert emulator.rows("SELECT v FROM t ORDER BY id") == [("1",), ("x",)]


def test_a_member_given_twice_counts_as_its_last(emulator: Emulator) -> None:
    """As every JSON reader of Fivetran's languages takes it; the type is that of the value loaded."""
    body = b'{"state": {}, "insert": {"t": [{"a": "x", "a": 2}]}}'
    assert emulator.answering(body).status == 0
    assert emulator.rows("SELECT a FROM t") == [(2,)]


def test_new_columns_are_added_and_old_rows_have_null_there(emulator: Emulator) -> None:
    """In a later answer as in a later sync."""
    schema = {"t": {"primary_key": ["id"]}}
    emulator.answering({"state": {}, "insert": {"t": [{"id": 1}]}, "schema": schema})
    emulator.answering(
        {"state": {}, "insert": {"t": [{"id": 2, "extra": {"a": "é\u0000"}}]}, "schema": schema}
    )
    assert emulator.rows("SELECT id, extra FROM t ORDER BY id") == [(1, None), (2, '{"a":"é\\u0000"}')]
