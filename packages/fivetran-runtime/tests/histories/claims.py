"""What has to hold in a history."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from histories.destination import EMPTY, ENDLESS, BrokenPromiseError, Destination
from histories.differences import Held
from histories.leftovers import Leftovers
from histories.plans import Plan
from histories.rows import Thing
from histories.source import OUTAGE, Source

TOO_MANY_KEYS = "do not fit into the state"


def require_the_failure(
    source: Source, destination: Destination, said: str, number: int, *, settled: bool
) -> None:
    """A sync in which a table fails ends, and with that failure once what was open before is done.

    Raises:
        BrokenPromiseError: it does not.
    """
    may_be_well = (
        not settled
        or {*source.broken.values()} == {"on the second page"}  # there may be none
        or (
            destination.over and not destination.sends_id
        )  # that keys have no room is the failure of this sync, the other of the next
    )
    if said in (EMPTY, ENDLESS) or not (said or may_be_well) or (said and not any(map(said.count, _SAID))):
        ended = said or "well"
        raise BrokenPromiseError(f"sync {number + 1}, in which {source.broken} fail, ended so: {ended}")


_SAID = (OUTAGE, "nothing could be completed", TOO_MANY_KEYS)


def require_arrived(
    source: Source, destination: Destination, new: Iterable[tuple[Plan, Thing]], leftovers: Leftovers
) -> None:
    """Rows that were there before a sync have arrived in it, although other tables fail.

    Raises:
        BrokenPromiseError: one has not.
    """
    held = Held(source, destination, leftovers)
    late = [text for plan, thing in new for text in held.wrong_in(plan, thing)]
    if late:
        raise BrokenPromiseError(f"while {source.broken} fail, these rows wait: {late}")


def require_equal(source: Source, destination: Destination, leftovers: Leftovers) -> None:
    """The destination is what the source is, and stays so.

    A table whose keys come close to the room there is for them may be read from its floor again and again: the error in
    every few syncs says so (docs/what-holds.md).

    Raises:
        BrokenPromiseError: it is not.
    """
    held = Held(source, destination, leftovers)
    if wrong := [text for plan in source.plans for text in held.differences(plan)]:
        raise BrokenPromiseError("; ".join(wrong))
    said, moved = zip(*(_sync_again(destination) for _ in range(4)), strict=True)
    if any(moved[2:] if destination.over else moved) and not any(TOO_MANY_KEYS in text for text in said):
        raise BrokenPromiseError("a quiet source moves marks")


def _sync_again(destination: Destination) -> tuple[str, bool]:
    """What a sync of a source without changes says, and whether it moves a mark."""
    before = _marks(destination)
    said = destination.sync()
    return said, _marks(destination) != before


def _marks(destination: Destination) -> dict[str, Any]:
    """What is remembered of the tables, without the count that fades."""
    return {name: {**part, "lost": 0} for name, part in destination.state["tables"].items()}
