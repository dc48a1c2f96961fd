from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from scripted import Emulator, Json

from fivetran_emulator.contract.checks import CATALOGUE, named

REMOTE = {check.id for check in CATALOGUE if check.remote}
SECRETS = {"region": "europe", "api_token": "tr-0123456789abcdef"}
ROWS = [{"id": number, "name": f"n{number}", "at": f"2026-01-0{number}T00:00:00Z"} for number in range(1, 8)]


def refused(secrets: Any) -> bytes | None:
    missing = [key for key in SECRETS if not (secrets or {}).get(key)]
    return json.dumps({"errorMessage": f"missing: {', '.join(missing)}"}).encode() if missing else None


def correct(request: Json) -> Json | bytes:
    """A plain function: pages of three, a position in the state, every mistake in the secrets at once."""
    if problem := refused(request.get("secrets")):
        return problem
    if request.get("setup_test"):
        return {"state": {}, "hasMore": False}
    state: Any = request.get("state") or {}
    done = int(state.get("done", 0)) % len(ROWS)
    page = ROWS[done : done + 3]
    return {
        "state": {"version": 1, "done": done + len(page)},
        "insert": {"items": page},
        "schema": {"items": {"primary_key": ["id"]}},
        "hasMore": done + len(page) < len(ROWS),
    }


def but(**members: object) -> Callable[[Json], Json | bytes]:
    """The correct function with some members of each sync's answer replaced."""

    def function(request: Json) -> Json | bytes:
        answer = correct(request)
        if isinstance(answer, bytes) or request.get("setup_test"):
            return answer
        return {**answer, **members}

    return function


def ancestor(request: Json) -> bytes:
    """Everything that was found in functions of the kind: any secrets do, a whole sync as a setup test, `has_more`."""
    return json.dumps(
        {
            "state": {"offset": 1, "link": f"https://x.example/?key={SECRETS['api_token']}"},
            "insert": {
                "items": [
                    {"id": 1, "at": "2026-01-01T00:00:00"},
                    {"id": 1, "at": ""},
                    {"id": None, "at": ""},
                ],
                "forgotten": [{"a": 1, "A": 2}],
            },
            "delete": {"items": [{"id": 1}]},
            "schema": {"items": {"primary_key": ["id"]}},
            "has_more": True,
        }
    ).encode()


@pytest.fixture
def check(emulator: Emulator, tmp_path: Path) -> Callable[..., tuple[int, Any]]:
    """Run the command with --json against a function; the exit status and the document."""

    def run(function: Callable[[Json], Json | bytes] | bytes, *arguments: str) -> tuple[int, Any]:
        emulator.function.answers = [function]
        (tmp_path / "secrets.json").write_text(json.dumps(SECRETS))
        outcome = emulator.run(
            *("check", "--url", emulator.function.url, "--secrets", str(tmp_path / "secrets.json")),
            *("--json", *arguments),
        )
        assert SECRETS["api_token"] not in outcome.out + outcome.err
        return outcome.status, json.loads(outcome.out)

    return run


def ids(document: Any, outcome: str) -> set[str]:
    return {one["id"] for one in document["checks"] if one["outcome"] == outcome}


def test_a_correct_plain_function_passes_all_that_can_be_asked(check: Callable[..., Any]) -> None:
    """What needs a practice source is not run, and never counts as passed."""
    status, document = check(correct)
    assert status == 0
    assert ids(document, "passed") == REMOTE
    assert ids(document, "not run") == {one.id for one in CATALOGUE} - REMOTE
    assert all(one["reason"] for one in document["checks"] if one["outcome"] == "not run")
    assert (document["passed"], document["failed"]) == (len(REMOTE), 0)
    assert document["not_run"] == len(CATALOGUE) - len(REMOTE)


def test_a_function_like_the_ancestors_fails_what_it_breaks(check: Callable[..., Any]) -> None:
    """One run tells everything at once, each with what was seen and what was likely written; without the secrets."""
    status, document = check(ancestor)
    assert status == 1
    assert ids(document, "failed") == {
        *("C01", "C04", "C05", "C06", "C07"),  # the form of the answer
        *("C13", "C31", "C37", "C38", "C48"),
    }
    [misspelt] = [one for one in document["checks"] if one["id"] == "C01"]
    assert "has_more" in misspelt["seen"]
    assert "stops after its first page" in misspelt["likely"]
    assert all(misspelt[part] for part in ("expected", "reproduce", "promise", "title"))


@pytest.mark.parametrize(
    ("faulty", "failed"),
    [
        (but(has_more=True), {"C01"}),
        (but(hasMore="false"), {"C02"}),
        (but(hasMore=True, state={"version": 1}), {"C10"}),
        (but(insert={"items": [{"id": 1, "price": float("nan")}]}), {"C03", "C09"}),
        (b"<html>Please log in</html>", {"C03", "C09", "C13", "C49"}),
        (but(schema={}), {"C04"}),
        (but(insert={"items": [{"id": 1, "at": "2026-01-01 10:00:00"}]}), {"C37"}),
        (but(insert={"items": [{"id": 1, "_fivetran_synced": 1}]}), {"C38"}),
        (but(insert={"items": [{"id": 1, "v": 1}, {"id": 2, "v": "x"}]}), {"C36"}),
        (but(state={"done": 7}, hasMore=False), {"C31"}),
    ],
    ids=lambda value: "-".join(sorted(value)) if isinstance(value, set) else "",
)
def test_each_fault_fails_its_own_check(check: Callable[..., Any], faulty: Any, failed: set[str]) -> None:
    """And the checks that the fault has nothing to do with do not; advice alone is no failure of the command."""
    status, document = check(faulty)
    assert status == int(any(named(id_).must for id_ in failed))
    assert ids(document, "failed") == failed


def test_a_request_that_is_not_the_usual_one_is_put_too(check: Callable[..., Any]) -> None:
    """A state that is missing, a setup test, secrets that are missing one after the other."""

    def strict(request: Json) -> Json | bytes:
        return correct(request) if "state" in request else b'{"errorMessage": "KeyError: state"}'

    assert ids(check(strict)[1], "failed") == {"C11"}

    def first_only(request: Json) -> Json | bytes:
        secrets: Any = request.get("secrets") or {}
        missing = [key for key in SECRETS if not secrets.get(key)]
        return (
            json.dumps({"errorMessage": f"missing: {missing[0]}"}).encode() if missing else correct(request)
        )

    assert ids(check(first_only)[1], "failed") == {"C49"}

    def no_setup_test(request: Json) -> Json | bytes:
        return correct({**request, "setup_test": False})

    assert ids(check(no_setup_test)[1], "failed") == {"C13"}


def test_a_sync_longer_than_the_calls_is_not_known_to_end(check: Callable[..., Any]) -> None:
    """Its first answers are checked all the same."""
    status, document = check(correct, "--calls", "2")
    assert status == 0
    assert ids(document, "passed") == REMOTE - {"C09"}
    [terminates] = [one for one in document["checks"] if one["id"] == "C09"]
    assert "--calls" in terminates["reason"]


def test_a_person_reads_each_promise_and_the_three_counts(emulator: Emulator, tmp_path: Path) -> None:
    """The last line is for whoever reads nothing else."""
    emulator.function.answers = [ancestor]
    outcome = emulator.run("check", "--url", emulator.function.url)
    assert outcome.status == 1
    *_, last = outcome.out.splitlines()
    words = last.replace(",", "").split()
    assert words[1::2] == ["passed", "failed", "not"]
    assert int(words[0]) + int(words[2]) + int(words[4]) == len(CATALOGUE)
    assert "failed   C01 only the members Fivetran knows: An answer has no member but" in outcome.out
    assert "         seen:      the answer has has_more" in outcome.out
    [not_run] = [line for line in outcome.out.splitlines() if line.startswith("not run") and "C21" in line]
    assert "C21 C22 C23" in not_run


def test_failures_come_first_and_rules_before_advice(emulator: Emulator) -> None:
    """What has to be changed is not looked for among what is right."""
    emulator.function.answers = [ancestor]
    lines = emulator.run("check", "--url", emulator.function.url).out.splitlines()
    outcomes = ("failed", "advice", "passed", "not run")
    seen = [
        next(one for one in outcomes if line.startswith(one)) for line in lines if line.startswith(outcomes)
    ]
    assert seen == sorted(seen, key=outcomes.index)
    assert set(seen) == set(outcomes)


def test_an_interrupt_is_reported_in_a_line(emulator: Emulator) -> None:
    """Ctrl-C while the function takes its time."""
    process = subprocess.Popen(
        [sys.executable, "-m", "fivetran_emulator", "check", "--url", emulator.function.url],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    emulator.function.answers = [interrupts(process)]
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err == "fivetran-emulator: interrupted; nothing was loaded\n"


def interrupts(process: subprocess.Popen[str]) -> Callable[[Json], Json]:
    """An answer that the process, interrupted when it is asked for, does not wait for."""

    def answer(request: Json) -> Json:
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        return {"state": {}, "hasMore": bool(request)}

    return answer


def test_what_was_learnt_is_reported_when_the_function_stops_answering(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What is still to be asked is not run, and says why."""
    emulator.function.answers = [correct]
    send, sent = requests.Session.send, []

    def stops(session: Any, request: Any, **named: Any) -> Any:
        sent.append(request)
        if len(sent) > 8:
            raise requests.ConnectionError
        return send(session, request, **named)

    monkeypatch.setattr(requests.Session, "send", stops)
    (tmp_path / "secrets.json").write_text(json.dumps(SECRETS))
    secrets = ("--secrets", str(tmp_path / "secrets.json"))
    outcome = emulator.run("check", "--url", emulator.function.url, "--json", *secrets)
    checks = {one["id"]: one for one in json.loads(outcome.out)["checks"]}
    assert checks["C01"]["outcome"] == "passed"
    assert "has stopped answering" in checks["C49"]["reason"]


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("--url", "localhost"), 2, "is no http address"),
        (("--url", "http://127.0.0.1:1"), 1, "nothing listens at"),
        (("--url", "http://127.0.0.1:1", "--calls", "0"), 2, "--calls"),
        (("--url", "http://127.0.0.1:1", "--secrets", "/nowhere"), 2, "cannot be read"),
    ],
)
def test_what_cannot_be_called_is_reported_in_a_line(
    emulator: Emulator, arguments: tuple[str, ...], status: int, said: str
) -> None:
    """Without a traceback, and without a list of checks."""
    outcome = emulator.run("check", *arguments)
    assert outcome.status == status
    assert said in outcome.err
    assert outcome.out == ""


def test_it_needs_neither_the_warehouse_nor_pytest() -> None:
    """A connector's environment has no DuckDB, and the command's own has no pytest."""
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['duckdb', 'rich', 'pytest', 'flask', 'hypothesis']));"
        "from fivetran_emulator.__main__ import main; sys.exit(main(['check', '--url', 'http://127.0.0.1:1']))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 1, ran.stderr
    assert "nothing listens at" in ran.stderr


class Elsewhere(BaseHTTPRequestHandler):
    """Answers every POST with a redirect to the address in `target`."""

    target = ""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(308)
        self.send_header("Location", self.target)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep the tests' output clean."""


def test_secrets_do_not_follow_a_redirect(emulator: Emulator, tmp_path: Path) -> None:
    """Where a function points is no place for its secrets; the other end gets no request at all."""
    emulator.function.answers = [correct]
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), type("To", (Elsewhere,), {"target": emulator.function.url})
    )
    with server_running(server):
        secrets = tmp_path / "secrets.json"
        secrets.write_text(json.dumps(SECRETS))
        url = f"http://127.0.0.1:{server.server_port}"
        outcome = emulator.run("check", "--url", url, "--secrets", str(secrets))
    assert emulator.function.bodies == []
    assert outcome.status == 1
    assert "redirects; secrets are not sent elsewhere" in outcome.out


@contextmanager
def server_running(server: ThreadingHTTPServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_the_platforms_limits_hold_in_check_too(check: Callable[..., tuple[int, Any]]) -> None:
    """An answer that Google would not let through fails the check, as it fails a sync; no more of it is read."""

    def large(request: Json) -> bytes:
        answer = correct(request)
        return answer if isinstance(answer, bytes) else json.dumps(answer).encode() + b" " * 11_000_000

    status, document = check(large)
    assert status == 1
    ended = next(one for one in document["checks"] if one["id"] == "C09")
    assert ended["outcome"] == "failed"
    assert "larger than the 10 MB the platform lets through" in ended["seen"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"state": {}, "hasMore": false, "insert": {"a": [{"id": 1}]}, "schema": {"a": {"primary_key": "id"}}}',
        b'{"state": {}, "hasMore": false, "insert": {"a": [{"id": 1e400}]}, "schema": {"a": {"primary_key": ["id"]}}}',
        b'{"state": {}, "hasMore": false, "insert": {}, "softDelete": "a"}',
        b'{"state": {}, "hasMore": false, "insert": {"a": [{"id": 1, "t": "\\ud83d"}]}, "schema": {"a": {"primary_key": ["id"]}}}',
    ],
    ids=["a key as text", "1e400", "softDelete as text", "a lone surrogate"],
)
def test_what_sync_refuses_fails_a_check(check: Callable[..., Any], body: bytes) -> None:
    """An answer that cannot be loaded is no success here either."""
    status, document = check(body)
    assert status == 1
    assert {one["id"] for one in document["checks"] if one["outcome"] == "failed"} & {"C02", "C03"}


def test_a_key_that_changes_its_type_between_calls_fails_a_check(check: Callable[..., Any]) -> None:
    """5 and "5" may become two rows, and each answer alone is in order; Fivetran itself would widen the column."""

    def changing(request: Json) -> Json | bytes:
        answer = correct(request)
        if isinstance(answer, dict) and request.get("state"):
            answer = json.loads(json.dumps(answer))
            for row in answer.get("insert", {}).get("items", ()):
                row["id"] = str(row["id"])
        return answer

    status, document = check(changing)
    [types] = [one for one in document["checks"] if one["id"] == "C36"]
    assert types["outcome"] == "failed"
    assert "id" in types["seen"]
    assert status == 0


def test_another_key_in_a_later_answer_fails_a_check(check: Callable[..., Any]) -> None:
    """`sync` refuses it: the rows that are there were loaded under the first one."""

    def changing(request: Json) -> Json | bytes:
        answer = correct(request)
        if isinstance(answer, dict) and request.get("state"):
            return {**answer, "schema": {"items": {"primary_key": ["id", "name"]}}}
        return answer

    status, document = check(changing)
    assert ids(document, "failed") == {"C04"}
    assert status == 1
