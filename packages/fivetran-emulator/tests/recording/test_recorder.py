from __future__ import annotations

import base64
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
from werkzeug.wrappers import Request, Response

from fivetran_emulator.practice import NextLink, Offset, PageNumber, PageToken, PracticeError, Source, serving
from fivetran_emulator.practice.recorded import recorded
from fivetran_emulator.recording.recorder import Job, Recorder, finish

SECRET = "s3cr3t/Wert+47"
PEOPLE: list[dict[str, object]] = [
    {
        "id": n,
        "email": f"anna{n}@corp.de",
        "name": f"Anna Müller {n}",
        "role": ("admin", "member")[n % 2],
        "salary": 51_000 + n,
        "active": n % 3 == 0,
        "updated_at": f"2026-01-{n:02}T10:00:00Z",
    }
    for n in range(1, 11)
]


class Recording:
    """A recorder before a source, both serving: asked as a function would ask, then replayed."""

    def __init__(self, origin: str, url: str, recorder: Recorder, folder: Path) -> None:
        self.origin, self.url, self.recorder = origin, url, recorder
        self.file = folder / "recordings.json"
        self.summary: dict[str, Any] = {}

    def get(self, path: str, **more: Any) -> requests.Response:
        return requests.get(path if path.startswith("http") else self.url + path, timeout=10, **more)

    def finished(
        self,
        secrets: dict[str, Any] | None = None,
        *,
        keep: tuple[str, ...] = (),
        hide: tuple[str, ...] = (),
    ) -> str:
        """The text of the file."""
        given = {"url": self.origin, **(secrets or {})}
        made_by = "nox -s record -- acme"
        job = Job(given, "url", str(self.file), made_by, keep=keep, hide=hide)
        self.summary = finish(self.recorder, job)
        return self.file.read_text("utf-8")


@contextmanager
def recording(source: Source, folder: Path, *, pages: int = 0) -> Iterator[Recording]:
    with serving(source) as origin:
        recorder = Recorder(origin, pages=pages)
        with serving(recorder) as url:
            yield Recording(origin, url, recorder, folder)


def listing(pages: Any = None, rows: list[dict[str, object]] = PEOPLE) -> Source:
    source = Source()
    source.listing("/people", rows, pages=pages or Offset(size=4))
    return source


def walk(get: Any, first: str, following: Any) -> list[Any]:
    """All rows of a list: `following` gives the next address from an answer, None at the end."""
    rows: list[Any] = []
    address: str | None = first
    while address is not None:
        body = get(address).json()
        rows += body["data"]
        address = following(body)
    return rows


def test_every_text_is_replaced(tmp_path: Path) -> None:
    """Structure, numbers and booleans stay; texts do not, whatever they look like, nor numbers that say who somebody is."""
    with recording(listing(Offset(size=20)), tmp_path) as tape:
        tape.get("/people")
        text = tape.finished()
    rows = json.loads(text)["recordings"][0]["body"]["data"]
    for row, real in zip(rows, PEOPLE, strict=True):
        assert list(row) == list(real)
        assert (row["id"], row["active"]) == (real["id"], real["active"])
        assert [name for name in row if row[name] == real[name]] == ["id", "active"]
        assert row["email"].endswith(".example")
        assert len(str(row["salary"])) == 5
    assert [trace for trace in ("nna", "corp", "admin", "2026-01") if trace in text] == []
    assert len({row["name"] for row in rows}) == len(PEOPLE)


def test_a_kept_column_keeps_its_values_in_requests_too(tmp_path: Path) -> None:
    """Or a connector that asks from its cursor on would ask the recording for something else."""
    with recording(listing(Offset(size=20)), tmp_path) as tape:
        newest = tape.get("/people").json()["data"][-1]["updated_at"]
        tape.get(f"/people?updated_since={newest}")
        asked = [
            one["request"].get("params")
            for one in json.loads(tape.finished(keep=("updated_at",)))["recordings"]
        ]
    assert asked == [{"updated_since": newest}, None]


def test_names_of_members_stay_unless_they_are_data(tmp_path: Path) -> None:
    """An identifier is a column's name; an address, and what has spaces in it, may be anybody."""
    source = Source()
    counts = {"open_tickets": 1, "anna@corp.de": 2, "Anna Müller": 3, "First name": 4}
    source.route("/counts")(lambda _request: counts)
    with recording(source, tmp_path) as tape:
        tape.get("/counts")
        text = tape.finished(keep=("First name",))
    assert [name in text for name in counts] == [True, False, False, True]


def test_every_column_is_listed_with_what_became_of_it(tmp_path: Path) -> None:
    """So that a person can judge, and knows the columns of dates, which a cursor needs."""
    with recording(listing(), tmp_path) as tape:
        tape.get("/people")
        tape.finished(keep=("role",))
    listed = {entry["column"]: (entry["replaced"], entry["what"]) for entry in tape.summary["columns"]}
    assert listed == {
        "/people: data[].id": (False, "no text"),
        "/people: data[].email": (True, "text"),
        "/people: data[].name": (True, "text"),
        "/people: data[].role": (False, "--keep"),
        "/people: data[].salary": (True, "personal numbers"),
        "/people: data[].active": (False, "no text"),
        "/people: data[].updated_at": (True, "dates"),
    }


def test_a_person_keeps_texts_and_hides_numbers(tmp_path: Path) -> None:
    """By a column's name; --keep keeps personal numbers too."""
    with recording(listing(), tmp_path) as tape:
        tape.get("/people")
        text = tape.finished(keep=("name", "salary"), hide=("id",))
    rows = json.loads(text)["recordings"][0]["body"]["data"]
    assert "Anna Müller 1" in text
    assert rows[0]["salary"] == PEOPLE[0]["salary"]
    assert [row["id"] for row in rows] != [row["id"] for row in PEOPLE[: len(rows)]]


def test_equal_values_stay_equal_across_columns_and_pages(tmp_path: Path) -> None:
    """A join of two lists on an e-mail address finds the same partners as before."""
    source = listing()
    source.listing("/tickets", [{"id": n, "opened_for": f"anna{n}@corp.de"} for n in (2, 7)], pages=Offset())
    with recording(source, tmp_path) as tape:
        for path in ("/people", "/people?offset=4", "/tickets"):
            tape.get(path)
        bodies = {
            json.dumps(one["request"]): one["body"]["data"]
            for one in json.loads(tape.finished())["recordings"]
        }
    people = {row["email"]: row["id"] for rows in bodies.values() for row in rows if "email" in row}
    tickets = [row for rows in bodies.values() for row in rows if "opened_for" in row]
    assert {row["id"]: people[row["opened_for"]] for row in tickets} == {2: 2, 7: 7}


@pytest.mark.parametrize(
    ("style", "first", "following"),
    [
        (
            PageToken(size=4),
            "/people",
            lambda body: body["next"] and f"/people?token={quote(body['next'])}",
        ),
        (NextLink(size=4, next="next"), "/people", lambda body: body["next"]),
        (
            PageNumber(size=4, more="has_next"),
            "/people?page=1",
            lambda body: f"/people?page={body['data'][-1]['id'] // 4 + 1}" if body["has_next"] else None,
        ),
    ],
    ids=["token", "link", "number"],
)
def test_the_recording_pages_as_the_source_did(
    tmp_path: Path, style: Any, first: str, following: Any
) -> None:
    """Tokens and links made of people's data lead on, through the recorder and in what it wrote."""
    with recording(listing(style), tmp_path) as tape:
        real = walk(tape.get, first, following)
        tape.finished()
    assert len(real) == 10
    with serving(recorded(tape.file)) as url:
        made = walk(
            lambda address: requests.get(
                address if address.startswith("http") else url + address, timeout=10
            ),
            first,
            following,
        )
    assert [row["id"] for row in made] == [row["id"] for row in real]
    assert all(row["email"].endswith(".example") for row in made)


def echoing() -> Source:
    """A source that gives back what it was shown, in every form."""
    source = Source()

    @source.route("/echo")
    def echo(request: Request) -> object:
        return {
            "status": f"got {SECRET}",
            "raw": SECRET,
            "quoted": quote(SECRET, safe=""),
            "encoded": base64.b64encode(f"ab{SECRET}".encode()).decode(),
            "link": request.url,
            "header": request.headers.get("Authorization"),
            SECRET: 1,
        }

    return source


FORMS = [
    SECRET,
    quote(SECRET, safe=""),
    *(base64.b64encode(b"ab"[:n] + SECRET.encode()).decode()[4:-4] for n in range(3)),
]


@pytest.mark.parametrize(
    "shown",
    [
        {"headers": {"Authorization": f"Bearer {SECRET}"}},
        {"headers": {"X-Api-Key": SECRET}},
        {"params": {"key": SECRET}},
        {"auth": ("ann", SECRET)},
    ],
    ids=["bearer", "header", "query", "basic"],
)
def test_no_secret_is_written_in_any_form(tmp_path: Path, shown: dict[str, Any]) -> None:
    """However it was sent and however the source repeats it; --keep does not help it."""
    with recording(echoing(), tmp_path) as tape:
        assert tape.get("/echo", **shown).json()["raw"] == SECRET
        text = tape.finished({"token": SECRET}, keep=("status", "quoted", "encoded", "raw", "link"))
    whole = text + json.dumps(tape.summary)
    assert [form for form in FORMS if form in whole] == []
    assert tape.summary["secrets"]["token"] not in ("", SECRET)


def test_the_made_up_secret_opens_the_recording_and_no_other_does(tmp_path: Path) -> None:
    """A connector's test of wrong credentials works against recordings too."""
    with recording(listing(), tmp_path) as tape:
        tape.get("/people", headers={"Authorization": f"Bearer {SECRET}"}, params={"key": "Schlüssel-77"})
        tape.finished({"token": SECRET, "key": "Schlüssel-77"})
    made = tape.summary["secrets"]
    with serving(recorded(tape.file)) as url:

        def status(token: str, key: str) -> int:
            headers = {"Authorization": f"Bearer {token}".encode()}
            return requests.get(f"{url}/people", headers=headers, params={"key": key}, timeout=10).status_code

        assert status(made["token"], made["key"]) == 200
        assert status("another", made["key"]) == 401
        assert status(made["token"], "another") == 401


def test_a_token_that_the_source_hands_out_is_a_secret_too(tmp_path: Path) -> None:
    """It is in no secrets file, yet it opens the source."""
    source = listing()
    source.route("/token")(lambda _request: {"access_token": "handed-OUT-4711", "expires_in": 3600})
    source.route("/status")(lambda _request: {"message": "hello handed-OUT-4711", "kept": "handed-OUT-4711"})
    with recording(source, tmp_path) as tape:
        token = tape.get("/token").json()["access_token"]
        for path in ("/people", "/status"):
            tape.get(path, headers={"Authorization": f"Bearer {token}"})
        assert token not in tape.finished(keep=("message", "kept"))
    with serving(recorded(tape.file)) as url:
        token = requests.get(f"{url}/token", timeout=10).json()["access_token"]
        assert requests.get(f"{url}/people", headers={"Authorization": f"Bearer {token}"}, timeout=10).ok


def test_a_long_list_ends_early_and_the_end_is_marked(tmp_path: Path) -> None:
    """The source is asked for two pages; the third is empty, leads nowhere, and is called made up."""
    with recording(listing(PageToken(size=2)), tmp_path, pages=2) as tape:
        rows = walk(tape.get, "/people", lambda body: body["next"] and f"/people?token={quote(body['next'])}")
        entries = json.loads(tape.finished())["recordings"]
    assert [row["id"] for row in rows] == [1, 2, 3, 4]
    assert [entry["body"] for entry in entries if entry.get("made_up")] == [{"data": [], "next": None}]
    assert (tape.summary["recorded"], tape.summary["made_up"]) == (2, 1)


def test_a_function_that_does_not_take_the_end_for_one_is_stopped(tmp_path: Path) -> None:
    """It would ask for ever; the error says what to do instead."""
    with recording(listing(Offset(size=2)), tmp_path, pages=1) as tape:
        answers = (tape.get(f"/people?offset={n % 7 * 2}") for n in range(2_000))
        refused = next(answer for answer in answers if answer.status_code != 200)
    assert "record with --pages 0" in refused.json()["error"]


def test_the_same_question_gets_the_same_answer(tmp_path: Path) -> None:
    """A recording is of one moment, however often a function asks again."""
    source = listing(Offset(size=20))
    with recording(source, tmp_path) as tape:
        before = tape.get("/people").json()
        source.tables["people"].remove(1)
        assert tape.get("/people").json() == before
        assert len(json.loads(tape.finished())["recordings"]) == 1


def test_what_is_no_answer_is_passed_on_but_not_recorded(tmp_path: Path) -> None:
    """Outages, refusals and what is not JSON reach the function and are counted."""
    source = listing()
    answers = iter([503, 429, 401, 200])
    source.route("/moody")(lambda _request: Response("{}", next(answers), content_type="application/json"))
    source.route("/table.csv")(lambda _request: Response("anna,1", content_type="text/csv"))
    with recording(source, tmp_path) as tape:
        assert [tape.get("/moody").status_code for _ in range(4)] == [503, 429, 401, 200]
        assert tape.get("/table.csv").text == "anna,1"
        text = tape.finished()
    assert tape.summary["left_out"] == {"HTTP 401": 1, "HTTP 429": 1, "HTTP 503": 1, "not JSON (text/csv)": 1}
    assert "table.csv" not in text


def test_a_source_that_is_not_there_is_a_502(tmp_path: Path) -> None:
    """The function gets a 502 without the address; nothing is recorded."""
    with socket.socket() as bound:  # and not listening; a port that is free could become the recorder's own
        bound.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{bound.getsockname()[1]}"
        recorder = Recorder(nobody, pages=0)
        with serving(recorder) as url:
            answer = requests.get(f"{url}/people", timeout=20)
    assert answer.status_code == 502
    assert nobody not in answer.text
    assert list(recorder.left_out) == ["not answered (ConnectionError)"]


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://api.acme.example", "must be an https:// address"),
        ("https://ann:word@api.acme.example", "a user, a query or a fragment"),
        ("https://api.acme.example/?key=word", "a user, a query or a fragment"),
        (7, "no text under `url`"),
    ],
)
def test_an_address_that_cannot_be_recorded_is_an_error(address: object, said: str) -> None:
    """No secret goes over an open line, and none hides in the address."""
    job = Job(secrets={"url": address}, url_key="url", file="", made_by="")
    with pytest.raises(PracticeError, match=said) as raised:
        assert job.origin
    assert "word" not in str(raised.value)


def test_what_was_not_asked_gets_a_404_that_says_what_was(tmp_path: Path) -> None:
    """The path's recorded questions are listed, and what to do."""
    with recording(listing(), tmp_path) as tape:
        tape.get("/people?offset=0")
        tape.finished()
    with serving(recorded(tape.file)) as url:
        answer = requests.get(f"{url}/people?offset=99", timeout=10)
    assert answer.status_code == 404
    error = answer.json()["error"]
    assert error.startswith("GET /people?offset=99 was not recorded. Recorded are: GET /people?offset=0.")
    assert "Record again" in error


@pytest.mark.parametrize("text", ["", "[]", '{"recordings": [{}]}', None])
def test_a_file_that_is_no_recording_is_named(tmp_path: Path, text: str | None) -> None:
    """The file's name and the way out, no traceback."""
    file = tmp_path / "recordings.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(PracticeError, match=r"recordings\.json: .*record"):
        recorded(file)


def test_rows_behind_an_early_end_are_in_no_later_answer_of_that_list(tmp_path: Path) -> None:
    """A recording is one source: what changed since is a part of what there is, however it is asked for."""
    source = Source()
    source.listing("/people", PEOPLE, pages=Offset(size=4), cursor="updated_at", since="since")
    with recording(source, tmp_path, pages=1) as here:
        shown = here.get("/people?offset=0").json()["data"]
        assert here.get("/people?offset=4").json()["data"] == []
        changed = here.get("/people?since=2026-01-03T00:00:00Z&offset=0").json()["data"]
        assert [row["id"] for row in changed] == [3, 4]
        assert all(row in shown for row in changed)
        here.finished()
        assert here.summary["ended"] == ["/people"]


def test_lists_that_select_other_rows_are_left_as_they_are(tmp_path: Path) -> None:
    """Of `?role=admin` that was ended nothing follows for `?role=member`."""
    source = Source()

    @source.route("/people")
    def people(request: Request) -> dict[str, object]:
        rows = [row for row in PEOPLE if row["role"] == request.args["role"]]
        start = int(request.args["offset"])
        return {"data": rows[start : start + 2]}

    with recording(source, tmp_path, pages=1) as here:
        for offset in (0, 2):
            here.get(f"/people?role=admin&offset={offset}")
        assert here.get("/people?role=admin&offset=4").json()["data"] == []
        assert len(here.get("/people?role=member&offset=0").json()["data"]) == 2


def test_pages_of_a_setup_test_are_not_counted(tmp_path: Path) -> None:
    """They would end the list of the sync that follows a page too soon."""
    with recording(listing(), tmp_path, pages=1) as here:
        here.get("/people?limit=1&offset=0")
        here.recorder.start_over()
        assert len(here.get("/people?offset=0").json()["data"]) == 4
