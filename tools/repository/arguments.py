"""What follows `--` on a session's command line, read so that a mistake gets one sentence and the nearest match."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from difflib import get_close_matches
from typing import NoReturn

from tools.repository.errors import RepositoryError


class Arguments(argparse.ArgumentParser):
    """A parser for one session. Wrong arguments raise RepositoryError instead of printing a usage and leaving."""

    def __init__(self, session: str, description: str = "") -> None:
        super().__init__(prog=f"nox -s {session} --", description=description, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and how the session is used."""
        raise RepositoryError(f"{message}\n{self.format_usage().strip()}")

    def read(self, arguments: Sequence[str]) -> argparse.Namespace:
        """All of them understood; an option that doesn't exist is named with the one that was meant."""
        found, unknown = self.parse_known_args(list(arguments))
        if unknown:
            self.error(f"what is `{unknown[0]}`?{self._nearest(unknown[0])}")
        return found

    def read_known(self, arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
        """Those understood, and the rest for another program; a near miss of an option here is still an error."""
        found, unknown = self.parse_known_args(list(arguments))
        for word in unknown:
            if nearest := self._nearest(word):
                self.error(f"what is `{word}`?{nearest}")
        return found, unknown

    def _nearest(self, word: str) -> str:
        options = [option for action in self._actions for option in action.option_strings]
        nearest = get_close_matches(word.split("=", maxsplit=1)[0], options, n=1, cutoff=0.7)
        return f" Did you mean `{nearest[0]}`?" if nearest else ""
