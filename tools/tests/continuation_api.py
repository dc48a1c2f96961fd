"""A stand-in for CircleCI's continuation API on this machine, as strict as its documentation.

https://circleci.com/docs/api/v2/#operation/continuePipeline: a key is good for one continuation; the configuration
isn't another set-up one; parameters are declared in it, and none is sent that the pipeline was started with.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tools.locked.ci.yaml_text import loaded
from tools.repository.errors import RepositoryError

PATH = "/api/v2/pipeline/continue"


class ContinuationApi:
    """Keeps what it is sent. `silent` requests are read and then not answered."""

    def __init__(self, key: str, started_with: Mapping[str, Any]) -> None:
        self.keys = {key}
        self.started_with = dict(started_with)
        self.silent = 0
        self.requests: list[bytes] = []
        self.posted: list[str] = []
        self.url = ""

    def answer(self, path: str, body: bytes) -> tuple[int, str]:
        """The status and the message for one POST."""
        if path != PATH:
            return 404, "Not found."
        try:
            document = json.loads(body)
            key, text = document.pop("continuation-key"), document.pop("configuration")
            parameters = document.pop("parameters", {})
        except (ValueError, KeyError, TypeError, AttributeError):
            return 400, "Unexpected body."
        if document or not isinstance(text, str) or not isinstance(parameters, dict):
            return 400, "Unexpected body."
        if key not in self.keys:
            return 401, "Invalid or already used continuation key."
        if wrong := self._wrong(text, parameters):
            return 400, wrong
        self.keys.remove(key)
        self.posted.append(text)
        return 200, "Continued."

    def _wrong(self, text: str, parameters: dict[str, Any]) -> str | None:
        try:
            config = loaded(text, "configuration")
        except RepositoryError as error:
            return str(error)
        declared = config.get("parameters", {})
        if config.get("setup"):
            return "A set-up configuration can't be continued with."
        if unknown := [name for name in {**self.started_with, **parameters} if name not in declared]:
            return f"Unexpected argument(s): {', '.join(unknown)}"
        if parameters.keys() & self.started_with.keys():
            return "Conflicting pipeline parameters."
        return None


@contextmanager
def serving(key: str = "the-key", **started_with: Any) -> Iterator[ContinuationApi]:
    """The API on a port that the system chooses, for as long as the block runs."""
    api = ContinuationApi(key, started_with)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            api.requests.append(body)
            if api.silent:
                api.silent -= 1
                self.close_connection = True
                return
            status, message = api.answer(self.path, body)
            content = json.dumps({"message": message}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's word
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        api.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield api
        finally:
            server.shutdown()
            thread.join()
