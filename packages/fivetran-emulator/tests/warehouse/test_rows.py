"""What becomes of rows and deletes in the warehouse."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from scripted import Emulator, Json

from fivetran_emulator.warehouse.columns import column_name


def table(
    *rows: Mapping[str, object],
    key: tuple[str, ...] = ("id",),
    delete: list[Json] | None = None,
    soft: bool = False,
    more: bool = False,
) -> Json:
    """An answer with rows of the table `t`; with `soft` the table is in `softDelete`."""
    schema = {"t": {"primary_key": list(key)}} if key else {}
    removed = {"t": delete} if delete is not None else {}
    soft_delete = {"softDelete": ["t"]} if soft else {}
    return {
        "state": {},
        "insert": {"t": list(rows)},
        "delete": removed,
        "schema": schema,
        "hasMore": more,
        **soft_delete,
    }


def test_a_row_replaces_the_whole_row(emulator: Emulator) -> None:
    """Behaviour 14: A column that is absent from the new row becomes NULL."""
    emulator.answering(table({"id": 1, "a": "x", "b": "y"}, {"id": 2, "a": "z"}))
    outcome = emulator.answering(table({"id": 1, "b": "new"}))
    assert emulator.rows("SELECT id, a, b FROM t ORDER BY id") == [(1, None, "new"), (2, "z", None)]
    assert emulator.counts(outcome, "t") == (0, 1, 0, 0, 2)


def test_the_last_of_several_rows_with_one_key_wins(emulator: Emulator) -> None:
    """Behaviour 14: In one answer as over several, the order in which rows were sent decides."""
    outcome = emulator.answering(table({"id": 1, "a": "first"}, {"id": 2}, {"id": 1, "a": "last"}))
    assert emulator.rows("SELECT id, a FROM t ORDER BY id") == [(1, "last"), (2, None)]
    assert emulator.counts(outcome, "t") == (2, 0, 0, 0, 2)


def test_inserted_updated_and_unchanged_are_distinguished(emulator: Emulator) -> None:
    """Counts go by content: a row that came again as it was is unchanged."""
    emulator.answering(table({"id": 1, "a": [1, {"b": None}]}, {"id": 2, "a": 0.1}, {"id": 3, "a": "x"}))
    outcome = emulator.answering(
        table({"id": 1, "a": [1, {"b": None}]}, {"id": 2, "a": 0.2}, {"id": 4, "a": None})
    )
    assert emulator.counts(outcome, "t") == (1, 1, 1, 0, 4)


def test_several_columns_make_a_key(emulator: Emulator) -> None:
    """All of them together name a row, whatever their types."""
    rows = [{"day": d, "n": n, "ok": ok, "v": 1} for d in ("a", "b") for n in (1, 2) for ok in (True, False)]
    key = ("day", "n", "ok")
    emulator.answering(table(*rows, key=key))
    outcome = emulator.answering(table({"day": "a", "n": 2, "ok": False, "v": 2}, rows[0], key=key))
    assert emulator.counts(outcome, "t") == (0, 1, 1, 0, 8)


def test_a_table_without_a_key_is_appended_to(emulator: Emulator) -> None:
    """Behaviour 15: `_fivetran_batch` counts answers over all syncs, `_fivetran_index` the rows of one; re-sent rows double."""
    emulator.answering(table({"a": 1}, {"a": 1}, key=(), more=True), table({"a": 2}, key=()))
    outcome = emulator.answering(table({"a": 1}, key=()))
    assert emulator.rows("SELECT a, _fivetran_batch, _fivetran_index FROM t ORDER BY ALL") == [
        (1, 1, 0), (1, 1, 1), (1, 3, 0), (2, 2, 0)
    ]  # fmt: skip
    assert emulator.counts(outcome, "t") == (1, 0, 0, 0, 4)
    assert [w["code"] for w in outcome.document["warnings"]] == ["no-key"]


def test_a_deleted_row_is_removed_and_an_unknown_key_is_no_matter(emulator: Emulator) -> None:
    """Behaviour 17: Deletes are hard unless the table is in `softDelete`."""
    emulator.answering(table({"id": 1}, {"id": 2}))
    outcome = emulator.answering(table(delete=[{"id": 1}, {"id": 99}]))
    assert emulator.rows("SELECT id FROM t") == [(2,)]
    assert emulator.counts(outcome, "t") == (0, 0, 0, 1, 1)


def test_a_soft_delete_flags_the_row_and_a_return_clears_the_flag(emulator: Emulator) -> None:
    """Behaviour 20: `_fivetran_deleted` is there for the tables in `softDelete`; flagging twice counts once."""
    emulator.answering(table({"id": 1, "a": "x"}, {"id": 2, "a": "y"}, soft=True))
    first = emulator.answering(table(delete=[{"id": 1}], soft=True))
    again = emulator.answering(table(delete=[{"id": 1}], soft=True))
    assert emulator.rows("SELECT id, a, _fivetran_deleted FROM t ORDER BY id") == [
        (1, "x", True),
        (2, "y", False),
    ]
    assert (emulator.counts(first, "t")[3], emulator.counts(again, "t")[3]) == (1, 0)
    back = emulator.answering(table({"id": 1, "a": "x"}, soft=True))
    assert emulator.rows("SELECT id, _fivetran_deleted FROM t ORDER BY id") == [(1, False), (2, False)]
    assert emulator.counts(back, "t") == (0, 1, 0, 0, 2)


def test_a_table_that_was_soft_stays_so(emulator: Emulator) -> None:
    """The flag column is kept when an answer forgets `softDelete`, and new rows are not flagged."""
    emulator.answering(table({"id": 1}, soft=True))
    emulator.answering(table({"id": 2}, delete=[{"id": 1}]))
    assert emulator.rows("SELECT id, _fivetran_deleted FROM t ORDER BY id") == [(1, True), (2, False)]


def test_a_key_in_insert_and_delete_ends_as_inserted_with_a_warning(emulator: Emulator) -> None:
    """Behaviour 19: Fivetran promises no order; here the delete comes first."""
    emulator.answering(table({"id": 1, "a": "old"}))
    outcome = emulator.answering(table({"id": 1, "a": "new"}, delete=[{"id": 1}]))
    assert emulator.rows("SELECT id, a FROM t") == [(1, "new")]
    assert [w["code"] for w in outcome.document["warnings"]] == ["key-in-both"]


def test_a_delete_finds_rows_by_a_key_of_another_type(emulator: Emulator) -> None:
    """A delete whose key is text does not fail on a table whose key is a number."""
    emulator.answering(table({"id": 1}, {"id": 2}))
    emulator.answering(table(delete=[{"id": "1"}, {"id": "x"}]))
    assert emulator.rows("SELECT id FROM t") == [(2,)]


def test_synced_is_utc_and_moves_with_every_row_sent(emulator: Emulator) -> None:
    """Behaviour 21: Also a row that came again unchanged has been synced again."""
    emulator.answering(table({"id": 1}, {"id": 2}))
    [(first,)] = emulator.rows("SELECT DISTINCT _fivetran_synced FROM t")
    emulator.answering(table({"id": 2}))
    rows = dict(emulator.rows("SELECT id, _fivetran_synced FROM t"))
    assert rows[1] == first < rows[2]


def test_a_table_with_a_schema_but_no_rows_is_not_made(emulator: Emulator) -> None:
    """Behaviour 25: Nor is one whose rows never had a value."""
    outcome = emulator.answering(
        {"state": {}, "schema": {"t": {"primary_key": ["id"]}}, "insert": {"u": [{"a": None}]}}
    )
    assert outcome.status == 0
    assert emulator.rows("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main'") == []


@pytest.mark.parametrize(
    ("answers", "problem"),
    [
        ([table({"id": None, "a": 1})], "table t has no value for its key column `id` (missing or null) in row 0 of `insert`"),
        ([table({"id": 1}, {"a": 1}, {"a": 2})], "(missing or null) in row 1 of `insert` and in 1 more"),
        ([table({"id": [1]})], "`id` (an object or a list) in row 0"),
        ([table(delete=[{"a": 1}])], "table t has no value for its key column `id` (missing or null) in row 0 of `delete`"),
        ([table(key=(), delete=[{"id": 1}])], "table t has rows in `delete` but no `primary_key` in `schema`"),
        ([table({"id": 1, "_fivetran_x": 1})], "table t has a column '_fivetran_x'; names that start with `_fivetran_`"),
        ([table({"id": 1, "_FivetranId": 1})], "table t has a column '_FivetranId'"),
        ([table({"id": 1, "": 1})], "table t has a column with an empty name"),
        ([table({"id": 1, "userName": 1}, {"id": 2, "user_name": 1})], "the columns `userName` and `user_name`"),
        ([{"state": {}, "insert": {"aB": [{"x": 1}], "a_b": [{"x": 1}]}}], "the tables `aB` and `a_b` would all be named `a_b`"),
        ([{"state": {}, "insert": {"_": [{"x": 1}]}}], "the table name '_' has no letter or digit"),
        ([table({"id": 1}), table({"id": 1}, key=("id", "n"))], "has the key `id` and `n` in `schema`, but was loaded with the key `id`"),
        ([table({"id": 1}), table({"id": 2}, key=())], "has no key in `schema`, but was loaded with the key `id` before"),
        ([table({"id": 1}, key=()), table({"id": 2})], "has the key `id` in `schema`, but was loaded with no key before"),
    ],
)  # fmt: skip
def test_rows_that_cannot_be_loaded_fail_by_name(
    emulator: Emulator, answers: list[Json], problem: str
) -> None:
    """Behaviour 16: Table, column and row are named; nothing of the answer is kept."""
    for accepted in answers[:-1]:
        assert emulator.answering(accepted).status == 0
    before = emulator.rows("SELECT * FROM t") if answers[:-1] else None
    outcome = emulator.answering(answers[-1])
    assert outcome.status == 1
    assert problem in "\n".join(outcome.document["error"]["problems"])
    if before is not None:
        assert emulator.rows("SELECT * FROM t") == before


def test_the_problems_of_all_tables_are_reported_at_once(emulator: Emulator) -> None:
    """One run shows every mistake of an answer."""
    outcome = emulator.answering({
        "state": {},
        "insert": {"a": [{"x": 1}], "b": [{"_fivetran_y": 1}]},
        "delete": {"c": [{"id": 1}]},
        "schema": {"a": {"primary_key": ["id"]}},
    })  # fmt: skip
    assert [line.split()[1] for line in outcome.document["error"]["problems"]] == ["a", "b", "c"]


def test_names_become_fivetrans(emulator: Emulator) -> None:
    """Behaviour 22: The key is found under its new name too."""
    emulator.answering({
        "state": {},
        "insert": {"_userAccounts": [{"userID": 1, "address1": "x", "$amount": 2, "username": "a", "userName": "b"}]},
        "schema": {"_userAccounts": {"primary_key": ["userID"]}},
    })  # fmt: skip
    assert emulator.rows("SELECT user_id, address_1, _amount, username, user_name FROM user_accounts") == [
        (1, "x", 2, "a", "b")
    ]


def test_many_rows_keep_their_order_and_number(emulator: Emulator) -> None:
    """More rows than fit one chunk, with duplicates across chunks: the last of each key stays."""
    rows = [{"id": n % 9_000, "n": n} for n in range(20_000)]
    outcome = emulator.answering(table(*rows))
    assert emulator.counts(outcome, "t") == (9_000, 0, 0, 0, 9_000)
    assert emulator.rows("SELECT min(n), max(n), sum(n) FROM t") == [
        (11_000, 19_999, sum(range(11_000, 20_000)))
    ]


def test_rows_with_nothing_in_them_are_rows_too(emulator: Emulator) -> None:
    """In a table without a key that is there, an empty row is appended like any other."""
    emulator.answering(table({"a": 1}, key=()))
    outcome = emulator.answering(table({"a": None}, {}, key=()))
    assert emulator.counts(outcome, "t") == (2, 0, 0, 0, 3)


@pytest.mark.parametrize(
    "name", ["rowid", "ROWID", "place", "ordinal", "differs", "t", "s", "m", "found", "o", "c0", "p0"]
)
def test_a_column_may_have_any_name(emulator: Emulator, name: str) -> None:
    """Our own SQL has names too, and DuckDB a `rowid`: a row's update reaches that row and no other."""
    emulator.answering(table({"id": 1, name: 5}, {"id": 2, name: 5}))
    outcome = emulator.answering(table({"id": 1, name: 6}, {"id": 2, name: 5}))
    column = column_name(name)
    assert emulator.rows(f'SELECT id, "{column}" FROM t ORDER BY id') == [(1, 6), (2, 5)]  # noqa: S608
    assert emulator.counts(outcome, "t") == (0, 1, 1, 0, 2)


@pytest.mark.parametrize("schema", ["main", "acme_export"])
@pytest.mark.parametrize("name", ["deleted", "staged", "found", "matched", "tables", "columns", "temp"])
def test_a_table_may_have_any_name_in_any_schema(emulator: Emulator, schema: str, name: str) -> None:
    """Rows are inserted, updated and deleted in the user's table, never in a temporary one of ours."""

    def of(*rows: Mapping[str, object], delete: tuple[Json, ...] = ()) -> Json:
        keys = {name: {"primary_key": ["id"]}}
        return {
            "state": {},
            "insert": {name: list(rows)},
            "delete": {name: list(delete)},
            "schema": keys,
            "hasMore": False,
        }

    into = ("--schema", schema)
    emulator.answering(of({"id": 1, "a": "x"}, {"id": 2, "a": "y"}), arguments=into)
    outcome = emulator.answering(of({"id": 1, "a": "new"}, delete=({"id": 2},)), arguments=into)
    assert emulator.rows(f'SELECT id, a FROM "{schema}"."{name}"') == [(1, "new")]  # noqa: S608
    assert emulator.counts(outcome, name) == (0, 1, 0, 1, 1)
