"""Trials for a connector's own tests: a connection to it, with its practice source, faults and time under control.

@pytest.fixture
def trial() -> Trial:
return Trials(main, practice=Path(__file__).parents[1] / "practice.py")()
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from fivetran_emulator.contract.function import InProcess
from fivetran_emulator.contract.trial import Trial
from fivetran_emulator.practice.loading import load

__all__ = ["Trials"]


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
