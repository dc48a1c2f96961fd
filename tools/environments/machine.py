"""What this machine has and lacks for working here, said in lines a newcomer can act on."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
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


NEXT = """
.venv is ready: point your editor at it; .venv/bin/fivetran-emulator syncs any function's URL.

Next:
    nox -s sync -- datasette       see a whole sync
    nox -s create -- NAME          make a connector
    nox                            what CI asks of a change"""
