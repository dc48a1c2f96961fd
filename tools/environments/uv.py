"""The uv program, where there is one: nox[uv] brings it along, so it is often not on PATH."""

from __future__ import annotations

import shutil
import sys
from importlib.util import find_spec
from pathlib import Path


def find_uv(*beside: Path) -> str | None:
    """The uv to run: the first of the programs given that exists, this interpreter's own, the one on PATH; or None."""
    for program in beside:
        if program.exists():
            return str(program)
    if find_spec("uv") is not None:
        from uv import find_uv_bin  # noqa: PLC0415 - an optional companion of nox

        try:
            return str(find_uv_bin())
        except FileNotFoundError:
            print(
                f"{sys.executable} has uv's package but not its program; trying the one on PATH",
                file=sys.stderr,
            )
    return shutil.which("uv")
