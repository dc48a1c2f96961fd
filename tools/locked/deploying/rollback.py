"""Goes back: the release before the live one, or a commit's, built again and deployed. The only way backwards.

What was live is remembered as withdrawn: a pipeline doesn't deploy the same bundle again by itself.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tools.locked.declared.deployments import Deployment, deployment
from tools.locked.declared.environments import environments
from tools.locked.deploying.delivery import Delivery
from tools.locked.deploying.deploy_package import PackageDelivery
from tools.locked.deploying.git_history import GitHistory
from tools.locked.deploying.live import LiveFunction
from tools.locked.deploying.rebuilding import Rebuilt, rebuilt, rebuilt_package
from tools.locked.deploying.release import PREVIOUS, Release
from tools.locked.deploying.smoke_test import Result
from tools.locked.fivetran.packages import SHOWN
from tools.repository.errors import RepositoryError, run_as_command
from tools.repository.model import Repository


def rollback(repository: Repository, one: Deployment, to: str | None, *, yes: bool) -> int:
    """Deploy the release before the live one, or that of commit `to`; 1 if its smoke test fails.

    RepositoryError if there is nothing to go back to, if the commit doesn't give the bundle that was live, if nobody
    agrees, or if gcloud fails.
    """
    if not one.is_function:
        return _rollback_package(PackageDelivery.of(repository, one), to, yes=yes)
    delivery = Delivery.of(one, environments(repository)[one.environment])
    live = delivery.live()
    if live is None or live.release is None:
        raise RepositoryError(f"{one.key}: {'nothing' if live is None else 'nothing of these tools'} is live")
    commit, bundle = destination(GitHistory(repository.root), live, live.release, to)
    with rebuilt(repository, one, live, commit, bundle) as old:
        _require_a_difference(live.release, old)
        print(f"{one.key}: {live.release} -> {old.release}", flush=True)
        _confirm(yes=yes)
        outcome = delivery.put_back(old, live, withdrawn=live.release.bundle)
    print(
        f"{one.key}: {old.release} is live. Pipelines leave it so until a version other than "
        f"{live.release.shown_version} or another bundle is on main"
    )
    return 1 if outcome.result is Result.FAILED else 0


def _rollback_package(delivery: PackageDelivery, to: str | None, *, yes: bool) -> int:
    """A package bears no labels, so the commit has to be named, and nothing there remembers what was taken back."""
    one, live = delivery.one, delivery.live()
    if live is None:
        raise RepositoryError(f"{one.key}: nothing is live, for there is no connection")
    if to is None:
        raise RepositoryError(
            f"{one.key}: a package doesn't name the release before it: `nox -s rollback -- {one.key} --to COMMIT`"
        )
    with rebuilt_package(delivery.repository, one, GitHistory(delivery.repository.root).full(to)) as old:
        if old.digest == live.digest:
            raise RepositoryError(f"{to} gives the package that is live: nothing to go back to")
        print(f"{one.key}: {live} -> what {to} gives (sha256 {old.digest[:SHOWN]})", flush=True)
        _confirm(yes=yes)
        delivery.deliver(old, live)
    print(
        f"{one.key}: the next pipeline on main deploys main's version again: revert there, or release a fix before it"
    )
    return 0


def destination(
    history: GitHistory, live: LiveFunction, release: Release, to: str | None
) -> tuple[str, str | None]:
    """The commit to go back to, and the bundle it must give if a label names it."""
    commit, bundle = (live.labels.get(name) for name in PREVIOUS)
    if to is not None:
        full = history.full(to)
        known = {commit: bundle, release.commit: release.bundle}
        return full, known.get(full)
    if commit is None:
        raise RepositoryError(
            f"no label of {live.name} names a release before {release}: "
            f"`nox -s rollback -- FUNCTION --to COMMIT` names a commit"
        )
    return commit, bundle


def _require_a_difference(release: Release, old: Rebuilt) -> None:
    if old.release.bundle == release.bundle:
        raise RepositoryError(
            f"{old.release.commit[:12]} gives the bundle that is live: nothing to go back to"
        )


def _confirm(*, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise RepositoryError("going back needs a person's yes: run it at a terminal, or with --yes")
    if input("Go back? [y/N] ").strip().lower() not in ("y", "yes"):
        raise RepositoryError("nothing was changed")


def main(arguments: list[str]) -> int:
    """Roll the function named back."""
    parser = argparse.ArgumentParser(prog="nox -s rollback --")
    parser.add_argument("function")
    parser.add_argument("--to")
    parser.add_argument("--yes", action="store_true")
    given = parser.parse_args(arguments)
    repository = Repository(Path.cwd())
    return rollback(repository, deployment(repository, given.function), given.to, yes=given.yes)


if __name__ == "__main__":
    run_as_command(main)
