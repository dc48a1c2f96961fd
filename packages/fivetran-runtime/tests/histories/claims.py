"""What has to hold in a history."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from histories.destination import EMPTY, ENDLESS, BrokenPromiseError, Destination
from histories.source import OUTAGE, Plan, Source, Thing

TOO_MANY_KEYS = "do not fit into the state"

Stale = set[tuple[str, str]]
"""Tables and keys that were at the destination when its state was emptied: their deletes are not found."""


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


def require_arrived(source: Source, destination: Destination, new: Iterable[tuple[Plan, Thing]]) -> None:
    """Rows that were there before a sync have arrived in it, although other tables fail.

    Raises:
        BrokenPromiseError: one has not.
    """
    late = [
        f"{plan.name}: {thing.id}"
        for plan, thing in new
        if destination.tables.get(plan.name, {}).get(str(thing.id), {}).get("value") != thing.value
    ]
    if late:
        raise BrokenPromiseError(f"while {source.broken} fail, these rows wait: {late}")


def require_equal(source: Source, destination: Destination, stale: Stale) -> None:
    """The destination is what the source is, and stays so.

    A table whose keys come close to the room there is for them may be read from its floor again and again: the error in
    every few syncs says so (docs/what-holds.md).

    Raises:
        BrokenPromiseError: it is not.
    """
    if wrong := _differences(source, destination, stale):
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


def _differences(source: Source, destination: Destination, stale: Stale) -> list[str]:
    """Where the destination is not what the source is, in words."""
    wrong = []
    for plan in source.plans:
        expected = {str(thing.id): thing for thing in source.visible(plan, destination.secrets["products"])}
        rows, was_over = destination.tables.get(plan.name, {}), plan.name in destination.over
        bad = [
            key
            for key, thing in expected.items()
            if (key not in rows or rows[key]["value"] != thing.value) and not (was_over and thing.is_old)
        ]
        wrong += [f"{plan.name}: lost or old: {bad}"] if bad else []
        if plan.deletes and not was_over:
            extra = [key for key in rows if key not in expected and (plan.name, key) not in stale]
            wrong += [f"{plan.name}: not deleted: {extra}"] if extra else []
    return wrong


def keys_part(destination: Destination, plan: Plan) -> dict[str, Any]:
    """The part of the state that holds the table's keys."""
    name = plan.name if plan.kind == "whole" else f"{plan.name}.keys"
    part: dict[str, Any] = destination.state.get("tables", {}).get(name, {})
    return part
