"""The function of these tests as a process of its own: `python paged_function.py LOG` prints its port and serves.

It writes the state it was sent into LOG before it does anything else, so that the log is there whoever is killed then.
"""

from __future__ import annotations

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from durability.source_pages import page


class Handler(BaseHTTPRequestHandler):
    """Answers the page that the state names."""

    log: int = -1

    def do_POST(self) -> None:
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        number = sent["state"].get("n", 0)
        os.write(self.log, f"{number}\n".encode())
        body = json.dumps(page(number)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep the tests' output clean."""


def serve(log: str) -> None:
    """Serve until killed."""
    Handler.log = os.open(log, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    serve(sys.argv[1])
