from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest
from made_up_deployments import NEW
from small_repository import Write

from tools.locked.deploying.gcloud import SignedIn
from tools.locked.deploying.google_api import GoogleApi
from tools.locked.deploying.live import LiveFunction, read_function
from tools.locked.deploying.smoke_test import (
    Answer,
    Expected,
    Outcome,
    Result,
    expected_of,
    judge,
    smoke_test,
)
from tools.locked.rehearsal import google as fake
from tools.locked.rehearsal.google import FakeGoogle
from tools.repository.model import Repository

RUNTIME = Expected(NEW, on_runtime=True, required=("token",))
PLAIN = Expected(NEW, on_runtime=False, required=None)
GOOD = f"Secrets: token is missing. Keys: token, url. Change it in Fivetran. This is acme 0.2.0, bundle {NEW.bundle}."
REPORT = {"connector": "acme", "version": "0.2.0", "bundle": NEW.bundle}
GOOGLE_403 = "<html><head>\n<meta http-equiv='content-type' content='text/html;charset=utf-8'>\n<title>403 Forbidden</title>"
GOOGLE_500 = "<html><head>\n<title>500 Server Error</title>\n</head>"
FLASK_500 = "<!doctype html>\n<html lang=en>\n<title>500 Internal Server Error</title>"


def said(
    message: str = GOOD,
    status: int = 500,
    kind: str = "configuration",
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """What the runtime answers."""
    return Answer(status, headers or {}, json.dumps({"errorMessage": message, "errorType": kind}))


def test_the_configuration_error_with_keys_version_and_bundle_passes() -> None:
    """It is what the release that was deployed answers to a request without secrets."""
    assert judge(said(), RUNTIME).result is Result.PASSED


@pytest.mark.parametrize(
    "answer",
    [
        said(GOOD.replace(NEW.bundle, "a" * 40)),  # the bundle before still answers
        said(GOOD.replace("0.2.0", "0.2.0-rc1")),
        said(GOOD.replace("0.2.0", "10.2.0")),
        said(GOOD.replace("token", "tokens")),
        said(kind="bug"),
        said("KeyError: token", kind="bug", headers={"x-connector-invocation": json.dumps(REPORT)}),
        said("The environment variable FIVETRAN_TIMEOUT_S is '': it must be a whole number."),
        said("ModuleNotFoundError: No module named 'msgspec'", kind="bug"),
        Answer(200, {"x-connector-invocation": json.dumps(REPORT)}, '{"state": {}, "hasMore": false}'),
        Answer(200, {}, "{}"),
        Answer(500, {"x-google-status": "crash"}, "500 Internal Server Error"),
        Answer(500, {}, GOOGLE_500),
        Answer(503, {}, "Service Unavailable"),
        Answer(404, {}, "<html><head><title>404 Not Found</title></head>"),
        Answer(429, {}, "Rate exceeded."),
        Answer(302, {"location": "https://accounts.google.com"}, ""),
    ],
)
def test_anything_else_fails_a_connector_on_the_runtime(answer: Answer) -> None:
    """Another bundle, version or key, a crash, a success without secrets, Google's own pages."""
    assert judge(answer, RUNTIME).result is Result.FAILED


def test_a_connector_that_needs_no_secrets_passes_by_its_report() -> None:
    """Its setup test ran, or failed at the source; the header names what ran."""
    free = replace(RUNTIME, required=())
    report = {"x-connector-invocation": json.dumps(REPORT)}
    assert judge(Answer(200, report, '{"state": {}, "hasMore": false}'), free).result is Result.PASSED
    assert judge(said("The source is down.", kind="transient", headers=report), free).result is Result.PASSED
    assert judge(said("The source answered 401.", headers=report), free).result is Result.PASSED
    old = {"x-connector-invocation": json.dumps({**REPORT, "bundle": "a" * 40})}
    assert judge(Answer(200, old, "{}"), free).result is Result.FAILED


def test_keys_that_are_not_recorded_are_not_asked_for() -> None:
    """A version without an entry in released.json still has to name itself."""
    unknown = replace(RUNTIME, required=None)
    assert judge(said(), unknown).result is Result.PASSED
    assert judge(said(GOOD.replace(NEW.bundle, "")), unknown).result is Result.FAILED


@pytest.mark.parametrize("expected", [RUNTIME, PLAIN])
@pytest.mark.parametrize(
    "answer", [Answer(403, {}, GOOGLE_403), Answer(401, {}, "<html><head>\n<title>401 Unauthorized</title>")]
)
def test_a_refused_caller_says_nothing_about_the_function(answer: Answer, expected: Expected) -> None:
    """Never a reason to go back."""
    assert judge(answer, expected).result is Result.CANNOT_ASK


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(200, {}, '{"state": {}}'), Result.PASSED),
        (Answer(500, {}, '{"errorMessage": "no token", "error": "no token"}'), Result.PASSED),
        (
            Answer(403, {}, '{"errorMessage": "wrong token"}'),
            Result.PASSED,
        ),  # the function's own, not Google's
        (Answer(500, {"x-google-status": "crash"}, "KeyError"), Result.PASSED),
        (Answer(500, {}, FLASK_500), Result.PASSED),
        (Answer(500, {}, GOOGLE_500), Result.FAILED),
        (Answer(500, {}, '{"error": {"code": 500, "message": "internal"}}'), Result.FAILED),
        (Answer(503, {}, "Service Unavailable"), Result.FAILED),
    ],
)
def test_a_plain_connector_passes_if_our_process_answered(answer: Answer, expected: Result) -> None:
    """Without its secrets it may well crash: it was loaded and called, which Google's pages don't show."""
    assert judge(answer, PLAIN).result is expected


def test_what_is_expected_is_read_from_the_connectors_files(small: Repository, write: Write) -> None:
    """Whether the runtime answers for it, and the secrets it can't do without in this very version."""
    project = small.connector("acme")
    assert expected_of(small, project, NEW) == Expected(NEW, on_runtime=False, required=None)
    write(
        "connectors/acme/src/connector_acme/__init__.py",
        '__version__ = "0.2.0"\napp = Connector("acme")\nmain = app.handler\n',
    )
    releases = [
        {"version": "0.1.0", "secrets": {"old": "required"}},
        {"version": "0.2.0", "secrets": {"token": "required", "url": "optional"}},
    ]
    write("connectors/acme/tests/released.json", json.dumps({"releases": releases}))
    assert expected_of(small, project, NEW) == RUNTIME


# -- asking, with the fake of Google -----------------------------------------------------------------------


def asked(google: FakeGoogle, *, granted: bool = True, waits: list[float] | None = None) -> Outcome:
    """The smoke test of a function there."""
    put = google.deployed("acme")
    if granted:
        put.grant(google.deployer)
    live: LiveFunction = read_function(put.in_v2())
    endpoints = {"iamcredentials": f"{google.url}/"}
    api = GoogleApi(SignedIn(google.deployer, google.access_token(), endpoints))
    return smoke_test(api, live, RUNTIME, sleep=(waits if waits is not None else []).append)


def answers(*answers: Answer) -> fake.Serve:
    """A function that gives these answers in turn, and the last one from then on."""
    left = list(answers)

    def serve(_: object, call: fake.Call) -> fake.Answer:
        assert call.body["secrets"] == {}
        assert call.body["setup_test"] is True
        answer = left.pop(0) if len(left) > 1 else left[0]
        return fake.Answer(answer.status, answer.text.encode(), answer.headers)

    return serve


def test_the_deployer_asks_with_a_token_of_its_own_for_that_address() -> None:
    """From generateIdToken with its access token; the function is called once, without secrets."""
    with FakeGoogle() as google:
        google.serve = answers(said())
        assert asked(google).result is Result.PASSED
        calls = [(call.method, call.path.rpartition("/")[2]) for call in google.calls]
        assert calls == [("POST", f"{google.deployer}:generateIdToken"), ("POST", "acme")]
        assert google.calls[0].body["audience"] == google.function("acme").url


def test_without_the_invoker_role_it_cannot_ask() -> None:
    """At once: waiting grants nothing."""
    waits: list[float] = []
    with FakeGoogle() as google:
        assert asked(google, granted=False, waits=waits).result is Result.CANNOT_ASK
    assert waits == []


def test_without_a_token_it_cannot_ask() -> None:
    """The deployer may not impersonate itself, or is a person; the function isn't called."""
    with FakeGoogle() as google:
        google.fail("POST", "generateIdToken", 403, "Permission 'iam.serviceAccounts.getOpenIdToken' denied")
        outcome = asked(google)
        assert (outcome.result, len(google.calls)) == (Result.CANNOT_ASK, 1)
        assert "getOpenIdToken" in outcome.why


def test_a_platform_that_is_still_switching_is_asked_again() -> None:
    """An old instance or Google's page for a moment is no failure; for all the tries it is."""
    waits: list[float] = []
    with FakeGoogle() as google:
        old = said(GOOD.replace(NEW.bundle, "a" * 40))
        google.serve = answers(Answer(503, {}, "Service Unavailable"), old, said())
        assert asked(google, waits=waits).result is Result.PASSED
        assert len(waits) == 2
        google.serve = answers(old)
        assert asked(google, waits=waits).result is Result.FAILED
