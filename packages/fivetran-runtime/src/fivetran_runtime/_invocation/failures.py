"""Turning whatever leaves a connector's code into an error that says where it happened and who acts."""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from fivetran_runtime._invocation.budget import OutOfBudget
from fivetran_runtime._invocation.context import running
from fivetran_runtime.errors import SEVEREST_FIRST, ConnectorError, DefectError, TransientError


def as_connector_error(error: BaseException, *, table: str | None = None) -> ConnectorError:
    """The error as one of the runtime's, naming the table and the connector's line it came from."""
    if isinstance(error, ConnectorError):
        return _naming(table, error)
    if isinstance(error, OutOfBudget):
        return TransientError(f"The invocation ended before it could answer: {error.why}.")
    where = f" ({line})" if (line := _authors_line(error)) else ""
    text = f": {said}" if (said := str(error)) else ""
    defect = _wrongly_called(error, where) or DefectError(
        f"{_after_empty_answer(error)}{type(error).__name__}{text}{where}"
    )
    defect.__cause__ = error
    return _naming(table, defect)


def _wrongly_called(error: BaseException, where: str) -> DefectError | None:
    """The error where something public was called with other arguments than it has."""
    called = re.fullmatch(_CALL, str(error)) if isinstance(error, TypeError) else None
    if called is None or called["name"] not in sys.modules["fivetran_runtime"].__all__:
        return None
    method = "" if called["method"] == "__init__" else f".{called['method']}"
    message = f"{called['name']}{method}(...) was given other arguments than it has{where}: {called['what']}."
    return DefectError(message, hint="docs/api.md says which it has.")


def _after_empty_answer(error: BaseException) -> str:
    """What the source did, where code meets None in the place of an answer."""
    answered = running().empty_answer
    is_none = isinstance(error, TypeError | AttributeError) and "'NoneType'" in str(error)
    return (
        f"{answered} was answered without a body or with null, which is None here. "
        if answered and is_none
        else ""
    )


_CALL = r"(?P<name>\w+)\.(?P<method>\w+)\(\) (?P<what>(takes|missing|got) .*)"  # as a text: only failures need it compiled


def combined(failures: Mapping[str, ConnectorError]) -> ConnectorError:
    """One error for all tables that failed, of the kind that a person can act on first; one cause is said once."""
    groups: dict[str, dict[str, ConnectorError]] = {}
    for name, error in failures.items():
        cause = error.cause or str(error).removeprefix(f"Table {name}: ")
        groups.setdefault(cause, {})[name] = error
    causes = [_together(group) for group in groups.values()]
    if len(causes) == 1:
        return causes[0]
    kinds = [kind for kind in SEVEREST_FIRST for error in causes if isinstance(error, kind)]
    return kinds[0](f"{len(failures)} tables failed. {' '.join(map(str, causes))}")


def _together(failures: Mapping[str, ConnectorError]) -> ConnectorError:
    """The error of tables that failed for one cause, with the address of the first."""
    name, error = next(iter(failures.items()))
    if len(failures) == 1:
        return error
    message = error.message.removeprefix(f"Table {name}: ")
    others = [*failures]
    error.message = f"Tables {', '.join(others[:_MAX_NAMED])}{_more(others)}: {message}"
    return error


_MAX_NAMED = 10


def _more(names: list[str]) -> str:
    return f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""


def _naming(table: str | None, error: ConnectorError) -> ConnectorError:
    """The error with the table in front of it; what names another one is about a child of it."""
    named = re.match(_NAMED, error.message)
    if table is None or (
        named and error.message.startswith((f"Table {table}:", f"Table {table} ", f"Table {table},"))
    ):
        return error
    error.message = (
        f"Table {table}, child {error.message[named.end() :]}" if named else f"Table {table}: {error.message}"
    )
    return error


_NAMED = r"Table (?=\S)"


def _authors_line(error: BaseException) -> str | None:
    """The innermost line of the traceback that is the author's, as folder/file:line."""
    for frame, number in reversed(list(traceback.walk_tb(error.__traceback__))):
        path = Path(frame.f_code.co_filename)
        if path.suffix == ".py" and not any(folder in path.parents for folder in _others_folders()):
            return f"{path.parent.name}/{path.name}:{number}"
    return None


@cache
def _others_folders() -> tuple[Path, ...]:
    """Where code lies that is not the author's."""
    import sysconfig  # noqa: PLC0415 - a tenth of the runtime's import time, for failures only

    installed = (Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib"))
    return Path(__file__).parents[1], *installed
