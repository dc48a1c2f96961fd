"""``python -m fivetran_emulator.practice connectors/NAME/practice.py``: serve a practice source until terminated.

Stdout carries exactly one line, written once requests are answered: {"url": ..., "secrets": {...}}. Whoever starts
this reads that line; everything else goes to stderr.
"""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from types import FrameType

from fivetran_emulator.errors import PracticeError
from fivetran_emulator.practice.serving import address_of, load, server_of

USAGE = "usage: python -m fivetran_emulator.practice PATH/practice.py"


def main(arguments: list[str]) -> int:
    """Serve the named file's source; the exit code is 0 when it is stopped, 2 when it cannot be served."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print(USAGE, file=sys.stderr)
        return 2
    try:
        serve(Path(arguments[0]))
    except PracticeError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        pass
    return 0


def serve(path: Path) -> None:
    """Load the file, announce where its source is, and answer until interrupted."""
    signal.signal(signal.SIGTERM, _interrupt)
    practice = load(path)
    server = server_of(practice.source_for_sync())
    url = address_of(server)
    print(json.dumps({"url": url, "secrets": practice.secrets_at(url)}), flush=True)
    try:
        server.serve_forever()
    finally:
        server.server_close()


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
