"""What the tests' small repositories are made of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
"""This very repository."""

Write = Callable[[str, str], Path]
"""Writes a file of a small repository: its path in it, its text."""


DEV = (
    "[tool.fivetran-connectors.environments.dev]\n"
    'project = "dev-project"\nregion = "us-central1"\ncontext = "dev-context"\n'
)
"""The environment dev, as the root's pyproject.toml declares it."""


def writer(root: Path) -> Write:
    """Writes files of a small repository at `root`."""

    def write(path: str, text: str) -> Path:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
        return file

    return write


def add_project(write: Write, folder: str, module: str, *, name: str, dependencies: str = "") -> None:
    """Add a connector or package with the files that prove it."""
    pyproject = f'[project]\nname = "{name}"\ndependencies = [{dependencies}]\n'
    pyproject += '[dependency-groups]\ntest = ["pytest>=8"]\n'
    if '"fivetran-runtime"' in dependencies:
        pyproject += '[tool.uv.sources]\nfivetran-runtime = { path = "../../packages/fivetran-runtime" }\n'
    write(f"{folder}/pyproject.toml", pyproject)
    write(f"{folder}/src/{module}/__init__.py", '__version__ = "0.1.0"\n')
