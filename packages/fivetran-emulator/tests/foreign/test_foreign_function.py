"""A function that knows nothing of us, as Fivetran's own samples are written, under the real functions-framework."""

from __future__ import annotations

import threading
from pathlib import Path

import functions_framework
from scripted import Emulator
from werkzeug.serving import BaseWSGIServer, make_server

SOURCE = '''
import json

def main(request):
    """A plain handler: takes the request's JSON, answers a JSON string."""
    sent = request.get_json()
    page = sent["state"].get("page", 0)
    rows = [{"id": page * 2 + n, "name": sent["secrets"]["name"]} for n in range(2)]
    return json.dumps({
        "state": {"page": page + 1},
        "insert": {"people": rows},
        "schema": {"people": {"primary_key": ["id"]}},
        "hasMore": page < 2,
    }), 200, {"Content-Type": "application/json"}

def broken(request):
    raise KeyError("nothing here")
'''


def serve(emulator: Emulator, tmp_path: Path, target: str) -> tuple[BaseWSGIServer, threading.Thread]:
    (tmp_path / "main.py").write_text(SOURCE)
    app = functions_framework.create_app(target=target, source=str(tmp_path / "main.py"))
    server = make_server("127.0.0.1", 0, app)
    emulator.function.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    return server, thread


def test_a_plain_function_that_returns_json_text_is_synced(emulator: Emulator, tmp_path: Path) -> None:
    """Three answers, six rows, no warning."""
    (tmp_path / "secrets.json").write_text('{"name": "Ada"}')
    server, thread = serve(emulator, tmp_path, "main")
    try:
        outcome = emulator.sync("--json", "--secrets", str(tmp_path / "secrets.json"))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert outcome.status == 0
    assert len(outcome.document["invocations"]) == 3
    assert outcome.document["warnings"] == []
    assert emulator.rows("SELECT id, name FROM people ORDER BY id") == [(n, "Ada") for n in range(6)]


def test_an_exception_nobody_caught_is_reported_with_where_to_look(
    emulator: Emulator, tmp_path: Path
) -> None:
    """functions-framework answers an HTML page; the author is sent to the function's own log."""
    server, thread = serve(emulator, tmp_path, "broken")
    try:
        outcome = emulator.sync()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert outcome.status == 1
    assert "error: the function answered HTTP 500" in outcome.err
    assert "the function's own log has the traceback" in outcome.err
