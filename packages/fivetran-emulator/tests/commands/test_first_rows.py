"""The command `try`: what of a function's answers is shown, and that nothing is kept of them."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter
from scripted import Emulator, Outcome, answer
from urllib3.response import HTTPResponse
from werkzeug.wrappers import Request, Response

from fivetran_emulator.__main__ import main
from fivetran_emulator.practice import Offset, Source, serving
from fivetran_emulator.tried_function import RequestLog, read_first_rows

ROWS = [{"id": number, "name": f"Ticket {number}", "open": number % 2 == 0} for number in range(1, 31)]


def tried(emulator: Emulator, *arguments: str) -> Outcome:
    return emulator.run("try", "--url", emulator.function.url, *arguments)


def test_the_first_rows_of_each_table_are_a_table(emulator: Emulator) -> None:
    """The key first; lists and objects as JSON, null as NULL, absent ones empty; counts in the headline."""
    rows = [{"name": "a\nb", "id": 1, "more": {"x": [1]}}, {"name": None, "id": 2}]
    keys = {"tickets": {"primary_key": ["id"]}, "empty": {"primary_key": ["id"]}}
    emulator.function.answers = [answer(insert={"tickets": rows}, schema=keys, hasMore=False)]
    outcome = tried(emulator)
    lines = [line.rstrip() for line in outcome.out.splitlines()]
    assert outcome.status == 0
    assert lines[1:5] == [
        "tickets: 2 rows, 3 columns, key id",
        "id  name  more",
        ' 1  a b   {"x":[1]}',
        " 2  NULL",
    ]
    assert "empty: 0 rows, 1 column, key id" in lines
    assert re.fullmatch(r"2 rows of 2 tables in \d+\.\d s; nothing is stored", lines[-1])


def test_nothing_is_stored(emulator: Emulator) -> None:
    """No warehouse, and every run begins with an empty state."""
    emulator.function.answers = [answer(state={"n": 1}, insert={"tickets": ROWS}, hasMore=False)]
    tried(emulator)
    tried(emulator)
    assert [request["state"] for request in emulator.function.requests] == [{}, {}]
    assert not emulator.path.exists()


def test_calls_go_on_while_there_is_more_and_end_some_time(emulator: Emulator) -> None:
    """With the state of the answer before; a function that never ends is left."""
    emulator.function.answers = [
        lambda request: answer(
            state={"n": int(str(dict(request["state"]).get("n", 0))) + 1},  # type: ignore[call-overload]
            insert={"tickets": ROWS[:3]},
            hasMore=True,
        )
    ]
    outcome = tried(emulator, "--rows", "5")
    assert [request["state"] for request in emulator.function.requests][:3] == [{}, {"n": 1}, {"n": 2}]
    assert "tickets: 5 rows, 3 columns, no key" in outcome.out
    assert outcome.out.rstrip().endswith("the function had more to say after 10 calls")


def test_a_failure_comes_after_the_rows_that_came_before(emulator: Emulator) -> None:
    """In words, with the status of any failed function."""
    emulator.function.answers = [
        answer(insert={"tickets": ROWS[:2]}, hasMore=True),
        {"errorMessage": "GET /users: 403", "errorType": "configuration"},
    ]
    outcome = tried(emulator)
    assert outcome.status == 1
    assert outcome.out.index("tickets: 2 rows") < outcome.out.index("error: ")
    assert "GET /users: 403" in outcome.out


def test_a_function_that_is_not_there_is_one_sentence(emulator: Emulator) -> None:
    """As for every command."""
    outcome = emulator.run("try", "--url", "http://127.0.0.1:9")
    assert (outcome.status, "nothing listens at http://127.0.0.1:9" in outcome.out) == (1, True)


def test_secrets_are_hidden_also_where_a_cell_is_cut(emulator: Emulator, tmp_path: Path) -> None:
    """Half a secret no longer looks like one, so it is hidden first."""
    secret = "s3cr3t-" + "x" * 60
    file = tmp_path / "secrets.json"
    file.write_text(json.dumps({"token": secret}), "utf-8")
    rows = [{"id": 1, "text": f"a {secret}", "nested": [secret], secret: "a column"}]
    emulator.function.answers = [answer(insert={"tickets": rows}, hasMore=False)]
    outcome = tried(emulator, "--secrets", str(file))
    assert "s3cr3t" not in outcome.out + outcome.err
    assert "a ***" in outcome.out


def test_a_terminal_gets_the_columns_that_fit(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are named; wide characters take two places."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")
    row = {"id": 1, **{f"column_{number:02}": "漢字" * 10 for number in range(12)}}
    emulator.function.answers = [answer(insert={"tickets": [row]}, hasMore=False)]
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in tried(emulator).out.splitlines()]
    assert lines[2].split() == ["id", "column_00"]
    assert "漢字" * 10 in lines[3]
    assert "no room for: column_01, column_02" in "".join(lines)
    assert "and 3 more" in "".join(lines)


def test_what_the_function_asked_is_shown_as_it_comes(capsys: pytest.CaptureFixture[str]) -> None:
    """Method, status, rows, time and path, each once, where a function tells it; a GET is sent only if asked for."""
    asked = [
        {"method": "GET", "path": "/a?q=x%20y", "status": 200, "error": "", "rows": 25, "milliseconds": 12},
        {
            "method": "POST",
            "path": "/b",
            "status": None,
            "error": "ReadTimeout",
            "rows": None,
            "milliseconds": 9,
        },
    ]
    gets: list[str] = []

    @Request.application
    def function(request: Request) -> Response:
        if request.method == "GET":
            gets.append(request.url)
            return Response(json.dumps(asked[int(request.args["after"]) :]), content_type="application/json")
        return Response(json.dumps(answer(hasMore=False)), content_type="application/json")

    with serving(function) as url:
        assert main(["try", "--url", url]) == 0
        assert gets == []
        capsys.readouterr()
        assert main(["try", "--url", url, "--requests"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[:2] == [
        "GET  200     25 rows     12 ms  /a?q=x y",
        "POST ReadTimeout                  9 ms  /b",
    ]
    assert ", 2 requests; nothing is stored" in out


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> RequestLog:
    """One that watches while the test runs, and no longer."""
    for owner, names in ((HTTPAdapter, ["send"]), (HTTPResponse, ["read", "read1", "close"])):
        for name in names:
            monkeypatch.setattr(owner, name, getattr(owner, name))
    watching = RequestLog()
    watching.watch()
    return watching


def test_each_request_of_the_process_is_noted_once(log: RequestLog) -> None:
    """However its body is read: at once, in pieces, or not at all; an address that does not answer by its error."""
    source = Source()
    source.listing("/rows", ROWS, pages=Offset(size=10), within="result.items")
    source.route("/text")(lambda _request: "no rows")
    with serving(source) as url:
        requests.get(f"{url}/rows?limit=7", timeout=5)
        with requests.get(f"{url}/rows", timeout=5, stream=True) as answer:
            while answer.raw.read1(64, decode_content=True):
                pass
        with requests.get(f"{url}/text", timeout=5, stream=True):
            pass
        requests.post(f"{url}/rows", timeout=5)
    with pytest.raises(requests.ConnectionError):
        requests.get("http://127.0.0.1:9/", timeout=5)
    shown: list[Any] = [(one["method"], one["path"], one["status"], one["rows"]) for one in log.after(0)]
    assert shown == [
        ("GET", "/rows?limit=7", 200, 7),
        ("GET", "/rows", 200, 10),
        ("GET", "/text", 200, None),
        ("POST", "/rows", 405, None),
        ("GET", "/", None, None),
    ]
    assert log.after(4)[0]["error"] == "ConnectionError"


@dataclasses.dataclass
class Declared:
    """A table as the runtime has it, as far as it is read here."""

    name: str
    read: Callable[..., Iterator[Any]]
    key: tuple[str, ...] = ("id",)
    on_missing: str = "keep"
    listing: Callable[..., Iterator[Any]] | None = None
    fetch: Callable[..., Iterator[Any]] | None = None

    @property
    def primary_key(self) -> tuple[str, ...]:
        return self.key


@pytest.mark.parametrize(
    ("key", "asked"), [(("id",), [1, 2, 3]), (("id", "name"), [(1, "a"), (2, "b"), (3, "c")])]
)
def test_a_listing_and_a_fetch_are_read_as_well(key: tuple[str, ...], asked: list[object]) -> None:
    """As tables of their own, behind theirs: the first keys, and the rows for some of these; what fails there is seen before a sync."""
    rows: list[dict[str, Any]] = [
        {"id": number, "name": "abcdefg"[number - 1], "open": True} for number in range(1, 8)
    ]
    fetched: list[object] = []

    def fetch(_client: object, keys: list[Any]) -> Iterator[Any]:
        fetched.extend(keys)
        yield from ({"id": number, "state": "new"} for number in range(len(keys)))
        yield object()  # a child's row

    table = Declared(
        "issues", lambda _client: iter(rows[:2]), key, "delete", lambda _client: iter(rows), fetch
    )
    plain = Declared("users", lambda _client: iter(rows))
    connector = type("Connector", (), {"tables_of": lambda _self, _client: [table, plain]})
    read_first_rows(SimpleNamespace(Connector=connector, Table=Declared), 5, [])
    parts = connector().tables_of(None)
    assert [part.name for part in parts] == ["issues", "issues listing", "issues fetch", "users"]
    found = [list(part.read(None)) for part in parts]
    assert found[1] == [{name: row[name] for name in key} for row in rows[:5]]
    assert (fetched, len(found[2])) == (asked, 3)
    assert {(part.on_missing, part.listing, part.fetch) for part in parts} == {("keep", None, None)}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["isues"], "There is no table isues. Did you mean issues? There are: issues, users."),
        (["users", "comments"], "There is no table comments. There are: issues, users."),
        (
            ["Issues", "user"],
            "There is no table Issues, user. Did you mean issues, users? There are: issues, users.",
        ),
    ],
)
def test_a_table_that_is_not_there_is_looked_for_among_those_that_are(asked: list[str], said: str) -> None:
    """What was probably meant, and all there are."""
    tables = [SimpleNamespace(name="users"), SimpleNamespace(name="issues")]
    connector = type("Connector", (), {"tables_of": lambda _self, _client: tables})
    runtime = SimpleNamespace(Connector=connector, ConfigurationError=ValueError)
    read_first_rows(runtime, 5, asked)
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        connector().tables_of(None)
