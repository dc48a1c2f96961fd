"""The command `fivetran-emulator`: from its arguments to the one command that they ask for.

A newcomer would import the commands at the top. DuckDB and rich are an extra of this package; without them the command says
so in one line.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from fivetran_emulator.commands.arguments import command_parser, rules_from
from fivetran_emulator.errors import UsageError

__all__ = ["main"]

_NEEDS = (
    "fivetran-emulator: the command needs DuckDB and rich; install `fivetran-emulator[cli]` ({} is missing)"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments`, those of the process when None; the exit status."""
    options = command_parser().parse_args(arguments)
    try:
        return _run(options)
    except ModuleNotFoundError as error:
        if error.name not in ("duckdb", "rich"):
            raise
        print(_NEEDS.format(error.name), file=sys.stderr)
        return UsageError.exit_status


def _run(options: argparse.Namespace) -> int:
    if options.command in ("sync", "resync"):
        from fivetran_emulator.commands.sync import run_sync  # noqa: PLC0415 - needs the extra

        return run_sync(options, rules_from(options))
    if options.command == "check-setup":
        from fivetran_emulator.commands.check_setup import run_check_setup  # noqa: PLC0415 - needs the extra

        return run_check_setup(options)
    from fivetran_emulator.commands.looking import run_looking  # noqa: PLC0415 - needs the extra

    return run_looking(options)
