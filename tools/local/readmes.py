"""The part of a connector's README that its code writes: secrets, a filled example, tables and keys.

The tools never import a connector, so each is asked in its own environment (`python -m fivetran_runtime.describe`).
A README without the marks is its author's alone.
"""

from __future__ import annotations

import difflib
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tools.environments.virtual_environments import VirtualEnvironment, project_environment
from tools.repository.errors import RepositoryError, StaleError, at
from tools.repository.model import Project, Repository

MARKED = re.compile(
    r"^<!-- generated from the code .*?^<!-- end of the generated part -->\n", re.MULTILINE | re.DOTALL
)
"""The generated part, marks included."""


def update(
    repository: Repository,
    names: Sequence[str],
    *,
    check: bool,
    environment: VirtualEnvironment | None = None,
) -> None:
    """Bring the READMEs of these connectors, or of all, up to date; asked in `environment`, if given, or each in its own.

    Raises StaleError with every difference if `check` and one is not, RepositoryError if a connector can't be asked.
    """
    differences, stale = [], []
    for name in names or sorted(repository.connectors):
        project = repository.connector(name)
        file = project.path / "README.md"
        now = file.read_text("utf-8")
        if not MARKED.search(now):
            continue
        section = describe(repository, project, environment)
        new = MARKED.sub(lambda _, section=section: section, now, count=1)  # type: ignore[misc]
        if check:
            found = _difference(repository, file, now, new)
            differences += found
            stale += [name] if found else []
        elif new != now:
            file.write_text(new, "utf-8")
            print(f"{at(file, repository.root)}: updated")
    if differences:
        command = f"nox -s update -- {' '.join(stale)}"
        raise StaleError(f"README.md is not what the code says; run `{command}`:\n{''.join(differences)}")


def describe(repository: Repository, project: Project, environment: VirtualEnvironment | None = None) -> str:
    """What a connector's code says of it, marks included; in `environment`, if given, or its own."""
    environment = (environment or project_environment(repository, project)).prepare()
    command = [str(environment.python), "-m", "fivetran_runtime.describe", project.module]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RepositoryError(f"{project.name} can't be described:\n{done.stderr.strip()}")
    return done.stdout


def _difference(repository: Repository, file: Path, now: str, new: str) -> list[str]:
    shown = at(file, repository.root)
    return list(difflib.unified_diff(now.splitlines(True), new.splitlines(True), shown, f"{shown} (current)"))
