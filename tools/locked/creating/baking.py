"""Every connector that `create` can make, made, checked, tested and synced, and `nox` in an adopted clone: `nox -s bake`.

In copies of this repository, which are thrown away. The tools' own tests do the same with fewer.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from itertools import product
from pathlib import Path

from tools.environments.locks import compiled, connector_locks
from tools.environments.virtual_environments import project_environment
from tools.local import readmes
from tools.local.syncing import sync
from tools.local.testing import run_tests
from tools.locked.creating import adopted_clone
from tools.locked.creating.choices import AUTHS, PAGES, Choices
from tools.locked.creating.openapi import document, making
from tools.locked.creating.template_rendering import render, tidy
from tools.repository.errors import RepositoryError, run_as_command
from tools.repository.limits import Limits
from tools.repository.model import Project, Repository
from tools.repository.names import distribution, import_name

DESCRIPTION = Path("tools/tests/creating/descriptions/helpdesk.yaml")
"""An OpenAPI description with a list for each way of reading one."""

TEXT = 'It says "größer", {{ braces }} and a \\ of its own.'
"""A description that has to be escaped wherever it goes."""

COPIED = shutil.ignore_patterns(
    ".git", ".nox", ".venv", "build", "*.duckdb*", ".*_cache", "__pycache__", ".hypothesis"
)


def everything() -> dict[str, Choices]:
    """All combinations, by the name of the connector that shows them."""
    return {
        f"{'plain' if plain else ''}{auth}{pages}": Choices(
            AUTHS[auth], PAGES[pages], plain, TEXT if described else ""
        )
        for (row, auth), (column, pages) in product(enumerate(AUTHS), enumerate(PAGES))
        for plain in (False, True)
        for described in [bool((row // 2 + column // 2) % 2)]
    }


def all_pairs() -> dict[str, Choices]:
    """As few as have every two options together once: each way to log in with each of paging, every other one plain."""
    chosen = [
        f"{'plain' if (row + column) % 2 else ''}{auth}{pages}"
        for (row, auth), (column, pages) in product(enumerate(AUTHS), enumerate(PAGES))
    ]
    known = everything()
    return {name: known[name] for name in chosen}


class Locks:
    """Locks for many connectors, resolved once for each set of requirements."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._made: dict[str, tuple[str, str]] = {}

    def write(self, name: str) -> None:
        """Write the locks of connector `name`. RepositoryError if there is no index."""
        project = Project(name, "connector", self._repository.root / "connectors" / name, import_name(name))
        for one in connector_locks(self._repository, project):
            key = f"{one.file.name} {one.digest()}"
            if key not in self._made:
                self._made[key] = (compiled(self._repository, one), name)
            text, maker = self._made[key]
            body = text.replace(f"via {distribution(maker)} ", f"via {distribution(name)} ")
            one.file.write_text(one.header(self._repository.root) + body, "utf-8")


def plant(repository: Repository, wanted: Mapping[str, Choices], locks: Locks) -> Repository:
    """Make these connectors, with their locks. The repository as it is then."""
    folders = [repository.root / "connectors" / name for name in wanted]
    for folder, choices in zip(folders, wanted.values(), strict=True):
        render(folder.name, choices, folder)
    tidy(folders)
    for name in wanted:
        locks.write(name)
    return Repository(repository.root)


def of_description(repository: Repository, name: str) -> Repository:
    """Make a connector of the description with all of its lists. The repository as it is then."""
    making.make(document.read(repository.root / DESCRIPTION), name, (), repository.root / "connectors" / name)
    tidy([repository.root / "connectors" / name])
    Locks(repository).write(name)
    made = Repository(repository.root)
    readmes.update(made, [name], check=False)
    return made


def lint(repository: Repository, names: Iterable[str]) -> None:
    """Ruff's rules over all of them at once. RepositoryError with what it says."""
    folders = [f"connectors/{name}" for name in names]
    for command in (["check"], ["format", "--diff"]):
        _run(repository, [sys.executable, "-m", "ruff", *command, "--quiet", "--no-cache", *folders])


def types(repository: Repository, names: Iterable[str]) -> None:
    """Mypy over all of them at once, in the environment of the first. RepositoryError with what it says.

    Their names are identifiers, so that the modules called `practice` can be distinguished.
    """
    projects = [repository.connector(name) for name in names]
    sources = [f"connectors/{project.name}/src" for project in projects]
    python = project_environment(repository, projects[0]).prepare().python
    command = [
        sys.executable, "-m", "mypy", "--config-file=pyproject.toml", "--cache-dir=.nox/mypy/baked",
        f"--python-executable={python}",
        *(str(project.path.relative_to(repository.root)) for project in projects),
    ]  # fmt: skip
    _run(repository, command, {"MYPYPATH": os.pathsep.join([".", *sources])})


def prove(repository: Repository, name: str) -> None:
    """Its tests, and a sync from its practice source. RepositoryError if one fails."""
    run_tests(repository, name, ["-q"])
    warehouse = repository.root / f"{name}.duckdb"
    if sync(repository, name, Limits(), secrets=None, options=["--warehouse", str(warehouse), "--quiet"]):
        raise RepositoryError(f"{name} does not sync")


def _run(repository: Repository, command: list[str], env: Mapping[str, str] | None = None) -> None:
    done = subprocess.run(
        command,
        cwd=repository.root,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RepositoryError(f"{done.stdout}{done.stderr}".strip())


def main(_arguments: list[str]) -> int:
    """Bake everything; say at the end what failed."""
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "repository"
        shutil.copytree(Path.cwd(), copy, ignore=COPIED)
        wanted = everything()
        baked = plant(Repository(copy), wanted, Locks(Repository(copy)))
        lint(baked, wanted)
        for plain in (False, True):
            types(baked, [name for name, choices in wanted.items() if choices.plain is plain])
        described = of_description(baked, "described")
        for name in (*wanted, "described"):
            try:
                prove(described, name)
            except RepositoryError as error:
                failed.append(f"{name}: {error}")
        print(f"{len(wanted) + 1} connectors made, {len(failed)} failed", *failed, sep="\n", flush=True)
        if red := adopted_clone.first_failure(Path.cwd(), Path(folder) / "adopted"):
            failed.append(f"in an adopted clone of the last commit, this is not green: {red}")
            print(failed[-1])
    return 1 if failed else 0


if __name__ == "__main__":
    run_as_command(main)
