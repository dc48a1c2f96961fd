"""Deploys one package of the Connector SDK: another content for the package that the deployment's connection has.

A package bears no labels, so what is live is read from it: Fivetran tells its hash, and its zip holds the connector with
its version. Replaced, tested by Fivetran's setup test, and put back as it was, byte for byte, if that fails. The new code
runs from the next sync on (https://fivetran.com/docs/rest-api/api-reference/connector-sdk).
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass, field

from packaging.version import InvalidVersion, Version

from tools.locked.declared.deployments import Deployment
from tools.locked.deploying.decision import Change, Decision, Verdict
from tools.locked.deploying.package import package
from tools.locked.fivetran.api import Account, FivetranApi
from tools.locked.fivetran.connection import Connection, find
from tools.locked.fivetran.packages import (
    SHOWN,
    Archive,
    content_at_fivetran,
    digest_at_fivetran,
    replace,
)
from tools.locked.fivetran.setup_test import run_setup_test
from tools.repository.errors import RepositoryError
from tools.repository.model import Repository, version_line


@dataclass(frozen=True)
class LivePackage:
    """What the next sync runs: the connection, its package's id and hash, and the connector's version in its zip."""

    connection: Connection
    package: str
    digest: str
    version: str
    content: bytes = field(repr=False)

    def __str__(self) -> str:
        return f"{self.version or 'something else'} (sha256 {self.digest[:SHOWN]})"


@dataclass(frozen=True)
class PackageDelivery:
    """A deployment, its repository, and Fivetran as one account sees it."""

    repository: Repository
    one: Deployment
    api: FivetranApi

    @classmethod
    def of(cls, repository: Repository, one: Deployment) -> PackageDelivery:
        """With the account of the environment. RepositoryError if there is none."""
        return cls(repository, one, FivetranApi(Account.of_environment()))

    def live(self) -> LivePackage | None:
        """What is live; None if there is no connection yet."""
        there = find(self.api, self.one)
        if there is None:
            return None
        package = str(there.config.get("package_id", ""))
        digest, content = digest_at_fivetran(self.api, package), content_at_fivetran(self.api, package)
        module = self.repository.connector(self.one.connector).module
        return LivePackage(there, package, digest, version_in(content, module), content)

    def decide(self, archive: Archive, live: LivePackage | None, *, force: bool = False) -> Decision:
        """By the rules of functions as far as a package shows what they need: its version, not its commit."""
        version = self.repository.connector(self.one.connector).version
        if live is None:
            return Decision(
                Verdict.REFUSED,
                f"no connection yet: `nox -s connect -- {self.one.key} --secrets FILE` uploads the package and connects it",
            )
        changes = tuple(_changes(self.one, live))
        wanted = f"{version} (sha256 {archive.digest[:SHOWN]})"
        if live.digest == archive.digest:
            if changes:
                return Decision(Verdict.DEPLOY, f"{wanted} is live on another Python", changes)
            return Decision(Verdict.NOTHING, f"{wanted} is live; nothing to do")
        if not live.version:
            why = f"the package {live.package} holds something else than {self.one.connector}; {wanted} replaces it"
            return Decision(Verdict.DEPLOY, why, changes, takes_over=True)
        if force:
            return Decision(Verdict.DEPLOY, f"{live} -> {wanted}, by force", changes)
        return _by_version(self.one, live, version, Decision(Verdict.DEPLOY, f"{live} -> {wanted}", changes))

    def deliver(self, archive: Archive, live: LivePackage) -> None:
        """Replace what is live. RepositoryError if the setup test fails: what was live is there again, or the message says why not."""
        self._put(live, archive, self.one.python_version if _changes(self.one, live) else None)
        if not self.tested(live):
            raise RepositoryError(self._put_back(archive, live))
        print(
            f"{self.one.key}: the package {live.package} holds {archive.digest[:SHOWN]}; the next sync runs it",
            flush=True,
        )

    def tested(self, live: LivePackage) -> bool:
        """Whether Fivetran's setup test passes; a package without a form has none."""
        return not run_setup_test(self.api, live.connection.id, lambda line: print(line, flush=True)).failed

    def _put(self, live: LivePackage, archive: Archive, python: str | None) -> None:
        """Give the package its content, and the connection a Python where that changes."""
        replace(self.api, live.package, archive)
        if python is not None:
            body = {"config": {"python_version": python}, "run_setup_tests": False}
            self.api.change(live.connection.id, body)

    def _put_back(self, failed: Archive, live: LivePackage) -> str:
        said = f"{self.one.key}: sha256 {failed.digest[:SHOWN]} failed its setup test"
        before = Archive(failed.file, live.content)
        python = live.connection.config.get("python_version")
        try:
            self._put(live, before, str(python) if python and _changes(self.one, live) else None)
        except RepositoryError as error:
            return f"{said}, and going back to {live} failed, so it is live:\n{error}"
        return f"{said}; {live} is live again" + ("" if self.tested(live) else ", but fails it, too")


def version_in(content: bytes, module: str) -> str:
    """The connector's version in a package's zip; empty if it holds no such connector."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            text = archive.read(f"{module}/__init__.py").decode("utf-8", errors="replace")
    except (zipfile.BadZipFile, KeyError):
        return ""
    return version_line(text) or ""


def packaged(repository: Repository, one: Deployment) -> Archive:
    """The package's zip, as this clone gives it. RepositoryError if it can't be made."""
    return Archive.read(package(repository, one))


def _changes(one: Deployment, live: LivePackage) -> list[Change]:
    there = str(live.connection.config.get("python_version", "Fivetran's default"))
    return [Change("python_version", there, one.python_version)] if there != one.python_version else []


def _by_version(one: Deployment, live: LivePackage, version: str, deploys: Decision) -> Decision:
    """The unit of release is the version, and the way is forwards."""
    if live.version == version:
        why = f"{live} is live, and the same version now gives another package: not deployed. `nox -s bump -- {one.connector} patch` releases it"
        if deploys.changes:
            return Decision(
                Verdict.REFUSED, f"{why}; deploy.yaml's change waits for that, too ({deploys.changes[0]})"
            )
        return Decision(Verdict.SAME_VERSION, why)
    if _is_newer(live.version, version):
        return Decision(
            Verdict.NEWER_IS_LIVE, f"newer is live: {live}; nothing done. Only `rollback` goes back"
        )
    return deploys


def _is_newer(one: str, other: str) -> bool:
    try:
        return Version(one) > Version(other)
    except InvalidVersion:
        return False
