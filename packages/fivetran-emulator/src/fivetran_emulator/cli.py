"""The command `fivetran-emulator`: its arguments, and nothing that costs time before they are right.

A newcomer would import the sync at the top. DuckDB and rich are an extra of this package; without them the command says
so in one line.
"""

from __future__ import annotations

import argparse
import os
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path

from fivetran_emulator import __version__
from fivetran_emulator.errors import UsageError

__all__ = ["main"]

_NEEDS = (
    "fivetran-emulator: the command needs DuckDB and rich; install `fivetran-emulator[cli]` ({} is missing)"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments`, those of the process when None; the exit status."""
    options = _parser().parse_args(arguments)
    try:
        from fivetran_emulator.command import SyncOptions, run_sync  # noqa: PLC0415 - needs the extra
    except ModuleNotFoundError as error:
        if error.name not in ("duckdb", "rich"):
            raise
        print(_NEEDS.format(error.name), file=sys.stderr)
        return UsageError.exit_status
    return run_sync(
        SyncOptions(
            url=options.url,
            secrets=options.secrets,
            warehouse=options.warehouse,
            schema=options.schema,
            generation=options.generation,
            sync_id=options.sync_id or str(uuid.uuid4()),
            json=options.json,
            quiet=options.quiet,
        )
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fivetran-emulator", description="Fivetran's side of a function connector, on your machine."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_sync(
        commands.add_parser("sync", help="call a function until hasMore is false and load what it answers")
    )
    return parser


def _add_sync(sync: argparse.ArgumentParser) -> None:
    sync.description = (
        "Call a function as Fivetran does until hasMore is false, and load its answers into a DuckDB file."
    )
    sync.add_argument("--url", required=True, help="where the function listens")
    sync.add_argument(
        "--secrets", type=Path, metavar="FILE", help="one JSON object, sent unchanged with every call"
    )
    sync.add_argument(
        "--warehouse",
        type=Path,
        metavar="FILE",
        default=Path("warehouse.duckdb"),
        help="default: %(default)s",
    )
    sync.add_argument(
        "--schema", default="main", help="the destination, which has its own state; default: %(default)s"
    )
    sync.add_argument(
        "--generation",
        type=int,
        choices=(1, 2),
        default=_generation(),
        help="whose limits apply: 1 is 10 MB and 540 s, 2 is 32 MB and 3600 s; default: %(default)s",
    )
    sync.add_argument("--sync-id", metavar="ID", help="sent to the function for its log; default: a new UUID")
    sync.add_argument("--json", action="store_true", help="print one JSON document instead of text")
    sync.add_argument("--quiet", action="store_true", help="print warnings and errors only")


def _generation() -> int:
    """The same setting that tells a function its limits."""
    return 2 if os.environ.get("FIVETRAN_GENERATION") == "2" else 1
