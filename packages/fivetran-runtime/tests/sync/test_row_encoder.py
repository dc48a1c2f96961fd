"""Rows of the same columns: those that come later are looked at as the first was."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fivetran_runtime import DefectError, Row
from fivetran_runtime._sync.batch import Batch, Deletion, Upsert, digest_text
from fivetran_runtime._sync.row_encoder import Writer
from fivetran_runtime.tables import Table

MAX_ROW = 60


def writer() -> Writer:
    """For rows of one table, with one child of two key columns."""
    table = Table("users", lambda _: iter(()), key="id", children={"notes": ["user_id", "id"]})
    return Writer(table, MAX_ROW)


def outcome(write: Writer, row: Any) -> list[Any] | str:
    """The operations that a row makes, or why it is refused."""
    batch = Batch()
    try:
        write.write(row, batch)
    except DefectError as error:
        return str(error)
    return list(batch)


_KEYS: st.SearchStrategy[Any] = st.sampled_from(
    [5, "5", "05", "-7", "x", "", True, 1.5, Decimal("1.0"), None, [], {}, b"b", "\ud800", 2**63]
)
_VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [1, "text", None, 2**63, float("nan"), Decimal("NaN"), Decimal("1.10"), b"b", {1, 2}, "\ud800", "long" * 20,
     {"a": [1]}, {1: 2}, [float("inf")], OrderedDict(b=1)]
)  # fmt: skip


@given(_KEYS, _VALUES)
def test_a_later_row_is_refused_as_a_first_one_is(key: Any, value: Any) -> None:
    """The same bytes and key, or the same sentence, whether or not rows with its columns came before it."""
    row = {"id": key, "note": value}
    after_others = writer()
    assert outcome(after_others, {"id": 1, "note": "fine"}) == [
        ("users", 1, Upsert(b'{"id":1,"note":"fine"}'))
    ]
    assert outcome(after_others, row) == outcome(writer(), row)


@given(_KEYS, _KEYS)
def test_a_key_of_several_columns_is_made_of_each(user: Any, note: Any) -> None:
    """As those of one column are."""
    first, second = (outcome(writer(), {"id": one}) for one in (user, note))
    both = outcome(writer(), Row("notes", {"user_id": user, "id": note}))
    assert isinstance(both, str) == (isinstance(first, str) or isinstance(second, str))
    if isinstance(first, list) and isinstance(second, list) and isinstance(both, list):
        assert both[0][1] == (first[0][1], second[0][1])


class Columns(Mapping[str, Any]):
    """Columns of an author's own class."""

    def __init__(self, columns: dict[str, Any]) -> None:
        self._columns = columns

    def __getitem__(self, name: str) -> Any:
        return self._columns[name]

    def __iter__(self) -> Any:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)


@pytest.mark.parametrize("name", [1, None])
def test_a_later_row_with_other_names_is_looked_at(name: Any) -> None:
    """Names that are no text are refused whenever they come."""
    after_others = writer()
    outcome(after_others, {"id": 1, "note": 2})
    assert "a column name that is not text" in outcome(after_others, {"id": 1, name: 2})


def test_columns_that_are_no_dict_are_refused_at_any_time() -> None:
    """JSON is made of dicts."""
    after_others = writer()
    outcome(after_others, {"id": 1, "note": 2})
    row = Row("users", Columns({"id": 1, "note": 2}))
    assert "no JSON form" in outcome(after_others, row)
    assert outcome(after_others, row) == outcome(writer(), row)


_OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["users", "notes", 'a "table"']),
        st.integers(0, 5),
        st.booleans(),
        st.integers(0, 300),
    ),
    max_size=30,
)


@given(_OPERATIONS, st.integers(0, 30))
def test_an_answers_size_is_that_of_its_text(operations: list[Any], whole: int) -> None:
    """In one batch or taken over from a unit, replaced and dropped ones included: each key once, the last word on it."""
    batch, unit, last = Batch(), Batch(), {}
    for number, (table, key, is_delete, size) in enumerate(operations):
        if number == whole:
            batch.take(unit)
            unit = Batch()
        encoded = b'"' + b"x" * size + b'"'
        (unit.put_delete if is_delete else unit.put_row)(table, key, encoded)
        last[table, key] = Deletion(encoded) if is_delete else Upsert(encoded)
    batch.take(unit)
    assert {(table, key): one for table, key, one in batch} == last
    texts = {deletes: b"".join(batch.json(deletes=deletes)) for deletes in (False, True)}
    assert {deletes: len(text) for deletes, text in texts.items()} == {
        deletes: batch.json_size(deletes=deletes) for deletes in (False, True)
    }
    assert batch.bytes == sum(len(one.columns) + 1 for one in last.values())


def test_a_digest_is_that_of_earlier_releases() -> None:
    """States hold them: another number would have a finished table read as new."""
    batch = Batch()
    batch.put_row("users", 1, b'{"id":1}')
    batch.put_delete("a_long_name_of_a_table", 2, b'{"id":2}')
    assert digest_text(batch.digest()) == "a6d33ed4d18d314a"


def test_many_rows_are_sent_in_pieces() -> None:
    """As one text they would be in memory twice."""
    batch = Batch()
    for key in range(1_000):
        batch.put_row("users", key, b'{"id":%d,"note":"%s"}' % (key, b"x" * 100))
    pieces = list(batch.json(deletes=False))
    assert max(map(len, pieces)) * 4 < batch.bytes
    assert b"".join(pieces).startswith(b'{"users":[{"id":0,')
    assert b"".join(pieces).count(b'},{"id":') == 999
