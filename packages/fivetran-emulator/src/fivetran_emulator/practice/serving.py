"""Serve a practice source on this machine, at a port the system chose.

WSGI and ASGI applications are served by the same threaded server, so faults and request logs put in front of
one work in front of the other. Every request has a connection of its own, and an ASGI application's lifespan events
are not sent.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from fivetran_emulator.practice.errors import PracticeError

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication, WSGIEnvironment

Application = Callable[..., object]
"""A WSGI or an ASGI application."""


class _Quiet(WSGIRequestHandler):
    """Says nothing about requests that went well: stdout and stderr belong to whoever started the source."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Stay silent."""

    def connection_dropped(self, error: BaseException, environ: WSGIEnvironment | None = None) -> None:
        """Close a connection that broke in the middle, instead of waiting for its next request."""
        self.close_connection = True


def server_of(app: Application) -> BaseWSGIServer:
    """A server bound to a free port of 127.0.0.1, not yet answering: call its ``serve_forever``."""
    return make_server("127.0.0.1", 0, as_wsgi(app), threaded=True, request_handler=_Quiet)


def address_of(server: BaseWSGIServer) -> str:
    """The address the server listens at, without a slash at the end."""
    return f"http://127.0.0.1:{server.server_port}"


@contextmanager
def serving(app: Application) -> Iterator[str]:
    """Serve an application from a thread while the block runs; yields its address."""
    server = server_of(app)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield address_of(server)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def as_wsgi(app: Application) -> WSGIApplication:
    """The application as WSGI. Raises `PracticeError` for an ASGI one when a2wsgi is not installed."""
    if not (inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(type(app).__call__)):
        return cast("WSGIApplication", app)
    try:
        from a2wsgi import ASGIMiddleware  # noqa: PLC0415 - few sources need it
    except ImportError:
        raise PracticeError(
            "practice.py: source is an ASGI application; add a2wsgi to the dependency group `test` of the "
            "connector's pyproject.toml and run nox -s lock"
        ) from None
    return cast("WSGIApplication", ASGIMiddleware(cast("Any", app)))
