"""The tap's process piped into target-duckdb's, as Meltano runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.arguments import Task, task

QUIET = {"SINGER_SDK_LOG_LEVEL": "WARNING", "TAP_TICKETS_LOGLEVEL": "WARNING"}


def load(asked: Task) -> int:
    """Run both; the first exit status that is not 0."""
    with TemporaryDirectory() as folder:
        tap, target = Path(folder) / "tap.json", Path(folder) / "target.json"
        tap.write_text(json.dumps({"url": asked.url}), "utf-8")
        settings = {"path": asked.database, "filepath": asked.database, "default_target_schema": "benchmark"}
        target.write_text(json.dumps(settings), "utf-8")
        env = {**os.environ, **QUIET}
        extract = [sys.executable, "-m", "benchmarks.singer.tap", "--config", str(tap)]
        program = str(Path(sys.executable).with_name("target-duckdb"))
        tickets = subprocess.Popen(extract, env=env, stdout=subprocess.PIPE)
        loading = subprocess.Popen([program, "--config", str(target)], env=env, stdin=tickets.stdout)
        if tickets.stdout:
            tickets.stdout.close()  # the target's alone, so that the tap notices its end
        return loading.wait() or tickets.wait()


if __name__ == "__main__":
    sys.exit(load(task()))
