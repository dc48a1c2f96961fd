"""Adopts a clone of this repository as a team would, and runs `nox` in it: without our connectors, then with its first."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tools.local.processes import foreground

Run = Callable[[Sequence[str], Path], int]
"""Runs a command in a folder, with its output shown; its exit status."""

SESSIONS = (
    ("-s", "adopt", "--", "--name", "Acme", "--project", "acme-data-dev", "--context", "acme-connectors"),
    (),
    ("-s", "create", "--", "acme"),
    ("-s", "ci_config"),
    (),
)
"""What a team runs, in this order; `()` is `nox` itself. New files are added to git after each, as a commit would."""


def _run(command: Sequence[str], folder: Path) -> int:
    return foreground(command, cwd=folder)


def first_failure(source: Path, clone: Path, run: Run = _run) -> str | None:
    """The first command that isn't green in a new clone of `source`'s last commit, or None."""
    commands: list[tuple[str, ...]] = [
        ("git", "clone", "--quiet", "--origin=upstream", str(source), str(clone))
    ]
    for session in SESSIONS:
        commands += [(sys.executable, "-m", "nox", *session), ("git", "add", "--all")]
    for number, command in enumerate(commands):
        if run(command, clone if number else source):
            return " ".join(command).replace(f"{sys.executable} -m ", "")
    return None
