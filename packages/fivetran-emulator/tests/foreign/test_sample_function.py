from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import functions_framework
import pytest
from scripted import Emulator
from werkzeug.serving import make_server

SOURCE = Path(__file__).parent / "sample_function.py"


@pytest.fixture
def sample(emulator: Emulator) -> Iterator[Emulator]:
    """The command, pointed at the sample under functions-framework."""
    server = make_server("127.0.0.1", 0, functions_framework.create_app(target="handler", source=str(SOURCE)))
    emulator.function.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield emulator
    server.shutdown()
    thread.join()
    server.server_close()


def secrets(folder: Path, key: str) -> tuple[str, str]:
    (folder / "secrets.json").write_text(json.dumps({"apiKey": key}))
    return "--secrets", str(folder / "secrets.json")


def test_a_function_written_as_fivetrans_samples_are_is_synced(sample: Emulator, tmp_path: Path) -> None:
    """Without a warning; and a second sync goes on from its cursor and finds nothing new."""
    arguments = secrets(tmp_path, "key-123456")
    first = sample.sync("--json", *arguments)
    assert first.status == 0
    assert first.document["warnings"] == []
    assert [row["rows"] for row in first.document["invocations"]] == [6, 6, 2]
    assert sample.rows("SELECT id, updated_at, customer_name FROM orders WHERE id = 7") == [
        (7, "2026-01-07T00:00:00Z", "c1")
    ]
    assert sample.rows("SELECT count(*) FROM orders") == [(6,)]
    assert sample.rows("SELECT order_id, no, sku FROM order_lines ORDER BY 1 LIMIT 1") == [(1, 1, "a")]
    second = sample.sync("--json", *arguments)
    assert [row["rows"] for row in second.document["invocations"]] == [0]
    assert second.document["state"] == {"cursor": "2026-01-07T00:00:00Z"}


def test_what_it_raises_is_reported_with_where_to_look(sample: Emulator, tmp_path: Path) -> None:
    """functions-framework hides the message from the caller; the emulator says that the function's log has it."""
    outcome = sample.sync(*secrets(tmp_path, "wrong-key-1"))
    assert outcome.status == 1
    assert "HTTP 500" in outcome.err
    assert "the function's own log has the traceback" in outcome.err
    assert "wrong-key-1" not in outcome.err + outcome.out
