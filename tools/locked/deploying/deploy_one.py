"""Deploys one function: what differs, forwards only, with a smoke test after it and the old bundle back if that fails.

The rules are in `decision`; this is their order. A new function is private. An existing one keeps name, address,
generation and whoever may call it.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from tools.environments.locks import locks_of
from tools.locked.declared.deployments import Deployment
from tools.locked.declared.environments import environments
from tools.locked.deploying.bundle import digest, stage
from tools.locked.deploying.decision import Decision, Verdict, decide
from tools.locked.deploying.delivery import Delivery
from tools.locked.deploying.deploy_package import PackageDelivery, packaged
from tools.locked.deploying.gcloud import Upload
from tools.locked.deploying.git_history import GitHistory, Relation
from tools.locked.deploying.live import LiveFunction
from tools.locked.deploying.rebuilding import rebuilt
from tools.locked.deploying.release import BUNDLE_DIGITS, DIRTY, Release
from tools.locked.deploying.smoke_test import Result, expected_of
from tools.repository.errors import Problem, RepositoryError
from tools.repository.model import Repository

MAIN = "main"
"""The branch that is deployed."""


@dataclass(frozen=True)
class Options:
    """`force` overrides what is refused for a reason that may be known; `yes` answers what would be asked."""

    force: bool = False
    yes: bool = False


def deploy(repository: Repository, one: Deployment, options: Options) -> Verdict:
    """Deploy one function if it differs, by the rules.

    Returns the verdict: nothing was done unless that is NEW or DEPLOY. RepositoryError if it is refused, gcloud fails,
    or the smoke test did: then what ran before is live again, or the message says why not.
    """
    if not options.force and (problems := tree_problems(repository, one)):
        raise RepositoryError([*problems, Problem(one.key, "not deployed", "--force deploys all the same")])
    if not one.is_function:
        return _deploy_package(PackageDelivery.of(repository, one), options)
    target = environments(repository)[one.environment]
    delivery = Delivery.of(one, target)
    live = delivery.live()
    source = stage(repository, one, stale_lock=options.force)
    release = release_of(repository, one, source)
    decision = decide(one, release, live, relation_of(repository, live), force=options.force)
    print(f"{one.key}: {decision.why}", flush=True)
    if decision.verdict is Verdict.REFUSED:
        raise RepositoryError(f"{one.key} isn't deployed")
    if decision.verdict is Verdict.NOTHING and live is not None:
        _ask_again(repository, delivery, live, release)
    if decision.deploys:
        _confirm(repository, decision, options)
        _deliver(repository, delivery, Upload(one, target, release, source, _labels(release, live)), live)
    return decision.verdict


def _deploy_package(delivery: PackageDelivery, options: Options) -> Verdict:
    archive, live = packaged(delivery.repository, delivery.one), delivery.live()
    decision = delivery.decide(archive, live, force=options.force)
    print(f"{delivery.one.key}: {decision.why}", flush=True)
    if live is None or decision.verdict is Verdict.REFUSED:
        raise RepositoryError(f"{delivery.one.key} isn't deployed")
    if decision.verdict is Verdict.NOTHING and not delivery.tested(
        live
    ):  # a deploy may have been killed before
        raise RepositoryError(
            f"{delivery.one.key}: what is live fails its setup test: fix it, or `nox -s rollback -- {delivery.one.key} --to COMMIT`"
        )
    if decision.deploys:
        _confirm(delivery.repository, decision, options)
        delivery.deliver(archive, live)
    return decision.verdict


def tree_problems(repository: Repository, one: Deployment) -> list[Problem]:
    """Why this clone is in no state to be deployed from: what git says, and the lock of what ships."""
    history = GitHistory(repository.root)
    problems = list(locks_of(repository, one.connector)[0].problems(repository.root))
    if dirty := history.dirty():
        more = f" and {len(dirty) - 5} more" if len(dirty) > 5 else ""
        problems.append(
            Problem("git", f"the tree is dirty: {', '.join(dirty[:5])}{more}", "commit or remove them")
        )
    if (branch := history.branch()) != MAIN:
        shown = f"the branch `{branch}`" if branch else "no branch"
        problems.append(
            Problem(
                "git", f"this is {shown}, and `{MAIN}` is what runs", f"merge it, then `git switch {MAIN}`"
            )
        )
    return problems


def release_of(repository: Repository, one: Deployment, staged: Path) -> Release:
    """What this clone gives, staged in a folder: version, bundle, and commit (`-dirty` if files differ from it)."""
    history = GitHistory(repository.root)
    commit = history.head() + (DIRTY if history.dirty() else "")
    version = repository.connector(one.connector).version
    return Release(one.connector, version, digest(staged)[:BUNDLE_DIGITS], commit)


def relation_of(repository: Repository, live: LiveFunction | None) -> Relation:
    """Where the live commit stands; SAME where none is live."""
    if live is None or live.release is None:
        return Relation.SAME
    return GitHistory(repository.root).relation(live.release.commit)


def _labels(release: Release, live: LiveFunction | None) -> dict[str, str]:
    """With the release before it. The same bundle with other settings keeps the one before that."""
    before = live.release if live else None
    if live and before and before.bundle == release.bundle:
        kept = {
            name: live.labels[name] for name in ("previous-commit", "previous-bundle") if name in live.labels
        }
        return {**release.labels(), **kept}
    return release.labels(previous=before)


def _confirm(repository: Repository, decision: Decision, options: Options) -> None:
    """Show what changes and have a person agree: at the terminal, by --yes, or by having merged it to main.

    What these tools haven't deployed may be somebody else's; CI never takes it over unasked.
    """
    for change in decision.changes:
        print(f"    {change}", flush=True)
    merged = bool(os.environ.get("CI")) and GitHistory(repository.root).branch() == MAIN
    if options.yes or not (decision.changes or decision.takes_over) or (merged and not decision.takes_over):
        return
    if not sys.stdin.isatty():
        raise RepositoryError("this needs a person's yes: run it at a terminal, or with --yes")
    if input("Deploy it so? [y/N] ").strip().lower() not in ("y", "yes"):
        raise RepositoryError("not deployed")


def _ask_again(repository: Repository, delivery: Delivery, live: LiveFunction, release: Release) -> None:
    """A deploy may have been killed before its smoke test: what is live is asked all the same."""
    expected = expected_of(repository, repository.connector(delivery.one.connector), release)
    if delivery.smoke_test(live, expected).result is Result.FAILED:
        raise RepositoryError(
            f"it is live and doesn't answer: fix it, or `nox -s rollback -- {delivery.one.key}`"
        )


def _deliver(repository: Repository, delivery: Delivery, upload: Upload, before: LiveFunction | None) -> None:
    live = delivery.upload(upload, before)
    expected = expected_of(repository, repository.connector(upload.one.connector), upload.release)
    if delivery.smoke_test(live, expected).result is not Result.FAILED:
        print(f"{upload.one.key}: {upload.release} is live at {live.url}")
        return
    raise RepositoryError(
        _put_back(repository, delivery, live, upload.release, before.release if before else None)
    )


def _put_back(
    repository: Repository, delivery: Delivery, live: LiveFunction, failed: Release, before: Release | None
) -> str:
    """Deploy the release before the failed one again; what became of it."""
    said = f"{delivery.one.key}: {failed} failed its smoke test"
    if before is None:
        return f"{said}, and there is nothing to go back to: it is live, and doesn't work"
    print(f"{said}; going back to {before}", flush=True)
    try:
        with rebuilt(repository, delivery.one, live, before.commit, before.bundle) as old:
            outcome = delivery.put_back(old, live, withdrawn=failed.bundle)
    except RepositoryError as error:
        return f"{said}, and going back to {before} failed, so it is live:\n{error}"
    note = "" if outcome.result is not Result.FAILED else ", but doesn't answer either"
    return f"{said}; {before} is live again{note}"
