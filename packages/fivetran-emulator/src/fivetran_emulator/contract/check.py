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
    """One promise.

    `risk` says what a connector that breaks it would do, and when: "lose rows when a call dies on its way"; empty for the checks
    of the protocol, without which nothing works at all. `must` is True for Fivetran's own rules, False for this repository's advice. `remote` is what of it can be put to a deployed function, which has neither a practice source nor virtual time: the
    promise or a part of it; empty when nothing can.
    """

    id: str
    title: str
    promise: str
    run: Run
    remote: str = ""
    risk: str = ""
    must: bool = True

    @property
    def name(self) -> str:
        """How a test report calls it: `C21 crash at every HTTP call`."""
        return f"{self.id} {self.title}"


def check(
    id_: str, title: str, *, remote: bool | str = False, risk: str = "", must: bool | None = None
) -> Callable[[Run], Check]:
    """Make a check of a function; the first line of its docstring is the promise.

    `remote` is True when all of it can be put to a deployed function, or the part of it that can; `risk` as in `Check`. `must`
    says whether it is a rule of Fivetran's; unless told, what has no risk of its own is one.
    """

    def declare(run: Run) -> Check:
        promise = " ".join((run.__doc__ or "").strip().partition("\n\n")[0].split())
        part = remote if isinstance(remote, str) else promise if remote else ""
        return Check(id_, title, promise, run, part, risk, not risk if must is None else must)

    return declare
