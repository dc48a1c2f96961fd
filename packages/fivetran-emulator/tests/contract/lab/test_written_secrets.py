from __future__ import annotations

import base64
import json
from pathlib import Path
from urllib.parse import quote

import duckdb
import pytest
from scripted import Emulator, Json

from fivetran_emulator.contract.lab.secret_forms import secret_traces, trace_excerpt

SECRETS = {"url": "https://api.acme.example", "api_token": 'tr/0123456789+abc"défg'}
TOKEN = SECRETS["api_token"]
LEAKS = [TOKEN, quote(TOKEN, safe=""), base64.b64encode(f"user:{TOKEN}".encode()).decode()]


def page(request: Json) -> Json:
    """A function that gives its secrets away wherever it can: in rows, in the state, in a column's name."""
    reported = {f"leak {number}": leak for number, leak in enumerate(LEAKS)}
    return {
        "state": {"n": 1, "link": f"https://api.acme.example/next?key={quote(TOKEN, safe='')}", **reported},
        "insert": {"t": [{"id": 1, **reported}]},
        "schema": {"t": {"primary_key": ["id"]}},
        "hasMore": request["state"] == {},
    }


def failure(_request: Json) -> Json:
    """An error whose text and stack trace hold them."""
    return {"errorMessage": f"refused: {LEAKS}", "errorType": "E", "stackTrace": "\n".join(LEAKS)}


@pytest.mark.parametrize("answered", [page, failure], ids=["sync", "failure"])
def test_no_secret_is_in_what_a_sync_prints_records_or_reports(
    emulator: Emulator, tmp_path: Path, answered: object
) -> None:
    """As it is, URL-encoded or in base64, beside other text or alone: it is what people paste into an issue."""
    emulator.function.answers = [answered]  # type: ignore[list-item]  # one of the two above
    (tmp_path / "secrets.json").write_text(json.dumps(SECRETS))
    written = tmp_path / "written"
    for form in ((), ("--json",)):
        outcome = emulator.sync(
            *("--secrets", str(tmp_path / "secrets.json"), "--record", str(written)),
            *("--report", str(tmp_path / "report.html"), *form),
        )
        texts = {file.name: file.read_text() for file in written.iterdir()}
        texts |= {"stdout": outcome.out, "stderr": outcome.err}
        texts["report"] = (tmp_path / "report.html").read_text()
        assert "***" in texts["report"]
        for name, text in texts.items():
            traces = secret_traces(text, SECRETS, only=frozenset({"api_token"}))
            assert not traces, f"{name}: {traces[0]}"
            assert json.dumps(TOKEN)[1:-1] not in text, name


def correct(request: Json) -> Json:
    """Rows and a state as they should be, beside members that Fivetran does not know and that hold the secrets."""
    return {
        "state": {"n": 1},
        "insert": {"t": [{"id": 1, "name": "one"}]},
        "schema": {"t": {"primary_key": ["id"]}},
        "hasMore": request["state"] == {},
        "debug": {"sent": request["secrets"], "as": LEAKS},
    }


@pytest.mark.parametrize("command", ["sync", "resync"])
def test_the_warehouse_has_no_secret_that_the_function_did_not_put_into_rows_or_state(
    emulator: Emulator, tmp_path: Path, command: str
) -> None:
    """Neither in the file's bytes, nor in what its tables say: the history of syncs, their errors, the request's secrets."""
    (tmp_path / "secrets.json").write_text(json.dumps(SECRETS))
    emulator.function.answers = [correct, correct, failure]
    statuses = [
        emulator.sync("--secrets", str(tmp_path / "secrets.json"), command=command).status for _ in range(2)
    ]
    assert statuses[0] == 0 != statuses[1]
    found = {file.name: file.read_bytes().decode("latin-1") for file in tmp_path.glob("*.duckdb*")}
    with duckdb.connect(emulator.path, read_only=True) as warehouse:
        tables = warehouse.execute("SELECT database, schema, name FROM (SHOW ALL TABLES)").fetchall()
        for table in tables:
            name = ".".join(f'"{part}"' for part in table)
            found[name] = repr(warehouse.execute(f"FROM {name}").fetchall())
    assert len(found) > 2
    for place, text in found.items():
        assert not secret_traces(text, SECRETS, only=frozenset({"api_token"})), place


@pytest.mark.parametrize("secret", ["7", "abc", "short-1", "eight-88"])
def test_what_is_there_by_chance_is_no_trace(secret: str) -> None:
    """A short secret, or a few characters of one in base64, stand in many texts; a whole one is found."""
    encoded = base64.b64encode(secret.encode()).decode()
    by_chance = f"7 rows of abc, short-1, {encoded[4:8]}, {encoded[:4]}"
    assert secret_traces(by_chance, {"token": secret}, only=frozenset({"token"})) == []
    assert bool(secret_traces(encoded, {"token": secret}, only=frozenset({"token"}))) == (len(secret) >= 8)


def test_the_lines_around_a_key_are_no_secret() -> None:
    """They are the same for every key; what is between them is not."""
    key = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\n-----END PRIVATE KEY-----\n"  # pragma: allowlist secret
    secrets, only, frame = {"key": key}, frozenset({"key"}), key.splitlines()[0]
    assert secret_traces(f"sent {frame} MIG", secrets, only=only) == []
    assert secret_traces(f"sent {frame} MIGHAgEA", secrets, only=only) != []


@pytest.mark.parametrize(
    ("said", "excerpt"),
    [
        ("HTTP 400: Basic cHJhY3RpY2UtdXNlcjp***A== is wrong", "HTTP 400: Basic *** is wrong"),
        ("it is cHJhY3RpY2UtdXNlcjpwYXNzd29yZA== and pass-word, too", ""),
    ],
)
def test_a_place_is_shown_without_the_secret(said: str, excerpt: str) -> None:
    """The whole word is masked; where another secret stands beside it, nothing is shown."""
    secrets = {"key": "cHJhY3RpY2UtdXNlcjpwYXNzd29yZA==", "password": "pass-word"}  # pragma: allowlist secret
    assert trace_excerpt(said, secrets, only=frozenset(secrets)) == excerpt
