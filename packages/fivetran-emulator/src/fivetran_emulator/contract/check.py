"""The checks, by id: a title, a promise in one sentence, and a function that raises `Violation` when it is broken.

Ids are never used again for something else: exemptions, changelogs and failure texts refer to them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, overload

if TYPE_CHECKING:
    from fivetran_emulator.contract.subject import PracticeSubject, Subject

__all__ = ["Blocked", "Check", "NotRun", "Run", "Violation", "check", "counted"]

Run = Callable[["PracticeSubject"], None]
RunAnywhere = Callable[["Subject"], None]


@dataclass(frozen=True)
class Check:
    """One promise.

    `risk` says what a connector that breaks it would do, and when: "lose rows when a call dies on its way"; empty for the checks
    of the protocol, without which nothing works at all. `must` is True for Fivetran's own rules, False for this repository's
    advice. `remote` is what of it can be put to a deployed function by `run_remotely`, without a practice source and virtual time:
    the promise or a part of it; empty when nothing can.
    """

    id: str
    title: str
    promise: str
    run: Run
    remote: str = ""
    risk: str = ""
    must: bool = True
    run_remotely: RunAnywhere | None = None

    @property
    def name(self) -> str:
        """How a test report calls it: `C21 crash at every HTTP call`."""
        return f"{self.id} {self.title}"


@overload
def check(
    id_: str, title: str, *, remote: Literal[False] = ..., risk: str = ..., must: bool | None = ...
) -> Callable[[Run], Check]: ...


@overload
def check(
    id_: str, title: str, *, remote: Literal[True] | str, risk: str = ..., must: bool | None = ...
) -> Callable[[RunAnywhere], Check]: ...


def check(
    id_: str, title: str, *, remote: bool | str = False, risk: str = "", must: bool | None = None
) -> Callable[[Any], Check]:
    """Make a check of a function; the first line of its docstring is the promise.

    `remote` is True when all of it can be put to a deployed function, or the part of it that can; `risk` as in `Check`. `must`
    says whether it is a rule of Fivetran's; by default what has no risk of its own is one.
    """

    def declare(run: Any) -> Check:
        promise = " ".join((run.__doc__ or "").strip().partition("\n\n")[0].split())
        part = remote if isinstance(remote, str) else promise if remote else ""
        rule = not risk if must is None else must
        return Check(id_, title, promise, run, part, risk, rule, run if remote else None)

    return declare


class Violation(Exception):  # noqa: N818 - what it is called in docs/contract.md
    """A broken promise.

    `seen` and `expected` are sentences without a full stop, `cause` is what an author most likely wrote, `reproduce`
    are lines: the fault, the request, the state that was sent, the keys of the rows.
    """

    def __init__(self, seen: str, *, expected: str, cause: str, reproduce: Sequence[str] = ()) -> None:
        super().__init__(seen)
        self.seen, self.expected, self.cause, self.reproduce = seen, expected, cause, tuple(reproduce)

    def __str__(self) -> str:
        lines = [f"seen:      {self.seen}", f"expected:  {self.expected}", f"likely:    {self.cause}"]
        return "\n".join([*lines, *(f"reproduce: {line}" for line in self.reproduce)])


def counted(number: int, noun: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


class NotRun(Exception):  # noqa: N818 - no failure
    """The check has nothing to work with, for instance no table that can be changed; it counts as not run."""


class Blocked(Exception):  # noqa: N818 - the check that fails is another one
    """The undisturbed sync already fails, which C09 reports; nothing can be compared with it."""
