"""Answers Fivetran would not load, and those it loads while ignoring half of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from scripted import Emulator, Json

from fivetran_emulator.protocol.answer import SDK_HEADER


def failed(emulator: Emulator, body: bytes | Json) -> str:
    """The problems of a sync that must fail, and must leave nothing behind."""
    outcome = emulator.answering(body)
    assert outcome.status == 1
    assert outcome.document["outcome"] == "failed"
    assert outcome.document["state"] == {}
    assert emulator.rows("SELECT * FROM fivetran_emulator.connections") == []
    return "\n".join(outcome.document["error"]["problems"])


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "the answer is not valid JSON: it is empty"),
        (b"<html>sorry</html>", "it is a page of HTML or XML that begins '<html>sorry</html>'"),
        (b"<html><title>Sign\n in</title>", "it is a page of HTML or XML with the title 'Sign in'"),
        (b'\xef\xbb\xbf{"state": {}}', "it begins with a byte order mark"),
        (b"{'state': {}}", "it has single quotes, as Python prints a dict"),
        (b'{"state": {}}\n{"state": {}}', "it is several JSON values, one after the other"),
        (
            b'{"state": {}, "s": "NaN", "insert": {"t": [{"a": NaN}]}}',
            """it has NaN in it, in '"NaN", "insert": {"t": [{"a": NaN}]}}'""",
        ),
        (b'{"state": {}, "insert": {"t": [{"a": -Infinity}]}}', "it has -Infinity in it"),
        (b'{"state": {}, "insert": {"t": [{"a": 1},]}}', "it has a comma before a closing bracket, in"),
        (b'{"state": {}, "a": "\\ud83d"}', "it has half a character (a lone surrogate), in"),
        (b'{"state": {}, "x": "\xff"}', "it is not UTF-8 text: invalid start byte at byte 20"),
        (b'{"state": {}, "x": tru}', "it is broken JSON: expecting value at character 19, in"),
        (b'{"stat": {}}', "`state` is missing"),
        (b'[{"state": {}}]', "the answer is JSON but not an object"),
        (b'"{\\"state\\": {}}"', "the answer is JSON but not an object"),
        (b'{"insert": {}}', "`state` is missing"),
        (b'{"state": null}', "`state` is null, not an object"),
        (b'{"state": "abc"}', '`state` is "abc", not an object'),
        (b'{"state": {}, "hasMore": "false"}', '`hasMore` is "false", not true or false'),
        (b'{"state": {}, "hasMore": 1}', "`hasMore` is 1, not true or false"),
        (b'{"state": {}, "insert": []}', "`insert` is wrong: Expected object, got array"),
        (b'{"state": {}, "insert": {"t": {"a": 1}}}', "`insert.t` is wrong: Expected array, got object"),
        (
            b'{"state": {}, "insert": {"t": [{"a": 1}, 2]}}',
            "`insert.t` is wrong: Expected object, got int at [1]",
        ),
        (b'{"state": {}, "delete": {"t": ["x"]}}', "`delete.t` is wrong: Expected object, got str at [0]"),
        (
            b'{"state": {}, "schema": {"t": {"primary_key": "id"}}}',
            "`schema.t.primary_key` is wrong: Expected array",
        ),
        (b'{"state": {}, "softDelete": {"t": true}}', "`softDelete` is wrong"),
        (b'{"state": {}, "insert": {"t": [{"a": 1e999}]}}', "`insert.t` is wrong: Number out of range"),
    ],
)
def test_an_answer_that_is_wrong_fails_and_says_where(emulator: Emulator, body: bytes, problem: str) -> None:
    """Behaviour 10: Each is one sentence that names the member, the row and what was found."""
    assert problem in failed(emulator, body)


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        ({"stat": {}}, "Did you mean `state`?"),
        ({"state": 1, "inserts": {}}, "Did you mean `insert`?"),
        ({"state": 1, "schema": {"t": {"primaryKey": ["id"]}}}, "Did you mean `primary_key`?"),
        ({"state": 1, "has_more": True}, "Spell it `hasMore`."),
    ],
)
def test_a_misspelt_member_is_reported_also_when_the_answer_fails(
    emulator: Emulator, body: Json, hint: str
) -> None:
    """The misspelling is usually why it fails."""
    outcome = emulator.answering(body)
    assert outcome.status == 1
    assert hint in "\n".join(outcome.document["error"]["details"])


def test_a_state_may_be_text_by_a_switch(emulator: Emulator) -> None:
    """Behaviour 10: Fivetran's own yelp sample answers one; the page on its answers wants an object."""
    body = {"state": "2026-01-01", "insert": {"t": [{"id": 1}]}, "schema": {"t": {"primary_key": ["id"]}}}
    assert emulator.answering(body).status == 1
    outcome = emulator.answering(body, arguments=("--state-type", "any"))
    assert (outcome.status, outcome.document["state"]) == (0, "2026-01-01")
    assert [one["code"] for one in outcome.document["warnings"]] == ["state-type"]
    emulator.answering(body, arguments=("--state-type", "any"))
    assert emulator.function.requests[0]["state"] == "2026-01-01"


@pytest.mark.parametrize(
    ("first", "second", "named"),
    [
        (
            {"userData": [{"id": 1}]},
            {"user_data": [{"id": 1}]},
            "'user_data' came as 'userData' in an earlier answer",
        ),
        (
            {"t": [{"id": 1, "theName": "a"}]},
            {"t": [{"id": 2, "the_name": "b"}]},
            "table t: the column 'the_name'",
        ),
    ],
)
def test_two_spellings_of_a_name_are_found_over_answers_too(
    emulator: Emulator, first: Json, second: Json, named: str
) -> None:
    """What one answer may not have, two in a row may not either: Fivetran would merge them without a word."""

    def of(rows: Json, *, more: bool) -> Json:
        return {
            "state": {"more": more},
            "insert": rows,
            "schema": {t: {"primary_key": ["id"]} for t in rows},
            "hasMore": more,
        }

    outcome = emulator.answering(of(first, more=True), of(second, more=False))
    assert outcome.status == 1
    assert named in "\n".join(outcome.document["error"]["problems"])
    assert outcome.document["tables"]


def test_rows_that_one_key_swallows_are_reported(emulator: Emulator) -> None:
    """500 rows sent and one landed is a key that does not tell them apart."""
    rows = [{"kind": "a", "n": n} for n in range(500)]
    body: Json = {"state": {}, "insert": {"t": rows}, "schema": {"t": {"primary_key": ["kind"]}}}
    outcome = emulator.answering(body)
    assert (outcome.document["tables"]["t"]["sent"], outcome.document["tables"]["t"]["rows_now"]) == (500, 1)
    (warning,) = outcome.document["warnings"]
    assert warning["text"] == "table t: 499 of 500 rows sent had the key of a later row of their answer"
    assert "t 500 1 0 0 0 1" in [
        " ".join(line.split()) for line in emulator.sync("--schema", "other").out.splitlines()
    ]


def test_an_answer_that_goes_nowhere_is_reported(emulator: Emulator) -> None:
    """`hasMore` with the very state that was sent asks for the same answer again, rows or not."""
    more: Json = {
        "state": {},
        "insert": {"t": [{"id": 1}]},
        "schema": {"t": {"primary_key": ["id"]}},
        "hasMore": True,
    }
    outcome = emulator.answering(more, more, {**more, "hasMore": False})
    (warning,) = [one for one in outcome.document["warnings"] if one["code"] == "no-progress"]
    assert warning["times"] == 1  # the first answer may have been on its way somewhere
    assert "had the rows and the state of the one before" in warning["text"]


def test_every_mistake_of_an_answer_is_reported_at_once(emulator: Emulator) -> None:
    """Nobody has to run a sync five times to find five mistakes."""
    problems = failed(emulator, {"state": 1, "hasMore": "no", "insert": {"t": [1]}, "schema": 3, "delete": 7})
    assert [line.split("`")[1] for line in problems.splitlines()] == [
        "state",
        "hasMore",
        "insert.t",
        "delete",
        "schema",
    ]


def test_an_error_member_fails_although_the_status_is_200(emulator: Emulator) -> None:
    """Behaviour 10: Message, type and stack trace are shown."""
    emulator.function.answers = [
        {"errorMessage": "no such account", "errorType": "ConfigurationError", "stackTrace": ["at x"]}
    ]
    outcome = emulator.sync()
    assert outcome.status == 1
    assert "error: the function reports ConfigurationError: no such account" in outcome.err
    assert "    at x" in outcome.err


def test_the_sentence_comes_behind_the_stack_trace(emulator: Emulator) -> None:
    """Where a terminal ends, and with the frames of the author's code alone: the runtime's lead to no mistake of theirs."""
    trace = [
        "Traceback (most recent call last):\n",
        '  File "/x/fivetran_runtime/_sync/loop.py", line 254, in _read\n    run(client)\n    ^^^^^^^^^^^\n',
        '  File "/x/connector_acme/__init__.py", line 41, in items\n    print(1 / 0)\n          ~~^~~\n',
        "ZeroDivisionError: division by zero\n",
    ]
    emulator.function.answers = [
        {"errorMessage": "division by zero", "errorType": "bug", "stackTrace": trace}
    ]
    assert emulator.sync().err.splitlines()[:6] == [
        "    Traceback (most recent call last):",
        '      File "/x/connector_acme/__init__.py", line 41, in items',
        "        print(1 / 0)",
        "              ~~^~~",
        "    ZeroDivisionError: division by zero",
        "error: the function reports bug: division by zero",
    ]


def test_a_failed_sync_of_the_connector_sdk_is_said_in_its_own_words(emulator: Emulator) -> None:
    """A person has neither a function nor HTTP there."""
    emulator.function.answers = [{"errorMessage": "Table odd: no such account", "hint": "Its log says more."}]
    emulator.function.status = 500
    emulator.function.headers |= {SDK_HEADER: "failed"}
    outcome = emulator.sync()
    assert outcome.status == 1
    assert outcome.err.startswith("error: Table odd: no such account\n  -> Its log says more.\n")


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (
            500,
            b'{"errorMessage": "boom", "errorType": "TransientError"}',
            "the function reports TransientError: boom (HTTP 500",
        ),
        (
            500,
            b"<html><head><title>500 Internal Server Error</title></head>",
            "HTTP 500 Internal Server Error: 500 Internal",
        ),
        (500, b"", "the function's own log has the traceback"),
        (
            403,
            b"<html><body>Forbidden <b>here</b></body></html>",
            "Fivetran's service account needs the Invoker role",
        ),
        (302, b"", "the function answered HTTP 302"),
        (204, b"", "the function answered HTTP 204"),
    ],
)
def test_any_status_but_200_is_a_failed_call(emulator: Emulator, status: int, body: bytes, said: str) -> None:
    """Behaviour 10: What the function or the platform said is shown in one line, never as HTML."""
    emulator.function.status, emulator.function.answers = status, [body]
    outcome = emulator.sync()
    assert outcome.status == 1
    assert said in outcome.err
    assert "<b>" not in outcome.err
    assert "Traceback" not in outcome.err


def test_an_answer_above_the_platforms_size_fails(emulator: Emulator) -> None:
    """Behaviour 9: 10 MB on the first generation, 32 MB on the second, counted in bytes of the whole body."""
    rows = [{"id": n, "text": "é" * 50_000} for n in range(101)]
    body = json.dumps({"state": {}, "insert": {"t": rows}}, ensure_ascii=False).encode()
    assert 10_000_000 < len(body) < 10_200_000
    assert "the answer is larger than the 10 MB" in failed(emulator, body)
    assert emulator.answering(body, arguments=("--generation", "2")).status == 0


def test_a_request_above_the_platforms_size_fails(emulator: Emulator) -> None:
    """Behaviour 9: The state travels in every request and counts there too."""
    body = json.dumps({"state": {"seen": "x" * 9_999_900}, "hasMore": True, "insert": {}}).encode()
    outcome = emulator.answering(body)
    assert outcome.status == 1
    assert outcome.document["error"]["problems"] == [
        "the request is larger than the 10 MB the platform lets through"
    ]


def test_nobody_listening_is_reported_in_one_line(emulator: Emulator) -> None:
    """No traceback, no library's message."""
    emulator.function.url = "http://127.0.0.1:9"
    outcome = emulator.sync()
    assert outcome.status == 1
    assert outcome.err.splitlines()[0] == "error: nothing listens at http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"hasmore": True}, "has-more-misspelt"),
        ({"soft_delete": ["t"]}, "unknown-member"),
        ({"debug": 1}, "unknown-member"),
        ({"softDelete": True}, "soft-delete-true"),
    ],
)
def test_what_fivetran_ignores_is_warned_about(emulator: Emulator, members: Json, code: str) -> None:
    """Behaviour 11: The sync goes on, and the author sees it."""
    outcome = emulator.answering({"state": {}, **members})
    assert outcome.status == 0
    assert [w["code"] for w in outcome.document["warnings"]] == [code]


def test_a_content_type_that_is_not_json_is_warned_about(emulator: Emulator) -> None:
    """Behaviour 11: The body is still read."""
    emulator.function.headers = {"Content-Type": "text/html; charset=utf-8"}
    outcome = emulator.answering({"state": {}})
    assert outcome.status == 0
    assert [w["code"] for w in outcome.document["warnings"]] == ["content-type"]


def test_secrets_in_an_error_are_hidden(emulator: Emulator, tmp_path: Path) -> None:
    """Behaviour 3: Whatever the function says, the terminal, the document and the file do not repeat a secret."""
    (tmp_path / "secrets.json").write_text('{"auth": {"token": "hush-hush-1"}}')
    body = {"errorMessage": "cannot use hush-hush-1", "stackTrace": ["token=hush-hush-1"]}
    emulator.function.status = 500
    outcome = emulator.answering(body, arguments=("--secrets", str(tmp_path / "secrets.json")))
    assert outcome.status == 1
    assert "cannot use ***" in outcome.out
    assert "hush-hush" not in outcome.out + outcome.err
    assert b"hush-hush" not in emulator.path.read_bytes()
