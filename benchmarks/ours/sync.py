"""A whole sync: the connector's function is started, and `fivetran-emulator sync` calls and loads it until nothing more follows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.arguments import Task, task
from benchmarks.served import starting

CONNECTOR = Path(__file__).with_name("connector.py")


def sync(asked: Task, connector: Path = CONNECTOR) -> int:
    """Sync `connector`'s tickets; the emulator's exit status."""
    emulator = str(Path(sys.executable).with_name("fivetran-emulator"))
    reading, writing = os.pipe()
    with (
        tempfile.NamedTemporaryFile("w", suffix=".json") as secrets,
        starting(asked.pythons[0], connector) as address,
    ):
        json.dump({"url": asked.url}, secrets)
        secrets.flush()
        command = [emulator, "sync", "--url", f"@/dev/fd/{reading}", "--secrets", secrets.name]
        emulation = subprocess.Popen([*command, "--warehouse", asked.database], pass_fds=[reading])
        # The emulator starts beside the function, and waits for its address.
        with os.fdopen(writing, "w") as url:
            url.write(address())
        return emulation.wait()


if __name__ == "__main__":
    sys.exit(sync(task()))
