"""A scripted function served on a port the system chose, and the command pointed at it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import settings
from scripted import Emulator, ScriptedFunction, handler

# Seeds are fixed, so that a run tells the same tomorrow; --hypothesis-profile=random looks for what it has not met.
settings.register_profile("fixed", derandomize=True, database=None, deadline=None)
settings.register_profile("random", print_blob=True, deadline=None)
settings.load_profile("fixed")


@pytest.fixture
def function() -> Iterator[ScriptedFunction]:
    scripted = ScriptedFunction()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(scripted))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    scripted.url = f"http://127.0.0.1:{server.server_port}"
    yield scripted
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def emulator(function: ScriptedFunction, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Emulator:
    return Emulator(function, tmp_path / "warehouse.duckdb", capsys)
