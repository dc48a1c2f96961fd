"""What `nox -s connect` is asked for: read by the session, so that a mistake costs no environment, and by the tool."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from tools.repository.arguments import Arguments

ACTIONS = ("status", "pause", "sync", "resync", "state")
OF_CONNECTING = ("secrets", "trigger", "package", "unpause", "paused")


def failing(action: str | None) -> str:
    """What to say of a run that fails, after its own message: which of the things a run can be it was."""
    return f"--{action} failed" if action else "connecting failed"


def asked(arguments: Sequence[str]) -> argparse.Namespace:
    """The options; `action` is one of ACTIONS, None for connecting itself. RepositoryError if they don't fit together."""
    parser = Arguments(
        "connect",
        "Without an action it makes the connection what deploy.yaml says, and changes nothing a second time.",
    )
    parser.add_argument("function", metavar="FUNCTION", help="a group of deploy.yaml")
    parser.add_argument(
        "--secrets", type=Path, metavar="FILE", help="a JSON file with the connection's secrets"
    )
    parser.add_argument(
        "--trigger", metavar="URL", help="the function's address, where Google can't be asked for it"
    )
    parser.add_argument(
        "--package",
        metavar="FILE",
        help="with `host: connector_sdk`: the package's zip, or its ID at Fivetran",
    )
    pausing = parser.add_mutually_exclusive_group()
    pausing.add_argument("--paused", action="store_true", help="leave it paused, say until its state is set")
    pausing.add_argument(
        "--unpause", action="store_true", help="also where somebody has paused it, or Airflow would"
    )
    parser.add_argument(
        "--yes", action="store_true", help="agree to what is shown without being asked, as CI has to"
    )
    actions = parser.add_mutually_exclusive_group()
    meanings = {
        "status": "what Fivetran says of it",
        "pause": "let no sync begin",
        "sync": "start a sync",
        "resync": "have everything read again",
        "state": "print its state; with --set FILE replace it",
    }
    for action in ACTIONS:
        actions.add_argument(
            f"--{action}", dest="action", action="store_const", const=action, help=meanings[action]
        )
    parser.add_argument(
        "--set", type=Path, dest="state_file", metavar="FILE", help="with --state: a JSON file with a state"
    )
    found = parser.read(arguments)
    if found.state_file and found.action != "state":
        parser.error("--set FILE goes with --state")
    if found.action and (stray := [name for name in OF_CONNECTING if getattr(found, name)]):
        parser.error(
            f"--{stray[0]} is of connecting, and --{found.action} only looks after a connection that is there"
        )
    return found
