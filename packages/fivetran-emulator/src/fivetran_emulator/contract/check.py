"""The checks, by id: a title, a promise in one sentence, and a function that raises `Violation` when it is broken.

Ids are never used again for something else: exemptions, changelogs and failure texts refer to them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fivetran_emulator.contract.subject import Subject

__all__ = ["Check", "Run", "check"]

Run = Callable[["Subject"], None]


@dataclass(frozen=True)
class Check:
    """One promise. `remote` says that it can be put to a deployed function: no practice source, no virtual time."""

    id: str
    title: str
    promise: str
    run: Run
    remote: bool = False

    @property
    def name(self) -> str:
        """How a test report calls it: `C21 crash at every HTTP call`."""
        return f"{self.id} {self.title}"


def check(id_: str, title: str, *, remote: bool = False) -> Callable[[Run], Check]:
    """Make a check of a function; the first line of its docstring is the promise."""

    def declare(run: Run) -> Check:
        promise = " ".join((run.__doc__ or "").strip().partition("\n\n")[0].split())
        return Check(id_, title, promise, run, remote)

    return declare
