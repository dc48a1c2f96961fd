"""A deploy of one function rehearsed on this machine, and looked at from the other end.

The bundle is uploaded by the real gcloud to a fake of Google; what arrived there is unpacked, built, imported, served and
asked as Google and Fivetran would, on the Python that the runtime names. Without gcloud the bundle itself takes the
upload's place, and without that Python its requirements are only resolved; both are said, and neither is called rehearsed.
"""

from __future__ import annotations

import argparse
import io
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tools.local.syncing import Local, emulator_environment
from tools.locked.declared.deployments import Deployment, deployment
from tools.locked.declared.environments import environments
from tools.locked.deploying.bundle import digest, files_of, stage
from tools.locked.rehearsal.asking import Emulator, any_answer, configuration_error, status_for_strangers
from tools.locked.rehearsal.builder import Layer, build, resolve_only, unpack
from tools.locked.rehearsal.functions import LiveFunction
from tools.locked.rehearsal.google import FakeGoogle, forward_to
from tools.locked.rehearsal.pythons import find_python, version_of
from tools.locked.rehearsal.serving import Image
from tools.locked.rehearsal.uploading import (
    compare,
    deploy_command,
    gcloud_version,
    run_gcloud,
    variables_of,
)
from tools.repository.errors import RepositoryError, at, run_as_command
from tools.repository.model import Repository


@dataclass
class Account:
    """What a rehearsal saw, as it is shown and for whoever asks afterwards.

    `seen` has a sentence a step; `not_run` the steps that this machine couldn't take, with the reason; `rows` each
    table's rows in the warehouse.
    """

    say: Callable[[str], None] = print
    seen: dict[str, str] = field(default_factory=dict)
    not_run: dict[str, str] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)

    def saw(self, step: str, what: str) -> None:
        """Tell of a step that was taken."""
        self.seen[step] = what
        self.say(f"{step:<12} {what}")

    def lacks(self, step: str, why: str) -> None:
        """Tell of a step that wasn't taken."""
        self.not_run[step] = why
        self.say(f"{step:<12} NOT RUN: {why}")


@dataclass(frozen=True)
class Driver:
    """What a rehearsal is driven with: `home` keeps Pythons, layers and logs, `local` has the practice source."""

    home: Path
    local: Callable[[], Local]
    emulator: Callable[[], Path]

    @classmethod
    def of(cls, repository: Repository, one: Deployment) -> Driver:
        """The repository's own environments, made when they are needed."""
        return cls(
            repository.root / ".nox",
            lambda: Local.prepared(repository, one.connector, one.limits),
            lambda: emulator_environment(repository).script("fivetran-emulator"),
        )


@dataclass(frozen=True)
class Rehearsal:
    """One function's rehearsal: the repository whose bundle it is, what drives it, and who gets the lines."""

    repository: Repository
    one: Deployment
    account: Account
    driver: Driver

    def run(self) -> Account:
        """Take every step. RepositoryError at the first that fails, in the words of what failed."""
        target = environments(self.repository)[self.one.environment]
        with ExitStack() as running:
            google = running.enter_context(FakeGoogle(project=target.project))
            scratch = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="rehearsal-")))
            live = self._uploaded(google, self._bundled())
            unpack(live.members, scratch / "workspace")
            if image := self._built(live, scratch):
                self._imported(image, live)
                self._served(google, image, live, scratch, running)
        return self.account

    def _bundled(self) -> Path:
        folder = stage(self.repository, self.one)
        size = sum((folder / name).stat().st_size for name in files_of(folder))
        where = at(folder, self.repository.root)
        files = len(files_of(folder))
        self.account.saw("bundle", f"{where}: {files} files, {size:,} bytes, sha256 {digest(folder)[:40]}")
        return folder

    def _uploaded(self, google: FakeGoogle, folder: Path) -> LiveFunction:
        """The function at the fake of Google: deployed there by gcloud, or put there where there is no gcloud."""
        command = deploy_command(self.repository, self.one, folder)
        if shutil.which("gcloud") is None:
            self.account.lacks("upload", "gcloud isn't on this machine; what follows is of the bundle itself")
            return _placed(google, self.one, command, folder)
        run_gcloud(google, command)
        live = google.function(self.one.function, region=self.one.region)
        members = compare(live, folder)
        version = gcloud_version(google)
        self.account.saw(
            "upload",
            f"by gcloud {version}, {len(live.upload):,} bytes: {', '.join(sorted(members))}; the bundle, byte for byte",
        )
        self.account.saw(
            "function",
            f"generation {live.generation}, {live.runtime}, {live.memory} MB, {live.timeout} s, "
            + ", ".join(f"{key}={value}" for key, value in sorted(live.labels.items())),
        )
        return live

    def _built(self, live: LiveFunction, scratch: Path) -> Image | None:
        home = self.driver.home / "rehearsal"
        version, workspace = version_of(live.runtime), scratch / "workspace"
        python = None if newer_than_pip(version) else find_python(live.runtime, home / "pythons")
        if python is None:
            why = "Google installs with uv there" if newer_than_pip(version) else "it isn't on this machine"
            would = resolve_only(version, workspace)
            self.account.lacks("build", f"Python {version}: {why}. uv resolves it for it: {would}")
            for step in ("import", "no secrets", "setup test", "sync"):
                self.account.lacks(step, f"Python {version}: {why}")
            return None
        layer = build(python, workspace, home / "layers")
        self.account.saw("build", f"Python {python.version}, {described(layer)}; pip check found nothing")
        (scratch / "home").mkdir()
        return Image(python, workspace, layer, scratch / "home")

    def _imported(self, image: Image, live: LiveFunction) -> None:
        self.account.saw("import", f"main.py in {image.import_seconds(live):.2f} s, in a new process")

    def _served(
        self, google: FakeGoogle, image: Image, live: LiveFunction, scratch: Path, running: ExitStack
    ) -> None:
        log = self.driver.home / "logs" / f"{self.one.key}-rehearsal.log"
        url, seconds, server = running.enter_context(image.served(live, log))
        google.serve = forward_to(url)
        live.grant(google.deployer)
        self.account.saw(
            "serve",
            f"listens {seconds:.2f} s after its start; without a token HTTP {status_for_strangers(live)}",
        )
        try:
            self._asked(google, image, live)
            self._synced(google, live, scratch, running)
        except RepositoryError as error:
            raise RepositoryError(f"{error}\n{server.tail()}") from error

    def _asked(self, google: FakeGoogle, image: Image, live: LiveFunction) -> None:
        """Without secrets: a connector of the runtime names what it needs; of another nothing is known."""
        project = self.repository.connector(self.one.connector)
        packages = [package.module for package in self.repository.local_dependencies(project, test=False)]
        if "fivetran_runtime" in packages:
            description = image.run(live, "-m", "fivetran_runtime.describe", project.module)
            said = configuration_error(google, live, description, project.version)
        else:
            said = any_answer(google, live)
        self.account.saw("no secrets", said)

    def _synced(self, google: FakeGoogle, live: LiveFunction, scratch: Path, running: ExitStack) -> None:
        """Fivetran's setup test, and a whole sync of the practice source into a warehouse that is thrown away."""
        local = self.driver.local()
        if not (local.project.path / "practice.py").is_file():
            for step in ("setup test", "sync"):
                self.account.lacks(step, f"{self.one.connector} has no practice.py")
            return
        _, secrets = running.enter_context(local.practice())
        emulator = Emulator(self.driver.emulator(), live, google.id_token(live.url), secrets)
        passed = emulator.setup_test()
        self.account.saw("setup test", f"passed: {passed['bytes']:,} bytes in {passed['seconds']:.2f} s")
        warehouse = scratch / "warehouse.duckdb"
        report = emulator.sync(warehouse, self.one.schema)
        rows = emulator.rows(warehouse, self.one.schema, list(report["tables"]))
        if not any(rows.values()):
            raise RepositoryError("the sync is complete, and no row is in the warehouse")
        self.account.rows = rows
        counted = ", ".join(f"{table} {count:,}" for table, count in rows.items())
        self.account.saw(
            "sync", f"{report['outcome']} (invocations: {len(report['invocations'])}); rows: {counted}"
        )


def newer_than_pip(version: str) -> bool:
    """Whether Google's builder installs with uv on this Python, which no machine of ours has tried."""
    return tuple(map(int, version.split("."))) >= (3, 14)


def described(layer: Layer) -> str:
    """How a layer came to be."""
    if layer.seconds is None:
        return f"{layer.distributions} distributions, as installed by an earlier rehearsal of the same pins"
    return f"{layer.distributions} distributions installed in {layer.seconds:.1f} s"


def _placed(google: FakeGoogle, one: Deployment, command: Sequence[str], folder: Path) -> LiveFunction:
    """The function as gcloud's command would leave it at Google, without gcloud."""
    variables = variables_of(command)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in files_of(folder):
            archive.write(folder / name, name)
    limits = one.limits
    fields = (
        {
            "runtime": one.runtime, "httpsTrigger": {}, "environmentVariables": variables,
            "availableMemoryMb": limits.memory, "timeout": f"{limits.timeout}s",
        }
        if limits.generation == 1
        else {
            "buildConfig": {"runtime": one.runtime},
            "serviceConfig": {
                "environmentVariables": variables, "availableMemory": f"{limits.memory}M",
                "timeoutSeconds": limits.timeout,
            },
        }
    )  # fmt: skip
    return google.deployed(
        one.function, generation=limits.generation, region=one.region, upload=made.getvalue(), **fields
    )


def main(arguments: list[str]) -> int:
    """Rehearse the function named."""
    parser = argparse.ArgumentParser(prog="python -m tools.locked.rehearsal.rehearse")
    parser.add_argument("function")
    options = parser.parse_args(arguments)
    repository = Repository(Path.cwd())
    one = deployment(repository, options.function)
    print(
        f"rehearsing {one.key}: {one.connector} in {one.environment}, {one.limits}, {one.runtime}", flush=True
    )
    account = Account(say=lambda line: print(line, flush=True))
    Rehearsal(repository, one, account, Driver.of(repository, one)).run()
    if account.not_run:
        print(f"\nrehearsed in part: {', '.join(account.not_run)} not run on this machine")
    else:
        print("\nrehearsed: what gcloud uploads is built, starts, and syncs")
    return 0


if __name__ == "__main__":
    run_as_command(main)
