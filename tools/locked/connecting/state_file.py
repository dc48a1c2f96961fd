"""States as files: one that is to be set, read strictly, and the one before it, kept where nothing overwrites it."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from tools.locked.connecting.strict_json import read_json
from tools.locked.fivetran.answers import Json
from tools.repository.errors import RepositoryError


def read_state(file: Path, *, of_runtime: bool = False) -> Json:
    """A file's state. RepositoryError if it isn't an object of strict JSON, or the runtime (`of_runtime`) would refuse it."""
    state = read_json(file)
    if not isinstance(state, dict):
        raise RepositoryError(f"{file}: a state is an object of JSON; {{}} reads everything again")
    if of_runtime and not isinstance(state.get("tables", {}), dict):
        raise RepositoryError(
            f"{file}: `tables` is an object with a member for each table (docs/state.md), and the connector would refuse this one"
        )
    return state


def keep(state: Json, folder: Path, key: str) -> Path:
    """Write a state to a new file of its own, readable by its owner alone, for it may hold tokens; its path."""
    folder.mkdir(parents=True, exist_ok=True)
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    for number in count(1):
        file = folder / (f"{key}-state-{moment}" + (f"-{number}" if number > 1 else "") + ".json")
        try:
            descriptor = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except FileExistsError:
            continue
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write(as_text(state) + "\n")
        return file
    raise AssertionError  # count() has no end


def as_text(state: Json) -> str:
    """A state for people, and for --set."""
    return json.dumps(state, indent=2, ensure_ascii=False)
