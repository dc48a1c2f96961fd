from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from scripted import Emulator


@pytest.fixture
def node(emulator: Emulator) -> Iterator[Emulator]:
    """The command, pointed at the function under Node.js."""
    program = shutil.which("node")
    if program is None:
        pytest.skip("node is not on PATH: the function in JavaScript is not synced here")
    command = [program, str(Path(__file__).parent / "function.mjs")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        emulator.function.url = f"http://127.0.0.1:{int(process.stdout.readline())}"
        yield emulator
        process.kill()


def test_a_function_in_javascript_is_synced(node: Emulator, tmp_path: Path) -> None:
    """The emulator knows a function by its URL alone: three chunked answers, a delete, names in camel case."""
    (tmp_path / "secrets.json").write_text('{"name": "Zoë"}', encoding="utf-8")
    outcome = node.sync("--json", "--secrets", str(tmp_path / "secrets.json"))
    assert outcome.status == 0
    assert outcome.document["warnings"] == []
    assert outcome.document["state"] == {"page": 3, "note": "größer"}
    assert node.rows("SELECT person_id, name, born, half FROM people ORDER BY 1") == [
        (n, "Zoë", "1970-01-01T00:00:00.000Z", 0.5) for n in range(1, 6)
    ]
