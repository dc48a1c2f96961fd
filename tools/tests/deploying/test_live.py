from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tools.locked.deploying.gcloud import SignedIn
from tools.locked.deploying.google_api import CannotAskError, GoogleApi
from tools.locked.deploying.live import megabytes, read_function
from tools.locked.rehearsal.google import Answer, FakeGoogle
from tools.repository.errors import RepositoryError

LABELS = {"connector": "acme", "version": "0-1-0", "bundle": "a" * 40, "commit": "1" * 40}


@pytest.fixture
def google() -> Iterator[FakeGoogle]:
    """Google, in a project whose name and number hold what an error's number looks like."""
    with FakeGoogle(project="team-404-project") as running:
        yield running


def api(google: FakeGoogle) -> GoogleApi:
    """As its deployer sees it."""
    endpoints = {"cloudfunctions": f"{google.url}/", "iamcredentials": f"{google.url}/"}
    return GoogleApi(SignedIn(google.deployer, google.access_token(), endpoints))


@pytest.mark.parametrize("generation", [1, 2])
def test_a_live_function_is_read_in_both_generations_shapes(google: FakeGoogle, generation: int) -> None:
    """Generation, address, labels and settings, each from where that generation's API has it."""
    fields = (
        {"availableMemoryMb": 2048, "timeout": "300s", "maxInstances": 1}
        if generation == 1
        else {"serviceConfig": {"availableMemory": "2Gi", "timeoutSeconds": 300, "maxInstanceCount": 1}}
    )
    put = google.deployed("acme", generation=generation, labels=LABELS, **fields)
    live = api(google).function(google.project, "us-central1", "acme")
    assert live is not None
    assert (live.generation, live.url, live.labels, live.active) == (generation, put.url, LABELS, True)
    assert (live.memory, live.timeout, live.max_instances) == (2048, 300, 1)
    assert live.release is not None
    assert (live.release.shown_version, live.release.bundle) == ("0.1.0", "a" * 40)


def test_only_google_itself_says_that_a_function_does_not_exist(google: FakeGoogle) -> None:
    """Never a number in somebody's words: a live function would be made private."""
    assert api(google).function(google.project, "us-central1", "acme") is None
    google.deployed("acme")
    for status, message in ((403, "404 NOT_FOUND in project 404404404404"), (500, "not found"), (503, "404")):
        google.fail("GET", "v2/.*functions/acme", status, message)
        with pytest.raises(RepositoryError, match=f"{status} "):
            api(google).function(google.project, "us-central1", "acme")


def test_a_404_of_something_else_is_not_googles_answer() -> None:
    """A proxy's page, or an address where no API is."""
    with FakeGoogle() as google:
        elsewhere = {"cloudfunctions": f"{google.url}/call/no/such/"}
        with pytest.raises(CannotAskError):
            GoogleApi(SignedIn("a@b", "t", elsewhere)).function("p", "r", "acme")
    with pytest.raises(CannotAskError, match="doesn't answer"):
        GoogleApi(SignedIn("a@b", "t", elsewhere)).function("p", "r", "acme")


@pytest.mark.parametrize(
    "answer",
    [
        Answer(404, b"<html>404 Not Found</html>", {"Content-Type": "text/html"}),
        Answer(404, b'{"error": {"code": 404, "status": "FAILED_PRECONDITION", "message": "no API"}}'),
        Answer(404, b'{"error": "not found"}'),
    ],
)
def test_a_404_in_another_shape_is_no_answer_of_googles(
    google: FakeGoogle, monkeypatch: pytest.MonkeyPatch, answer: Answer
) -> None:
    """Only its NOT_FOUND says that a function doesn't exist."""
    monkeypatch.setattr(google, "handle", lambda _: answer)
    with pytest.raises(CannotAskError, match="404"):
        api(google).function(google.project, "us-central1", "acme")


def test_a_region_that_does_not_answer_hides_no_functions(
    google: FakeGoogle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list without them would make them new."""
    partial = Answer(200, b'{"functions": [], "unreachable": ["projects/p/locations/us-east1"]}')
    monkeypatch.setattr(google, "handle", lambda _: partial)
    with pytest.raises(RepositoryError, match="us-east1"):
        api(google).functions(google.project)


@pytest.mark.parametrize(("generation", "field"), [(1, "status"), (2, "state")])
def test_a_function_whose_deploy_failed_is_not_active(
    google: FakeGoogle, generation: int, field: str
) -> None:
    """Whatever its labels say."""
    google.deployed("acme", generation=generation).resource[field] = "OFFLINE"
    live = api(google).function(google.project, "us-central1", "acme")
    assert live is not None
    assert not live.active


def test_all_functions_of_a_project_are_listed(google: FakeGoogle) -> None:
    """Of both generations and all regions."""
    google.deployed("first", generation=1, labels=LABELS)
    google.deployed("second", generation=2, region="europe-west1")
    listed = {live.name: live for live in api(google).functions(google.project)}
    assert {name: (live.generation, live.region) for name, live in listed.items()} == {
        "first": (1, "us-central1"),
        "second": (2, "europe-west1"),
    }
    assert listed["first"].release is not None
    assert listed["second"].release is None


def test_the_token_is_never_shown(google: FakeGoogle) -> None:
    """Not in an error, not in a repr."""
    who = SignedIn("a@b", "ya29.secret", {"cloudfunctions": google.url})
    with pytest.raises(RepositoryError) as raised:
        GoogleApi(who).function("p", "r", "acme")
    assert "401" in str(raised.value)
    assert "ya29" not in str(raised.value) + repr(who) + repr(replace(who, account="c@d"))


@pytest.mark.parametrize(
    "answer", [{"environment": "GEN_3", "name": "a"}, {}, {"name": "a", "timeout": "soon"}]
)
def test_what_is_not_a_function_is_an_error(answer: dict[str, str]) -> None:
    """Nothing is assumed about an answer of another shape."""
    with pytest.raises(RepositoryError, match="can't be read"):
        read_function(answer)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("512M", 512), ("512Mi", 512), ("1Gi", 1024), ("0.5Gi", 512), ("2G", 2000), ("536870912", 512)],
)
def test_memory_is_read_in_every_unit(text: str, expected: int) -> None:
    """Gcloud sends what is asked for as 1024MB as 1024M; the console writes 1Gi."""
    assert megabytes(text) == expected
