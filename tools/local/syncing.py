"""Serving a connector on this machine, and syncing it as Fivetran would.

Two environments are at work: the connector's own runs its function and its practice source, the emulator's runs
Fivetran's side. So a connector may pin whatever it needs, and the emulator knows the function by its URL only.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, ClassVar
from urllib.parse import urlsplit

from tools.environments.virtual_environments import VirtualEnvironment, project_environment
from tools.local.deployed import deployed
from tools.local.processes import (
    Begun,
    Server,
    begun,
    descriptor_path,
    foreground,
    server,
    unnamed_file,
    write,
)
from tools.repository import names
from tools.repository.errors import RepositoryError
from tools.repository.limits import Limits
from tools.repository.model import Project, Repository

LISTENING = re.compile(r"Listening at: (http://127\.0\.0\.1:\d+)")
"""gunicorn says this once it accepts connections; the functions-framework loads the function before that."""

READY = re.compile(r"^(\{.*\})$", re.MULTILINE)
"""The practice kit's one line: `{"url": ..., "secrets": {...}}`."""

WAREHOUSE = "warehouse.duckdb"
"""What a sync fills where nothing else is said, at the repository's root."""

MAIN = "from {module} import main\n"
TRIED = 'from fivetran_emulator.tried_function import tried\n\nmain = tried("{module}")\n'

TRY_SECONDS = 10
"""For a call while a connector is tried: whoever waits for it wants to know soon that a source does not answer."""

FUNCTION_SECONDS = 30.0
PRACTICE_SECONDS = 300.0
"""A practice source may have to lay out a large data set first."""

_PARSE = "import sys; from fivetran_emulator.__main__ import command_parser as parser; parser().parse_args(sys.argv[1:])"
_WRONG_USAGE = 2
"""The emulator's exit status for a wrong command line, or a wrong file on it; no log says more."""


@dataclass(frozen=True)
class Local:
    """A connector about to run here: its environment, where its logs go, and its function's limits."""

    host: ClassVar[str] = "function"
    """What calls it, for people."""

    project: Project
    environment: VirtualEnvironment
    logs: Path
    limits: Limits

    @classmethod
    def prepared(cls, repository: Repository, name: str, limits: Limits) -> Local:
        """Make the environment if need be. RepositoryError for an unknown name or a failed installation."""
        project = repository.connector(name)
        environment = project_environment(repository, project)
        return cls(project, environment.prepare(), repository.root / ".nox" / "logs", limits)

    @contextmanager
    def practice(self, file: Path | None = None) -> Iterator[tuple[str, dict[str, object]]]:
        """Its practice source, or the one in `file`, served: the URL, and the secrets that fit it."""
        with self.starting_practice(file) as ready:
            yield ready()

    @contextmanager
    def starting_practice(
        self, file: Path | None = None
    ) -> Iterator[Callable[[], tuple[str, dict[str, object]]]]:
        """The same, waited for by a call of what this gives."""
        file = file or self.project.path / "practice.py"
        if not file.is_file():
            raise RepositoryError(
                f"{file}: there is no practice source; give a real one's secrets with --secrets FILE"
            )
        command = [str(self.environment.python), "-m", "fivetran_emulator.practice", str(file)]
        with server(
            "the practice source", command, log=self.log("practice"), cwd=self.project.path
        ) as running:

            def ready() -> tuple[str, dict[str, object]]:
                said = json.loads(running.wait_for(READY, seconds=PRACTICE_SECONDS)[1])
                return said["url"], said["secrets"]

            yield ready

    @contextmanager
    def function(self, tried: Mapping[str, object] | None = None) -> Iterator[tuple[str, Server]]:
        """Its function under the real functions-framework: the URL, and the server for its log.

        With `tried`, `rows` and `tables`, it reads only the first rows, and tells what it asks.
        """
        with self.starting_function(tried) as ready:
            yield ready()

    @contextmanager
    def starting_function(
        self, tried: Mapping[str, object] | None = None
    ) -> Iterator[Callable[[], tuple[str, Server]]]:
        """The same, waited for by a call of what this gives."""
        main = self._main() if tried is None else self._main("tries", TRIED)
        # Port 0 leaves the choice to the system; gunicorn tells it only from this log level on.
        command = [
            str(self.environment.script("functions-framework")),
            "--target=main",
            f"--source={main}",
        ]
        env = {**self.limits.variables(), "GUNICORN_LOG_LEVEL": "info"}
        env |= {} if tried is None else {"FIVETRAN_TRY": json.dumps(tried)}
        with server(
            "the function",
            [*command, "--host=127.0.0.1", "--port=0"],
            log=self.log("function"),
            cwd=main.parent,
            env=env,
            code=self.project.path,
        ) as running:
            yield lambda: (running.wait_for(LISTENING, seconds=FUNCTION_SECONDS)[1], running)

    def _main(self, folder: str = "functions", text: str = MAIN) -> Path:
        """The one line that Google's host looks for; the same file in every run, so that none stays behind."""
        main = self.logs.parent / folder / self.project.name / "main.py"
        main.parent.mkdir(parents=True, exist_ok=True)
        text = text.format(module=self.project.module)
        if not main.is_file() or main.read_text("utf-8") != text:
            unfinished = main.with_name(f"main-{os.getpid()}.py")
            unfinished.write_text(text, "utf-8")
            unfinished.replace(main)  # another sync's function may be reading it
        return main

    def log(self, what: str) -> Path:
        """Where the log of one of its servers goes."""
        return self.logs / f"{self.project.name}-{what}.log"


def sync(
    repository: Repository,
    name: str,
    limits: Limits,
    *,
    secrets: Path | None,
    options: list[str],
    on: type[Local] = Local,
) -> int:
    """Sync connector `name` once; the emulator's exit status. `options` go to the emulator as they are, `on` is its host.

    Without `secrets`, a JSON file, the connector's practice source is started and synced from, into a schema of its own:
    made-up rows never lie among real ones, and no sync goes on from the other's state.
    """
    emulator = emulator_environment(repository)
    if code := _check_usage(emulator, "sync", secrets, options):
        return code
    if on is Local:
        say(f"limits           {limits} ({limits.origin})")
    started = time.monotonic()
    local = on.prepared(repository, name, limits)
    # All three start at once: the practice source, the function, and the emulator, which waits for the function's address.
    with ExitStack() as running:
        files = [running.enter_context(unnamed_file(""))] if secrets is None else []
        practice = running.enter_context(local.starting_practice()) if secrets is None else None
        function = running.enter_context(local.starting_function())
        held = descriptor_path(files[0]) if secrets is None else str(secrets)
        rest = ["--secrets", held, *_defaults(repository, name, secrets, options), *options]
        emulation = running.enter_context(_begun_sync(emulator, rest, files))
        if practice is not None:
            url, made_up = practice()
            say(f"practice source  {url}")
            write(files[0], json.dumps(made_up))
        url, served = function()
        say(f"{local.host:<16} {url}  (ready after {time.monotonic() - started:.1f} s)")
        code = emulation.finish(url)
    if code not in (0, 130, _WRONG_USAGE):
        say(f"exit {code}; the {local.host}'s log is {served.log}")
    return code


def _begun_sync(
    emulator: VirtualEnvironment, options: list[str], files: list[IO[bytes]]
) -> AbstractContextManager[Begun]:
    """The emulator's `sync`, which goes on once it is finished with the function's address."""
    program = str(emulator.script("fivetran-emulator"))
    return begun(
        lambda path: [program, "sync", "--url", f"@{path}", *options],
        cwd=Path.cwd(),
        env={"FIVETRAN_EMULATOR_QUERY": "nox -s query --"},  # what its last line tells people to type
        files=files,
    )


def first_rows(
    repository: Repository,
    name: str,
    limits: Limits,
    *,
    tables: list[str],
    rows: int,
    secrets: Path | None,
    options: list[str],
) -> int:
    """Show the first rows of connector `name`'s tables, or of those named; the emulator's exit status.

    Nothing is kept of it: no warehouse is touched, and the state is thrown away. `secrets` are as for `sync`.
    """
    emulator = emulator_environment(repository)
    if code := _check_usage(emulator, "try", secrets, options):
        return code
    soon = replace(limits, timeout=min(limits.timeout, TRY_SECONDS))
    local = Local.prepared(repository, name, soon)
    with ExitStack() as running:
        files = []
        if secrets is None:
            _, made_up = running.enter_context(local.practice())
            files.append(running.enter_context(unnamed_file(json.dumps(made_up))))
        url, function = running.enter_context(local.function({"rows": rows, "tables": tables}))
        held = descriptor_path(files[0]) if secrets is None else str(secrets)
        command = [str(emulator.script("fivetran-emulator")), "try", "--url", url, "--secrets", held]
        code = foreground(
            [*command, "--requests", "--rows", str(rows), *options], cwd=Path.cwd(), files=files
        )
    if code not in (0, 130, _WRONG_USAGE):
        say(f"exit {code}; the function's log is {function.log}")
    return code


def serve(repository: Repository, name: str, limits: Limits, *, practice: bool) -> None:
    """Serve connector `name`'s function until Ctrl-C; with `practice`, its practice source beside it."""
    say(f"limits           {limits} ({limits.origin})")
    local = Local.prepared(repository, name, limits)
    with ExitStack() as running:
        secrets: Mapping[str, object] = {}
        if practice:
            url, secrets = running.enter_context(local.practice())
            say(f"practice source  {url}")
        url, function = running.enter_context(local.function())
        say(f"function         {url}")
        body = json.dumps({"agent": "curl", "state": {}, "secrets": secrets})
        print(
            f"\nAsk it as Fivetran would:\n\n    curl -s {url} -H 'Content-Type: application/json' -d '{body}'\n"
        )
        say(f"its log is {function.log}; Ctrl-C stops it")
        try:
            code = function.process.wait()
        except KeyboardInterrupt:
            say("stopped")
        else:
            raise RepositoryError(f"the function ended by itself (exit {code}).\n{function.tail()}")


def query(repository: Repository, sql: str, options: list[str], *, warehouse: Path | None = None) -> int:
    """Ask the warehouse, the repository's own unless named; the emulator's exit status. `options` go to the emulator as they are."""
    file = str(warehouse or repository.root / WAREHOUSE)
    command = [
        str(emulator_environment(repository).script("fivetran-emulator")),
        "query",
        "--warehouse",
        file,
    ]
    return foreground([*command, *options, "--", sql], cwd=Path.cwd())


def limits_for(repository: Repository, connector: str) -> Limits:
    """The limits `connector` is deployed with, Google's defaults if it isn't."""
    return deployed(repository, connector).limits


def emulator_environment(repository: Repository) -> VirtualEnvironment:
    """The emulator's environment, made if need be."""
    package = repository.packages.get("fivetran-emulator")
    if package is None:
        raise RepositoryError("packages/fivetran-emulator is missing; nothing can be synced without it")
    return project_environment(repository, package).prepare()


def say(text: str) -> None:
    """One line on what is going on; on standard error, so that `--json`'s document stays alone on standard output."""
    print(text, file=sys.stderr, flush=True)


def _check_usage(emulator: VirtualEnvironment, command: str, secrets: Path | None, options: list[str]) -> int:
    """Check the secrets file and the emulator's options before a server is started for them; the emulator's exit status.

    RepositoryError for a file that cannot be read or does not hold one JSON object.
    """
    if secrets is not None and not secrets.is_fifo():  # a pipe can be read once only, by the emulator
        _require_secrets(secrets)
    usual = ["--url", "http://127.0.0.1"]
    return foreground([str(emulator.python), "-c", _PARSE, command, *usual, *options], cwd=Path.cwd())


def _require_secrets(file: Path) -> None:
    try:
        found = json.loads(file.read_text("utf-8"))
    except OSError as error:
        raise RepositoryError(f"the secrets file {file} cannot be read: {error.strerror}") from None
    except ValueError:  # its text may quote a secret
        found = None
    if not isinstance(found, dict):
        raise RepositoryError(
            f"the secrets file {file} does not hold one JSON object, "
            'for example {"url": "https://api.acme.example", "token": "..."}'
        )


def _defaults(repository: Repository, name: str, secrets: Path | None, options: list[str]) -> list[str]:
    """The warehouse, the schema and what its rows come from, unless the options say otherwise."""
    given = {option.split("=")[0] for option in options}
    chosen = {
        "--warehouse": str(repository.root / WAREHOUSE),
        "--schema": names.practice_schema(name) if secrets is None else names.dataset(name),
        "--source": "the practice source" if secrets is None else real_source(secrets),
    }
    return [word for option, value in chosen.items() if option not in given for word in (option, value)]


def real_source(secrets: Path) -> str:
    """What a real source is known by: the host of the first address among its secrets, else only that it is real.

    A file that cannot be read is the emulator's to refuse.
    """
    try:
        values = json.loads(secrets.read_text("utf-8")).values()
    except (OSError, ValueError, AttributeError):
        return "a real source"
    hosts = [urlsplit(value).hostname for value in values if isinstance(value, str) and "://" in value]
    return next((f"the source at {host}" for host in hosts if host), "a real source")
