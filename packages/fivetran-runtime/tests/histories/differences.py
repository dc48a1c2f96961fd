"""Where the destination is not what the source is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from histories.destination import Destination
from histories.leftovers import Leftovers
from histories.plans import Plan
from histories.rows import Thing
from histories.source import Source


@dataclass
class Held:
    """What the destination holds, beside what it should."""

    source: Source
    destination: Destination
    leftovers: Leftovers

    def differences(self, plan: Plan) -> Iterator[str]:
        """What is wrong with a table and its children, in words."""
        things = {str(one.id): one for one in self.source.visible(plan, self._products)}
        for thing in things.values():
            if not (plan.name in self.destination.over and thing.is_old):
                yield from self.wrong_in(plan, thing)
        extra = [key for key in self._rows(plan.name) if key not in things and not self._may_stay(plan, key)]
        if extra:
            yield f"{plan.name}: not deleted: {extra}"
        if plan.lines:
            yield from self._orphans(plan, things)

    def wrong_in(self, plan: Plan, thing: Thing) -> Iterator[str]:
        """What is wrong with a row that should be there, and with its children."""
        row = self._rows(plan.name).get(str(thing.id))
        if row is None or row["value"] != thing.value:
            yield f"{plan.name}: lost or old: {thing.id}"
        if not plan.lines:
            return
        held = {
            key: row["value"]
            for key, row in self._rows(plan.lines_name).items()
            if str(row["thing_id"]) == str(thing.id)
        }
        expected = {_key(plan, thing, number): value for number, value in thing.lines.items()}
        if lost := [key for key, value in expected.items() if held.get(key) != value]:
            yield f"{plan.lines_name}: lost or old: {lost}"
        extra = [key for key in held if key not in expected and not self._may_stay_behind(plan, key)]
        if extra:
            yield f"{plan.lines_name}: not deleted: {extra}"

    def _orphans(self, plan: Plan, things: dict[str, Thing]) -> Iterator[str]:
        """Children of rows that are not there."""
        owners = {key: str(row["thing_id"]) for key, row in self._rows(plan.lines_name).items()}
        extra = [
            key
            for key, owner in owners.items()
            if owner not in things
            and not self._may_stay(plan, owner)
            and not self._may_stay_behind(plan, key)
            and plan.name not in self.leftovers.orphans
        ]
        if extra:
            yield f"{plan.lines_name}: not deleted with their rows: {extra}"

    def _may_stay(self, plan: Plan, key: str) -> bool:
        """Whether nothing shows that a row is deleted."""
        if plan.name in self.destination.over or (plan.name, key) in self.leftovers.stale:
            return True
        if plan.deletes:
            return False
        return plan.kind != "kept" or not self._is_reported(plan, int(key))

    def _is_reported(self, plan: Plan, number: int) -> bool:
        """Whether a token tells that a row is deleted; none tells what another filter does not show."""
        is_there, delta = number in self.source.tables[plan.name], self.source.deltas[plan.name]
        return not is_there and delta.is_reported(number)

    def _may_stay_behind(self, plan: Plan, key: str) -> bool:
        """Whether nothing shows that a child of a row that is there is deleted."""
        name = plan.lines_name
        is_read_once = plan.lines is not None and plan.lines.way == "once"
        return is_read_once or name in self.destination.over or (name, key) in self.leftovers.stale

    def _rows(self, name: str) -> dict[str, dict[str, Any]]:
        return self.destination.tables.get(name, {})

    @property
    def _products(self) -> list[str]:
        products: list[str] = self.destination.secrets["products"]
        return products


def _key(plan: Plan, thing: Thing, number: int) -> str:
    return f"{thing.id}/{number}" if plan.lines and plan.lines.are_counted else str(number)
