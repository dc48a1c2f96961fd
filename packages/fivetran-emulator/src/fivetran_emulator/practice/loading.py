"""Load a connector's practice.py and take from it what the kit needs.

practice.py is an ordinary module run from its file, not an installed one: it must not import its own connector.
"""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import CodeType, ModuleType

from fivetran_emulator.practice.errors import PracticeError
from fivetran_emulator.practice.serving import Application


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
    except PracticeError:
        raise
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
