"""A connector on Fivetran's Connector SDK, on this machine: served by the SDK's own server, called over gRPC.

The emulator syncs it as it syncs a function: `python -m fivetran_emulator.connector_sdk`, in the connector's environment with the
SDK beneath, answers a function's requests from what the SDK sends.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tools.environments.virtual_environments import connector_sdk_environment
from tools.local.processes import Server, foreground, server
from tools.local.syncing import LISTENING, Local
from tools.local.testing import HOST_TESTS, RUNTIME
from tools.repository.errors import RepositoryError
from tools.repository.limits import Limits
from tools.repository.model import Project, Repository
from tools.repository.names import unknown

HOST = "connector_sdk"
"""What it is called in deploy.yaml."""

CONNECTOR = '''"""What Fivetran's Connector SDK calls."""

from fivetran_runtime.connector_sdk import connector_of

connector = connector_of("{module}")
'''

NO_CONNECTOR = (
    "{name} is a plain function: it answers Fivetran's POST, which the Connector SDK does not send. "
    "Declare its tables with a Connector, or keep it on `host: function`."
)

_STARTED_SECONDS = 60.0


class OnConnectorSdk(Local):
    """A connector about to run here on the Connector SDK."""

    host = "Connector SDK"

    @classmethod
    def prepared(cls, repository: Repository, name: str, limits: Limits) -> OnConnectorSdk:
        """Make the environment if need be. RepositoryError for an unknown name, a plain function or a failed installation."""
        project = repository.connector(name)
        if not has_connector(project):
            raise RepositoryError(NO_CONNECTOR.format(name=name))
        environment = connector_sdk_environment(repository, project)
        return cls(project, environment.prepare(), repository.root / ".nox" / "logs", limits)

    @contextmanager
    def starting_function(
        self, tried: Mapping[str, object] | None = None
    ) -> Iterator[Callable[[], tuple[str, Server]]]:
        """Its connector.py under the SDK, as a function: the URL, and the server for its log."""
        if tried is not None:
            raise RepositoryError("the first rows are shown of a function; leave `--host` out")
        folder = self.logs.parent / HOST / self.project.name
        write_connector(self.project, folder)
        command = [str(self.environment.python), "-m", "fivetran_emulator.connector_sdk", str(folder)]
        self.logs.mkdir(parents=True, exist_ok=True)
        with server(
            "the Connector SDK",
            [*command, str(self.log("sdk"))],
            log=self.log("function"),
            cwd=folder,
            env={"NO_PROXY": "127.0.0.1,localhost"},
        ) as running:
            written = replace(running, log=self.log("sdk"))  # where the SDK and the connector write
            yield lambda: (running.wait_for(LISTENING, seconds=_STARTED_SECONDS)[1], written)


def run_host_tests(repository: Repository, names: Sequence[str], options: Sequence[str] = ()) -> None:
    """Run the runtime's host tests with the connectors named, or all; a subject without a `Connector` has none to run.

    RepositoryError for an unknown subject; else it names those that aren't the same on both hosts, or aren't after a crash.
    """
    tests = repository.packages[RUNTIME].path / HOST_TESTS
    failed = []
    for name in names or repository.connectors:
        if name not in repository.subjects:
            raise unknown("connector or package", name, repository.subjects)
        if not (name in repository.connectors and has_connector(repository.connector(name))):
            print(f"{name} has no Connector, so nothing of it runs on the Connector SDK", flush=True)
            continue
        local = OnConnectorSdk.prepared(repository, name, Limits())
        results = repository.root / ".nox" / "results" / f"{local.environment.path.name}.xml"
        report = [f"--junit-xml={results}"] if os.environ.get("CI") else []
        command = [str(local.environment.python), "-m", "pytest", f"--config-file={tests / 'pytest.ini'}"]
        print(f"{name} on the Connector SDK:", flush=True)
        code = foreground(
            [*command, *report, *options, str(tests)],
            cwd=repository.root,
            env={"CONNECTOR": str(local.project.path)},
        )
        failed += [name] if code else []
    if failed:
        raise RepositoryError(f"{', '.join(failed)}: not the same on the Connector SDK")


def write_connector(project: Project, folder: Path) -> None:
    """Write the connector.py that the SDK looks for."""
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f"connector-{os.getpid()}.py"
    unfinished.write_text(CONNECTOR.format(module=project.module), "utf-8")
    unfinished.replace(folder / "connector.py")  # another sync may be reading it


def has_connector(project: Project) -> bool:
    """Whether a connector is made with a `Connector`, and is no plain function; read from its source."""
    files = sorted((project.path / "src" / project.module).rglob("*.py"))
    return any(
        isinstance(node, ast.Call) and _called(node) == "Connector"
        for file in files
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
    )


def _called(node: ast.Call) -> str:
    function = node.func
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
