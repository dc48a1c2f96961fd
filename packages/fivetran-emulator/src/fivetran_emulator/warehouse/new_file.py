"""A new warehouse file, whole or not there at all.

A newcomer would let DuckDB make the file where it is to be. It writes three blocks one after the other, and a kill or a full
disk between them leaves a fragment that DuckDB itself refuses from then on. So the file is made beside its place and
given its name when it is whole.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import duckdb

__all__ = ["make_warehouse"]


def make_warehouse(path: Path) -> None:
    """Make an empty DuckDB file at `path`; one that is there already, or comes there meanwhile, is left alone.

    Raises duckdb.Error or OSError when it cannot be made; nothing is left then.
    """
    if os.path.lexists(path):
        return
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        duckdb.connect(draft).close()
        _give_name(draft, path)
    finally:
        for left in (draft, Path(f"{draft}.wal")):
            left.unlink(missing_ok=True)


def _give_name(draft: Path, path: Path) -> None:
    # A link fails where a rename would replace the file another process has just made and opened.
    with suppress(FileExistsError):
        os.link(draft, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
