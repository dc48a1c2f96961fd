"""One server for the practice source of all trials, so that its address never changes and a trial costs no port.

A newcomer would start one per test; addresses that differ from run to run get into states and messages, and then nothing
can be compared.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from fivetran_emulator.practice.serving import address_of, server_of

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["SourceServer", "close_servers"]

_open: list[SourceServer] = []


class SourceServer:
    """A server whose application is set for each trial."""

    def __init__(self) -> None:
        self.app: WSGIApplication | None = None
        self._server = server_of(self._answer)
        self.url = address_of(self._server)
        self.port = self._server.server_port
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()
        _open.append(self)

    def _answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if self.app is None:
            raise RuntimeError("a trial sets the application before it calls the function")
        answered: Any = self.app(environ, start_response)
        return answered  # type: ignore[no-any-return]

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def close_servers() -> None:
    """Stop all servers; the plugin does so when the test session ends."""
    while _open:
        _open.pop().close()
