"""Load a connector's practice.py and serve its source on this machine, at a port the system chose.

practice.py is an ordinary module run from its file, not an installed one: it must not import its own connector.

WSGI and ASGI applications are served by the same threaded server, so faults and request logs put in front of
one work in front of the other. Every request has a connection of its own, and an ASGI application's lifespan events
are not sent.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any, cast

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from fivetran_emulator.errors import PracticeError

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
    """Serve an application while a ``with`` block runs; gives its address.

    Args:
        app: the source, or any WSGI or ASGI application.
    """
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


@dataclass(frozen=True)
class Practice:
    """What a practice.py offers: the source for tests, the secrets that open it, and the source for a whole sync."""

    source: Application
    secrets: Mapping[str, object] = field(repr=False)
    sync_source: Callable[[], Application] | None = None

    def source_for_sync(self) -> Application:
        """The source `nox -s sync` reads: ``sync_source()`` where there is one, else ``source``."""
        return self.sync_source() if self.sync_source is not None else self.source

    def secrets_at(self, url: str) -> dict[str, object]:
        """The secrets with the text ``{url}`` in any value replaced by the address the source is served at."""
        return {name: _filled(value, url) for name, value in self.secrets.items()}


def load(path: Path) -> Practice:
    """The practice of a file; `PracticeError` names everything that is missing or wrong in it."""
    module = _run(path)
    source, secrets = getattr(module, "source", None), getattr(module, "secrets", None)
    sync_source = getattr(module, "sync_source", None)
    wrong = [
        problem
        for problem, found in (
            (
                "`source` must be a WSGI or an ASGI application, such as a practice Source",
                not callable(source),
            ),
            (
                "`secrets` must be a dict: what Fivetran would send for this source",
                not isinstance(secrets, dict),
            ),
            ("`sync_source` must be a function", sync_source is not None and not callable(sync_source)),
        )
        if found
    ]
    if wrong or not callable(source) or not isinstance(secrets, dict):
        raise PracticeError("\n".join(f"{path}: {problem}" for problem in wrong))
    return Practice(source, secrets, sync_source)


def _run(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("practice", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise PracticeError(f"{path}: there is no such Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        exec(_compiled(path, path.stat().st_mtime_ns), module.__dict__)  # noqa: S102 - the author's own file
    except PracticeError as error:
        raise PracticeError(f"{_place(path, error)}: {error}") from error
    except Exception as error:
        raise PracticeError(f"{_place(path, error)}: {type(error).__name__}: {error}") from error
    return module


@cache
def _compiled(path: Path, _changed: int) -> CodeType:
    # A suite of checks runs one file hundreds of times, and the interpreter's own cache may be switched off.
    return compile(path.read_bytes(), str(path), "exec", dont_inherit=True)


def _place(path: Path, error: Exception) -> str:
    """The line of practice.py on which the error came up."""
    if isinstance(error, SyntaxError):
        return f"{path}:{error.lineno}"
    lines = [
        frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)
    ]
    return f"{path}:{lines[-1]}" if lines else str(path)


def _filled(value: object, url: str) -> object:
    if isinstance(value, str):
        return value.replace("{url}", url)
    if isinstance(value, dict):
        return {name: _filled(inner, url) for name, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, url) for inner in value]
    return value
