"""An older commit's bundle, made again: in a worktree, by that commit's own tools in the environment its lock pins.

Bundles are the same to the byte whenever they are made, so no store of them is kept; the digest that the function's
label names proves that it is the same one. What an older commit is asked is `python -m tools.locked.deploying.bundle
KEY`: it stages build/KEY and ends its report with `sha256 DIGEST`.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tools.environments.virtual_environments import tools_environment, tools_lock
from tools.locked.declared.deployments import Deployment, deployment
from tools.locked.deploying.git_history import GitHistory
from tools.locked.deploying.live import LiveFunction
from tools.locked.deploying.release import BUNDLE_DIGITS, DIRTY, Release
from tools.locked.fivetran.packages import Archive
from tools.repository.errors import RepositoryError
from tools.repository.model import Project, Repository

DIGEST = re.compile(r"^sha256 ([0-9a-f]{64})$", re.MULTILINE)


@dataclass(frozen=True)
class Rebuilt:
    """A commit's bundle: the release, the staged folder, the settings to deploy it with, and its repository."""

    release: Release
    source: Path
    one: Deployment
    repository: Repository
    project: Project


@contextmanager
def rebuilt(
    repository: Repository, one: Deployment, live: LiveFunction, commit: str, bundle: str | None
) -> Iterator[Rebuilt]:
    """The bundle of `one` as `commit` gives it; its files are removed afterwards.

    RepositoryError if the commit isn't in this clone or is dirty, if its tools can't make it, or if it isn't the
    bundle whose digest begins with `bundle`.
    """
    if commit.endswith(DIRTY):
        raise RepositoryError(
            f"{commit} was deployed from files that no commit holds: it can't be built again"
        )
    history = GitHistory(repository.root)
    with history.checked_out(commit) as folder:
        old = Repository(folder)
        found = DIGEST.search(run_bundle(repository, old, one.key))
        if found is None:
            raise RepositoryError(f"the tools of {commit[:12]} don't tell their bundle's digest")
        made = found[1][:BUNDLE_DIGITS]
        if bundle is not None and made != bundle:
            raise RepositoryError(
                f"{commit[:12]} now gives the bundle {made}, and {bundle} was deployed from it: not the same, so not deployed"
            )
        project = old.connector(one.connector)
        release = Release(one.connector, project.version, made, history.full(commit))
        yield Rebuilt(release, folder / "build" / one.key, _settings(old, one, live), old, project)


@contextmanager
def rebuilt_package(repository: Repository, one: Deployment, commit: str) -> Iterator[Archive]:
    """The package of `one` as `commit` gives it; its files are removed afterwards. RepositoryError if it gives none."""
    with GitHistory(repository.root).checked_out(commit) as folder:
        run_bundle(repository, Repository(folder), one.key)
        yield Archive.read(folder / "build" / f"{one.key}.zip")


def run_bundle(repository: Repository, old: Repository, key: str) -> str:
    """What the older tools report. With the same lock, this environment is that commit's own."""
    same = _lock_text(repository) == _lock_text(old)
    python = sys.executable if same else str(tools_environment(old).prepare().python)
    command = [python, "-m", "tools.locked.deploying.bundle", key]
    done = subprocess.run(command, cwd=old.root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RepositoryError(
            f"the tools of that commit can't make the bundle:\n{(done.stderr or done.stdout).strip()}"
        )
    return done.stdout


def _lock_text(repository: Repository) -> str:
    file = tools_lock(repository)
    return file.read_text("utf-8") if file.is_file() else ""


def _settings(old: Repository, one: Deployment, live: LiveFunction) -> Deployment:
    """The deployment as that commit's deploy.yaml has it, under today's name, if the function is still of that generation."""
    try:
        then = deployment(old, one.key)
    except RepositoryError:
        return one
    if then.limits.generation != live.generation:
        return one
    return replace(then, function=one.function, region=one.region, environment=one.environment)
