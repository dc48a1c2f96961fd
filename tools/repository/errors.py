"""What a person can put right: said in full, never as a traceback.

Raise `RepositoryError` with every problem found, not with the first: a person fixes them all in one go.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: where (relative to the repository, with a line where known), what, and the way out.

    They sort by place, line 9 before line 10.
    """

    where: str
    what: str
    fix: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" + (f"\n    {self.fix}" if self.fix else "")

    def __lt__(self, other: Problem) -> bool:
        return self._order < other._order

    @property
    def _order(self) -> tuple[list[str | int], str, str]:
        # A text, a number, a text, and so on: never one beside the other's kind.
        place = [int(part) if n % 2 else part for n, part in enumerate(re.split("([0-9]+)", self.where))]
        return place, self.what, self.fix


class RepositoryError(Exception):
    """The repository or the request is wrong. `str()` is what to show; nothing needs adding.

    Takes a sentence, or all the problems found.
    """

    def __init__(self, problems: str | Iterable[Problem]) -> None:
        self.problems = () if isinstance(problems, str) else tuple(problems)
        super().__init__(problems if isinstance(problems, str) else "\n".join(map(str, self.problems)))


class StaleError(RepositoryError):
    """A generated file isn't what its sources now give. The message holds the difference and the command."""


def at(path: Path, root: Path, line: int | None = None) -> str:
    """Where a problem is, as an editor and a terminal make a link of it: `connectors/acme/README.md:3`."""
    shown = path.relative_to(root) if path.is_relative_to(root) else path
    return f"{shown.as_posix()}:{line}" if line else shown.as_posix()


def run_as_command(main: Callable[[list[str]], int]) -> None:
    """Run a tool's `main(arguments)` and exit as it says: 1 with one message when the repository is wrong."""
    try:
        code = main(sys.argv[1:])
        sys.stdout.flush()
    except RepositoryError as error:
        print(error, file=sys.stderr)
        code = 1
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    raise SystemExit(code)
