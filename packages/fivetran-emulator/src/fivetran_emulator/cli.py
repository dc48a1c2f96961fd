"""The command `fivetran-emulator`: from its arguments to the one command that they ask for.

Commands are imported when they are asked for: DuckDB, Jinja2 and rich are an extra of this package, and without them the
command says so in one line.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from fivetran_emulator.commands.arguments import command_parser, rules_from
from fivetran_emulator.errors import UsageError

__all__ = ["main"]

_NEEDS = {
    "duckdb": "the command needs DuckDB, Jinja2 and rich; install `fivetran-emulator[cli]`",
    "jinja2": "the command needs DuckDB, Jinja2 and rich; install `fivetran-emulator[cli]`",
    "rich": "the command needs DuckDB, Jinja2 and rich; install `fivetran-emulator[cli]`",
    "werkzeug": "the command needs Werkzeug; install `werkzeug`, or `functions-framework`, which brings it",
}
"""What to do when a module is missing that only some commands need."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments`, those of the process when None; the exit status."""
    options = command_parser().parse_args(arguments)
    try:
        return _run(options)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in _NEEDS:
            raise
        print(f"fivetran-emulator: {_NEEDS[missing]} ({missing} is missing)", file=sys.stderr)
        return UsageError.exit_status


def _run(options: argparse.Namespace) -> int:
    if options.command in ("sync", "resync"):
        from fivetran_emulator.commands.sync import run_sync  # noqa: PLC0415 - needs the extra

        return run_sync(options, rules_from(options))
    if options.command == "check-setup":
        from fivetran_emulator.commands.check_setup import run_check_setup  # noqa: PLC0415 - needs the extra

        return run_check_setup(options)
    if options.command == "check":
        from fivetran_emulator.commands.check import run_check  # noqa: PLC0415 - needs Werkzeug

        return run_check(options)
    from fivetran_emulator.commands.looking import run_looking  # noqa: PLC0415 - needs the extra

    return run_looking(options)
