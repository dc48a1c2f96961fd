"""The whole function behind the real functions-framework: what Fivetran sends, gets, and what is logged."""

from __future__ import annotations

import base64
import json
import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import functions_framework
import pytest
from source_server import CutsOff, Received, Resets, Says, serving

SOURCE = str(Path(__file__).parents[1] / "functions" / "acme.py")
TOKEN = 'pä"ss\\w/örd+&=%☃ 1234'
SECRETS = {"token": TOKEN}
STATE = {"version": 1, "connector": "acme", "tables": {}}


@dataclass(frozen=True)
class Answer:
    """A function's answer, its body read as strict JSON."""

    status: int
    body: Any
    text: str
    headers: dict[str, str]

    @property
    def report(self) -> Any:
        """What the invocation says of itself."""
        return json.loads(self.headers["X-Connector-Invocation"])


@dataclass(frozen=True)
class Function:
    """A function behind functions-framework's own application."""

    web: Any

    def send(self, method: str = "POST", **request: Any) -> Answer:
        """Any request."""
        response = self.web.open("/", method=method, **request)
        text = response.get_data(as_text=True)
        body = json.loads(text, parse_constant=pytest.fail)
        return Answer(response.status_code, body, text, dict(response.headers))

    def call(self, how: str = "fine", *, headers: Any = None, token: str = TOKEN, **more: Any) -> Answer:
        """A request of Fivetran's."""
        secrets = {"token": token, "how": how, **more.pop("secrets", {})}
        return self.send(json={"agent": "a", "state": {}, "secrets": secrets, **more}, headers=headers)


def function(target: str) -> Function:
    return Function(functions_framework.create_app(target, SOURCE, "http").test_client())


@pytest.fixture
def main() -> Function:
    return function("main")


pytestmark = pytest.mark.usefixtures("clock")


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line, parse_constant=pytest.fail) for line in capsys.readouterr().out.splitlines()]


# -- the envelope -------------------------------------------------------------------------------------------


def test_the_answer_is_exactly_fivetrans_envelope(main: Function) -> None:
    """Five members, their names to the letter, children beside their parents."""
    answer = main.call()
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.body == {
        "state": STATE,
        "insert": {
            "users": [{"id": 1, "name": "Zoë ☃"}, {"id": 2, "name": None}],
            "notes": [{"user_id": 1, "id": 7, "text": "hello"}],
        },
        "delete": {"users": [{"id": 3}], "notes": [{"user_id": 1, "id": 8}]},
        "schema": {"users": {"primary_key": ["id"]}, "notes": {"primary_key": ["user_id", "id"]}},
        "hasMore": False,
    }


def test_the_answer_says_how_long_it_is(main: Function) -> None:
    """It is sent in pieces, and who reads it knows when they are all there."""
    answer = main.call()
    assert answer.headers["Content-Length"] == str(len(answer.text.encode()))
    assert answer.report["bytes"] == len(answer.text.encode())


@pytest.mark.parametrize(
    "more", [{}, {"state": None}, {"state": {}}, {"custom": [1]}, {"sync_id": None}, {"sync_id": 5}]
)
def test_what_fivetran_may_leave_out_or_add_is_survived(main: Function, more: dict[str, Any]) -> None:
    """Null, missing and unknown members."""
    body = {"agent": "a", "secrets": SECRETS, **more}
    assert main.send(json=body).body["state"] == STATE


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/octet-stream", "application/json; charset=utf-8", None]
)
def test_the_content_type_does_not_matter(main: Function, kind: str | None) -> None:
    """The body says what it is; flask would refuse three of these with a page for people."""
    assert main.send(data=json.dumps({"secrets": SECRETS}), content_type=kind).status == 200


def test_a_name_that_needs_escapes_is_still_json() -> None:
    """Discovered tables are called what a source calls them."""
    body = function("untyped").send(json={}).body
    assert body["insert"] == {'odd "name" \\ of\na table ☃': [{"id": 1}]}


def test_a_value_that_json_does_not_have_is_an_error_not_bad_json(main: Function) -> None:
    """The bare word NaN would fail at Fivetran, naming nothing."""
    answer = main.call("nan", state={**STATE, "tables": {"users": {"at": {"page": 2}}}})
    assert answer.body.get("insert", {}).get("users", []) != [{"id": 4, "price": None}]
    while answer.status == 200:
        answer = main.call("nan", state=answer.body["state"])
    assert answer.body["errorMessage"].startswith("Table users, key id=4, column price: the number nan")


# -- requests that are not Fivetran's -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"method": "GET"}, "POST"),
        ({"method": "PUT", "json": {}}, "POST"),
        ({"method": "DELETE"}, "POST"),
        ({"data": b""}, "not JSON"),
        ({"data": b"hello", "content_type": "text/plain"}, "not JSON"),
        ({"data": {"a": "form"}}, "not JSON"),
        ({"data": b"{", "content_type": "application/json"}, "not JSON"),
        ({"data": b'{"a": NaN}'}, "not JSON"),
        ({"data": b'{"a": "\xff"}', "content_type": "application/json"}, "not JSON"),
        ({"data": b"\xff\xfe"}, "not JSON"),
        ({"data": b"[" * 100_000 + b"]" * 100_000}, "nested too deeply"),
        ({"data": b'{"a":' * 100_000 + b"1" + b"}" * 100_000}, "nested too deeply"),
        ({"data": b"[1e99999999999999999999]"}, "not JSON"),
        ({"json": []}, "not a JSON object"),
        ({"data": b"null", "content_type": "application/json"}, "not a JSON object"),
        ({"json": "state"}, "not a JSON object"),
        ({"json": 5}, "not a JSON object"),
    ],
)
def test_other_requests_are_answered_in_json(main: Function, request_: dict[str, Any], said: str) -> None:
    """Not with a crash or a page for people, and always with what was expected."""
    answer = main.send(**request_)
    assert answer.status == 400
    assert answer.headers["Content-Type"] == "application/json"
    assert said in answer.body["errorMessage"]
    assert answer.body["errorType"] == "request"
    assert set(answer.body) == {"errorMessage", "errorType"}


# -- the setup test -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "state", [{}, {"version": 1, "connector": "acme", "tables": {"users": {"at": {"page": 2}}}}]
)
def test_the_setup_test_sends_no_rows_and_leaves_the_state(main: Function, state: Any) -> None:
    """It runs on live connections too."""
    answer = main.call(setup_test=True, state=state)
    assert answer.status == 200
    assert answer.body["state"] == state
    assert answer.body["hasMore"] is False
    assert not answer.body.get("insert")
    assert not answer.body.get("delete")


def test_a_failed_check_says_why(main: Function) -> None:
    """To the person who has just typed the key, and without the key."""
    answer = main.call("refused", setup_test=True)
    assert answer.status == 500
    assert answer.body["errorMessage"] == "The key *** is not valid."
    assert answer.body["errorType"] == "configuration"


def test_wrong_secrets_fail_the_setup_test_all_at_once(main: Function) -> None:
    """Before anything is asked of the source."""
    answer = main.send(json={"setup_test": True, "secrets": {"tokn": "hunter2hunter2", "how": 5}})
    assert answer.body["errorType"] == "configuration"
    for said in ("token is missing", "tokn is not a key", "how must be text"):
        assert said in answer.body["errorMessage"]
    assert "hunter2" not in answer.text


@pytest.mark.parametrize("flag", [False, None, "true", 1])
def test_only_true_makes_a_setup_test(main: Function, flag: Any) -> None:
    """Anything else is a sync: rows that are left out by mistake are worse than rows that are dropped."""
    assert main.call(setup_test=flag).body["insert"]


# -- failures -----------------------------------------------------------------------------------------------


def last(main: Function, how: str, **more: Any) -> Answer:
    """The failed answer of a sync; whole units before the failure are answered first."""
    answer = main.call(how, **more)
    for _ in range(5):
        if answer.status != 200:
            return answer
        answer = main.call(how, **more | {"state": answer.body["state"]})
    pytest.fail("the sync did not fail")


@pytest.mark.parametrize(
    ("how", "kind", "said"),
    [
        (
            "configuration",
            "configuration",
            "Table users: The key *** may not list users. Give it that right.",
        ),
        ("transient", "transient", "Table users: The source is being restarted."),
        ("bug", "bug", "Table users: KeyError: 'no such key: ***' (functions/acme.py:"),
        ("exit", "bug", "Table users: SystemExit: bye"),
        ("surrogate", "bug", "Table users: ValueError: a broken name: "),
    ],
)
def test_a_failure_says_what_where_and_who_acts(main: Function, how: str, kind: str, said: str) -> None:
    """HTTP 500 with an envelope that moves nothing: no state, no rows."""
    answer = last(main, how, sync_id="s-1")
    assert answer.status == 500
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.body["errorMessage"].startswith(said)
    assert answer.body["errorType"] == kind
    assert answer.body["sync_id"] == "s-1"
    assert set(answer.body) == {"errorMessage", "errorType", "stackTrace", "sync_id"}


@pytest.mark.parametrize(
    ("how", "traced"), [("bug", True), ("nested", True), ("configuration", False), ("transient", False)]
)
def test_a_stack_trace_is_for_bugs_only(main: Function, how: str, traced: bool) -> None:
    """Whoever mistyped a key does not read Python."""
    answer = last(main, how)
    assert bool(answer.body["stackTrace"]) is traced
    assert all(isinstance(line, str) for line in answer.body["stackTrace"])
    assert ("acme.py" in "".join(answer.body["stackTrace"])) is traced


@pytest.mark.parametrize(
    ("how", "more"), [("exit", {}), ("exit in client", {}), ("exit in check", {"setup_test": True})]
)
def test_an_exit_does_not_take_the_server_down(main: Function, how: str, more: dict[str, Any]) -> None:
    """SystemExit would leave through functions-framework and end the process for every other request."""
    assert last(main, how, **more).body["errorType"] == "bug"
    assert main.call().status == 200


@pytest.mark.parametrize("how", ["cancelled", "greenlet exit", "closed"])
@pytest.mark.parametrize("where", ["", " in client"])
def test_what_is_no_exception_is_answered_too(main: Function, how: str, where: str) -> None:
    """Libraries end their tasks by exceptions that `except Exception` does not see."""
    answer = last(main, how + where)
    assert answer.status == 500
    assert answer.body["errorType"] == "bug"
    assert "could not be served" not in answer.body["errorMessage"]
    assert main.call().status == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [("FIVETRAN_TIMEOUT_S", "soon"), ("FIVETRAN_MEMORY_MB", "0"), ("FIVETRAN_GENERATION", "3")],
)
def test_a_wrong_deployment_is_reported(
    main: Function, name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the variable's name."""
    monkeypatch.setenv(name, value)
    answer = main.call()
    assert (answer.status, answer.body["errorType"]) == (500, "configuration")
    assert name in answer.body["errorMessage"]


def test_a_foreign_state_is_refused(main: Function) -> None:
    """Loading it would mix two connectors' positions."""
    answer = main.call(state={**STATE, "connector": "other"})
    assert answer.status == 500
    assert "belongs to the connector 'other'" in answer.body["errorMessage"]


# -- secrets ------------------------------------------------------------------------------------------------


def written(secret: str) -> list[str]:
    """The ways a secret may be written."""
    return [
        secret,
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        *(base64.b64encode(b"x" * before + secret.encode() + b"y").decode() for before in range(3)),
    ]


def leaked(secret: str, text: str) -> list[str]:
    """The ways in which a text holds the secret; base64 without the ends that its neighbours have a part in."""
    *plain, one, two, three = written(secret)
    return [form for form in (*plain, one[4:-4], two[4:-4], three[4:-4]) if form in text]


def everything(answer: Answer, capsys: pytest.CaptureFixture[str]) -> str:
    """All that leaves a function; every line of its log is strict JSON."""
    output = capsys.readouterr()
    for line in output.out.splitlines():
        json.loads(line, parse_constant=pytest.fail)
    return "".join((answer.text, *answer.headers.values(), output.out, output.err))


TOKENS = [TOKEN, "k3y-0f-the-h0use", "12345678", "tr'ue\nfalse"]


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("how", ["configuration", "bug", "nested", "log", "log an exception"])
def test_a_secret_that_a_connector_says_leaves_no_function(
    main: Function, how: str, token: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In an error, the cause of an error, a log line or a logged traceback."""
    answer = main.call(how, token=token)
    assert leaked(token, everything(answer, capsys)) == []


@pytest.mark.parametrize("token", TOKENS)
def test_a_secret_that_a_connector_prints_leaves_no_function(
    main: Function, token: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Google logs what is printed: by print and as a traceback, on both streams."""
    answer = main.call("print", token=token)
    output = capsys.readouterr()
    assert (output.out + output.err).count("reading with ***") == 3
    assert leaked(token, answer.text + output.out + output.err) == []


@pytest.mark.parametrize("token", TOKENS)
def test_an_exception_that_ends_a_thread_is_a_line_without_secrets(
    main: Function, token: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody catches it, and Python's own text would be printed as it is."""
    monkeypatch.setattr(threading, "excepthook", threading.__excepthook__)  # pytest has one of its own
    answer = main.call("fail in a thread", token=token)
    output = capsys.readouterr()
    line = next(line for line in map(json.loads, output.out.splitlines()) if line["severity"] == "ERROR")
    assert line["message"] == "A thread that the connector started ended with ValueError: ***"
    assert "acme.py" in line["exception"]
    assert leaked(token, answer.text + output.out + output.err) == []


def echo(request: Received) -> Says:
    """A source that repeats what it was asked, in every form it can think of."""
    asked = written(request.parameter("api_key") or "")
    return Says({"error": asked, "asked": f"{request.path}?{request.query}"}, status=400)


def maintenance(request: Received) -> Says:
    """A page for people, with the address in it."""
    return Says(f"<p>{request.query}</p>".encode(), kind="text/html")


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("script", [echo, maintenance, lambda _: Resets(), lambda _: CutsOff([1])])
def test_a_secret_that_a_source_repeats_leaves_no_function(
    main: Function, script: Any, token: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor does urllib3's own error, with the whole address in it."""
    with serving(script=script) as source:
        answer = main.call("ask", token=token, secrets={"url": source.url})
        assert source.received[0].parameter("api_key") == token
    assert leaked(token, everything(answer, capsys)) == []


@pytest.mark.parametrize("how", ["basic", "own", "client_credentials", "refresh_token"])
def test_a_basic_header_that_a_source_repeats_leaves_no_function(
    how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither the password in it, nor what base64 makes of the user's name and its end."""
    gate = functions_framework.create_app(how, str(Path(SOURCE).with_name("gate.py")), "http").test_client()
    secrets = {"user": "practice-user", "password": "practice-password"}
    with serving(
        script=lambda received: Says({"error": received.headers["Authorization"]}, status=400)
    ) as source:
        answer = Function(gate).send(json={"state": {}, "secrets": {**secrets, "url": source.url}})
        shown = source.received[0].headers["Authorization"]
    said, pair = everything(answer, capsys), shown.partition(" ")[2]
    assert base64.b64decode(pair) == b"practice-user:practice-password"
    assert "HTTP 400" in said
    assert [pair[at : at + 4] for at in range(len(pair) - 3) if pair[at : at + 4] in said] == []


def test_secrets_that_do_not_fit_are_hidden_all_the_same(
    main: Function, capsys: pytest.CaptureFixture[str]
) -> None:
    """They fail before anything knows which of them is which."""
    answer = main.send(json={"secrets": {"token": ["hunter2hunter2"], "other": {"deep": "hunter3hunter3"}}})
    assert answer.status == 500
    assert "hunter" not in answer.text + capsys.readouterr().out


def test_a_secret_in_a_connectors_own_refusal_is_hidden(
    main: Function, capsys: pytest.CaptureFixture[str]
) -> None:
    """There is no configuration yet that could say which text is secret."""
    answer = main.call("does not fit")
    assert "*** does not belong to http://127.0.0.1:1" in answer.body["errorMessage"]
    assert leaked(TOKEN, everything(answer, capsys)) == []


# -- the report and the log ---------------------------------------------------------------------------------


def test_every_answer_carries_the_invocations_report(main: Function) -> None:
    """Rows and deletes by table, and what it took; the emulator shows it, Fivetran ignores it."""
    answer = main.call()
    assert answer.report == {
        "connector": "acme",
        "version": "1.2.3",
        "cut": None,
        "rows": {"users": 2, "notes": 1},
        "deletes": {"users": 1, "notes": 1},
        "bytes": len(answer.text.encode()),
        "seconds": 0,
        "requests": 0,
        "retries": 0,
        "waited_seconds": 0,
    }


def test_the_report_counts_requests_retries_and_waits(main: Function) -> None:
    """What the source cost, on success and on failure."""
    with serving(Says(status=503, headers={"Retry-After": "3"}), Says({})) as source:
        report = main.call("ask", secrets={"url": source.url}).report
    assert (report["requests"], report["retries"], report["waited_seconds"], report["seconds"]) == (
        2,
        1,
        3,
        3,
    )


def test_a_failed_answer_carries_a_report_too(main: Function) -> None:
    """The cut says that it failed."""
    answer = main.call("exit in client")
    assert answer.report["cut"] == "failed"
    assert answer.report["connector"] == "acme"


def test_a_deployed_function_says_which_release_answers(
    main: Function, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without secrets too, in the body: a deploy's smoke test has none, and asks whether the new release is live."""
    monkeypatch.setenv("FIVETRAN_BUNDLE", "3f" * 20)
    answer = main.send(json={})
    assert (answer.status, answer.body["errorType"]) == (500, "configuration")
    assert "token is missing" in answer.body["errorMessage"]
    assert answer.body["errorMessage"].endswith(f"This is acme 1.2.3, bundle {'3f' * 20}.")
    assert answer.report["bundle"] == main.call().report["bundle"] == "3f" * 20
    assert [line["bundle"] for line in lines(capsys)] == ["3f" * 20] * 2


def test_one_line_is_logged_for_an_invocation(main: Function, capsys: pytest.CaptureFixture[str]) -> None:
    """The report's fields, and those that join the line to Fivetran's log and Google's."""
    answer = main.call(sync_id="s-1")
    (line,) = lines(capsys)
    assert line == {
        "severity": "INFO",
        "message": "3 rows, 2 deletes, complete.",
        "sync_id": "s-1",
        **answer.report,
    }


def test_a_line_names_the_requests_trace(
    main: Function, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In Google's own member, so that the console groups it with the request."""
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "my-project")
    main.call(headers={"X-Cloud-Trace-Context": "105445aa7843bc8bf206b12000100000/1;o=1"})
    (line,) = lines(capsys)
    trace = "projects/my-project/traces/105445aa7843bc8bf206b12000100000"
    assert line["logging.googleapis.com/trace"] == trace


def test_a_failure_is_one_error_line_with_its_kind(
    main: Function, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is counted and alerted on."""
    main.call("exit in client", sync_id="s-1")
    (line,) = lines(capsys)
    assert (line["severity"], line["kind"], line["cut"]) == ("ERROR", "bug", "failed")
    assert (line["connector"], line["version"], line["sync_id"]) == ("acme", "1.2.3", "s-1")
    assert "Traceback" in line["stack_trace"]


def test_a_table_that_fails_beside_rows_is_logged_by_name(
    main: Function, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its rows so far are answered; the reason must not wait for the end of the sync."""
    main.call("transient")
    error, done = lines(capsys)
    assert (error["severity"], error["table"], error["kind"]) == ("ERROR", "users", "transient")
    assert (done["severity"], done["cut"]) == ("INFO", "failed")


def test_the_setup_test_logs_that_it_passed(main: Function, capsys: pytest.CaptureFixture[str]) -> None:
    """Not a sync without rows."""
    main.call(setup_test=True)
    (line,) = lines(capsys)
    assert (line["setup_test"], line["message"]) == ("passed", "The setup test passed.")


def test_what_a_connector_logs_becomes_a_line(main: Function, capsys: pytest.CaptureFixture[str]) -> None:
    """From INFO on, with its logger's name and the sync's id; Python alone would swallow it."""
    main.call("log", sync_id="s-1")
    line, _ = lines(capsys)
    assert line == {"severity": "INFO", "message": "reading with ***", "logger": "acme", "sync_id": "s-1"}


def test_a_logged_exception_brings_its_traceback(main: Function, capsys: pytest.CaptureFixture[str]) -> None:
    """In one line, which Google's console keeps together."""
    main.call("log an exception")
    line, _ = lines(capsys)
    assert (line["severity"], line["message"]) == ("ERROR", "went on")
    assert "ValueError: invalid literal" in line["exception"]


def test_a_log_call_that_is_wrong_fails_no_sync(
    main: Function, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a line that says where it is."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # pytest's own make an error of it
    assert main.call("log badly").status == 200
    line, _ = lines(capsys)
    assert line["message"].startswith("%d users")
    assert "acme.py" in line["message"]


def test_every_request_logs_once_however_many_came_before(
    main: Function, capsys: pytest.CaptureFixture[str]
) -> None:
    """One process serves thousands; a handler installed by each would log each line as often."""
    for _ in range(3):
        main.call("log")
    assert len(lines(capsys)) == 6
    assert len([h for h in logging.getLogger().handlers if type(h).__name__ == "_JsonLines"]) == 1


# -- other handlers -----------------------------------------------------------------------------------------


class Seen(logging.Handler):
    """Somebody else's handler, with a format of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(message)s %(address)s", defaults={"address": ""}))
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(self.format(record))


@pytest.fixture
def seen() -> Iterator[Seen]:
    """Added before the function is called, as `logging.basicConfig` and LOG_EXECUTION_ID do."""
    handler = Seen()
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)


@pytest.mark.parametrize("how", ["log", "log an exception", "log with extra", "log in a thread"])
def test_no_handler_writes_a_secret(main: Function, how: str, seen: Seen) -> None:
    """Whoever added it: what libraries and connectors log is clean before anybody writes it."""
    assert main.call(how).status == 200
    assert seen.texts
    assert leaked(TOKEN, "".join(seen.texts)) == []


def test_a_handler_that_is_added_later_writes_no_secret(main: Function) -> None:
    """While the connector runs, or to a logger of its own."""
    assert main.call("log to a new handler").status == 200
    (handler,) = (one for one in logging.getLogger("acme.own").handlers if hasattr(one, "texts"))
    assert len(handler.texts) == 1
    assert leaked(TOKEN, "".join(handler.texts)) == []


def test_a_librarys_warning_shows_no_address(
    main: Function, seen: Seen, capsys: pytest.CaptureFixture[str]
) -> None:
    """urllib3 names the whole address, key included, when a header is malformed."""

    class Malformed(Says):
        def head(self, handler: Any, length: int) -> None:
            handler.send_response(200)
            handler.wfile.write(
                b"".join(handler._headers_buffer) + b"Content-Length: 2\r\nno colon here\r\n\r\n"
            )
            handler._headers_buffer = []

    with serving(Malformed({})) as source:
        answer = main.call("ask", secrets={"url": source.url})
    assert any("headers" in text for text in seen.texts)
    assert leaked(TOKEN, "".join(seen.texts) + everything(answer, capsys)) == []
