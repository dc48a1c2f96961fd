"""The command behind `nox -s deploy`: one function, all that lag behind, or only a look at gcloud's command."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from tools.locked.declared.deployments import Deployment, deployment
from tools.locked.declared.environments import environments
from tools.locked.deploying.bundle import stage
from tools.locked.deploying.decision import Verdict
from tools.locked.deploying.deploy_one import Options, deploy, release_of
from tools.locked.deploying.deploy_package import packaged
from tools.locked.deploying.gcloud import upload_command
from tools.locked.deploying.stale import deploy_stale
from tools.repository.errors import RepositoryError, at, run_as_command
from tools.repository.model import Repository


def show(repository: Repository, one: Deployment) -> None:
    """Stage one function and print gcloud's command, asking Google nothing; of a package, what would be sent."""
    if not one.is_function:
        print(
            f"{packaged(repository, one)}: sent to Fivetran where its connection's package has another content"
        )
        return
    target = environments(repository)[one.environment]
    source = stage(repository, one)
    release = release_of(repository, one, source)
    print(shlex.join(upload_command(one, target, release, Path(at(source, repository.root)))))
    print(
        "(as for a new function; one that exists keeps whoever may call it, and its labels name the release before)"
    )


def main(arguments: list[str]) -> int:
    """Deploy the function named, or with `--stale` all that lag behind; `--dry-run` only prints the command."""
    parser = argparse.ArgumentParser(prog="nox -s deploy --")
    parser.add_argument("function", nargs="?")
    parser.add_argument("--stale", action="store_true")
    parser.add_argument("--environment")
    parser.add_argument("--before")
    for flag in ("--dry-run", "--force", "--yes"):
        parser.add_argument(flag, action="store_true")
    given = parser.parse_args(arguments)
    if bool(given.function) == given.stale or (given.stale and given.dry_run):
        raise RepositoryError(
            "name one function, with --dry-run if you like, or ask for --stale; `nox -s status` shows what is"
        )
    repository, options = Repository(Path.cwd()), Options(given.force, given.yes)
    if given.stale:
        return deploy_stale(repository, given.environment, options, before=given.before)
    one = deployment(repository, given.function)
    if given.dry_run:
        show(repository, one)
        return 0
    return 1 if deploy(repository, one, options) is Verdict.WITHDRAWN else 0


if __name__ == "__main__":
    run_as_command(main)
