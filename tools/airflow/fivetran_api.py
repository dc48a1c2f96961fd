"""A Fivetran REST API on loopback, as far as Airflow's provider asks it: connections that are tested, unpaused and synced.

It keeps state: a sync that was started is `syncing` for a number of looks, then `succeeded_at` or `failed_at` moves.
Standard library only, because it runs in Airflow's own environments. The paths are both those of Fivetran's present API
(`/v1/connections/ID`, https://fivetran.com/docs/rest-api/api-reference/connections) and the older `/v1/connectors/ID`, which
the provider still asks for.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PATH = re.compile(r"/v1/(?:connections|connectors)/(?P<id>\w+)(?:/(?P<action>test|force|sync))?")

KEY, SECRET = "practice-key", "practice-secret"
"""What the API wants as basic authentication."""
_ALLOWED = "Basic " + base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()


@dataclass
class Connection:
    """One connection. A sync takes `looks` answers to `GET`, and ends well unless `fails`."""

    id: str
    fails: bool = False
    looks: int = 2
    paused: bool = True
    schedule_type: str = "auto"
    setup_state: str = "incomplete"
    succeeded_at: str | None = None
    failed_at: str | None = None
    syncing: int = 0

    def details(self) -> dict[str, Any]:
        """What `GET` answers, and one look nearer to a running sync's end."""
        answer = {
            "id": self.id,
            "service": "google_cloud_function",
            "schema": "acme_export",
            "paused": self.paused,
            "schedule_type": self.schedule_type,
            "succeeded_at": self.succeeded_at,
            "failed_at": self.failed_at,
            "status": {
                "setup_state": self.setup_state,
                "sync_state": "syncing" if self.syncing else "scheduled",
            },
        }
        self._look()
        return answer

    def start(self) -> None:
        """Begin a sync. A paused connection is refused by raising PermissionError."""
        if self.paused:
            raise PermissionError("the connection is paused")
        self.syncing = self.looks

    def _look(self) -> None:
        if not self.syncing:
            return
        self.syncing -= 1
        if not self.syncing:
            # Later than any clock the provider compares with: it takes "now" for a connection that never synced.
            ended = (datetime.now(UTC) + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            if self.fails:
                self.failed_at = ended
            else:
                self.succeeded_at = ended


@dataclass
class FivetranApi:
    """The API's connections, its address as HOST:PORT, and every request it took: `["POST /v1/...", body]`."""

    connections: dict[str, Connection]
    host: str = ""
    requests: list[tuple[str, Any]] = field(default_factory=list)

    def answer(self, method: str, path: str, body: Any) -> tuple[int, dict[str, Any]]:
        """Status and JSON of one request."""
        self.requests.append((f"{method} {path}", body))
        found = PATH.fullmatch(path)
        connection = self.connections.get(found["id"]) if found else None
        if found is None or connection is None:
            return 404, {"code": "NotFound", "message": f"no connection at {path}"}
        return self._act(connection, method, found["action"], body)

    def _act(
        self, connection: Connection, method: str, action: str | None, body: Any
    ) -> tuple[int, dict[str, Any]]:
        if (method, action) in {("POST", "force"), ("POST", "sync")}:
            try:
                connection.start()
            except PermissionError as error:
                return 409, {"code": "Conflict", "message": str(error)}
            return 200, {"code": "Success", "message": "Sync has been successfully triggered"}
        if (method, action) == ("POST", "test"):
            connection.setup_state = "connected"
        elif (method, action) == ("PATCH", None):
            connection.paused = body.get("paused", connection.paused)
            connection.schedule_type = body.get("schedule_type", connection.schedule_type)
        elif (method, action) != ("GET", None):
            return 405, {"code": "MethodNotAllowed", "message": f"{method} {action}"}
        return 200, {"code": "Success", "data": connection.details()}


@contextmanager
def served(*connections: Connection) -> Iterator[FivetranApi]:
    """The API with these connections, on a port of the system's choice, until the block ends."""
    api = FivetranApi({connection.id: connection for connection in connections})
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"api": api}))
    server.daemon_threads = True
    api.host = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    """Checks the key, reads the body, answers JSON."""

    api: FivetranApi

    def do_GET(self) -> None:
        """Read a connection."""
        self._respond()

    def do_POST(self) -> None:
        """Test it, or start a sync."""
        self._respond()

    def do_PATCH(self) -> None:
        """Change it."""
        self._respond()

    def _respond(self) -> None:
        text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Authorization") == _ALLOWED:
            status, answer = self.api.answer(self.command, self.path, json.loads(text) if text else None)
        else:
            status, answer = 401, {"code": "Unauthorized", "message": "wrong key or secret"}
        sent = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Requests are kept by the API, not printed."""
