"""A package index on this machine that has a higher version of what is ours, and writes down what it is asked for.

It knows nothing else, so that every tool goes on to the index it would use anyway.
"""

from __future__ import annotations

import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VERSION = "99.0"


@dataclass
class BaitIndex:
    """The index: its address, and the paths it was asked for."""

    url: str = ""
    asked: list[str] = field(default_factory=list)
    wheels: dict[str, bytes] = field(default_factory=dict)

    def asked_for(self, prefix: str) -> list[str]:
        """Of the names it was asked for, those that begin so; sorted."""
        names = {path.strip("/").split("/")[1] for path in self.asked if path.startswith("/simple/")}
        return sorted(name for name in names if name.startswith(prefix))


def wheel(distribution: str) -> tuple[str, bytes]:
    """A wheel of a distribution: its file's name and its bytes. What it installs says that it is the wrong one."""
    module = distribution.replace("-", "_")
    info = f"{module}-{VERSION}.dist-info"
    files = {
        f"{module}/__init__.py": "raise ImportError('from the wrong index')\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {VERSION}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: bait\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return f"{module}-{VERSION}-py3-none-any.whl", data.getvalue()


@contextmanager
def bait_index(*distributions: str) -> Iterator[BaitIndex]:
    """Serve a higher version of these distributions while the block runs (PEP 503)."""
    index = BaitIndex(wheels=dict(map(wheel, distributions)))
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(index))
    server.daemon_threads = True
    index.url = f"http://127.0.0.1:{server.server_port}/simple/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield index
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(index: BaitIndex) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            index.asked.append(self.path)
            name = self.path.rstrip("/").rpartition("/")[2]
            if name in index.wheels:
                self._answer(200, index.wheels[name], "application/octet-stream")
            else:
                page = "".join(
                    _link(file, content) for file, content in index.wheels.items() if _is_of(file, name)
                )
                self._answer(200 if page else 404, page.encode(), "text/html")

        def do_HEAD(self) -> None:
            self.do_GET()

        def _answer(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class's name
            """Nothing: `asked` has it."""

    return Handler


def _is_of(file: str, distribution: str) -> bool:
    return file.partition("-")[0] == distribution.replace("-", "_")


def _link(file: str, content: bytes) -> str:
    return f'<a href="/files/{file}#sha256={hashlib.sha256(content).hexdigest()}">{file}</a>\n'
