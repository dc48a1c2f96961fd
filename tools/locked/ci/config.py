"""Renders .circleci/ from what the repository holds: config.yml, which a pipeline starts with, and continue.yml.

The files are committed and compared, not made while CI runs: what can happen is there to be read. They are dumped
from data, never pasted together as text, so no name can break their quoting.
"""

from __future__ import annotations

import difflib

from tools.locked.ci.continue_config import Content, continue_config, locks_of
from tools.locked.ci.gcloud import gcloud
from tools.locked.ci.setup_config import CONTINUATION, setup_config
from tools.locked.ci.yaml_text import dumped
from tools.locked.declared.deployments import deployments
from tools.locked.declared.environments import environments
from tools.repository.errors import StaleError, at, run_as_command
from tools.repository.generated import write_or_check_all
from tools.repository.model import Repository

SETUP = ".circleci/config.yml"
FILES = (SETUP, CONTINUATION)
MADE = (
    "# Made by `nox -s ci_config` from connectors/, packages/, deploy.yaml and pyproject.toml; don't edit.\n"
)
HEADERS = {
    SETUP: f"{MADE}# A pipeline starts here; docs/continuous-integration.md says what follows.\n",
    CONTINUATION: f"{MADE}# Everything; what a change doesn't touch is taken out of `jobs` at the end.\n",
}


def render(repository: Repository) -> dict[str, str]:
    """The files' texts by path. RepositoryError if the repository, deploy.yaml or pyproject.toml is wrong."""
    data = {SETUP: setup_config(), CONTINUATION: continue_config(content_of(repository))}
    return {file: HEADERS[file] + dumped(data[file]) for file in FILES}


def content_of(repository: Repository) -> Content:
    """What the repository holds, as far as CircleCI's configuration depends on it."""
    folders = {name: at(project.path, repository.root) for name, project in repository.projects.items()}
    locks = locks_of(folders, examples=repository.has_examples)
    return Content(locks, deployments(repository), environments(repository), gcloud(repository))


def stale(repository: Repository) -> StaleError | None:
    """How the committed files differ from what the repository gives, with the way out; None if they don't."""
    changes: list[str] = []
    for file, after in render(repository).items():
        before = _committed(repository, file)
        lines = before.splitlines(True), after.splitlines(True)
        changes += difflib.unified_diff(*lines, file, "as the repository is now") if before != after else []
    if not changes:
        return None
    return StaleError(f"{''.join(changes)}.circleci/ isn't current; run `nox -s ci_config`")


def _committed(repository: Repository, file: str) -> str:
    path = repository.root / file
    return path.read_text("utf-8") if path.is_file() else ""


def main(arguments: list[str]) -> int:
    """Write the files, or with `--check` say how they differ and fail."""
    return write_or_check_all(
        arguments, module="tools.locked.ci.config", files=FILES, texts=render, problem=stale
    )


if __name__ == "__main__":
    run_as_command(main)
