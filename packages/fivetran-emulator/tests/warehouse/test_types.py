"""Column types: what comes out is what went in, whatever came before."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import duckdb
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import Emulator

from fivetran_emulator.protocol.answer import read_answer
from fivetran_emulator.protocol.rules import Rules
from fivetran_emulator.warehouse.columns import ColumnKind, kind_of, wider
from fivetran_emulator.warehouse.ledger import LoadedTable
from fivetran_emulator.warehouse.load import load_answer
from fivetran_emulator.warehouse.row_checks import check_answer

kinds = st.sampled_from(ColumnKind)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-10, 10), st.integers(-(2**63), 2**63 - 1), st.integers(-(2**130), 2**130),
    st.floats(allow_nan=False, allow_infinity=False), st.decimals(allow_nan=False, allow_infinity=False, places=6),
    st.decimals(-1, 1, places=20), st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text("ab", max_size=2), inner, max_size=3)
    ),
    max_leaves=4,
)


@given(kinds, kinds, kinds)
def test_the_order_of_values_never_matters(a: ColumnKind, b: ColumnKind, c: ColumnKind) -> None:
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
        ([2**53 + 1, 1.5], "DECIMAL(38, 18)"),
        ([2**53 + 1, 1.5e300], "VARCHAR"),
        ([2**63, 1.5], "VARCHAR"),
        ([Decimal("12345678901234567.89"), 1.5, 7], "DECIMAL(38, 18)"),
        ([Decimal("12345678901234567.89"), 1e300], "VARCHAR"),
        ([Decimal("0.1234567890123456789")], "VARCHAR"),
        ([Decimal("123456789012345678901.5")], "VARCHAR"),
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
        answer = read_answer(msgspec.json.Encoder(decimal_format="number").encode(members))
        checked = check_answer(answer, known, Rules())
        loaded = load_answer(
            warehouse, "main", checked, known, batch=batch, at=datetime(2026, 1, 1, tzinfo=UTC)
        )
        known |= {table.name: table for table in loaded.changed}


def read_back(value: object, sql: str, sent: object) -> object:
    """A stored value as what was sent, given how its column ended; fractions as their digits."""
    if value is None or sql not in ("JSON", "VARCHAR") or (sql == "VARCHAR" and isinstance(sent, str)):
        return exact(value)
    return exact(json.loads(value, parse_float=Decimal))  # type: ignore[arg-type]


def exact(value: object) -> object:
    """The value with every fraction as the digits that JSON has for it."""
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, list):
        return [exact(inner) for inner in value]
    if isinstance(value, dict):
        return {name: exact(inner) for name, inner in value.items()}
    return value


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
    assert [read_back(value, sql, was) for value, was in zip(stored, sent, strict=True)] == exact(sent)


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


DIGITS = [
    "12345678901234567.89",
    "0.1234567890123456789",
    "10.1",
    "100000000000000000000.5",
    "0.10000000000000001",
]


@pytest.mark.parametrize("more", ["", "1e300", "18446744073709551617", '"text"', "true"])
def test_a_number_keeps_its_digits(emulator: Emulator, more: str) -> None:
    """Behaviour 23: Also where a double would round them, in whatever column they end, and inside nested values."""
    numbers = [*DIGITS, *([more] if more else [])]
    for one in numbers:  # a sync each, so that the column widens under what is there
        rows = f'{{"id": {numbers.index(one)}, "n": {one}, "inside": {{"n": [{one}]}}}}'
        body = f'{{"state": {{}}, "insert": {{"t": [{rows}]}}, "schema": {{"t": {{"primary_key": ["id"]}}}}}}'
        assert emulator.answering(body.encode()).status == 0
    found = emulator.rows("SELECT n::VARCHAR, inside::VARCHAR FROM t WHERE id < 5 ORDER BY id")
    assert [Decimal(n) for n, _ in found] == [Decimal(one) for one in DIGITS]
    assert [inside for _, inside in found] == [f'{{"n":[{one}]}}' for one in DIGITS]


def test_a_decimal_column_stays_one(emulator: Emulator) -> None:
    """Money of 17 digits in a column of DECIMAL, which a sync with short amounts alone doesn't turn into text."""

    def of(row: str) -> bytes:
        return f'{{"state": {{}}, "insert": {{"t": [{row}]}}, "schema": {{"t": {{"primary_key": ["id"]}}}}}}'.encode()

    for row in (
        '{"id": 1, "n": 1.5}',
        '{"id": 2, "n": 12345678901234567.89}',
        '{"id": 3, "n": 0.01}',
        '{"id": 4, "n": 7}',
    ):
        outcome = emulator.answering(of(row))
        assert outcome.status == 0
    assert emulator.rows("SELECT DISTINCT typeof(n) FROM t") == [("DECIMAL(38,18)",)]
    assert emulator.counts(emulator.answering(of('{"id": 2, "n": 12345678901234567.89}')), "t") == (
        0,
        0,
        1,
        0,
        4,
    )
