from __future__ import annotations

import gzip
import json

import pytest
from foreign.breaking import http, serving
from scripted import Emulator

GOOD = {"state": {"n": 1}, "insert": {"t": [{"a": 1}]}}
TEXT = json.dumps(GOOD).encode()


def body(**members: object) -> bytes:
    """A good answer with these members instead."""
    return http(json.dumps(GOOD | members).encode())


def raw(text: str) -> bytes:
    """An answer whose body is this text."""
    return http(text.encode())


FAILS = {
    # The connection
    "hangs up without a word": (b"", "broke before the answer was complete"),
    "is no HTTP at all": (b"SSH-2.0-OpenSSH_9\r\n", "broke before the answer was complete"),
    "hangs up in the body": (http(TEXT, length=len(TEXT) + 10), "broke before the answer was complete"),
    "hangs up in a chunk": (http(b"40\r\n" + TEXT, "Transfer-Encoding: chunked"), "broke before the answer was complete"),
    "chunks that are none": (http(b"zz\r\n" + TEXT, "Transfer-Encoding: chunked"), "broke before the answer was complete"),
    "gzip that is none": (http(TEXT, "Content-Encoding: gzip"), "broke before the answer was complete"),
    # The status
    "an error page": (http(b"<title>Oops</title>", status="503 Service Unavailable"), "HTTP 503 Service Unavailable: Oops"),
    "a redirect": (http(b"", "Location: http://127.0.0.1:1/", status="302 Found"), "HTTP 302"),
    "created": (http(TEXT, status="201 Created"), "HTTP 201"),
    "unknown caller": (http(b"", status="403 Forbidden"), "HTTP 403"),
    # The body
    "nothing": (http(b""), "not valid JSON"),
    "cut in the middle": (http(TEXT[:-3]), "not valid JSON"),
    "two documents": (http(TEXT + TEXT), "not valid JSON"),
    "NaN": (raw('{"state": {}, "insert": {"t": [{"a": NaN}]}}'), "not valid JSON"),
    "single quotes": (raw("{'state': {}}"), "not valid JSON"),
    "a byte order mark": (http(b"\xef\xbb\xbf" + TEXT), "not valid JSON"),
    "Latin-1": (http('{"state": {"a": "é"}}'.encode("latin-1")), "not UTF-8"),
    "UTF-16": (http('{"state": {}}'.encode("utf-16")), "byte order mark"),
    "half a surrogate": (raw('{"state": {"a": "\\ud800"}, "insert": {"t": [{"a": "\\ud800"}]}}'), "not valid JSON"),
    "nested a hundred thousand deep": (raw('{"state": ' + '{"a":' * 100_000 + "1" + "}" * 100_001), "too deeply nested"),
    "rows nested too deep": (raw('{"state": {}, "insert": {"t": [{"a": ' + "[" * 100_000 + "]" * 100_000 + "}]}}"), "too deeply nested"),
    "a list": (http(b"[" + TEXT + b"]"), "not an object"),
    "JSON in JSON": (http(json.dumps(TEXT.decode()).encode()), "not an object"),
    "an error with status 200": (body(errorMessage="no", errorType="E"), "the function reports E: no"),
    # The members
    "no state": (raw('{"insert": {"t": [{"a": 1}]}}'), "`state` is missing"),
    "a null state": (body(state=None), "`state` is null"),
    "a text as state": (body(state="cursor"), "`state` is"),
    "a list as state": (body(state=[]), "`state` is"),
    "hasMore as text": (body(hasMore="false"), "`hasMore` is"),
    "hasMore as number": (body(hasMore=0), "`hasMore` is"),
    "insert as list": (body(insert=[{"a": 1}]), "`insert` is wrong"),
    "a table that is no list": (body(insert={"t": {"a": 1}}), "`insert.t` is wrong"),
    "a row that is no object": (body(insert={"t": [["a", 1]]}), "`insert.t` is wrong"),
    "delete as keys": (body(delete={"t": [1, 2]}), "`delete.t` is wrong"),
    "schema as list": (body(schema=["t"]), "`schema` is wrong"),
    "a key that is no list": (body(schema={"t": {"primary_key": "a"}}), "`schema.t.primary_key` is wrong"),
    "softDelete of numbers": (body(softDelete=[1]), "`softDelete` is wrong"),
    "a number out of range": (raw('{"state": {}, "insert": {"t": [{"a": 1e999}]}}'), "out of range"),
    # The rows
    "a row without its key": (body(schema={"t": {"primary_key": ["id"]}}), "no value for its key column `id`"),
    "a null key": (body(insert={"t": [{"id": None}]}, schema={"t": {"primary_key": ["id"]}}), "(missing or null)"),
    "an object as key": (body(insert={"t": [{"id": {}}]}, schema={"t": {"primary_key": ["id"]}}), "an object or a list"),
    "a delete without a key": (body(delete={"t": [{"a": 1}]}), "no `primary_key` in `schema`"),
    "a column of Fivetran's": (body(insert={"t": [{"_fivetran_id": 1}]}), "are Fivetran's own"),
    "an empty column name": (body(insert={"t": [{"": 1}]}), "empty name"),
    "a table without a name": (body(insert={"_": [{"a": 1}]}), "no letter or digit"),
    "two tables with one name": (body(insert={"aB": [{"a": 1}], "a_b": [{"a": 1}]}), "would all be named `a_b`"),
    "two columns with one name": (body(insert={"t": [{"aB": 1, "a_b": 2}]}), "would all name `a_b`"),
}  # fmt: skip

WARNS = {
    "has_more": (body(has_more=True), "has-more-misspelt"),
    "hasmore": (body(hasmore=True), "has-more-misspelt"),
    "an unknown member": (body(debug=[1]), "unknown-member"),
    "soft_delete": (body(soft_delete=["t"]), "unknown-member"),
    "softDelete: true": (body(softDelete=True, schema={"t": {"primary_key": ["a"]}}), "soft-delete-true"),
    "no key": (body(), "no-key"),
    "a key in insert and delete": (
        body(delete={"t": [{"a": 1}]}, schema={"t": {"primary_key": ["a"]}}), "key-in-both"),
    "HTML as content type": (TEXT.join([b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n", b""]), "content-type"),
    "no content type": (b"HTTP/1.1 200 OK\r\n\r\n" + TEXT, "content-type"),
}  # fmt: skip


@pytest.mark.parametrize(("answer", "said"), FAILS.values(), ids=FAILS.keys())
def test_each_break_fails_the_sync_and_is_reported(emulator: Emulator, answer: bytes, said: str) -> None:
    """Status 1, a sentence that says what was wrong, no traceback, nothing loaded, the state as it was."""
    with serving(answer) as url:
        emulator.function.url = url
        outcome = emulator.sync("--json")
    assert outcome.status == 1
    shown = outcome.document["error"]
    assert said in json.dumps(shown, ensure_ascii=False)
    assert "Traceback" not in outcome.out + outcome.err
    assert outcome.document["state"] == {}
    assert emulator.rows("SELECT count(*) FROM duckdb_tables() WHERE schema_name = 'main'") == [(0,)]


@pytest.mark.parametrize(("answer", "code"), WARNS.values(), ids=WARNS.keys())
def test_each_thing_fivetran_would_swallow_is_a_warning(emulator: Emulator, answer: bytes, code: str) -> None:
    """The sync completes, the rows are there, and the author gets a hint."""
    with serving(answer) as url:
        emulator.function.url = url
        outcome = emulator.sync("--json")
    assert outcome.status == 0, outcome.out
    warnings = {warning["code"]: warning for warning in outcome.document["warnings"]}
    assert code in warnings
    assert warnings[code]["hint"]
    assert emulator.rows("SELECT a FROM t") == [(1,)]


def test_a_compressed_answer_is_read(emulator: Emulator) -> None:
    """Compression is not a break: what a proxy on the way may do is undone."""
    with serving(http(gzip.compress(TEXT), "Content-Encoding: gzip")) as url:
        emulator.function.url = url
        assert emulator.sync().status == 0
    assert emulator.rows("SELECT a FROM t") == [(1,)]
