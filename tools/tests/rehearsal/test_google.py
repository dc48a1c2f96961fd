from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tools.locked.rehearsal.google import Answer, Call, FakeGoogle, forward_to

LOCATION = "/projects/dev-project/locations/us-central1"
gcloud_here = pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud isn't on this machine")


@pytest.fixture
def google() -> Iterator[FakeGoogle]:
    """Google without any function."""
    with FakeGoogle(project="dev-project") as running:
        yield running


def ask(
    google: FakeGoogle, method: str, path: str, body: object = None, *, token: str | None = None
) -> tuple[int, Any]:
    """A request as the deployer, over real HTTP; status and JSON."""
    headers = {
        "Content-Type": "application/json",
        "Authorization": f"Bearer {token or google.access_token()}",
    }
    request = Request(google.url + path, json.dumps(body).encode(), headers=headers, method=method)  # noqa: S310 - our own address
    return answered(request)


def answered(request: Request) -> tuple[int, Any]:
    try:
        with urlopen(request) as answer:  # noqa: S310 - our own address
            return answer.status, json.loads(answer.read() or b"null")
    except HTTPError as error:
        with error:
            content = error.read()
        return error.code, json.loads(content) if content.startswith(b"{") else content.decode()


def archive(*names: str) -> bytes:
    """A zip with files of these names."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as files:
        for name in names:
            files.writestr(name, "pass\n")
    return made.getvalue()


def uploaded(google: FakeGoogle, content: bytes) -> str:
    """The address the content was uploaded to."""
    _, answer = ask(google, "POST", f"/v1{LOCATION}/functions:generateUploadUrl", {})
    url = str(answer["uploadUrl"])
    request = Request(url, content, {"Content-Type": "application/zip"}, method="PUT")  # noqa: S310 - our own address
    assert answered(request)[0] == 200
    return url


def gcloud(google: FakeGoogle, *arguments: str, logged_in: bool = True) -> str:
    """What the real gcloud prints; it must be content."""
    environment = {**os.environ, **google.environment(logged_in=logged_in)}
    done = subprocess.run(
        ["gcloud", *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@gcloud_here
@pytest.mark.parametrize("generation", [1, 2])
def test_the_real_gcloud_deploys_and_deploys_again(
    google: FakeGoogle, generation: int, tmp_path: Path
) -> None:
    """Labels and variables add up, the upload arrives, and access is as gcloud grants it; nothing else is asked."""
    (tmp_path / "main.py").write_text("def main(request): return {}\n")
    (tmp_path / "requirements.txt").write_text("functions-framework==3.10.2\n")
    flag = "--gen2" if generation == 2 else "--no-gen2"
    deploy = [
        "functions", "deploy", "acme", "--region=us-central1", flag, "--runtime=python312", "--trigger-http",
        f"--source={tmp_path}", "--memory=1024MB", "--timeout=540s", "--no-allow-unauthenticated", "--quiet",
    ]  # fmt: skip
    gcloud(google, *deploy, "--update-labels=version=1", "--update-env-vars=A=1")
    gcloud(google, *deploy, "--update-labels=commit=2", "--update-env-vars=B=2")
    gcloud(
        google, "functions", "add-invoker-policy-binding", "acme", "--region=us-central1",
        f"--member=serviceAccount:{google.deployer}",
    )  # fmt: skip
    live = google.function("acme")
    assert live.labels == {"deployment-tool": "cli-gcloud", "version": "1", "commit": "2"}
    assert live.variables == {"A": "1", "B": "2"}
    assert (live.generation, live.runtime, live.memory, live.timeout, live.builds) == (
        generation,
        "python312",
        1024,
        540,
        2,
    )
    assert live.members == {
        "main.py": b"def main(request): return {}\n",
        "requirements.txt": b"functions-framework==3.10.2\n",
    }
    assert live.may_call(f"serviceAccount:{google.deployer}")
    assert not live.may_call("allUsers")
    listed = gcloud(google, "functions", "list", "--v2", "--filter=labels.version=1", "--format=value(name)")
    assert listed == "acme\n"
    assert {call.status for call in google.calls} <= {200, 404}
    assert [call.path for call in google.calls if call.method == "CONNECT"] == []


@gcloud_here
def test_a_key_logs_in_and_an_access_token_is_printed(google: FakeGoogle) -> None:
    """As CI's deploy job does with its context's key; the token opens the API, and iamcredentials gives an ID token."""
    gcloud(google, "auth", "activate-service-account", f"--key-file={google.key_file}", logged_in=False)
    token = gcloud(google, "auth", "print-access-token", logged_in=False).strip()
    path = f"/v1/projects/-/serviceAccounts/{google.deployer}:generateIdToken"
    status, answer = ask(google, "POST", path, {"audience": "https://a"}, token=token)
    assert status == 200
    assert google.identity.caller_of(answer["token"], "https://a") == google.deployer


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"runtime": "python313"}, "runtime"),  # of generation 2 only
        ({"runtime": None}, "runtime"),
        ({"availableMemoryMb": 3000}, "availableMemoryMb"),
        ({"timeout": "541s"}, "timeout"),
        ({"httpsTrigger": None}, "trigger"),
        ({"labels": {"version": "1.2"}}, "labels"),
        ({"environmentVariables": {"X_GOOGLE_A": "1"}}, "environmentVariables"),
        ({"sourceUploadUrl": None}, "source"),
    ],
)
def test_what_google_refuses_is_refused(google: FakeGoogle, change: dict[str, Any], field: str) -> None:
    """With the field, before anything is built."""
    whole = {
        "name": f"{LOCATION[1:]}/functions/acme",
        "runtime": "python312",
        "httpsTrigger": {},
        "sourceUploadUrl": uploaded(google, archive("main.py")),
        **change,
    }
    body = {key: value for key, value in whole.items() if value is not None}
    status, answer = ask(google, "POST", f"/v1{LOCATION}/functions", body)
    assert status == 400
    assert [one["field"] for one in answer["error"]["details"][0]["fieldViolations"]] == [field]
    assert google.functions == {}


def test_an_unknown_function_is_not_patched(google: FakeGoogle) -> None:
    """404; and a function of generation 2 is none that the first API knows."""
    google.deployed("acme", generation=2)
    for name in ("nope", "acme"):
        assert ask(google, "PATCH", f"/v1{LOCATION}/functions/{name}?updateMask=labels", {})[0] == 404


def test_no_token_or_a_made_up_one_is_refused(google: FakeGoogle) -> None:
    """401, and 403 for a permission the account lacks."""
    assert ask(google, "GET", f"/v2{LOCATION}/functions/acme", token="ya29.made.up")[0] == 401
    assert (
        ask(google, "GET", f"/v2{LOCATION}/functions/acme", token=google.id_token("https://a") + "x")[0]
        == 401
    )
    google.forbidden.add("cloudfunctions.functions.get")
    assert ask(google, "GET", f"/v2{LOCATION}/functions/acme")[0] == 403


def test_an_upload_without_main_py_does_not_build(google: FakeGoogle) -> None:
    """The operation fails in the builder's words, and what ran before runs on."""
    live = google.deployed("acme", upload=archive("main.py"), labels={"version": "1"})
    body = {
        "sourceUploadUrl": uploaded(google, archive("connector_acme/__init__.py")),
        "labels": {"version": "2"},
    }
    path = f"/v1{LOCATION}/functions/acme?updateMask=sourceUploadUrl,labels"
    _, operation = ask(google, "PATCH", path, body)
    _, ended = ask(google, "GET", f"/v1/{operation['name']}")
    assert "missing main.py" in ended["error"]["message"]
    assert list(live.members) == ["main.py"]
    assert live.labels == {"version": "1"}


@pytest.mark.parametrize("generation", [1, 2])
def test_a_function_is_only_called_with_a_token_and_the_role(google: FakeGoogle, generation: int) -> None:
    """No token, another audience, no Invoker: refused; else what serves it answers, with the body that was sent."""
    live = google.deployed("acme", generation=generation)
    google.serve = lambda function, call: Answer(200, json.dumps([function.name, call.body]).encode())

    def call(token: str | None) -> tuple[int, Any]:
        headers = {"Content-Type": "application/json"} | (
            {"Authorization": f"Bearer {token}"} if token else {}
        )
        return answered(Request(live.url, b'{"agent": "a"}', headers))  # noqa: S310 - our own address

    assert call(None)[0] == 403
    assert call(google.access_token())[0] == 401
    assert call(google.id_token("https://another"))[0] == 401
    assert call(google.id_token(live.url))[0] == 403
    live.grant(google.deployer)
    assert call(google.id_token(live.url)) == (200, ["acme", {"agent": "a"}])
    assert call(google.id_token(live.url, "someone@else"))[0] == 403


def test_a_call_is_forwarded_to_what_serves_the_upload(google: FakeGoogle) -> None:
    """Status and body come back as the function gave them."""
    live = google.deployed("acme")
    live.grant("allUsers")
    with FakeGoogle() as other:  # anything that answers HTTP
        google.serve = forward_to(f"{other.url}/v1/nothing")
        assert answered(Request(live.url, b"{}", method="POST"))[0] == 501  # noqa: S310 - our own address
        assert [call.method for call in other.calls] == ["POST"]


def test_it_fails_as_a_test_asks(google: FakeGoogle) -> None:
    """Once, and then no more."""
    google.deployed("acme")
    google.fail("GET", "functions/acme", 503, "try again")
    path = f"/v2{LOCATION}/functions/acme"
    assert [ask(google, "GET", path)[0] for _ in range(2)] == [503, 200]
    assert google.handle(Call("GET", path, {"": ""}, {}, None)).status == 401
