"""JSON as its standard has it: Python also reads NaN, Infinity and numbers without bounds, which Fivetran can't be sent."""

from __future__ import annotations

import json
from math import isfinite
from pathlib import Path
from typing import Any

from tools.repository.errors import RepositoryError


class _NotJsonError(Exception):
    """What a file holds that isn't JSON; without any value of it."""


def read_json(file: Path) -> Any:
    """A file's content. RepositoryError, with the line where it is known and without any value, if it isn't JSON."""
    try:
        return json.loads(file.read_text("utf-8"), parse_constant=_no_constant, parse_float=_finite)
    except OSError as error:
        raise RepositoryError(f"{file}: {error.strerror}") from error
    except _NotJsonError as error:
        raise RepositoryError(f"{file}: {error}") from None
    except json.JSONDecodeError as error:
        raise RepositoryError(f"{file}:{error.lineno}: this isn't JSON: {error.msg}") from None
    except UnicodeDecodeError:
        raise RepositoryError(f"{file}: this isn't JSON: it isn't UTF-8") from None
    except (ValueError, RecursionError):
        raise RepositoryError(
            f"{file}: this isn't JSON that can be read: a number or nesting without bounds"
        ) from None


def _no_constant(word: str) -> Any:
    raise _NotJsonError(f"{word} isn't JSON")


def _finite(text: str) -> float:
    if not isfinite(number := float(text)):
        raise _NotJsonError("a number is too large for JSON's readers")
    return number
