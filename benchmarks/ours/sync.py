"""A whole sync: the connector's function is started, and `fivetran-emulator sync` calls and loads it until nothing more follows."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.arguments import Task, task
from benchmarks.served import served

CONNECTOR = Path(__file__).with_name("connector.py")


def sync(asked: Task, connector: Path = CONNECTOR) -> int:
    """Sync `connector`'s tickets; the emulator's exit status."""
    with (
        tempfile.NamedTemporaryFile("w", suffix=".json") as secrets,
        served(asked.pythons[0], connector) as url,
    ):
        json.dump({"url": asked.url}, secrets)
        secrets.flush()
        emulator = str(Path(sys.executable).with_name("fivetran-emulator"))
        command = [emulator, "sync", "--url", url, "--secrets", secrets.name, "--warehouse", asked.database]
        return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(sync(task()))
