"""The sync loop against a real server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from scripted import Emulator, Json

KEYED = {"users": {"primary_key": ["id"]}}


def users(*rows: Json, state: Json | None = None, **members: object) -> Json:
    return {"state": state or {}, "insert": {"users": list(rows)}, "schema": KEYED, **members}


def test_calls_again_with_the_new_state_while_the_answer_has_more(emulator: Emulator) -> None:
    """Behaviour 5: A sync is one chain of calls: each gets the state of the answer before, all get the same sync_id."""
    outcome = emulator.answering(
        users({"id": 1}, state={"page": 1}, hasMore=True),
        users({"id": 2}, state={"page": 2}, hasMore=True),
        users({"id": 3}, state={"page": 3}, hasMore=False),
    )
    sent = emulator.function.requests
    assert outcome.status == 0
    assert [request["state"] for request in sent] == [{}, {"page": 1}, {"page": 2}]
    assert len({request["sync_id"] for request in sent}) == 1
    assert emulator.rows("SELECT id FROM main.users ORDER BY id") == [(1,), (2,), (3,)]


def test_the_state_goes_back_byte_for_byte(emulator: Emulator) -> None:
    """Behaviour 2: Member order, spaces, escapes and long numbers of the state survive both the next call and the next sync."""
    state = '{"b": 1.0,  "a": [12345678901234567890123, "\\u00e9/\\/"], "":{}}'
    body = f'{{"hasMore": true, "state" : {state} , "insert": {{"t": [{{"a": 1}}]}}}}'.encode()
    emulator.answering(body, body.replace(b"true", b"false"))
    emulator.answering(body.replace(b"true", b"false"))
    assert [f'"state":{state},'.encode() in sent for sent in emulator.function.bodies] == [False, True, True]


def test_secrets_are_sent_unchanged_with_every_call(emulator: Emulator, tmp_path: Path) -> None:
    """Behaviour 3: The function sees the object in the file as it is, nested values included."""
    secrets = {"token": "s3cret-value", "nested": {"list": [1, "two"]}, "flag": True}
    (tmp_path / "secrets.json").write_text(json.dumps(secrets))
    emulator.answering(
        users({"id": 1}, hasMore=True),
        users({"id": 2}),
        arguments=("--secrets", str(tmp_path / "secrets.json")),
    )
    assert [request["secrets"] for request in emulator.function.requests] == [secrets, secrets]


def test_the_request_looks_like_fivetrans(emulator: Emulator) -> None:
    """Behaviour 1: JSON content type, an agent that names the destination schema, Fivetran's name as the user agent."""
    emulator.answering(users({"id": 1}), arguments=("--schema", "acme"))
    headers = emulator.function.request_headers[0]
    assert headers["Content-Type"] == "application/json"
    assert "Fivetran" in headers["User-Agent"]
    assert emulator.function.requests[0]["agent"] == (
        "Fivetran Google Cloud Functions Connector/fivetran_emulator/acme"
    )


def test_a_missing_has_more_ends_the_sync(emulator: Emulator) -> None:
    """Behaviour 6: Absent means false."""
    assert emulator.answering(users({"id": 1})).status == 0
    assert len(emulator.function.requests) == 1


def test_has_more_misspelt_is_a_loud_warning(emulator: Emulator) -> None:
    """Behaviour 6: `has_more` stops Fivetran after the first answer; the author sees that, and how to spell it."""
    emulator.function.answers = [users({"id": 1}, has_more=True)]
    outcome = emulator.sync("--quiet")
    assert outcome.status == 0
    assert "`has_more` is ignored by Fivetran: it stops after this answer" in outcome.out
    assert "Spell it `hasMore`." in outcome.out


def test_more_than_ten_empty_answers_in_a_row_end_the_sync(emulator: Emulator) -> None:
    """Behaviour 7: The eleventh empty answer fails; ten and then a row do not."""
    empty = [{"state": {"n": n}, "hasMore": True} for n in range(11)]
    assert emulator.answering(*empty).status == 1
    assert len(emulator.function.requests) == 11
    one_row = users({"id": 1}, state={"n": 99}, hasMore=True)
    last = {"state": {"n": 100}, "hasMore": False}
    assert emulator.answering(*empty[:10], one_row, *empty[:10], last).status == 0


def test_standing_still_is_worth_a_warning(emulator: Emulator) -> None:
    """`hasMore: true` with no rows and the same state can only repeat itself."""
    still = {"state": {"n": 1}, "hasMore": True}
    outcome = emulator.answering(still, still, {"state": {"n": 1}, "hasMore": False})
    assert [w["code"] for w in outcome.document["warnings"]] == ["no-progress"]


def test_a_failure_keeps_what_was_accepted_and_the_next_sync_goes_on(emulator: Emulator) -> None:
    """Behaviour 12: The failed call changes nothing; the next sync starts from the last accepted state and says so."""
    failed = emulator.answering(users({"id": 1}, state={"page": 1}, hasMore=True), b"no json")
    assert failed.status == 1
    assert emulator.rows("SELECT id FROM main.users") == [(1,)]
    emulator.function.requests.clear()
    emulator.function.answers = [users({"id": 2}, state={"page": 2})]
    resumed = emulator.sync()
    assert emulator.function.requests[0]["state"] == {"page": 1}
    assert "resuming: " in resumed.out
    assert "failed after 1 accepted answers" in resumed.out


def test_a_failed_sync_shows_what_each_table_got(emulator: Emulator) -> None:
    """What was accepted before stays, so it is counted on the screen as after a sync that is complete."""
    emulator.function.answers = [users({"id": 1}, {"id": 2}, state={"page": 1}, hasMore=True), b"no json"]
    failed = emulator.sync()
    assert failed.status == 1
    assert "users 2 2 0 0 0 2" in [" ".join(line.split()) for line in failed.err.splitlines()]


def test_two_schemas_of_one_file_are_two_connections(emulator: Emulator) -> None:
    """Each destination schema has its own state and tables."""
    emulator.answering(users({"id": 1}, state={"a": 1}), arguments=("--schema", "one"))
    emulator.answering(users({"id": 2}, state={"b": 2}), arguments=("--schema", "two"))
    assert emulator.function.requests[0]["state"] == {}
    assert emulator.rows("SELECT id FROM one.users UNION ALL SELECT id FROM two.users") == [(1,), (2,)]


def test_what_the_function_tells_in_its_header_is_shown(emulator: Emulator) -> None:
    """Cut, requests and retries of the invocation header are on the invocation's line."""
    reported = {"cut": "bytes", "requests": 17, "retries": 2, "unheard": ["of"]}
    emulator.function.headers["X-Connector-Invocation"] = json.dumps(reported)
    emulator.function.answers = [users({"id": 1})]
    assert "done    cut=bytes          1 rows" in (out := emulator.sync().out)
    assert "17 requests (2 retried)" in out


def test_a_header_that_cannot_be_read_is_left_out(emulator: Emulator) -> None:
    """The header is a courtesy: nonsense in it harms nothing."""
    emulator.function.headers["X-Connector-Invocation"] = "{nonsense"
    assert emulator.answering(users({"id": 1})).status == 0


def test_a_second_run_of_the_same_rows_says_that_nothing_changed(emulator: Emulator) -> None:
    """Rows that come again with the same content are neither inserted nor updated, and the last line says it."""
    emulator.function.answers = [users({"id": 1, "name": "é"}, {"id": 2, "name": None})]
    first, second = emulator.sync(), emulator.sync()
    assert "2 inserted, 0 updated, 0 deleted" in first.out
    assert "nothing changed, 2 rows came again with the same content" in second.out


def test_the_output_of_a_sync_is_what_the_readme_promises(emulator: Emulator) -> None:
    """Headline, invocation, table of tables, the state's change and how to look, in that order."""
    emulator.function.answers = [users({"id": 1}, state={"users": {"mark": "2026-01-01"}})]
    lines = [
        " ".join(line.split())
        for line in emulator.sync("--sync-id", "S1", "--schema", "acme").out.splitlines()
    ]
    url, path = emulator.function.url, emulator.path
    assert lines[0] == f"sync {url} -> {path}, schema acme (first sync, sync_id S1)"
    assert lines[1].startswith("#1 done 1 rows 0.00 MB")
    assert lines[3:5] == ["table sent inserted updated unchanged deleted rows now", "users 1 1 0 0 0 1"]
    assert lines[6:8] == ["state", 'users.mark: (none) -> "2026-01-01"']
    assert lines[-1].endswith(f"query --warehouse {path} 'FROM acme.users LIMIT 10'")


def test_past_syncs_invocations_and_warnings_are_kept_in_the_file(emulator: Emulator) -> None:
    """The file remembers what happened, for whoever looks later."""
    emulator.answering({"state": {}, "insert": {"log": [{"a": 1}]}}, arguments=("--sync-id", "S1"))
    assert emulator.rows("SELECT sync_id, outcome FROM fivetran_emulator.syncs") == [("S1", "complete")]
    assert emulator.rows("SELECT number, row_count FROM fivetran_emulator.invocations") == [(1, 1)]
    assert emulator.rows("SELECT code, times FROM fivetran_emulator.warnings") == [("no-key", 1)]


@pytest.mark.parametrize("content", ["", "[]", "{'a': 1}", '{"a": "hush-hush"'])
def test_a_secrets_file_that_is_no_object_is_refused_unquoted(
    emulator: Emulator, tmp_path: Path, content: str
) -> None:
    """Status 2, the file is named, nothing of it is shown, the function is not called."""
    (tmp_path / "secrets.json").write_text(content)
    outcome = emulator.sync("--secrets", str(tmp_path / "secrets.json"))
    assert outcome.status == 2
    assert "secrets.json does not hold one JSON object" in outcome.err
    assert "hush" not in outcome.err + outcome.out
    assert emulator.function.requests == []


def test_a_schema_takes_rows_of_one_source_only(emulator: Emulator) -> None:
    """Practice rows and real ones never share a table or a state; nothing changes when they are about to."""
    assert emulator.answering(users({"id": 1}), arguments=("--source", "the practice source")).status == 0
    outcome = emulator.answering(users({"id": 2}), arguments=("--source", "the source at acme.example"))
    assert outcome.status == 2
    assert outcome.document["error"]["problems"] == [
        "the schema `main` holds rows of the practice source, and this sync is from the source at acme.example"
    ]
    assert emulator.function.requests == []
    assert emulator.rows("SELECT id FROM users") == [(1,)]
    unsaid = emulator.answering(users({"id": 2}))
    assert (unsaid.status, emulator.function.requests) == (2, [])
    assert '--source \\"the practice source\\"' in unsaid.out
    assert emulator.answering(users({"id": 3}), arguments=("--source", "the practice source")).status == 0


def test_a_sync_that_brought_nothing_claims_no_schema(emulator: Emulator) -> None:
    """A wrong address that was fixed is no other source."""
    assert emulator.answering(b"oops", arguments=("--source", "the source at wrong.example")).status == 1
    assert (
        emulator.answering(users({"id": 1}), arguments=("--source", "the source at acme.example")).status == 0
    )
