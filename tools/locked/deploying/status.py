"""What is live, against what main would deploy: version, bundle, generation, Python and trigger address; and what is left over."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path

from tools.locked.declared.deployments import Deployment, deployments
from tools.locked.declared.environments import Environment, environments
from tools.locked.declared.python_support import SUPPORT
from tools.locked.deploying.bundle import stage
from tools.locked.deploying.decision import Decision, Verdict, decide
from tools.locked.deploying.deploy_one import relation_of, release_of
from tools.locked.deploying.deploy_package import PackageDelivery, packaged
from tools.locked.deploying.live import LiveFunction
from tools.locked.deploying.stale import live_functions, path_of
from tools.repository.errors import RepositoryError, run_as_command
from tools.repository.model import Repository
from tools.repository.names import unknown

SHOWN = {
    Verdict.NEW: "not deployed",
    Verdict.DEPLOY: "LAGS",
    Verdict.NOTHING: "current",
    Verdict.SAME_VERSION: "unreleased changes",
    Verdict.NEWER_IS_LIVE: "newer",
    Verdict.WITHDRAWN: "rolled back",
    Verdict.REFUSED: "STUCK",
}


def status(repository: Repository, target: Environment, *, today: date) -> Iterator[str]:
    """The lines on one environment. RepositoryError if Google can't be asked."""
    declared = [one for one in deployments(repository).values() if one.environment == target.name]
    mine = {path_of(one, target): one for one in declared if one.is_function}
    packages = [one for one in declared if not one.is_function]
    live = live_functions(target) if mine or not packages else {}
    yield f"{target.name}: project {target.project}"
    for one in packages:
        yield from package_lines(repository, one)
    for path, one in mine.items():
        yield from function_lines(repository, one, live.get(path), today=today)
    for path, function in sorted(live.items()):
        if path not in mine and function.release is not None and _is_nobodys(repository, path):
            yield from left_over_lines(function, target)


def function_lines(
    repository: Repository, one: Deployment, live: LiveFunction | None, *, today: date
) -> Iterator[str]:
    """One function: its state, and what it runs on."""
    decision = _decision(repository, one, live)
    yield f"  {one.key:<20} {SHOWN[decision.verdict]:<20} {decision.why}"
    for change in decision.changes:
        yield f"  {'':<20} {'':<20} {change}"
    if live is not None:
        support = SUPPORT.get(live.runtime)
        known = support.shown(today) if support else "no support known"
        yield f"  {'':<20} {'':<20} generation {live.generation}, {live.runtime} ({known}), {live.url}"


def package_lines(repository: Repository, one: Deployment) -> Iterator[str]:
    """One package: its state, and the connection that runs it. RepositoryError if Fivetran can't be asked."""
    delivery = PackageDelivery.of(repository, one)
    live = delivery.live()
    try:
        decision = delivery.decide(packaged(repository, one), live)
    except RepositoryError as error:
        decision = Decision(Verdict.REFUSED, f"no package: {error}")
    verdict = Verdict.NEW if live is None else decision.verdict
    yield f"  {one.key:<20} {SHOWN[verdict]:<20} {decision.why}"
    for change in decision.changes:
        yield f"  {'':<20} {'':<20} {change}"
    if live is not None:
        python = live.connection.config.get("python_version", "of Fivetran's choice")
        paused = ", paused" if live.connection.paused else ""
        yield f"  {'':<20} {'':<20} Connector SDK, Python {python}, the connection {live.connection.id}{paused}"


def _decision(repository: Repository, one: Deployment, live: LiveFunction | None) -> Decision:
    try:
        release = release_of(repository, one, stage(repository, one))
    except RepositoryError as error:
        return Decision(Verdict.REFUSED, f"no bundle: {error}")
    return decide(one, release, live, relation_of(repository, live))


def left_over_lines(live: LiveFunction, target: Environment) -> Iterator[str]:
    """A function that these tools deployed and deploy.yaml no longer has, and how to retire it."""
    generation = "--gen2" if live.generation == 2 else "--no-gen2"
    yield f"  {live.name:<20} {'LEFT OVER':<20} {live.release} is live, and no group of deploy.yaml is about it"
    yield f"  {'':<20} {'':<20} retire it: pause or delete its connection in Fivetran, and when no sync runs,"
    yield (
        f"  {'':<20} {'':<20} gcloud functions delete {live.name} --project={target.project} "
        f"--region={live.region} {generation}"
    )


def _is_nobodys(repository: Repository, path: str) -> bool:
    """Whether no environment, this one's namesakes in the same project among them, has this function."""
    targets = environments(repository)
    functions = [one for one in deployments(repository).values() if one.is_function]
    return path not in {path_of(one, targets[one.environment]) for one in functions}


def chosen(targets: Mapping[str, Environment], name: str | None) -> list[Environment]:
    """The environment named, or all. RepositoryError with the nearest match if there is none."""
    if name is None:
        return list(targets.values())
    if name not in targets:
        raise unknown("environment", name, targets)
    return [targets[name]]


def main(arguments: list[str]) -> int:
    """Print the status of one environment or of all; 1 if one of them couldn't be asked."""
    parser = argparse.ArgumentParser(prog="nox -s status --")
    parser.add_argument("environment", nargs="?")
    repository, code = Repository(Path.cwd()), 0
    for target in chosen(environments(repository), parser.parse_args(arguments).environment):
        try:
            for line in status(repository, target, today=datetime.now(UTC).date()):
                print(line, flush=True)
        except RepositoryError as error:
            print(f"{target.name}: {error}")
            code = 1
    return code


if __name__ == "__main__":
    run_as_command(main)
