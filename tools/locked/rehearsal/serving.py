"""A built function, imported and served as its image is at Google: nothing in its environment but what Google sets.

The variables are those of https://cloud.google.com/functions/docs/configuring/env-var (newer runtimes) and of the
buildpack's launch layer. HOST and GUNICORN_LOG_LEVEL are ours: not to be reached from other machines, and to learn the port.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.local.processes import Server, server
from tools.local.syncing import FUNCTION_SECONDS, LISTENING
from tools.locked.rehearsal.builder import Layer
from tools.locked.rehearsal.functions import LiveFunction
from tools.locked.rehearsal.pythons import Python
from tools.repository.errors import RepositoryError

IMPORT = """\
import sys, time
sys.path.append('.')
started = time.perf_counter()
import main
seconds = time.perf_counter() - started
if not callable(getattr(main, 'main', None)):
    sys.exit('main.py has no function `main`, which is the entry point')
print(seconds)
"""


@dataclass(frozen=True)
class Image:
    """What was built: the Python, the workspace with the upload, the layer, and an empty folder as HOME."""

    python: Python
    workspace: Path
    layer: Layer
    home: Path

    def variables(self, live: LiveFunction) -> dict[str, str]:
        """The whole environment of the function's process."""
        return {
            **live.variables,
            "FUNCTION_SIGNATURE_TYPE": "http",
            "FUNCTION_TARGET": "main",
            "HOME": str(self.home),
            "K_REVISION": f"{live.name}-{live.builds}",
            "K_SERVICE": live.name,
            "PATH": f"{self.layer.path / 'bin'}:{os.defpath}",
            "PORT": "0",  # any that is free; Google says 8080
            "PYTHONUNBUFFERED": "TRUE",
            **self.python.variables(self.layer.path),
        }

    def run(self, live: LiveFunction, *arguments: str) -> str:
        """What the image's Python prints, run in the function's environment. RepositoryError with its words if it fails."""
        done = subprocess.run(
            [str(self.python.program), *arguments],
            cwd=self.workspace, env=self.variables(live), capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RepositoryError(f"the function doesn't start:\n{done.stderr.strip()}")
        return done.stdout

    def import_seconds(self, live: LiveFunction) -> float:
        """How long main.py takes to be imported in a new process: what a cold start pays for the code."""
        return float(self.run(live, "-c", IMPORT))

    @contextmanager
    def served(self, live: LiveFunction, log: Path) -> Iterator[tuple[str, float, Server]]:
        """The function under the functions-framework: its URL, the seconds until it listened, and the server."""
        variables: Mapping[str, str] = {
            **self.variables(live), "HOST": "127.0.0.1", "GUNICORN_LOG_LEVEL": "info"
        }  # fmt: skip
        framework = [str(self.python.program), str(self.layer.path / "bin" / "functions-framework")]
        # `env -i`, since a server of ours is started with our environment, which Google hasn't.
        command = ["env", "-i", *(f"{key}={value}" for key, value in variables.items()), *framework]
        started = time.monotonic()
        with server("the function", command, log=log, cwd=self.workspace) as running:
            url = running.wait_for(LISTENING, seconds=FUNCTION_SECONDS)[1]
            yield url, time.monotonic() - started, running
