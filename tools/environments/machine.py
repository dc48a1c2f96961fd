"""What this machine has and lacks for working here, in lines that say what to do."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from tools.environments.uv import find_uv


@dataclass(frozen=True)
class Finding:
    """One thing a machine has or lacks: its name, what was found (None: nothing), and what that means."""

    name: str
    found: str | None
    meaning: str

    def __str__(self) -> str:
        return f"{'ok     ' if self.found else 'missing'} {self.name:<8} {self.found or self.meaning}"


def findings(which: Callable[[str], str | None] = shutil.which) -> Iterator[Finding]:
    """What is here, most needed first. Only Python is needed by all; everything else says by what."""
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("python", f"{version} at {sys.executable}", "")
    yield Finding("git", which("git"), "nothing can be bundled: what ships is what git tracks; install git")
    yield Finding(
        "uv", find_uv(), 'environments are made by pip, ten times slower, and no locks: pip install "nox[uv]"'
    )
    yield Finding(
        "gcloud",
        which("gcloud"),
        "only `nox -s deploy` and the upload of `nox -s rehearse` need it: https://cloud.google.com/sdk/docs/install",
    )


EXAMPLE = "datasette"
"""The connector that shows a whole sync at once; an adopted repository goes without it."""


def next_steps(connectors: Collection[str]) -> str:
    """What to run now, in a repository of these connectors: a sync only of one that is there."""
    first = EXAMPLE if EXAMPLE in connectors else next(iter(connectors), None)
    steps = [(f"sync -- {first}", "see a whole sync")] if first else []
    steps.append(("create -- NAME", "make a connector"))
    lines = [f"    nox -s {command:<20} {why}" for command, why in steps]
    return "\n".join(
        [
            "",
            ".venv is ready: point your editor at it; .venv/bin/fivetran-emulator syncs any function's URL.",
            "",
            "Next:",
            *lines,
            f"    {'nox':<27} what CI asks of a change",
        ]
    )
