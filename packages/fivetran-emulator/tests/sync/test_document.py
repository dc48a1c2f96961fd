"""The document that `--json` prints."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from scripted import Emulator, Json

SCHEMA: dict[str, Any] = json.loads((files("fivetran_emulator.sync") / "sync.schema.json").read_text("utf-8"))
ROWS: Json = {
    "state": {"n": 1},
    "insert": {"t": [{"id": 1, "v": True}, {"id": 2, "v": 1}]},
    "schema": {"t": {"primary_key": ["id"]}, "u": {}},
    "has_more": True,
}


def problems(document: object) -> list[str]:
    return [error.message for error in Draft202012Validator(SCHEMA).iter_errors(document)]


def objects(schema: object) -> list[dict[str, Any]]:
    """Every part of a schema that describes an object with fixed members."""
    if isinstance(schema, list):
        return [found for part in schema for found in objects(part)]
    if not isinstance(schema, dict):
        return []
    here = [schema] if "properties" in schema else []
    return here + [found for part in schema.values() for found in objects(part)]


def test_the_schema_is_one_and_describes_every_member() -> None:
    """A reader finds each member explained, and none that is not listed can slip in."""
    Draft202012Validator.check_schema(SCHEMA)
    parts = objects(SCHEMA)
    assert len(parts) == 7
    for part in parts:
        assert part["additionalProperties"] is False
        assert all(member["description"] for member in part["properties"].values())


def test_a_complete_sync_is_as_the_schema_says(emulator: Emulator) -> None:
    """With warnings, changes of the state, and what a function tells of itself in its header."""
    emulator.function.headers["X-Connector-Invocation"] = (
        '{"connector": "acme", "cut": "bytes", "waited_seconds": 1.5}'
    )
    outcome = emulator.answering(ROWS)
    assert problems(outcome.document) == []
    assert outcome.document["invocations"][0]["cut"] == "bytes"
    assert outcome.document["absent_tables"] == ["u"]
    assert len(outcome.document["warnings"]) == 2


REPORT = '{"connector": "acme", "warnings": {"skipped product: 404": 12}, "other_warnings": 3}'
COUNTED = {"skipped product: 404": 12, "other warnings of the connector's": 3}


def test_what_the_connector_warned_of_is_counted_in_the_document(emulator: Emulator) -> None:
    """Over all calls of a sync, which completes all the same; the ledger keeps them for `log`."""
    emulator.function.headers["X-Connector-Invocation"] = REPORT
    more = {"state": {"n": 2}, "hasMore": True}
    outcome = emulator.answering(more, {**more, "state": {"n": 3}}, {"state": {"n": 3}})
    assert problems(outcome.document) == []
    assert outcome.status == 0
    warned = {w["text"]: w["times"] for w in outcome.document["warnings"] if w["code"] == "connector"}
    assert warned == {text: 3 * times for text, times in COUNTED.items()}
    assert "skipped product: 404" in emulator.look("log").out


def test_what_the_connector_warned_of_is_on_the_screen(emulator: Emulator) -> None:
    """Once, with the number of times; also of a call that failed."""
    emulator.function.headers["X-Connector-Invocation"] = REPORT
    emulator.function.answers = [{"state": {}}]
    hint = "  -> The connector or its runtime warns of this, and nothing has failed;"
    assert f"warning: skipped product: 404 (12 times)\n{hint}" in emulator.sync().out
    emulator.function.status, emulator.function.answers = 500, [{"errorMessage": "down"}]
    failed = emulator.sync()
    assert failed.status == 1
    assert "warning: skipped product: 404 (12 times)\n" in failed.out + failed.err


def test_rows_that_were_missing_once_are_on_the_screen_and_in_the_document(emulator: Emulator) -> None:
    """Nothing has happened to them, so nothing else shows that they wait for a second listing."""
    emulator.function.headers["X-Connector-Invocation"] = '{"missing_once": {"issues": 3, "users": 1}}'
    outcome = emulator.answering({"state": {}})
    assert problems(outcome.document) == []
    assert outcome.document["missing_once"] == {"issues": 3, "users": 1}
    emulator.function.answers = [{"state": {}}]
    out = emulator.sync().out
    assert "\n3 rows of issues were missing once; deleted when the next reading misses them too\n" in out
    assert "\n1 row of users was missing once; deleted when the next reading misses it too\n" in out


@pytest.mark.parametrize("warnings", ['["x"]', '{"x": "y"}', "null", '{"x": -1}'])
def test_a_report_of_another_shape_is_no_report(emulator: Emulator, warnings: str) -> None:
    """The header is a function's, which may say anything."""
    emulator.function.headers["X-Connector-Invocation"] = f'{{"warnings": {warnings}}}'
    outcome = emulator.answering({"state": {}})
    assert [w for w in outcome.document["warnings"] if w["code"] == "connector"] == []


@pytest.mark.parametrize(
    "arguments",
    [("--secrets", "/nowhere.json"), ("--fault", "503@1"), ("--fault", "timeout@1"), ("--url", "ftp://x")],
)
def test_a_sync_that_failed_is_as_the_schema_says(emulator: Emulator, arguments: tuple[str, ...]) -> None:
    """Before it began, or in the middle."""
    outcome = emulator.answering(ROWS, arguments=arguments)
    assert outcome.status in (1, 2)
    assert problems(outcome.document) == []
    assert outcome.document["error"]["exit_status"] == outcome.status


def test_a_resync_is_as_the_schema_says(emulator: Emulator) -> None:
    """With the rows that did not come again."""
    emulator.answering(ROWS)
    emulator.function.answers = [{**ROWS, "insert": {}}]
    outcome = emulator.sync("--json", command="resync")
    assert problems(outcome.document) == []
    assert outcome.document["not_seen_again"] == {"t": 2}


@pytest.mark.parametrize("member", sorted(SCHEMA["properties"]))
def test_the_schema_would_notice_a_wrong_member(emulator: Emulator, member: str) -> None:
    """A document with a member of another type does not pass."""
    document = emulator.answering(ROWS).document
    assert problems(document | {member: 3.5 if member != "seconds" else "x"}) != []
