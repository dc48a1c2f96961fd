"""Rows that a function leaves out: what `sync` says where no practice source can tell, and `--verify`."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scripted import Emulator, Json, Outcome

from fivetran_emulator.practice.serving import serving

ROWS: list[Json] = [
    {"id": n * 7 % 9_001, "changed": f"2026-01-{n % 28 + 1:02}T10:00:00Z"} for n in range(1, 296)
]
NOW = "2026-11-22T06:28:39Z"
Make = Callable[[dict[str, Any]], tuple[list[Json], Json, bool]]


def said(outcome: Outcome) -> list[str]:
    return [one["text"] for one in outcome.document["warnings"] if one["code"] == "rows-left-out"]


def serve(emulator: Emulator, make: Make, table: str = "bugs") -> None:
    def page(request: Json) -> Json:
        rows, state, more = make(request["state"])  # type: ignore[arg-type]
        schema = {table: {"primary_key": ["id"]}}
        return {"state": state, "insert": {table: rows}, "schema": schema, "hasMore": more}

    emulator.function.answers = [page]


def text_as_limit(state: dict[str, Any]) -> tuple[list[Json], Json, bool]:
    """`len(rows) == "100"` is never true: one call, 100 of 295 rows, and the clock as the mark."""
    offset = state.get("offset", 1)
    rows = ROWS[offset : offset + 100]
    return rows, {"offset": offset + 1, "since_id": NOW}, False


def counts_calls(state: dict[str, Any]) -> tuple[list[Json], Json, bool]:
    """The offset counts calls: a window of 100 rows moves by one."""
    offset = state.get("offset", 1)
    rows = ROWS[offset : offset + 100]
    return rows, {"offset": offset + 1, "since_id": NOW}, len(rows) == 100


def stops_early(state: dict[str, Any]) -> tuple[list[Json], Json, bool]:
    """Three pages and no more, and the offset stays."""
    offset = state.get("offset", 0)
    return ROWS[offset : offset + 33], {"offset": offset + 33}, offset < 66


@pytest.mark.parametrize("make", [text_as_limit, counts_calls, stops_early])
def test_two_signs_that_agree_are_a_warning(emulator: Emulator, make: Make) -> None:
    """The sync is complete, and says what is odd about that, and what to do."""
    serve(emulator, make)
    outcome = emulator.sync("--json")
    assert outcome.status == 0
    [text] = said(outcome)
    assert text.startswith("the function may leave rows out: ")
    assert "; " in text


def test_the_warning_names_what_was_seen(emulator: Emulator) -> None:
    """Each sign is a fact that can be looked up."""
    serve(emulator, text_as_limit)
    text = said(emulator.sync("--json"))[0]
    assert "the last answer was a full page (100 rows of bugs)" in text
    assert "`offset` of the state is still 2 after `hasMore: false`" in text
    assert "`since_id` of the state is later than every row (2026-01-28T10:00:00Z)" in text


def test_a_window_that_moves_too_slowly_is_reported_by_its_rows(emulator: Emulator) -> None:
    """Most rows came many times over; and the calls that this takes are counted."""
    serve(emulator, counts_calls)
    text = said(emulator.sync("--json"))[0]
    assert "19,305 of 19,599 rows of bugs came again unchanged within this sync" in text
    assert "`offset` of the state is still 197" in text


def whole(state: dict[str, Any]) -> tuple[list[Json], Json, bool]:
    """Everything in one answer; a hundred rows are chance, and nothing else is odd."""
    return ROWS[:100], {"since": max(str(row["changed"]) for row in ROWS)}, False


def by_id(state: dict[str, Any]) -> tuple[list[Json], Json, bool]:
    """Ids without a gap, in full pages, with the largest as the mark: a number that is a row's, no counter."""
    after = state.get("after", 0)
    return [{"id": after + n} for n in range(1, 101)], {"after": after + 100}, after < 200


def overlapping(state: dict[str, Any]) -> tuple[list[Json], Json, bool]:
    """Pages that overlap by a row, the last not full, an offset that ends at 0."""
    start = state.get("offset", 0)
    more = start + 50 < len(ROWS)
    return ROWS[max(start - 1, 0) : start + 50], {"offset": start + 50 if more else 0, "since": NOW}, more


def resent(state: dict[str, Any]) -> tuple[list[Json], Json, bool]:
    """A list that every answer holds whole, as samples send their users with each page of tickets; the clock as the mark."""
    calls = state.get("page", 0) + 1
    return ROWS[:17], {"page": calls if calls < 4 else 0, "since": NOW}, calls < 4


def first_version(state: dict[str, Any]) -> tuple[list[Json], Json, bool]:
    """A state with a version, and a hundred rows."""
    return ROWS[:100], {"version": 1, "since": "2026-01-02T00:00:00Z"}, False


def local_times(state: dict[str, Any]) -> tuple[list[Json], Json, bool]:
    """Times without a zone, which may be up to a day off: the clock is not known to be later than they are."""
    return [{"id": n, "changed": "2026-11-22 04:28:39"} for n in range(100)], {"since": NOW}, False


@pytest.mark.parametrize("make", [whole, by_id, overlapping, resent, first_version, local_times])
def test_one_sign_alone_is_no_warning(emulator: Emulator, make: Make) -> None:
    """Careful connectors, and plain ones as samples are, hear nothing; a second sync as little."""
    serve(emulator, make)
    for _ in range(2):
        outcome = emulator.sync("--json")
        assert outcome.status == 0
        assert said(outcome) == []


class Posted:
    """A request as functions-framework hands it over."""

    def __init__(self, sent: Json) -> None:
        self._sent = sent

    def get_json(self) -> Json:
        return self._sent


def test_the_plain_connector_of_the_page_hears_nothing(emulator: Emulator, tmp_path: Path) -> None:
    """Users whole in every answer, tickets in pages, the clock as the mark: once from the start, once from the state."""
    plain = Path(__file__).parents[1] / "plain"
    main = runpy.run_path(str(plain / "tickets.py"))["main"]
    practice = runpy.run_path(str(plain / "practice.py"))
    emulator.function.answers = [lambda request: main(Posted(request))]
    secrets = tmp_path / "secrets.json"
    with serving(practice["source"]) as url:
        secrets.write_text(json.dumps({**practice["secrets"], "url": url}))
        outcomes = [emulator.sync("--json", "--secrets", str(secrets)) for _ in range(2)]
    assert [outcome.status for outcome in outcomes] == [0, 0]
    assert [said(outcome) for outcome in outcomes] == [[], []]


def test_rows_that_the_emulator_itself_repeats_are_no_sign(emulator: Emulator) -> None:
    """A repeated call brings all its rows again."""
    serve(emulator, overlapping)
    assert said(emulator.sync("--json", "--fault", "repeat@2")) == []


def test_verify_finds_what_only_a_second_reading_has(emulator: Emulator) -> None:
    """A row that appeared behind the mark: the sync goes on from its state, the second reading does not; status 1."""
    rows: list[Json] = [{"id": n} for n in (1, 2, 3)]
    serve(emulator, lambda state: (rows[state.get("read", 0) :], {"read": len(rows)}, False))
    assert emulator.sync("--verify").status == 0
    rows.insert(0, {"id": 0})
    outcome = emulator.sync("--verify")
    assert outcome.status == 1
    text = (
        "table bugs: missing in the warehouse, found by the second reading: 1 key (0); 3 rows here, 4 there"
    )
    assert text in outcome.out
    assert "warning: table bugs: missing in the warehouse" in emulator.look("log").out
    assert emulator.function.requests[-1]["state"] == {}
    assert emulator.function.requests[-1]["sync_id"] != emulator.function.requests[-2]["sync_id"]


def test_verify_finds_what_the_second_reading_does_not_have(emulator: Emulator) -> None:
    """Rows deleted in the source and never here; the warehouse and its state are not touched."""
    rows: list[Json] = [{"id": n} for n in range(1_234)]
    serve(emulator, lambda _: (list(rows), {"n": 1}, False))
    emulator.sync()
    del rows[5:]
    outcome = emulator.sync("--verify", "--json")
    assert outcome.status == 1
    [warning] = [one for one in outcome.document["warnings"] if one["code"].startswith("verify")]
    assert warning["text"] == (
        "table bugs: in the warehouse, not found by the second reading: 1,229 keys (5; 6; 7; ...); 1,234 rows here, 5 there"
    )
    assert emulator.rows("SELECT count(*) FROM bugs") == [(1_234,)]
    assert emulator.rows("SELECT DISTINCT database_name FROM duckdb_databases() WHERE NOT internal") == [
        ("warehouse",)
    ]


def test_verify_compares_keys_by_what_they_say(emulator: Emulator) -> None:
    """A key column that has become text here is a number in the second reading: 5 is "5"."""
    serve(emulator, lambda state: ([{"id": "5"}] if not state else [{"id": 5}], {"n": 1}, False))
    emulator.sync()
    serve(emulator, lambda _: ([{"id": 5}], {"n": 1}, False))
    assert emulator.sync("--verify").status == 0


def test_verify_knows_flagged_rows_keys_of_two_columns_and_tables_without_one(emulator: Emulator) -> None:
    """A row flagged as deleted counts as deleted; what has no key is not compared."""
    table, rows = 'o\'rders "x"', [{"shop": "a", "no": n} for n in range(4)]

    def page(request: Json) -> Json:
        return {
            "state": {"n": 1},
            "insert": {table: rows, "log": [{"a": 1}]},
            "delete": {table: [{"shop": "a", "no": 3}] if request["state"] else []},
            "schema": {table: {"primary_key": ["shop", "no"]}},
            "softDelete": [table],
        }

    emulator.function.answers = [page]
    emulator.sync()
    rows.pop()
    outcome = emulator.sync("--verify")
    assert (outcome.status, outcome.err) == (0, "")
    [name] = [one["name"] for one in json.loads(emulator.look("tables", "--json").out) if one["key"]]
    assert emulator.rows(f'SELECT count(*) FROM "{name}" WHERE _fivetran_deleted') == [(1,)]  # noqa: S608
    assert emulator.rows("SELECT count(*) FROM log") == [(2,)]


def test_a_second_reading_that_fails_says_so(emulator: Emulator) -> None:
    """The rows of the sync are kept; status 1."""
    good: Json = {"state": {"n": 1}, "insert": {"bugs": [{"id": 1}]}}
    emulator.function.answers = [good, {"errorMessage": "the source is away"}]
    outcome = emulator.sync("--verify")
    assert outcome.status == 1
    assert "error: the second reading failed: " in outcome.err
    assert "the source is away" in outcome.err
    assert emulator.rows("SELECT count(*) FROM bugs") == [(1,)]


def test_verify_without_a_function_is_refused(emulator: Emulator, tmp_path: Path) -> None:
    """A recording cannot be read a second time."""
    outcome = emulator.run("sync", "--replay", str(tmp_path), "--verify", "--warehouse", str(emulator.path))
    assert outcome.status == 2
    assert "--verify has nothing to call" in outcome.err
