"""The setup test."""

from __future__ import annotations

import json

import pytest
from scripted import Emulator, Json, Outcome


def check(emulator: Emulator, *arguments: str) -> Outcome:
    return emulator.run("check-setup", "--url", emulator.function.url, *arguments)


def test_one_call_that_says_what_it_is(emulator: Emulator) -> None:
    """Behaviour 4: an empty state and `setup_test: true`; no sync, no warehouse file, no second call."""
    emulator.function.answers = [{"state": {"n": 1}, "hasMore": True}]
    outcome = check(emulator)
    assert outcome.status == 0
    assert outcome.out.startswith("the setup test passed: ")
    [request] = emulator.function.requests
    assert (request["state"], request["setup_test"]) == ({}, True)
    assert "sync_id" not in request
    assert not emulator.path.exists()


def test_the_member_can_be_called_otherwise(emulator: Emulator) -> None:
    """Behaviour 4: its name is inferred, so it is a switch."""
    emulator.function.answers = [{"state": {}}]
    check(emulator, "--setup-key", "setupTest")
    assert emulator.function.requests[0]["setupTest"] is True


def test_what_the_connector_warned_of_is_shown(emulator: Emulator) -> None:
    """A setup test that passes may still have something to say."""
    emulator.function.headers["X-Connector-Invocation"] = '{"warnings": {"no right to read groups": 2}}'
    emulator.function.answers = [{"state": {}}]
    assert "warning: no right to read groups (2 times)\n" in check(emulator).out
    document = json.loads(check(emulator, "--json").out)
    assert [found["text"] for found in document["warnings"]] == ["no right to read groups"]


@pytest.mark.parametrize("body", [b"true", b"null", b'{"state": null, "insert": {}}', b"{}"])
def test_any_json_with_status_200_passes(emulator: Emulator, body: bytes) -> None:
    """Behaviour 4: connectors in use answer a bare `true`, or a null state, and pass."""
    emulator.function.answers = [body]
    assert check(emulator).status == 0


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, b"OK", "the answer is not valid JSON"),
        (200, b'{"errorMessage": "bad token"}', "the function reports an error: bad token"),
        (
            500,
            b'{"errorMessage": "bad token", "errorType": "ConfigurationError"}',
            "ConfigurationError: bad token",
        ),
        (401, b"", "needs the Invoker role"),
    ],
)
def test_what_fails_it_is_reported(emulator: Emulator, status: int, body: bytes, said: str) -> None:
    """Behaviour 4: another status, no JSON, or an error member; status 1."""
    emulator.function.status, emulator.function.answers = status, [body]
    outcome = check(emulator)
    assert outcome.status == 1
    assert said in outcome.err


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"state": {}, "insert": {"t": [{"a": 1}]}}, "setup-rows"),
        ({"state": {}, "hasMore": True}, "setup-has-more"),
        ({"state": {}, "schema": {"x" * 70_000: {}}}, "setup-size"),
    ],
)
def test_what_a_setup_test_should_not_answer_is_warned_about(
    emulator: Emulator, answer: Json, code: str
) -> None:
    """Behaviour 4: rows are not loaded, there is one call, and 64 KB is the limit known from a sibling."""
    emulator.function.answers = [answer]
    outcome = check(emulator, "--json")
    assert outcome.status == 0
    assert [warning["code"] for warning in json.loads(outcome.out)["warnings"]] == [code]


def test_a_slow_setup_test_is_warned_about() -> None:
    """Behaviour 4: more than a minute may be more than Fivetran waits."""
    from fivetran_emulator.commands.check_setup import check_setup
    from fivetran_emulator.protocol.function import FunctionReply, FunctionRequest

    class Slow:
        url = ""

        def send(self, request: FunctionRequest) -> FunctionReply:
            return FunctionReply(body=b"{}", headers={}, seconds=61.0)

    result = check_setup(Slow(), FunctionRequest(agent="a", state="{}", secrets="{}", sync_id=None))
    assert [finding.code for finding in result.findings] == ["setup-time"]


def test_secrets_in_a_failure_are_hidden(
    emulator: Emulator, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Behaviour 3: in text and in JSON."""
    secrets = tmp_path_factory.mktemp("s") / "secrets.json"
    secrets.write_text('{"token": "hush-hush-1"}')
    emulator.function.status, emulator.function.answers = 500, [{"errorMessage": "not hush-hush-1"}]
    for arguments in ((), ("--json",)):
        outcome = check(emulator, "--secrets", str(secrets), *arguments)
        assert "not ***" in outcome.out + outcome.err
        assert "hush-hush" not in outcome.out + outcome.err
