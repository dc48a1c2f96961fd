"""The readings of Fivetran's behaviour, each with what it changes."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from scripted import Emulator, Json, Outcome


def keyed(*rows: Mapping[str, object], name: str = "t", **members: object) -> Json:
    return {"state": {}, "insert": {name: list(rows)}, "schema": {name: {"primary_key": ["id"]}}, **members}


def codes(outcome: Outcome) -> list[str]:
    return [warning["code"] for warning in outcome.document["warnings"]]


def test_type_lock_keeps_types_and_makes_misfits_null(emulator: Emulator) -> None:
    """Behaviour 24: after the first sync a value that does not fit becomes NULL and is counted; others are converted."""
    lock = ("--type-lock", "on")
    first = {"id": 1, "n": 1, "flag": True, "text": "x", "data": {"a": 1}, "part": 0.5}
    emulator.answering(keyed(first), arguments=lock)
    second = {"id": 2, "n": "12", "flag": 0, "text": [1], "data": "y", "part": "0.25"}
    third = {"id": 3, "n": 1.5, "flag": "maybe", "text": 7, "data": 3, "part": "x"}
    outcome = emulator.answering(keyed(second, third), arguments=lock)
    assert emulator.rows("SELECT n, flag, text, data, part FROM t ORDER BY id") == [
        (1, True, "x", '{"a":1}', 0.5),
        (12, False, "[1]", '"y"', 0.25),
        (None, None, "7", "3", None),
    ]
    assert [w["text"] for w in outcome.document["warnings"] if w["code"] == "value-locked"] == [
        "column t.n is locked as BIGINT: 1 values did not fit and became NULL",
        "column t.flag is locked as BOOLEAN: 1 values did not fit and became NULL",
        "column t.part is locked as DOUBLE: 1 values did not fit and became NULL",
    ]


def test_type_lock_lets_the_first_sync_and_keys_widen(emulator: Emulator) -> None:
    """Behaviour 24: nothing is locked until a first sync is complete, and never a key."""
    lock = ("--type-lock", "on")
    emulator.answering(keyed({"id": 1, "v": 1}, hasMore=True), keyed({"id": 2, "v": "x"}), arguments=lock)
    emulator.answering(keyed({"id": "three", "v": "y"}), arguments=lock)
    assert emulator.rows("SELECT id, v FROM t ORDER BY id") == [("1", "1"), ("2", "x"), ("three", "y")]


def test_schema_changes_come_in_unless_they_are_blocked(emulator: Emulator) -> None:
    """Behaviour 25: by default new tables and columns of later syncs are made."""
    emulator.answering(keyed({"id": 1}))
    emulator.answering(
        {**keyed({"id": 2, "new": 1}), "insert": {"t": [{"id": 2, "new": 1}], "u": [{"a": 1}]}}
    )
    assert emulator.rows("SELECT id, new FROM t ORDER BY id") == [(1, None), (2, 1)]
    assert emulator.rows("SELECT a FROM u") == [(1,)]


@pytest.mark.parametrize(
    ("mode", "columns", "found"),
    [
        ("allow-columns", {"id", "new"}, ["table-blocked"]),
        ("block-all", {"id"}, ["table-blocked", "column-blocked"]),
    ],
)
def test_blocked_schema_changes_are_left_out_with_a_warning(
    emulator: Emulator, mode: str, columns: set[str], found: list[str]
) -> None:
    """Behaviour 25: `allow-columns` leaves new tables out, `block-all` new columns too; the first sync is free."""
    chosen = ("--schema-changes", mode)
    assert codes(emulator.answering(keyed({"id": 1}), arguments=chosen)) == []
    both = keyed({"id": 2, "new": 1})
    both["insert"] = {"t": [{"id": 2, "new": 1}], "u": [{"id": 1}]}
    both["schema"] = {name: {"primary_key": ["id"]} for name in ("t", "u")}
    outcome = emulator.answering(both, arguments=chosen)
    assert codes(outcome) == found
    names = emulator.rows(
        "SELECT column_name FROM (DESCRIBE t) WHERE column_name NOT LIKE '\\_%' ESCAPE '\\'"
    )
    assert {name for (name,) in names} == columns
    assert emulator.rows("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'u'") == [(0,)]


def test_source_naming_keeps_names(emulator: Emulator) -> None:
    """Behaviour 22: with `--naming source` tables and columns are called as the function calls them."""
    sent = {"userID": 1, "address1": "x"}
    body = {
        "state": {},
        "insert": {"userAccounts": [sent]},
        "schema": {"userAccounts": {"primary_key": ["userID"]}},
    }
    for _ in range(2):
        assert emulator.answering(body, arguments=("--naming", "source")).status == 0
    assert emulator.rows('SELECT "userID", "address1" FROM "userAccounts"') == [(1, "x")]


def test_source_names_that_differ_in_case_only_are_one(emulator: Emulator) -> None:
    """Behaviour 22: the warehouse compares names without case, so two in one answer collide, and a later one joins."""
    source = ("--naming", "source")
    twice = emulator.answering(keyed({"id": 1, "Name": 1, "name": 2}), arguments=source)
    assert twice.status == 1
    assert "has the columns `Name` and `name`" in twice.document["error"]["problems"][0]
    assert emulator.answering(keyed({"id": 1, "Name": "a"}, name="T"), arguments=source).status == 0
    assert emulator.answering(keyed({"ID": 2, "name": "b"}), arguments=source).status == 0
    assert emulator.rows('SELECT id, "Name" FROM "T" ORDER BY id') == [(1, "a"), (2, "b")]


def test_hard_deletes_ignore_soft_delete(emulator: Emulator) -> None:
    """Behaviour 17: `--soft-delete hard` removes rows also of tables in `softDelete`."""
    deleted = {**keyed(), "delete": {"t": [{"id": 1}]}, "softDelete": ["t"]}
    emulator.answering(keyed({"id": 1}, {"id": 2}, softDelete=["t"]), arguments=("--soft-delete", "hard"))
    emulator.answering(deleted, arguments=("--soft-delete", "hard"))
    assert emulator.rows("SELECT id FROM t") == [(2,)]


def test_always_soft_flags_every_delete(emulator: Emulator) -> None:
    """Behaviour 17: `--soft-delete always` is how Fivetran's text of 2018 has it."""
    emulator.answering(keyed({"id": 1}, {"id": 2}), arguments=("--soft-delete", "always"))
    emulator.answering({**keyed(), "delete": {"t": [{"id": 1}]}}, arguments=("--soft-delete", "always"))
    assert emulator.rows("SELECT id, _fivetran_deleted FROM t ORDER BY id") == [(1, True), (2, False)]


def test_a_soft_reload_flags_what_a_sync_did_not_send_again(emulator: Emulator) -> None:
    """Behaviour 18: with `--soft-delete reload`, rows of tables in `softDelete` only; a return clears the flag."""
    reload = ("--soft-delete", "reload")
    both = {"t": {"primary_key": ["id"]}, "u": {"primary_key": ["id"]}}

    def rows(*ids: int) -> Json:
        sent = [{"id": n} for n in ids]
        return {"state": {}, "insert": {"t": sent, "u": sent}, "schema": both, "softDelete": ["t"]}

    emulator.answering(rows(1, 2, 3), arguments=reload)
    outcome = emulator.answering({**rows(1), "hasMore": True}, rows(2), arguments=reload)
    assert outcome.document["not_seen_again"] == {"t": 1}
    assert emulator.rows("SELECT id FROM t WHERE _fivetran_deleted") == [(3,)]
    assert emulator.rows("SELECT id FROM u ORDER BY id") == [(1,), (2,), (3,)]
    emulator.answering(rows(1, 2, 3), arguments=reload)
    assert emulator.rows("SELECT id FROM t WHERE _fivetran_deleted") == []


def test_a_reload_that_was_resumed_counts_what_its_first_part_sent(emulator: Emulator) -> None:
    """Behaviour 18: rows sent before a failure are sent, although another sync went on from there."""
    reload, soft = ("--soft-delete", "reload"), ["t"]
    emulator.answering(keyed({"id": 1}, {"id": 2}, {"id": 3}, softDelete=soft), arguments=reload)
    failing = emulator.answering(keyed({"id": 1}, hasMore=True, softDelete=soft), b"", arguments=reload)
    assert failing.status == 1
    emulator.answering(keyed({"id": 2}, softDelete=soft), arguments=reload)
    assert emulator.rows("SELECT id FROM t WHERE _fivetran_deleted") == [(3,)]


@pytest.mark.parametrize(("sent", "calls"), [("false", 1), ("true", 2), ("True", 2), (0, 1)])
def test_a_has_more_of_another_type_may_be_let_pass(emulator: Emulator, sent: object, calls: int) -> None:
    """Behaviour 6: `--has-more lenient` warns instead of failing; one of Fivetran's samples sends 'false'."""
    outcome = emulator.answering(
        keyed({"id": 1}, hasMore=sent), keyed({"id": 2}), arguments=("--has-more", "lenient")
    )
    assert outcome.status == 0
    assert codes(outcome) == ["has-more-type"]
    assert len(emulator.function.requests) == calls


def test_error_members_may_be_only_warned_about(emulator: Emulator) -> None:
    """Behaviour 10: `--error-members warn` loads an answer that has rows and an error."""
    body = keyed({"id": 1}, errorMessage="half of it failed")
    assert emulator.answering(body).status == 1
    outcome = emulator.answering(body, arguments=("--error-members", "warn"))
    assert (outcome.status, codes(outcome)) == (0, ["error-member"])
    assert emulator.rows("SELECT id FROM t") == [(1,)]


def test_rows_without_a_key_may_be_skipped(emulator: Emulator) -> None:
    """Behaviour 16: `--keys skip` leaves them out and keeps to the first key, with warnings."""
    skip = ("--keys", "skip")
    outcome = emulator.answering(keyed({"id": 1, "n": 1}, {"n": 2}, {"id": None}), arguments=skip)
    assert codes(outcome) == ["no-key-value"]
    changed = {**keyed({"id": 2, "n": 5}), "schema": {"t": {"primary_key": ["n"]}}}
    assert codes(emulator.answering(changed, arguments=skip)) == ["key-changed"]
    assert emulator.rows("SELECT id, n FROM t ORDER BY id") == [(1, 1), (2, 5)]


def test_system_columns_may_be_dropped(emulator: Emulator) -> None:
    """Behaviour 21: `--system-columns drop` loads the rest of the row."""
    outcome = emulator.answering(
        keyed({"id": 1, "_fivetran_deleted": True, "a": 2}), arguments=("--system-columns", "drop")
    )
    assert codes(outcome) == ["system-column"]
    assert emulator.rows("SELECT id, a FROM t") == [(1, 2)]


def test_empty_may_mean_that_the_state_stands_still_too(emulator: Emulator) -> None:
    """Behaviour 7: with `--empty no-change`, an answer that moves the state is not empty."""
    answers: list[Json] = [{"state": {"n": n}, "hasMore": True} for n in range(15)]
    last: Json = {"state": {"n": 99}}
    assert emulator.answering(*answers, last).status == 1
    assert emulator.answering(*answers, last, arguments=("--empty", "no-change")).status == 0
    still: list[Json] = [{"state": {"n": 1}, "hasMore": True}] * 15
    assert emulator.answering(*still, last, arguments=("--empty", "no-change")).status == 1


def test_a_failed_sync_may_be_begun_again(emulator: Emulator) -> None:
    """Behaviour 12: `--after-failure sync-start` goes back to the state before the failed sync, however often."""
    emulator.answering(keyed({"id": 1}, state={"page": 1}))
    for _ in range(2):
        failing = emulator.answering(
            keyed({"id": 2}, state={"page": 2}, hasMore=True),
            b"",
            arguments=("--after-failure", "sync-start"),
        )
        assert failing.status == 1
        assert emulator.function.requests[0]["state"] == {"page": 1}
    emulator.answering(keyed({"id": 2}, state={"page": 2}))
    assert emulator.function.requests[0]["state"] == {"page": 2}


def test_the_custom_payload_travels_in_every_request(emulator: Emulator) -> None:
    """Behaviour 1: under the member that `--payload-key` names; without one there is no such member."""
    arguments = ("--payload", "region=eu", "--payload", "team=a=b")
    emulator.answering(keyed({"id": 1}, hasMore=True), keyed({"id": 2}), arguments=arguments)
    assert [request["customPayload"] for request in emulator.function.requests] == [
        {"region": "eu", "team": "a=b"}
    ] * 2
    emulator.answering(keyed({"id": 1}), arguments=(*arguments, "--payload-key", "custom_payloads"))
    assert "custom_payloads" in emulator.function.requests[0]
    emulator.answering(keyed({"id": 1}))
    assert sorted(emulator.function.requests[0]) == ["agent", "secrets", "state", "sync_id"]


def test_more_headers_and_an_id_token_are_sent_and_never_shown(emulator: Emulator) -> None:
    """Behaviour 28: the token goes into Authorization; a header replaces ours; neither is in any output."""
    arguments = (
        "--id-token",
        "eyJ-a-token",
        "--header",
        "X-Team: data-team-key",
        "--header",
        "User-Agent: mine",
    )
    emulator.function.status = 500
    outcome = emulator.answering({"errorMessage": "no eyJ-a-token, no data-team-key"}, arguments=arguments)
    headers = emulator.function.request_headers[0]
    assert headers["Authorization"] == "Bearer eyJ-a-token"
    assert (headers["X-Team"], headers["User-Agent"]) == ("data-team-key", "mine")
    assert "no ***, no ***" in outcome.out
    assert "eyJ" not in outcome.out + outcome.err


def test_a_netrc_file_does_not_replace_the_token(
    emulator: Emulator, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behaviour 28: what is asked for on the command line is what is sent."""
    netrc = tmp_path_factory.mktemp("home") / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    emulator.answering(keyed({"id": 1}), arguments=("--id-token", "eyJ-a-token"))
    assert emulator.function.request_headers[0]["Authorization"] == "Bearer eyJ-a-token"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--header", "nonsense"), "a --header has no name or no value"),
        (("--payload", "nonsense"), "a --payload is not KEY=VALUE"),
        (("--id-token", "@/nowhere"), "cannot be read"),
        (("--fault", "drop@0"), "`drop@0` is no fault"),
        (("--record", "a", "--replay", "b"), "exclude each other"),
    ],
)
def test_a_wrong_option_is_status_2(emulator: Emulator, arguments: tuple[str, ...], said: str) -> None:
    """Reported in a line; the function is not called."""
    outcome = emulator.sync(*arguments)
    assert outcome.status == 2
    assert said in outcome.err
    assert emulator.function.requests == []


def test_secrets_may_be_sent_as_text(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Behaviour 3: `--secret-values text` sends what Fivetran's form would: nothing but text."""
    secrets = tmp_path_factory.mktemp("s") / "secrets.json"
    secrets.write_text('{"token": "abc", "size": 100, "flag": true, "nested": {"a": [1]}}')
    emulator.answering(keyed({"id": 1}), arguments=("--secrets", str(secrets), "--secret-values", "text"))
    assert emulator.function.requests[0]["secrets"] == {
        "token": "abc",
        "size": "100",
        "flag": "true",
        "nested": '{"a": [1]}',
    }


def test_text_that_is_not_only_text_is_reported(emulator: Emulator) -> None:
    """Behaviour 23: a column that ends as text because its values were of several types, in one answer or over two."""
    first = emulator.answering(keyed({"id": 1, "v": True, "w": "a"}, {"id": 2, "v": 1}))
    assert [w["text"] for w in first.document["warnings"]] == [
        "column t.v is text, because its values are not of one type: this answer has booleans and integers in it"
    ]
    assert codes(emulator.answering(keyed({"id": 3, "w": 5}))) == ["mixed-types"]


def test_a_column_that_is_no_longer_sent_is_reported(emulator: Emulator) -> None:
    """Behaviour 14: the row is replaced as a whole, so its values there are lost; the author sees how many."""
    emulator.answering(keyed({"id": 1, "a": 1}, {"id": 2, "a": 2}, {"id": 3, "a": None}))
    outcome = emulator.answering(keyed({"id": 1}, {"id": 3}))
    assert [w["text"] for w in outcome.document["warnings"]] == [
        "column t.a lost its value in 1 rows that came again without it"
    ]
