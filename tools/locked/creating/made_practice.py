"""Tells whether a practice.py is still as `create` made it, so that nobody's work is replaced."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tools.locked.creating.baking import everything
from tools.locked.creating.template_rendering import MARK, is_as_marked, render, tidy


def as_made(text: str) -> bool:
    """Whether `text` is a practice.py that `create` makes, of a description or for any of its options."""
    if text.startswith(MARK):
        return is_as_marked(text)
    with tempfile.TemporaryDirectory() as made:
        folders = [Path(made) / name for name in everything()]
        for folder, choices in zip(folders, everything().values(), strict=True):
            render(folder.name, choices, folder)
        tidy(folders)
        return text in {(folder / "practice.py").read_text("utf-8") for folder in folders}


if __name__ == "__main__":
    raise SystemExit(0 if as_made(Path(sys.argv[1]).read_text("utf-8")) else 1)
