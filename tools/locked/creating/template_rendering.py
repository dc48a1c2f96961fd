"""Renders tools/template: a connector that syncs and passes every check on its first day."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from cookiecutter.generate import generate_files

from tools.locked.creating.choices import Choices
from tools.repository.errors import RepositoryError
from tools.repository.names import dataset, distribution, import_name

ROOT = Path(__file__).parents[3]
TEMPLATE = ROOT / "tools" / "template"


def render(name: str, choices: Choices, folder: Path) -> None:
    """Make `folder`, which must not exist, a connector called `name`, without its locks; `tidy` it then."""
    title = " ".join(word.capitalize() for word in name.split("-"))
    answers = {
        "folder": folder.name,
        "name": name,
        "title": title,
        "module": import_name(name),
        "distribution": distribution(name),
        "dataset": dataset(name),
        "choices": choices,
        "description_in_toml": json.dumps(
            choices.description or f"{title}, for Fivetran.", ensure_ascii=False
        ),
        "_jinja2_env_vars": {"trim_blocks": True, "lstrip_blocks": True},
    }
    # Not cookiecutter's own command: it reads a user's settings and leaves every answer in their home folder.
    generate_files(str(TEMPLATE), {"cookiecutter": answers}, str(folder.parent))


def tidy(folders: Sequence[Path]) -> None:
    """Break the lines of connectors just made as ruff does: how long they are depends on the name."""
    command = [
        "format",
        "--no-cache",
        "--no-respect-gitignore",
        "--config",
        str(ROOT / "pyproject.toml"),
    ]
    ruff = [sys.executable, "-m", "ruff", *command, *map(str, folders)]
    done = subprocess.run(ruff, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RepositoryError(f"ruff can't format what was made:\n{done.stdout}{done.stderr}")


MARK = "# Made by `nox -s create` of a description; until it is edited, `nox -s record` replaces it. "
"""How a practice.py begins that no template can make again."""


def mark(practice: Path) -> None:
    """Let a practice.py say what it is like now."""
    text = practice.read_text("utf-8")
    practice.write_text(f"{MARK}{_digest(text)}\n{text}", "utf-8")


def is_as_marked(text: str) -> bool:
    """Whether the text of a practice.py is still what its first line says."""
    line, _, rest = text.partition("\n")
    return line == f"{MARK}{_digest(rest)}"


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:12]
