"""Fivetran's setup test of a connection: run, and each of its messages shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tools.locked.fivetran.api import FivetranApi
from tools.locked.fivetran.connection import Connection

FAILED = ("FAILED", "JOB_FAILED")


@dataclass(frozen=True)
class Tested:
    """The connection after its setup test, and the titles of what failed."""

    connection: Connection
    failed: tuple[str, ...]


def run_setup_test(api: FivetranApi, of: str, say: Callable[[str], None]) -> Tested:
    """Run it. A package without a setup form has none, which is shown and is no failure."""
    answer, tests = api.test(of)
    say(f"setup test of {of}" + ("" if tests else ": Fivetran has none for it"))
    for one in tests:
        message = str(one.get("message") or "")
        say(f"    {one['status']:<10} {one['title']}" + (f": {message}" if message else ""))
    failed = tuple(str(one["title"]) for one in tests if one["status"] in FAILED)
    return Tested(Connection.read(answer), failed)
