"""Rows that fit a table are not looked at one by one: nothing that lands, is refused or is said depends on it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import duckdb
import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fivetran_emulator.errors import FunctionError
from fivetran_emulator.protocol.answer import FittingRows, read_answer
from fivetran_emulator.protocol.function import InvocationReport
from fivetran_emulator.protocol.rules import Rules
from fivetran_emulator.secrets import Secrets
from fivetran_emulator.sync.destination import Destination
from fivetran_emulator.sync.result import AcceptedAnswer
from fivetran_emulator.warehouse.columns import ColumnKind
from fivetran_emulator.warehouse.ledger import LoadedTable
from fivetran_emulator.warehouse.load import FittingTable, Loaded

DEEP = "[" * 100 + "]" * 100
FAMILIES: dict[str, Sequence[str]] = {
    "whole": ["0", "1", "-7", "9007199254740991", "-9007199254740992"],
    "long": ["9007199254740993", "-9223372036854775808", "9223372036854775807", "3"],
    "fractions": ["0.1", "0.10", "1.50", "-0.0", "0.00000000000001", "7", "123456789012.345", "0.3000000000001"],
    "text": ['"x"', '"é"', '"\\u00e9"', '"\\ud83d\\ude00"', '"a\\u0000b"', '"\\u001f\\n\\t"', '"C:\\\\users"', '"\\/"', '"NaN"', '"1"', '""', '"\x7f\u2028"'],
    "boolean": ["true", "false"],
    "nested": ['{"a":1}', "[]", "{}", '[1,[2,{"b":null}]]', '{"é":"ö"}', '{ "a" : [ 1 , "x" ] }', '{"\\u0061":"\\/"}'],
    "odd nested": ['{"a":1,"a":2}', '{"a":1.50}', '{"a":1e3}', '["\\u001f\\u0000"]', '["C:\\\\users"]', '{"n":12345678901234567890123}', '{"A":1,"a":2}', "[-0.0,-0]", "[0.12345678901234567,1e22,1e16]", DEEP],
}  # fmt: skip
ODD = [
    "-0", "1.0", "1e3", "1E-7", "1e400", "-1e400", "9223372036854775808", "12345678901234567890123", "1" + "0" * 130, "0.12345678901234567",
    "123456789.12345679", "12345678901234567.89", "1e16", "5e-324", '"\\ud800"', '"\\udc00x"', "NaN", "01", "[1e400]", '{"a":"\\ud800"}', "nul",
]  # fmt: skip
"""What no column takes unseen, or no answer may have in it."""

NAMES = ["v", "V", "vV", "\\u0076", "w", "é", 'a\\"b', "_fivetran_x", "rowid", "id"]


@st.composite
def rows_texts(draw: st.DrawFn) -> list[str]:
    """Answers' rows, as the text of a JSON array each: mostly of one kind in a column, now and then not."""
    columns = {name: draw(st.sampled_from([*FAMILIES])) for name in ("v", "w")}
    answers = []
    for _ in range(draw(st.integers(1, 4))):
        rows = [draw(row_text(columns)) for _ in range(draw(st.integers(0, 4)))]
        answers.append(f"[{', '.join(rows)}]")
    return answers


@st.composite
def row_text(draw: st.DrawFn, columns: dict[str, str]) -> str:
    members = [("id", str(draw(st.integers(0, 9))))]
    for name, family in columns.items():
        if draw(st.integers(0, 7)):
            members.append((name, draw(st.sampled_from([*FAMILIES[family], "null"]))))
    if not draw(st.integers(0, 5)):
        odd = draw(st.sampled_from([*ODD, *FAMILIES["text"], *FAMILIES["whole"], "null"]))
        members.append((draw(st.sampled_from(NAMES)), odd))
    return "{" + ",".join(f'"{name}":{value}' for name, value in draw(st.permutations(members))) + "}"


def outcomes(rows: Sequence[str], rules: Rules, *, fitting: bool, key: str = '["id"]') -> list[object]:
    """What became of each answer, and in the end every value of the table with its type."""
    said: list[object] = []
    with duckdb.connect() as warehouse:
        destination = Destination(warehouse, "main", rules, Secrets())
        for number, text in enumerate(rows):
            body = f'{{"state":{{}},"insert":{{"t":{text}}},"schema":{{"t":{{"primary_key":{key}}}}}}}'
            said.append(
                _outcome(destination, body.encode("utf-8", "surrogatepass"), rules, number, fitting=fitting)
            )
        if destination.tables:
            shape = warehouse.execute("DESCRIBE t").fetchall()
            texts = ", ".join(f'CAST("{name}" AS VARCHAR)' for name, *_ in shape)
            said += [shape, warehouse.execute(f"SELECT {texts} FROM t ORDER BY ALL").fetchall()]  # noqa: S608
    return said


def _outcome(destination: Destination, body: bytes, rules: Rules, number: int, *, fitting: bool) -> object:
    try:
        answer = read_answer(body, rules, destination.fitting if fitting else None)
        checked = destination.check(answer)
    except FunctionError as error:
        return error.problems, error.hint, error.details
    at = datetime(2026, 1, 1 + number, tzinfo=UTC)
    loaded, accepted = destination.commit(
        "s", answer.state, checked, at, lambda loaded: _accepted(loaded, number)
    )
    rows = sum(map(len, answer.insert.values()))
    return rows, accepted.tables, loaded.changed, loaded.findings, loaded.absent, destination.tables.copy()


def _accepted(loaded: Loaded, number: int) -> AcceptedAnswer:
    return AcceptedAnswer(
        number=number, has_more=False, rows=0, deletes=0, size=0, seconds=0.0, load_seconds=0.0,
        invocation=InvocationReport(), tables=loaded.counts,
    )  # fmt: skip


@settings(max_examples=150, deadline=None)
@example(
    rows=['[{"id":1,"v":{"a":1}}]', '[{"id":1,"v":{"a":1,"a":2}},{"id":2,"v":["\\u001f"]}]'], key='["id"]'
)
@example(rows=['[{"id":1,"v":{"a":1}}]', '[{"id":2,"v":{"a":0.12345678901234567,"b":1e16}}]'], key='["id"]')
@example(rows=['[{"id":1,"v":"x"}]', '[{"id":1,"v":"x","v":"y"},{"v":"z","id":2}]'], key='["id"]')
@example(rows=['[{"id":1,"v":0.5,"w":1}]', '[{"id":2,"v":0.10,"w":2},{"id":1,"v":-0}]'], key='["id"]')
@example(rows=['[{"id":1,"v":1,"w":"x"}]', '[{"id":1,"v":1}]', '[{"id":3}]'], key='["id"]')
@example(rows=['[{"id":1,"v":null}]', '[{"id":2,"v":null}]', '[{"id":3,"v":1}]'], key='["id"]')
@example(rows=['[{"id":1}]', "[]", '[{"id":1},{"id":1}]', '[{"id":null}]'], key='["id"]')
@given(rows=rows_texts(), key=st.sampled_from(['["id"]', "[]", '["id","v"]']))
def test_what_lands_is_the_same_whether_rows_are_looked_at_or_not(rows: list[str], key: str) -> None:
    """Values with their digits, types, counts, warnings and refusals, whatever an answer has in it and however it is spelt."""
    rules = Rules()
    assert outcomes(rows, rules, fitting=True, key=key) == outcomes(rows, rules, fitting=False, key=key)


@settings(max_examples=40, deadline=None)
@given(
    rows=rows_texts(),
    rules=st.builds(
        Rules,
        keys=st.sampled_from(["refuse", "skip"]),
        system_columns=st.sampled_from(["refuse", "drop"]),
        naming=st.sampled_from(["fivetran", "source"]),
        soft_delete=st.sampled_from(["flag", "always"]),
    ),
)
def test_it_is_the_same_under_other_readings_of_fivetrans_behaviour(rows: list[str], rules: Rules) -> None:
    """Every switch that says what a row may have in it."""
    assert outcomes(rows, rules, fitting=True) == outcomes(rows, rules, fitting=False)


KINDS = {
    "id": ColumnKind.SMALL_INTEGER, "whole": ColumnKind.SMALL_INTEGER, "long": ColumnKind.INTEGER, "fractions": ColumnKind.SHORT_DOUBLE,
    "text": ColumnKind.TEXT, "boolean": ColumnKind.BOOLEAN, "nested": ColumnKind.JSON, "odd nested": ColumnKind.JSON,
}  # fmt: skip
TABLE = LoadedTable(name="t", source="t", key=("id",), columns=KINDS)


def read(value: str, column: str) -> FittingRows | None:
    """A row with `value` in `column` and nothing in the others."""
    members = {"id": "1", "fractions": "0.5"} | {column: value}
    text = ",".join(f'"{name}":{one}' for name, one in members.items())
    return FittingTable(TABLE, {name: name for name in KINDS}).read(msgspec.Raw(f"[{{{text}}}]".encode()))


@pytest.mark.parametrize(
    ("column", "value"), [(name, value) for name, some in FAMILIES.items() for value in some]
)
def test_what_a_column_has_is_not_looked_at(column: str, value: str) -> None:
    """Values of its own kind, in every spelling; otherwise the two tests above would compare a thing with itself."""
    rows = read(value, column)
    assert rows is not None
    assert (len(rows), set(rows.columns)) == (1, {"id", column, "fractions"})


@pytest.mark.parametrize("column", KINDS)
@pytest.mark.parametrize(
    "value", [value for value in ODD if value not in ("-0", "1.0", "9223372036854775808")]
)
def test_what_is_odd_is_looked_at(column: str, value: str) -> None:
    """Whatever column it comes in."""
    assert read(value, column) is None


@pytest.mark.parametrize(
    ("columns", "key", "members"),
    [
        ({"id": ColumnKind.DECIMAL}, (), {"id": "id"}),
        ({"id": ColumnKind.HUGE_INTEGER}, (), {"id": "id"}),
        ({"id": ColumnKind.SHORT_DOUBLE}, ("id",), {"id": "id"}),
        ({"id": ColumnKind.JSON}, ("id",), {"id": "id"}),
        ({"id": ColumnKind.TEXT, "v": ColumnKind.TEXT}, ("id", "w"), {"id": "id", "v": "v"}),
        (
            {"user_id": ColumnKind.TEXT, "userid": ColumnKind.TEXT},
            (),
            {"userId": "user_id", "userid": "userid"},
        ),
        ({"a_b": ColumnKind.TEXT}, (), {'a"b': "a_b"}),
    ],
)
def test_rows_of_some_tables_are_always_looked_at(
    columns: dict[str, ColumnKind], key: tuple[str, ...], members: dict[str, str]
) -> None:
    """Numbers that need a DECIMAL, keys with an odd type, names that DuckDB or msgspec cannot distinguish or take."""
    with pytest.raises(ValueError, match=r"."):
        FittingTable(LoadedTable(name="t", source="t", key=key, columns=columns), members)
