"""Recordings: made, replayed without a function, compared with one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from scripted import Emulator, numbered

TOKEN = 'hush/hush "1"'


@pytest.fixture
def secrets(tmp_path: Path) -> str:
    file = tmp_path / "secrets.json"
    file.write_text(json.dumps({"token": TOKEN, "size": 5}))
    return str(file)


page = numbered(
    3,
    lambda n: {"insert": {"t": [{"id": n, "said": f"<{TOKEN}>"}]}, "schema": {"t": {"primary_key": ["id"]}}},
)


def record(emulator: Emulator, folder: Path, secrets: str) -> dict[str, str]:
    emulator.function.answers = [page]
    assert emulator.sync("--record", str(folder), "--secrets", secrets).status == 0
    return {file.name: file.read_text() for file in sorted(folder.iterdir())}


def test_a_recording_is_one_file_a_call_without_secrets(
    emulator: Emulator, tmp_path: Path, secrets: str
) -> None:
    """Behaviour 30: readable JSON; a secret is hidden as it is and as JSON, URL or base64 would write it."""
    files = record(emulator, tmp_path / "recorded", secrets)
    assert sorted(files) == ["0001.json", "0002.json", "0003.json"]
    second = json.loads(files["0002.json"])
    assert second["request"]["state"] == {"n": 1}
    assert second["request"]["secrets"] == {"size": "***", "token": "***"}
    assert second["answer"]["body"]["insert"] == {"t": [{"id": 1, "said": "<***>"}]}
    assert "hush" not in "".join(files.values())


def test_the_same_sync_is_recorded_the_same(emulator: Emulator, tmp_path: Path, secrets: str) -> None:
    """Behaviour 29: times and sync id are fixed, so two recordings of one behaviour are one text."""
    first = record(emulator, tmp_path / "recorded", secrets)
    emulator.path.unlink()
    assert record(emulator, tmp_path / "recorded", secrets) == first


def test_a_deterministic_sync_prints_the_same(emulator: Emulator) -> None:
    """Behaviour 29: the whole document and every row, `_fivetran_synced` included, in each run."""
    seen = []
    for _ in range(2):
        emulator.function.answers = [page]
        out = emulator.sync("--json", "--deterministic").out
        seen.append((out, emulator.rows("SELECT * FROM t ORDER BY id")))
        emulator.path.unlink()
    assert seen[0] == seen[1]
    assert json.loads(seen[0][0])["sync_id"] == "00000000-0000-0000-0000-000000000001"


def test_each_deterministic_sync_is_later_than_the_one_before(emulator: Emulator) -> None:
    """Behaviour 29: so that what was synced when can still be seen."""
    emulator.function.answers = [page]
    for _ in range(2):
        emulator.sync("--deterministic")
    days = emulator.rows("SELECT CAST(started_at AS DATE)::VARCHAR FROM fivetran_emulator.syncs")
    assert days == [("2026-01-02",), ("2026-01-03",)]


def test_a_replay_needs_no_function(emulator: Emulator, tmp_path: Path, secrets: str) -> None:
    """Behaviour 30: the recorded answers are loaded as they were."""
    record(emulator, tmp_path / "recorded", secrets)
    emulator.function.requests.clear()
    replayed = emulator.run(
        "sync", "--replay", str(tmp_path / "recorded"), "--warehouse", str(emulator.path), "--schema", "again"
    )
    assert replayed.status == 0
    assert emulator.function.requests == []
    assert emulator.rows("SELECT id, said FROM again.t ORDER BY id") == [(n, "<***>") for n in range(3)]


def test_a_function_that_behaves_as_recorded_passes(emulator: Emulator, tmp_path: Path, secrets: str) -> None:
    """Behaviour 30: a recording is a regression test of whatever answers at the URL."""
    record(emulator, tmp_path / "recorded", secrets)
    emulator.path.unlink()
    outcome = emulator.sync("--replay", str(tmp_path / "recorded"), "--secrets", secrets)
    assert outcome.status == 0
    assert outcome.out.splitlines()[-1] == f"every call was as recorded in {tmp_path / 'recorded'}"


def test_a_function_that_behaves_otherwise_fails_with_the_difference(
    emulator: Emulator, tmp_path: Path, secrets: str
) -> None:
    """Behaviour 30: call and file are named, the lines that differ shown, and nothing of that answer is loaded."""
    record(emulator, tmp_path / "recorded", secrets)
    emulator.path.unlink()
    emulator.function.answers = [lambda request: page(request) | {"hasMore": request["state"] != {"n": 1}}]
    outcome = emulator.sync("--replay", str(tmp_path / "recorded"), "--secrets", secrets)
    assert outcome.status == 1
    assert "error: call 2 is not as in " in outcome.err
    assert '-      "hasMore": true' in outcome.err
    assert '+      "hasMore": false' in outcome.err
    assert emulator.rows("SELECT id FROM t") == [(0,)]


def test_a_recording_that_is_too_short_fails(emulator: Emulator, tmp_path: Path, secrets: str) -> None:
    """Behaviour 30: one call more than recorded is a difference too."""
    record(emulator, tmp_path / "recorded", secrets)
    (tmp_path / "recorded" / "0003.json").unlink()
    emulator.path.unlink()
    outcome = emulator.sync("--replay", str(tmp_path / "recorded"), "--secrets", secrets)
    assert outcome.status == 1
    assert "ends before call 3" in outcome.err


def test_a_failure_is_recorded_and_replayed_too(emulator: Emulator, tmp_path: Path) -> None:
    """Behaviour 30: status and body, also when the body is no JSON."""
    emulator.function.status, emulator.function.answers = 502, [b"<title>Bad gateway</title>"]
    assert emulator.sync("--record", str(tmp_path / "recorded")).status == 1
    replayed = emulator.run("sync", "--replay", str(tmp_path / "recorded"), "--warehouse", str(emulator.path))
    assert replayed.status == 1
    assert "HTTP 502: Bad gateway" in replayed.err


def test_a_folder_without_a_recording_is_status_2(emulator: Emulator, tmp_path: Path) -> None:
    """And says how to make one."""
    outcome = emulator.sync("--replay", str(tmp_path))
    assert outcome.status == 2
    assert f"Make one: --record {tmp_path}" in outcome.err
