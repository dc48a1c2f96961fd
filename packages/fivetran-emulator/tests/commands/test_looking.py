"""The commands that look: tables, log, query."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path

import pytest
from scripted import Emulator, Json, sync_command

from fivetran_emulator.__main__ import main

BODY: Json = {
    "state": {"n": 1},
    "insert": {"userAccounts": [{"id": 1, "name": "é", "data": {"a": 1}}, {"id": 2}], "log": [{"line": "x"}]},
    "schema": {"userAccounts": {"primary_key": ["id"]}, "nothing": {"primary_key": ["id"]}},
}


def test_tables_tells_what_landed(emulator: Emulator) -> None:
    """Rows, key, columns with types, and when a row was last synced."""
    emulator.answering(BODY, arguments=("--deterministic",))
    out = emulator.look("tables").out
    assert "main.user_accounts: 2 rows, key id, last synced 2026-01-02T00:00:01Z\n    id BIGINT\n" in out
    assert "main.log: 1 rows, no key" in out
    [log, users] = json.loads(emulator.look("tables", "--json").out)
    assert (log["name"], log["key"], log["rows"]) == ("log", [], 1)
    assert users["columns"] == {
        "id": "BIGINT",
        "name": "VARCHAR",
        "data": "JSON",
        "_fivetran_synced": "TIMESTAMP",
    }


def test_log_tells_of_past_syncs(emulator: Emulator) -> None:
    """Each with its invocations, warnings and error, oldest first."""
    emulator.answering(BODY, arguments=("--sync-id", "S1"))
    emulator.answering(
        {"state": {}, "hasMore": True, "insert": {"log": [{"line": "y"}]}},
        b"x",
        arguments=("--sync-id", "S2"),
    )
    lines = emulator.look("log").out.splitlines()
    assert "  complete  " in lines[0]
    assert "S1" in lines[0]
    assert lines[1].startswith("    #1 done  3 rows  0 deletes")
    assert lines[2].startswith("    warning: table log has no key")
    assert "  failed  " in lines[3]
    assert lines[-1].startswith("    error: the answer is not valid JSON")
    [last] = json.loads(emulator.look("log", "--json", "--last", "1").out)
    assert (last["sync_id"], last["outcome"], len(last["invocations"])) == ("S2", "failed", 1)


def test_query_prints_a_table(emulator: Emulator) -> None:
    """No other program is needed to look at the rows; NULL differs from text."""
    emulator.answering(BODY)
    out = emulator.look("query", "SELECT id, name FROM main.user_accounts ORDER BY id").out
    assert [line.split() for line in out.splitlines()] == [["id", "name"], ["1", "é"], ["2", "NULL"]]
    assert json.loads(
        emulator.look("query", "--json", "SELECT 2::HUGEINT ** 100 AS big, DATE '2026-01-01' AS day").out
    )


def test_query_shows_only_so_many_rows(emulator: Emulator) -> None:
    """And says so, on the other stream."""
    emulator.answering(BODY)
    outcome = emulator.look("query", "--rows", "3", "FROM range(10)")
    assert len(outcome.out.splitlines()) == 4
    assert "only the first 3 rows are shown" in outcome.err


def test_query_finds_tables_of_the_schema_named(emulator: Emulator) -> None:
    """With `--schema`, a table needs no schema in the query."""
    emulator.answering(BODY, arguments=("--schema", "acme"))
    assert emulator.look("query", "--schema", "acme", "SELECT count(*) FROM log").out.split() == [
        "count_star()",
        "1",
    ]


@pytest.mark.parametrize(
    "sql",
    ["SELEC 1", "FROM nowhere", "FROM options", "DROP TABLE main.log", "INSERT INTO main.log VALUES (1)"],
)
def test_a_query_that_cannot_be_answered_is_status_2(emulator: Emulator, sql: str) -> None:
    """DuckDB's own words, no traceback; nothing can be changed by a query."""
    emulator.answering(BODY)
    outcome = emulator.look("query", sql)
    assert outcome.status == 2
    assert outcome.err.startswith("error: ")
    assert "Traceback" not in outcome.err
    assert "Python" not in outcome.err
    assert emulator.rows("SELECT count(*) FROM main.log") == [(1,)]


@pytest.mark.parametrize("command", [["tables"], ["log"], ["query", "FROM x"], ["state", "get"]])
def test_a_file_that_is_not_there_is_not_made(emulator: Emulator, command: list[str]) -> None:
    """Status 3, and what to do first."""
    outcome = emulator.look(*command)
    assert outcome.status == 3
    assert "Sync into it first" in outcome.err
    assert not emulator.path.exists()


def test_which_connection_is_meant_is_asked_only_if_there_are_several(emulator: Emulator) -> None:
    """And those there are, are named."""
    emulator.answering(BODY, arguments=("--schema", "one"))
    assert emulator.look("tables").out.startswith("one.log: ")
    emulator.answering(BODY, arguments=("--schema", "two"))
    outcome = emulator.look("tables")
    assert outcome.status == 2
    assert "There are: one, two." in outcome.err
    assert emulator.look("log", "--schema", "three").status == 2


def test_the_last_line_of_a_sync_is_a_command_that_works(emulator: Emulator) -> None:
    """What it says to type can be typed, from where the sync ran."""
    emulator.function.answers = [BODY]
    folder = emulator.path.parent
    done = subprocess.run(
        sync_command(emulator.function.url), cwd=folder, capture_output=True, text=True, check=True
    )
    last = done.stdout.splitlines()[-1]
    assert last.startswith("look at it: ")
    assert "--warehouse" not in last
    typed = shlex.split(last.removeprefix("look at it: "))
    shown = subprocess.run(typed, cwd=folder, capture_output=True, text=True, check=True)
    assert shown.stdout.split()[:2] == ["line", "_fivetran_batch"]


def test_whoever_runs_it_for_another_says_how_to_look(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FIVETRAN_EMULATOR_QUERY stands in place of the command's own name."""
    monkeypatch.setenv("FIVETRAN_EMULATOR_QUERY", "nox -s query --")
    emulator.function.answers = [BODY]
    last = emulator.sync().out.splitlines()[-1]
    assert last == f"look at it: nox -s query -- --warehouse {emulator.path} 'FROM main.log LIMIT 10'"


def test_a_table_without_rows_is_not_listed_as_if_it_were_there(emulator: Emulator) -> None:
    """Behaviour 25: it is named on a line of its own until it has a row."""
    emulator.function.answers = [BODY]
    out = emulator.sync().out
    assert "\nno rows, so no table: nothing\n" in out
    assert out.count("nothing") == 1


def test_packed_values_of_the_state_are_reported_by_their_size(emulator: Emulator) -> None:
    """Nobody reads two thousand characters of base64; a sentence is shown as far as it fits."""
    emulator.function.answers = [{"state": {"keys": "eJxT" * 500, "note": "so many words " * 10, "at": 5}}]
    lines = [line.strip() for line in emulator.sync().out.splitlines()]
    assert "keys: (none) -> (2,000 characters)" in lines
    assert 'note: (none) -> "so many words so many words so many words so...' in lines
    assert "at: (none) -> 5" in lines


def test_query_shows_instants_and_numbers_that_json_has_not(emulator: Emulator) -> None:
    """Without a package for time zones, and as JSON that any parser takes."""
    emulator.answering(BODY)
    assert "20" in emulator.look("query", "SELECT now() AS at, 1 AS n;").out
    strict = emulator.look("query", "--json", "SELECT 'nan'::DOUBLE AS n, [1.5, 'inf'::DOUBLE] AS l").out
    assert json.loads(strict, parse_constant=pytest.fail) == [{"n": "nan", "l": [1.5, "inf"]}]


def test_log_shows_no_secret_that_sync_has_hidden(emulator: Emulator, tmp_path: Path) -> None:
    """Warnings quote the function; they lie in the warehouse as they were shown."""
    secret = "s3cr3t-VALUE-7781-long"
    (tmp_path / "secrets.json").write_text(json.dumps({"token": secret}))
    body = {"state": {}, "insert": {f"rows of {secret}": [{"a": 1}]}, f"debug {secret}": 1}
    emulator.answering(body, arguments=("--secrets", str(tmp_path / "secrets.json")))
    shown = emulator.look("log").out + emulator.look("log", "--json").out
    assert "warning" in shown
    assert secret not in shown
    assert secret not in str(emulator.rows("FROM fivetran_emulator.warnings"))


def test_an_interrupt_while_a_command_is_loaded_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends with the status that any other Ctrl-C has."""
    monkeypatch.setattr("fivetran_emulator.__main__.import_module", _interrupted)
    assert main(["tables"]) == 130


def _interrupted(_name: str) -> object:
    raise KeyboardInterrupt
