from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from model.in_memory import ModelTable, Row
from model.landed import is_exactly, read_tables
from model.sources import Part, body, histories
from scripted import Emulator


def modelled(history: Sequence[Sequence[Part]]) -> dict[str, ModelTable]:
    """The tables that should be there after these answers."""
    tables: dict[str, ModelTable] = {}
    for parts in history:
        for part in parts:
            table = tables.setdefault(part.table, ModelTable(part.key, part.soft))
            table.take(part.insert, part.delete)
    return {name: table for name, table in tables.items() if table.made}


def assert_landed(path: Path, expected: dict[str, ModelTable]) -> None:
    """Every table, every row, every value."""
    landed = read_tables(path)
    assert landed.keys() == expected.keys()
    for name, table in expected.items():
        wanted, stored = table.rows(), landed[name]
        assert len(stored) == len(wanted), name
        if table.key:
            wanted = sorted(wanted, key=lambda row: [str(row[0][column]) for column in table.key])
            stored = sorted(stored, key=lambda row: [str(row[0][column][1]) for column in table.key])
        for (sent, deleted), (found, flagged) in zip(wanted, stored, strict=True):
            assert deleted == flagged, (name, sent)
            assert_same_row(name, sent, found)


def assert_same_row(name: str, sent: Row, found: dict[str, tuple[str, object]]) -> None:
    """Columns the row does not have are NULL; columns that never had a value need not be there."""
    for column, (type_, stored) in found.items():
        assert is_exactly(sent.get(column), type_, stored), (name, column, type_, stored, sent.get(column))
    assert not {column for column, value in sent.items() if value is not None} - found.keys()


def _soft(insert: Sequence[Row], delete: Sequence[Row]) -> list[Part]:
    """An answer with one table whose deletes only flag."""
    sent = {"insert": insert, "delete": delete, "schema": {"primary_key": ["id"]}}
    return [Part("user", "user", ("id",), True, sent, insert, delete)]


_BACK_FROM_THE_DEAD = [
    _soft([{"id": 1, "name": "a"}], []),
    _soft([], [{"id": 1}]),
    _soft([{"id": 1, "name": "a"}], []),
]
_KEY_BECOMES_TEXT = [_soft([{"id": 1}], []), _soft([{"id": "x"}, {"id": "1", "name": "b"}], [{"id": "2"}])]


@pytest.mark.timeout(600)  # a counterexample is worth the time it takes to make it small
@settings(
    max_examples=int(os.environ.get("MODEL_EXAMPLES", "25")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@example(history=_BACK_FROM_THE_DEAD, syncs=1)
@example(history=_BACK_FROM_THE_DEAD, syncs=3)
@example(history=_KEY_BECOMES_TEXT, syncs=2)
@given(history=histories(), syncs=st.integers(1, 3))
def test_what_lands_is_what_the_model_says(emulator: Emulator, history: list[list[Part]], syncs: int) -> None:
    """Whatever it sends, in however many syncs: deletes, flags, keyless rows, renamed columns, types in any order."""
    with tempfile.TemporaryDirectory() as folder:
        emulator.path = Path(folder) / "warehouse.duckdb"
        size = -(-len(history) // syncs)
        for start in range(0, len(history), size):
            some = history[start : start + size]
            bodies = [body(parts, start + n, has_more=n < len(some) - 1) for n, parts in enumerate(some)]
            outcome = emulator.answering(*bodies)
            assert outcome.status == 0, outcome.out
        assert_landed(emulator.path, modelled(history))


def _wide_row(table: int, names: Sequence[str]) -> dict[str, object]:
    """A value for each column: whole numbers, fractions, text in several scripts, booleans and objects, in turn."""
    row: dict[str, object] = {}
    for n, name in enumerate(names):
        text = f"\u9867\u5ba2 {table} \U0001f600 {n}"
        values = (table * 1000 + n, n / 8, text, bool(n % 4), {"t": [table, {"c": [None, n]}]})
        row[f"col_{name}"] = values[n % len(values)]
    return row


def test_fifty_tables_with_up_to_three_hundred_columns_and_a_megabyte_of_text(emulator: Emulator) -> None:
    """The largest function Fivetran's users describe: nothing is cut, swapped or lost, and a second sync changes nothing."""
    names = [f"{a}{b}" for a in "abcdefghijklmnopq" for b in "abcdefghijklmnopqr"][:300]
    tables = {
        f"table_{names[t]}": [{"id": 1} | _wide_row(t, names[: 300 if t % 12 == 0 else 9])] for t in range(50)
    }
    tables["table_aa"][0]["col_zz"] = long = '\u00e9"\\\n\x00' * 200_000
    answer: dict[str, object] = {
        "state": {"n": 1},
        "insert": tables,
        "schema": {name: {"primary_key": ["id"]} for name in tables},
    }
    outcome = emulator.answering(answer)
    assert outcome.status == 0, outcome.out
    landed = read_tables(emulator.path)
    assert landed.keys() == tables.keys()
    for name, rows in tables.items():
        assert_same_row(name, rows[0], landed[name][0][0])
    assert landed["table_aa"][0][0]["col_zz"] == ("VARCHAR", long)
    again = emulator.answering(answer)
    assert {emulator.counts(again, name) for name in tables} == {(0, 0, 1, 0, 1)}


def test_a_value_hundreds_of_levels_deep_lands_as_it_is(emulator: Emulator) -> None:
    """Nesting is JSON in one column, however deep a function makes it, up to what a JSON reader takes."""
    deep = "[" * 800 + "1" + "]" * 800
    sent = f'{{"state": {{}}, "insert": {{"t": [{{"a": {deep}}}]}}}}'.encode()
    outcome = emulator.answering(sent)
    assert outcome.status == 0, outcome.out
    assert emulator.rows("SELECT a FROM t") == [(deep,)]
