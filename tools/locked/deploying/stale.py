"""Deploys whatever lags behind main: what an earlier pipeline left out because it failed on the way.

Why it failed isn't known here, so a connector's tests are run before its functions are deployed.
One process an environment, one function after another: so Google's 80 writes per 100 s and project are never met
(https://cloud.google.com/functions/quotas), however small the functions are.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial

from tools.local.testing import run_tests
from tools.locked.declared.deployments import Deployment, deployments
from tools.locked.declared.environments import Environment, environments
from tools.locked.deploying import gcloud
from tools.locked.deploying.decision import Verdict, setting_changes
from tools.locked.deploying.deploy_one import Options, deploy
from tools.locked.deploying.deploy_package import PackageDelivery, packaged
from tools.locked.deploying.git_history import GitHistory
from tools.locked.deploying.google_api import GoogleApi
from tools.locked.deploying.live import LiveFunction
from tools.locked.deploying.release import Release
from tools.repository.errors import RepositoryError, at
from tools.repository.model import Repository, version_line
from tools.repository.names import unknown

WRITES_A_DEPLOY = 4
"""An upload address and the function itself; twice, should its smoke test fail."""

SECONDS_A_DEPLOY = WRITES_A_DEPLOY * 100 / 80
"""From one deploy's start to the next one's, at least."""


@dataclass
class Pace:
    """Keeps starts apart by `seconds`."""

    seconds: float = SECONDS_A_DEPLOY
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    last: float | None = None

    def wait(self) -> None:
        """Return once the next one may start."""
        if self.last is not None and (left := self.last + self.seconds - self.clock()) > 0:
            self.sleep(left)
        self.last = self.clock()


Prove = Callable[[Repository, str], None]
"""Runs a connector's tests; RepositoryError if one fails."""


def deploy_stale(
    repository: Repository,
    environment: str | None,
    options: Options,
    *,
    before: str | None = None,
    pace: Pace | None = None,
    prove: Prove = run_tests,
) -> int:
    """Deploy what lags in one environment, or in all in turn, once its tests have passed.

    With `before`, a commit, only what lagged then already: what changed since has a job of its own. Returns 1 if one of
    them failed; the others are deployed all the same.
    """
    pace, proved = pace or Pace(), cache(partial(prove, repository))
    failed: list[str] = []
    lag = lagging(repository, environment)
    if before is not None:
        lag = [one for one in lag if unchanged_since(repository, one, before)]
    print(f"lagging behind: {', '.join(one.key for one in lag) or 'nothing'}", flush=True)
    for one in lag:
        try:
            proved(one.connector)
            pace.wait()
            deploy(repository, one, options)
        except RepositoryError as error:
            failed.append(one.key)
            print(f"{one.key}: {error}", flush=True)
    if failed:
        print(f"not deployed: {', '.join(failed)}", flush=True)
    return 1 if failed else 0


def lagging(repository: Repository, environment: str | None) -> list[Deployment]:
    """The deployments that aren't live, or live with another version or settings, or whose last deploy failed."""
    targets = environments(repository)
    if environment is not None and environment not in targets:
        raise unknown("environment", environment, targets)
    found: list[Deployment] = []
    for target in in_turn(targets):
        if environment in (None, target.name):
            mine = [one for one in deployments(repository).values() if one.environment == target.name]
            found += _lagging_functions(repository, target, [one for one in mine if one.is_function])
            found += [one for one in mine if not one.is_function and package_lags(repository, one)]
    return found


def _lagging_functions(
    repository: Repository, target: Environment, mine: list[Deployment]
) -> list[Deployment]:
    if not mine:
        return []
    live = live_functions(target)
    return [one for one in mine if lags(repository, one, live.get(path_of(one, target)))]


def package_lags(repository: Repository, one: Deployment) -> bool:
    """Whether a package holds an older version, or runs on another Python. One that isn't connected is a person's to connect."""
    delivery = PackageDelivery.of(repository, one)
    decision = delivery.decide(packaged(repository, one), delivery.live())
    if decision.takes_over or decision.verdict is Verdict.REFUSED:
        print(f"{one.key}: {decision.why}", flush=True)
    return decision.verdict is Verdict.DEPLOY and not decision.takes_over


def unchanged_since(repository: Repository, one: Deployment, commit: str) -> bool:
    """Whether a deployment's connector had its version at `commit` already; no where that isn't known."""
    init_file = repository.connector(one.connector).init_file
    then = GitHistory(repository.root).text(commit, at(init_file, repository.root))
    return then is not None and version_line(then) == version_line(init_file.read_text("utf-8"))


def lags(repository: Repository, one: Deployment, live: LiveFunction | None) -> bool:
    """Whether a deploy may have something to do. A function that isn't ours yet is a person's to take over."""
    if live is None:
        return True
    if live.release is None:
        print(
            f"{one.key}: these tools haven't deployed it; `nox -s deploy -- {one.key}` takes it over",
            flush=True,
        )
        return False
    wanted = Release(one.connector, repository.connector(one.connector).version, "", "")
    return not (live.active and live.release.same_version(wanted) and not setting_changes(one, wanted, live))


def live_functions(target: Environment) -> Mapping[str, LiveFunction]:
    """All functions of an environment's project by path, of other regions and people too."""
    api = GoogleApi(gcloud.signed_in())
    return {live.path: live for live in api.functions(target.project)}


def path_of(one: Deployment, target: Environment) -> str:
    """How Google calls a deployment's function."""
    return f"projects/{target.project}/locations/{one.region}/functions/{one.function}"


def in_turn(targets: Mapping[str, Environment]) -> list[Environment]:
    """The environments, each after the one that its `after` names."""

    def depth(target: Environment, seen: frozenset[str] = frozenset()) -> int:
        if target.after is None or target.after not in targets or target.name in seen:
            return 0
        return 1 + depth(targets[target.after], seen | {target.name})

    return sorted(targets.values(), key=depth)
