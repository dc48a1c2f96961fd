"""The command behind `nox -s connect`: connects a deployment, or looks after its connection."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from functools import cache, partial
from pathlib import Path

from tools.local.connecting import asked
from tools.locked.connecting.agreement import Agreement
from tools.locked.connecting.connecting import Connecting
from tools.locked.connecting.declared_secrets import require_declared
from tools.locked.connecting.hosts import FunctionHost, Host, SdkHost
from tools.locked.connecting.last_sent import LastSent
from tools.locked.connecting.looking_after import LookingAfter
from tools.locked.connecting.plan import Intent, Pausing
from tools.locked.connecting.secrets_file import read_secrets, without
from tools.locked.declared.deployments import Deployment, deployment
from tools.locked.declared.environments import environments
from tools.locked.deploying.delivery import Delivery
from tools.locked.deploying.deploy_package import packaged
from tools.locked.fivetran.answers import UnclearError
from tools.locked.fivetran.api import Account, FivetranApi
from tools.locked.fivetran.packages import Archive
from tools.repository.errors import RepositoryError, run_as_command
from tools.repository.model import Repository


def connect(repository: Repository, options: argparse.Namespace, api: FivetranApi) -> None:
    """Do what the options ask. RepositoryError if it can't be done; no secret is in what is printed or raised."""
    hidden = {api.account.key, api.account.secret}
    try:
        one = deployment(repository, options.function)
        agreement = Agreement(options.yes)
        if options.action:
            say = _printer(hidden)
            _look_after(LookingAfter(api, repository, one, agreement, say), options)
            return
        secrets = read_secrets(options.secrets) if options.secrets else None
        if secrets:
            hidden |= secrets.values
            require_declared(repository, one.connector, secrets)
        pausing = Pausing.of(unpause=options.unpause, stay=options.paused)
        intent = Intent(one, host_of(repository, one, options), secrets, pausing)
        Connecting(api, intent, LastSent.of(repository, one.key), agreement, _printer(hidden)).run()
    except RepositoryError as error:
        raise RepositoryError(without(str(error), hidden)) from None


def _printer(hidden: Iterable[str]) -> Callable[[str], None]:
    return lambda line: print(without(line, hidden), flush=True)


def _look_after(there: LookingAfter, options: argparse.Namespace) -> None:
    try:
        if options.state_file:
            there.set_state(options.state_file)
        else:
            getattr(there, options.action)()
    except UnclearError as error:
        action, look = ("set", "state") if options.state_file else (options.action, "status")
        raise RepositoryError(
            f"{error}\n{there.one.key}: whether --{action} was carried out isn't known: --{look} shows it"
        ) from error


def host_of(repository: Repository, one: Deployment, options: argparse.Namespace) -> Host:
    """Where it runs. RepositoryError if nothing runs there yet, or an option is another host's."""
    stray = "package" if one.is_function else "trigger"
    if getattr(options, stray):
        raise RepositoryError(f"{one.key}: --{stray} means nothing with `host: {one.host}`")
    if one.is_function:
        return _function(repository, one, options.trigger)
    return _package(repository, one, options.package)


def _package(repository: Repository, one: Deployment, given: str | None) -> SdkHost:
    make = cache(partial(packaged, repository, one))
    if given and Path(given).suffix == ".zip":
        return SdkHost(one.python_version, make, archive=Archive.read(Path(given)))
    return SdkHost(one.python_version, make, package=given or "")


def _function(repository: Repository, one: Deployment, trigger: str | None) -> FunctionHost:
    target = environments(repository)[one.environment]
    grant = (
        f"gcloud functions add-invoker-policy-binding {one.function} --project={target.project} "
        f"--region={one.region} --member=serviceAccount:{{account}}"
    )
    if trigger:
        return FunctionHost(trigger, grant)
    live = Delivery.of(one, target).live()
    if live is None:
        raise RepositoryError(
            f"{one.key}: the function isn't deployed, so there is nothing to connect: `nox -s deploy -- {one.key}` first"
        )
    return FunctionHost(live.url, grant)


def main(arguments: list[str]) -> int:
    """Connect the deployment named, or look after its connection."""
    options = asked(arguments)
    connect(Repository(Path.cwd()), options, FivetranApi(Account.of_environment()))
    return 0


if __name__ == "__main__":
    run_as_command(main)
