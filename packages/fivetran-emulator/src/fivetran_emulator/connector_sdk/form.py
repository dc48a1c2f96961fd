"""``python -m fivetran_emulator.connector_sdk.form FOLDER``: the setup form of the connector.py in a folder, as the SDK encodes it.

It goes to stdout, as Fivetran's command puts it into a package; nothing for a connector without a form. What the SDK's server
writes goes to stderr.
"""

from __future__ import annotations

import sys
from pathlib import Path

from fivetran_emulator.connector_sdk.served import SdkServer


def main(arguments: list[str]) -> int:
    """Write it; the exit status is 2 for a wrong command line."""
    if len(arguments) != 1:
        print("usage: python -m fivetran_emulator.connector_sdk.form FOLDER", file=sys.stderr)
        return 2
    server = SdkServer(
        Path(arguments[0]), log=sys.stderr.fileno(), environment={"PYTHONDONTWRITEBYTECODE": "1"}
    )
    try:
        sys.stdout.buffer.write(server.form().SerializeToString())
    finally:
        server.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
