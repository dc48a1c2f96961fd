"""A person's yes to what is about to be changed: at the terminal, or beforehand by `--yes`."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from tools.repository.errors import RepositoryError


@dataclass(frozen=True)
class Agreement:
    """`given` is whether `--yes` was."""

    given: bool

    def ask(self, question: str) -> None:
        """Return if the answer is yes. RepositoryError if it is no, or nobody is there to be asked."""
        if self.given:
            return
        if not sys.stdin.isatty():
            raise RepositoryError("this needs a person's yes: run it at a terminal, or with --yes")
        if _answer(f"{question} [y/N] ").strip().lower() not in ("y", "yes"):
            raise RepositoryError("not done")


def _answer(question: str) -> str:
    """What a person types; empty at the end of the input. Whatever is shown next gets a line of its own."""
    try:
        return input(question)
    except EOFError:
        print()
        return ""
    except KeyboardInterrupt:
        print()
        raise
