"""Recording against a source that behaves like a real one, through the real function and the real emulator."""

from __future__ import annotations

import json
import re
import shutil
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from new_connectors import locks, make

from tools.local.processes import server
from tools.local.recording import Request, practice_py, record
from tools.local.syncing import READY, emulator_environment
from tools.repository.errors import RepositoryError
from tools.repository.model import Repository

TOKEN, KEY = "tok-Secret/4711+x", "key-Geheim-99887766"

CONNECTOR = '''
from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from fivetran_runtime import At, Bearer, Client, Config, Connector, PageToken, Secret

__version__ = "0.1.0"


class Secrets(Config):
    """What Fivetran sends."""

    token: Secret
    api_key: Secret
    base: str


def connect(secrets: Secrets) -> tuple[Client, str]:
    """The API, and the key that goes into every query."""
    return Client(secrets.base, auth=Bearer(secrets.token)), secrets.api_key.reveal()


app = Connector("desk", version=__version__, config=Secrets, client=connect)


@app.table(key="id", cursor="updated_at")
def people(desk: Any, since: datetime | None, bookmark: str | None = None) -> Iterator[Any]:
    """People, in pages behind opaque tokens."""
    client, key = desk
    pages = PageToken(bookmark, param="bookmark", next="paging.next")
    yield from client.pages("/people", pages, rows="data", updated_since=since, api_key=key)


@app.table(key="id")
def notes(desk: Any, owner: str | None = None) -> Iterator[Any]:
    """The notes of each person, who is named by e-mail address in the address."""
    client, key = desk
    if os.environ["FIVETRAN_TIMEOUT_S"] != "3600":
        raise RuntimeError("a call could be cut, and its recording asked for from another place")
    for person in client.get("/owners", api_key=key):
        yield from client.get(f"/people/{person['email']}/notes", api_key=key)
    yield At(owner=None)


main = app.handler
'''

SOURCE = f"""
from base64 import b64encode
from urllib.parse import quote

from fivetran_emulator.practice import Refusal, Request, Source

TOKEN, KEY = {TOKEN!r}, {KEY!r}
PEOPLE = [
    {{
        "id": n,
        "email": f"anna.{{n}}@corp-intern.de",
        "name": f"Anna Müller {{n}}",
        "status": ("active", "on-leave")[n % 2],
        "salary": 51000 + n,
        "bio": f"Anna {{n}} writes to anna.{{n}}@corp-intern.de, uses {{TOKEN}} and {{quote(KEY, safe='')}}",
        "echo": b64encode(f"x{{TOKEN}}".encode()).decode(),
        "updated_at": f"2026-01-{{n:02}}T10:00:00Z",
    }}
    for n in range(1, 13)
]

source = Source()


def admit(request):
    if request.headers.get("Authorization") != f"Bearer {{TOKEN}}" or request.args.get("api_key") != KEY:
        raise Refusal(401, "who are you?")


@source.route("/v1/people")
def people(request: Request):
    admit(request)
    rows = [row for row in PEOPLE if row["updated_at"] >= request.args.get("updated_since", "")]
    start = int(request.args["bookmark"].partition("-")[0]) if "bookmark" in request.args else 0
    more = start + 4 < len(rows)
    page = rows[start : start + 4]
    token = f"{{start + 4}}-{{b64encode(page[-1]['email'].encode()).decode()}}" if more else None
    return {{"data": page, "paging": {{"next": token, "you": request.headers["Authorization"]}}}}


@source.route("/v1/owners")
def owners(request: Request):
    admit(request)
    return [{{"email": row["email"]}} for row in PEOPLE[:3]]


@source.route("/v1/people/<email>/notes")
def notes(request: Request, email: str):
    admit(request)
    return [{{"id": int(email.split(".")[1].partition("@")[0]), "owner": email, "text": f"Note of {{email}}"}}]


secrets = {{"token": TOKEN, "api_key": KEY, "base": "{{url}}/v1"}}
"""


@pytest.fixture
def desk(whole: Repository) -> Iterator[Repository]:
    """The repository with one more connector, `desk`, just made."""
    folder = make(whole, "desk")
    (folder / "src/connector_desk/__init__.py").write_text(CONNECTOR, "utf-8")
    locks(whole.root).write("desk")
    yield Repository(whole.root)
    shutil.rmtree(folder)


@pytest.fixture
def secrets(whole: Repository, tmp_path: Path) -> Iterator[Path]:
    """The file with the secrets of the source, which is running."""
    source = tmp_path / "real.py"
    source.write_text(SOURCE, "utf-8")
    command = [str(emulator_environment(whole).python), "-m", "fivetran_emulator.practice", str(source)]
    with server("the source", command, log=tmp_path / "source.log", cwd=tmp_path) as running:
        ready = json.loads(running.wait_for(READY, seconds=30)[1])
        file = tmp_path / "secrets.json"
        file.write_text(json.dumps(ready["secrets"]), "utf-8")
        yield file


def traces(text: str) -> list[str]:
    """What a recording must not hold: each secret in every form, and people."""
    forms = [b64encode(b"x" + TOKEN.encode()).decode(), b64encode(b"anna.4@corp-intern.de").decode()]
    for secret in (TOKEN, KEY):
        forms += [secret, quote(secret, safe=""), b64encode(secret.encode()).decode().rstrip("=")[:-1]]
    return [form for form in [*forms, "nna", "corp-intern", "51001", "Müller"] if form in text]


@pytest.mark.index
def test_a_recording_gives_the_same_rows_and_nobodys_data(
    desk: Repository, secrets: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Pages, tokens with people in them, e-mail addresses in paths, secrets in header and query: all of it at once."""
    record(desk, "desk", Request(secrets, url_key="base", pages=0, keep=("updated_at", "status")))
    folder = desk.connector("desk").path
    said = capfd.readouterr().err
    assert "Synced from the recordings: the same 15 rows in 2 tables." in said
    assert re.search(r"kept +/v1/people: data\[\]\.status ", said)
    assert re.search(r"replaced +/v1/people: data\[\]\.bio ", said)
    written = (folder / "recordings.json").read_text("utf-8") + (folder / "practice.py").read_text("utf-8")
    assert traces(written + said) == []
    assert written.count('"on-leave"') >= 6
    leftovers = [path for path in (desk.root / ".nox/logs").iterdir() if traces(path.read_text("utf-8"))]
    assert leftovers == []


@pytest.mark.index
def test_long_lists_are_cut_and_handwork_stays(
    desk: Repository, secrets: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """One page of each list, then an end that is marked as made up; a practice.py of a person's own isn't touched."""
    practice = desk.connector("desk").path / "practice.py"
    practice.write_text(practice.read_text("utf-8") + "# mine\n", "utf-8")
    record(desk, "desk", Request(secrets, url_key="base", pages=1, keep=("updated_at",)))
    assert practice.read_text("utf-8").endswith("# mine\n")
    assert "was written by hand and stays" in capfd.readouterr().err
    entries = json.loads((practice.parent / "recordings.json").read_text("utf-8"))["recordings"]
    people = [entry for entry in entries if entry["request"]["path"] == "/v1/people"]
    assert next(len(entry["body"]["data"]) for entry in people if not entry.get("made_up")) == 4
    assert {entry["body"]["paging"]["next"] for entry in people if entry.get("made_up")} == {None}


@pytest.mark.index
def test_a_recording_that_cannot_answer_names_the_request_and_changes_nothing(
    desk: Repository, secrets: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A connector that asks with something else each time, here the clock: the request is named, and no file is touched."""
    folder = desk.connector("desk").path
    code = folder / "src/connector_desk/__init__.py"
    asks = 'client.get("/owners", api_key=key)'
    text = code.read_text("utf-8")
    assert asks in text
    code.write_text(
        text.replace(asks, 'client.get("/owners", api_key=key, at=str(__import__("time").time_ns()))'),
        "utf-8",
    )
    before = contents(folder)
    with pytest.raises(
        RepositoryError, match=r"no answer to GET /v1/owners\?.*at=\d+.*Nothing is changed"
    ) as raised:
        record(desk, "desk", Request(secrets, url_key="base", pages=0))
    assert traces(str(raised.value) + capfd.readouterr().err) == []
    assert contents(folder) == before


@pytest.mark.index
def test_a_cursor_that_was_replaced_is_named(desk: Repository, secrets: Path) -> None:
    """The sync from the state that left would ask for what was never recorded; the columns to keep are named."""
    with pytest.raises(
        RepositoryError,
        match=r"no answer to GET /v1/people\?.*--keep COLUMN \(columns of dates: updated_at\)",
    ):
        record_often(desk, Request(secrets, url_key="base", pages=0))


def record_often(desk: Repository, request: Request) -> None:
    """In one recording of four the newest of the first page's four dates stays the newest, and nothing is missing."""
    for _ in range(6):
        record(desk, "desk", request)


def contents(folder: Path) -> dict[Path, bytes]:
    """Every file in a folder that a person would see."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {path: path.read_bytes() for path in files}


def test_secrets_without_an_address_are_reported_by_their_keys_only(tmp_path: Path) -> None:
    """What is missing, how to say it, and no value."""
    file = tmp_path / "secrets.json"
    file.write_text(json.dumps({"token": TOKEN}), "utf-8")
    with pytest.raises(RepositoryError, match=r"no address under `url` \(keys: token\).*--url-key") as raised:
        Request(file).read()
    assert TOKEN not in str(raised.value)
    assert Request(file, url="https://api.acme.example").read()["url"] == "https://api.acme.example"


def test_the_practice_file_it_writes_is_python_as_ruff_lays_it_out() -> None:
    """Secrets of any shape; what it says is what they were."""
    secrets = {"token": 'a"b', "list": ["x", 1], "empty": {}, "inner": {"yes": True, "none": None}}
    text = practice_py("acme", secrets)
    scope: dict[str, object] = {}
    exec(text.partition("\nsecrets = ")[1] + text.partition("\nsecrets = ")[2], scope)  # noqa: S102
    assert scope["secrets"] == secrets
    assert text.startswith("# Made by `nox -s record -- acme`")
