from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from small_repository import ROOT

from tools.local.syncing import WAREHOUSE, first_rows
from tools.repository.limits import Limits
from tools.repository.model import Repository


def tried(name: str, *tables: str, secrets: Path | None = None) -> int:
    return first_rows(
        Repository(ROOT), name, Limits(), tables=list(tables), rows=3, secrets=secrets, options=[]
    )


@pytest.mark.index
@pytest.mark.connector("casa")
def test_the_first_rows_come_from_the_practice_source(capfd: pytest.CaptureFixture[str]) -> None:
    """One table of two, by the real host, with the requests; the warehouse is not touched."""
    file = ROOT / WAREHOUSE
    before = file.stat().st_mtime_ns if file.exists() else None
    assert tried("casa", "users") == 0
    out = capfd.readouterr().out
    assert out.startswith("GET  200 ")
    assert "users: 3 rows, 4 columns, key id" in out
    assert "projects:" not in out
    assert "3 rows of 1 table in " in out
    assert (file.stat().st_mtime_ns if file.exists() else None) == before


class Refusing(BaseHTTPRequestHandler):
    """A source that takes no token."""

    def do_GET(self) -> None:
        self.send_response(401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep the tests' output clean."""


@pytest.mark.index
@pytest.mark.connector("casa")
def test_a_token_that_is_refused_is_said_in_words(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """With the request that got 401, without a traceback and without the token."""
    secrets = tmp_path / "secrets.json"
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as source:
        threading.Thread(target=source.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{source.server_port}"
        secrets.write_text(json.dumps({"access_token": "s3cr3t-token", "url": url}), "utf-8")
        code = tried("casa", "users", secrets=secrets)
        source.shutdown()
    said = capfd.readouterr()
    assert code == 1
    assert re.match(r"GET  401 +\d+ ms  /users", said.out)
    assert "error: the function reports " in said.out
    assert "Traceback" not in said.out + said.err
    assert "s3cr3t-token" not in said.out + said.err
    assert "the function's log is " in said.err
