"""The command `fivetran-emulator`, or `python -m fivetran_emulator`: its arguments, and the one command that they ask for.

A command's module is imported when it is asked for: DuckDB, Jinja2 and rich are an extra of this package, and without them the
command says so in one line. The switches are made from the fields of `Rules`, so that a switch, its words, its default and its
help cannot come apart.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import get_args, get_type_hints

from fivetran_emulator import __version__
from fivetran_emulator.errors import UsageError
from fivetran_emulator.protocol.rules import Rules

__all__ = ["command_parser", "main"]

_WAREHOUSE = Path("warehouse.duckdb")
_INTERRUPTED = 130
"""The status after a Ctrl-C that no command has taken up, such as while its modules are loaded."""


_NEEDS = {
    **dict.fromkeys(
        ("duckdb", "jinja2", "rich"),
        "the command needs DuckDB, Jinja2 and rich; install `fivetran-emulator[cli]`",
    ),
    "werkzeug": "the command needs Werkzeug; install `werkzeug`, or `functions-framework`, which brings it",
}
"""What to do when a module is missing that only some commands need."""

_COMMANDS = {
    "sync": "sync.run_sync",
    "resync": "sync.run_sync",
    "check-setup": "check_setup.run_check_setup",
    "check": "check.run_check",
    "try": "first_rows.run_try",
    **dict.fromkeys(("state", "tables", "log", "query"), "warehouse.run_on_warehouse"),
}
"""Each command's function in `commands/`, which takes the options and gives the exit status."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments`, those of the process when None; the exit status."""
    options = command_parser().parse_args(arguments)
    module, _, function = _COMMANDS[options.command].partition(".")
    try:
        command = getattr(import_module(f"fivetran_emulator.commands.{module}"), function)
        return int(command(options))
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in _NEEDS:
            raise
        print(f"fivetran-emulator: {_NEEDS[missing]} ({missing} is missing)", file=sys.stderr)
        return UsageError.exit_status
    except KeyboardInterrupt:
        return _INTERRUPTED


def command_parser() -> argparse.ArgumentParser:
    """The parser; what it parses names its command as `command`."""
    parser = argparse.ArgumentParser(
        prog="fivetran-emulator", description="Fivetran's side of a function connector, on your machine."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    _sync(commands.add_parser("sync", help="call a function until hasMore is false and load what it answers"))
    _sync(
        commands.add_parser(
            "resync", help="the same with an empty state, and show which rows did not come again"
        )
    )
    _check_setup(
        commands.add_parser("check-setup", help="Fivetran's setup test: one call, nothing is loaded")
    )
    _check(commands.add_parser("check", help="put the contract's promises to a function; nothing is loaded"))
    _try(commands.add_parser("try", help="the first rows of each table; nothing is loaded"))
    _state(commands.add_parser("state", help="show, explain, replace, patch or reset the state"))
    _tables(commands.add_parser("tables", help="what landed: rows, columns, types, last sync"))
    _log(commands.add_parser("log", help="past syncs with their invocations and warnings"))
    _query(commands.add_parser("query", help="ask the warehouse in SQL"))
    return parser


def _sync(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Call a function as Fivetran does until hasMore is false, and load its answers into a DuckDB file. "
        "Exit status: 0 complete, 1 the function failed, 2 the command line, 3 the warehouse, "
        "4 stopped after six hours, 130 interrupted."
    )
    _call(parser, url_required=False)
    _file(parser, schema="main")
    parser.add_argument(
        "--source",
        metavar="WHAT",
        help="what the rows come from, such as an address: kept with the schema, which takes rows of no other",
    )
    _output(parser)
    parser.add_argument(
        "--verify",
        action="store_true",
        help="then read everything a second time, from an empty state, and compare keys and counts; status 1 if they differ",
    )
    parser.add_argument(
        "--one-at-a-time",
        action="store_true",
        help="load each answer before the next call; else that begins once the answer is checked",
    )
    parser.add_argument("--report", type=Path, metavar="FILE.html", help="also write a page to look at there")
    _recording(parser.add_argument_group("faults and recordings"))
    _rules(parser.add_argument_group("readings of Fivetran's behaviour", "docs/protocol.md says why"))


def _call(parser: argparse.ArgumentParser, *, url_required: bool = True) -> None:
    parser.add_argument(
        "--url", required=url_required, help="where the function listens; @FILE reads it from a file"
    )
    parser.add_argument("--secrets", type=Path, metavar="FILE", help="one JSON object, sent with every call")
    parser.add_argument(
        "--secret-values",
        choices=("as-is", "text"),
        default="as-is",
        help="text: each as text, as Fivetran's form sends them; default: %(default)s",
    )
    parser.add_argument(
        "--header", action="append", default=[], metavar="'NAME: VALUE'", help="one more header; repeatable"
    )
    parser.add_argument(
        "--id-token", metavar="TOKEN", help="sent as Authorization: Bearer; @FILE reads it from a file"
    )
    parser.add_argument(
        "--payload", action="append", default=[], metavar="KEY=VALUE", help="a custom payload; repeatable"
    )
    parser.add_argument(
        "--payload-key",
        default="customPayload",
        metavar="NAME",
        help="the member of the request that holds it; default: %(default)s",
    )
    parser.add_argument(
        "--profile",
        "--generation",
        dest="generation",
        type=_generation,
        metavar="gen1|gen2",
        default=2 if os.environ.get("FIVETRAN_GENERATION") == "2" else 1,
        help="whose limits apply: gen1 is 10 MB and 540 s, gen2 is 32 MB and 3600 s; default: gen%(default)s",
    )


def _generation(text: str) -> int:
    number = text.removeprefix("gen")
    if number not in ("1", "2"):
        raise argparse.ArgumentTypeError("must be gen1 or gen2")
    return int(number)


def _file(parser: argparse.ArgumentParser, *, schema: str | None = None) -> None:
    parser.add_argument(
        "--warehouse", type=Path, metavar="FILE", default=_WAREHOUSE, help="default: %(default)s"
    )
    text = "the destination, which has its own state; default: "
    which = "%(default)s" if schema else "the only one in the file"
    parser.add_argument("--schema", default=schema, help=text + which)


def _output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of text")
    parser.add_argument("--quiet", action="store_true", help="print warnings and errors only")


def _recording(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="KIND@CALL",
        help="repeat, drop, timeout or a status such as 503, at the call of that number; repeatable",
    )
    group.add_argument(
        "--record", type=Path, metavar="DIR", help="write requests and answers there, without secrets"
    )
    group.add_argument(
        "--replay",
        type=Path,
        metavar="DIR",
        help="answer from there; with --url, compare the function with it",
    )
    group.add_argument(
        "--deterministic",
        action="store_true",
        help="fixed times and sync id, the same in every run; --record and --replay imply it",
    )
    group.add_argument(
        "--sync-id", metavar="ID", help="sent to the function for its log; default: a new UUID"
    )


def _rules(group: argparse._ArgumentGroup) -> None:
    kinds = get_type_hints(Rules)
    for rule in fields(Rules):
        group.add_argument(
            f"--{rule.name.replace('_', '-')}",
            choices=get_args(kinds[rule.name]),
            default=rule.default,
            help=f"{rule.metadata['help']}; default: %(default)s",
        )


def _check_setup(parser: argparse.ArgumentParser) -> None:
    parser.description = "Call a function once as Fivetran does when a connection is set up."
    _call(parser)
    parser.add_argument(
        "--setup-key",
        default="setup_test",
        metavar="NAME",
        help="the member that says so; default: %(default)s",
    )
    _output(parser)


def _check(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Call a function as two syncs and some odd requests would, and show which promises of docs/contract.md its answers "
        "keep. Checks that need a practice source are listed as not run. Nothing is loaded, and no state is kept. "
        "Exit status: 0 none failed, 1 one failed or the function cannot be reached, 2 the command line."
    )
    _call(parser)
    parser.add_argument(
        "--calls",
        type=int,
        default=20,
        metavar="N",
        help="look at the first N answers of each sync; default: %(default)s",
    )
    _output(parser)


def _try(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Call a function from an empty state and show the first rows of each table. No warehouse is touched, and the state is not "
        "kept. Exit status: 0 all was read, 1 the function failed, 2 the command line, 130 interrupted."
    )
    _call(parser)
    parser.add_argument(
        "--rows", type=int, default=10, metavar="N", help="of each table, at most; default: %(default)s"
    )
    parser.add_argument(
        "--requests",
        action="store_true",
        help="the function tells a GET what it asked, as `nox -s try` serves it: show it",
    )


def _state(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, metavar="ACTION", dest="action")
    get = actions.add_parser("get", help="print the state, and what it means")
    put = actions.add_parser("set", help="replace the state; `null` changes nothing")
    patch = actions.add_parser("patch", help="merge members into the state; a member that is null is removed")
    reset = actions.add_parser("reset", help="an empty state: the next sync reads everything")
    for change in (put, patch):
        change.add_argument("value", metavar="JSON", help="the JSON, or @FILE")
    for action in (get, put, patch, reset):
        _file(action)
    get.add_argument("--json", action="store_true", help="print the state alone, as it was sent")


def _tables(parser: argparse.ArgumentParser) -> None:
    _file(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of text")
    parser.add_argument(
        "--against",
        metavar="SCHEMA",
        help="compare the rows of every keyed table with another schema's; status 1 if they differ",
    )


def _log(parser: argparse.ArgumentParser) -> None:
    _file(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of text")
    parser.add_argument("--last", type=int, default=10, metavar="N", help="how many; default: %(default)s")


def _query(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("sql", metavar="SQL", help="for example: 'FROM users LIMIT 10'")
    _file(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of text")
    parser.add_argument(
        "--rows", type=int, default=100, metavar="N", help="print at most so many; default: %(default)s"
    )


if __name__ == "__main__":
    sys.exit(main())
