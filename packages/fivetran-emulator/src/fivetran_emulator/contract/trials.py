"""Trials for a connector's own tests: a connection to it, with its practice source, faults and time under control.

The pytest plugin has them as the fixtures `trial` and, for more than one in a test, `new_trial`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from fivetran_emulator.contract.function import InProcess
from fivetran_emulator.contract.trial import Trial
from fivetran_emulator.practice.errors import PracticeError
from fivetran_emulator.practice.loading import load

__all__ = ["Trials", "trials_of"]


class Trials:
    """Makes trials of one function, each with the source as practice.py has it."""

    def __init__(self, main: Callable[..., Any], *, practice: Path) -> None:
        self._function = InProcess(main)
        self._practice = practice

    def __call__(self, source: Callable[..., Any] | None = None, /, **limits: object) -> Trial:
        """A new trial; limits are those of a deployment, such as answer_bytes=20_000.

        `source` is another application in the place of the practice source, opened by the same secrets.
        """
        practice = load(self._practice)
        named = {f"FIVETRAN_{name.upper()}": value for name, value in limits.items()}
        return Trial(self._function, replace(practice, source=source) if source else practice, limits=named)


def trials_of(folder: Path) -> Trials:
    """Those of the connector in a folder: its `main` and its practice.py. PracticeError where there is none or several."""
    modules = [path.parent.name for path in folder.glob("src/connector_*/__init__.py")]
    if len(modules) != 1:
        raise PracticeError(
            f"{folder}: a trial needs src/connector_NAME/__init__.py, once; there is {', '.join(modules) or 'none'}. "
            "Run pytest in a connector's folder, or make Trials(main, practice=...) yourself."
        )
    return Trials(importlib.import_module(modules[0]).main, practice=folder / "practice.py")
