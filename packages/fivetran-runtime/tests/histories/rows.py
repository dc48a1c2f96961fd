"""The rows of a history's source, and how they change while they are read."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from fivetran_runtime._sync import keys
from histories.deltas import Delta
from histories.lines import Numbered, Sets
from histories.parents import NUMBERS, Parents
from histories.plans import LONGEST_LATE, Plan
from histories.times import Clock

PRODUCTS = ("a", "b", "c")
AHEAD = (1_800, 3_600, 10**8)


@dataclass
class Thing:
    """A row at the source."""

    id: int
    at: int | None
    value: int
    product: str
    parent: int = 0
    lines: Numbered = field(default_factory=dict)
    hidden: bool = False
    is_old: bool = False
    """Whether it has appeared, or appeared again, with a date that the mark may have passed: only a listing finds it."""


@dataclass
class Rows:
    """All tables' rows.

    Attributes:
        state: the state that Fivetran holds: which keys the last whole listing has shown.
        rank: per table, where each row stands in a list of no order.
        late: rows that are committed late: when, whose, which, and with which date.
        happened: what has happened, and how often.
    """

    chance: random.Random
    plans: list[Plan]
    happened: Counter[str]
    clock: Clock = field(default_factory=Clock)
    tables: dict[str, dict[int, Thing]] = field(default_factory=dict)
    rank: dict[str, dict[int, int]] = field(default_factory=dict)
    late: list[tuple[float, str, int, int]] = field(default_factory=list)
    values: int = 0
    state: dict[str, Any] = field(default_factory=dict)
    may_date_ahead: bool = False

    def __post_init__(self) -> None:
        self.parents = Parents(self.chance, self.happened)
        self.deltas = {plan.name: Delta() for plan in self.plans}
        self.sets = {
            plan.name: Sets(plan.lines, self.chance, self.happened) for plan in self.plans if plan.lines
        }

    def grow(self, plan: Plan) -> None:
        """Rows that are there before the first sync."""
        self.tables[plan.name], self.rank[plan.name] = {}, {}
        for _ in range(self.chance.choice([0, 1, 5, 20] if plan.lines else [0, 1, 5, 30, 60, 90])):
            self.add(plan, at=-self.chance.randrange(1, 1_000))

    def add(self, plan: Plan, at: int | None, product: str | None = None) -> Thing:
        rank, self.values = self.rank[plan.name], self.values + 1
        number = max(rank, default=0) + 1
        rank[number] = self.chance.randrange(10**6)
        thing = Thing(number, at, self.values, product or self.chance.choice(PRODUCTS))
        thing.parent = self.chance.choice(sorted(self.parents.shown) if product else NUMBERS)
        thing.lines = self.sets[plan.name].new() if plan.lines else {}
        self.tables[plan.name][number] = thing
        self._tell(plan, thing)
        self.happened["a null cursor"] += at is None and plan.kind == "cursor"
        return thing

    def edit(self, plan: Plan, thing: Thing, at: int) -> None:
        self._touch(plan, thing, at)
        if plan.lines:
            self.sets[plan.name].change(thing.lines)

    def _touch(self, plan: Plan, thing: Thing, at: int) -> None:
        self.values += 1
        thing.at, thing.value, thing.is_old = at, self.values, False
        self._tell(plan, thing)

    def _tell(self, plan: Plan, thing: Thing) -> None:
        """Whoever asks with a token hears of this row."""
        if plan.kind == "kept":
            self.deltas[plan.name].log.append(thing.id)

    def change(self, most: int) -> None:
        """Some rows are added, edited, removed, hidden or shown, and parents; late commits come to light."""
        if most and any(plan.parents for plan in self.plans) and self.chance.random() < 0.3:
            self.parents.change()
        for _ in range(self.chance.randrange(most + 1)):
            plan = self.chance.choice(self.plans)
            self.clock.seconds += self.chance.randrange(3)
            self._change(plan, self.tables[plan.name])
        self.commit()

    def commit(self, *, all_of_them: bool = False) -> None:
        for entry in [one for one in self.late if all_of_them or one[0] <= self.clock.seconds]:
            self.late.remove(entry)
            _, name, number, at = entry
            if (thing := self.tables[name].get(number)) and (thing.at is None or thing.at <= at):
                self.happened["a row committed late"] += 1
                self.edit(next(plan for plan in self.plans if plan.name == name), thing, at)

    def _change(self, plan: Plan, things: dict[int, Thing]) -> None:
        now, chance = int(self.clock.seconds), self.chance
        what = chance.choice(["add", "edit", "edit", "edit", "remove", "hide", "show"])
        if what == "add" or not things:
            old = plan.finds_hidden and chance.random() < 0.2
            thing = self.add(plan, chance.choice([None, now - 5_000]) if old else self._date(plan, now))
            thing.is_old = old
            return
        thing = things[chance.choice(list(things))]
        # A row that appears behind the position of a long reading in a declared order is not found: docs/what-holds.md.
        may_be_late = plan.lookback >= LONGEST_LATE and not plan.in_order
        if what == "edit" and may_be_late and chance.random() < 0.3:
            self.late.append((now + chance.randrange(1, LONGEST_LATE), plan.name, thing.id, now))
        elif what == "edit":
            self.edit(plan, thing, self._date(plan, now))
            self._move_something(plan, thing)
        elif what == "remove":
            del things[thing.id]
            self._tell(plan, thing)
            self.happened["a row with children is removed"] += bool(thing.lines)
        elif plan.finds_hidden and what == "hide":
            self.hide(plan, thing)
        elif thing.hidden:
            self.show(plan, thing)

    def _move_something(self, plan: Plan, thing: Thing) -> None:
        """A child becomes another row's, or the row becomes another parent's."""
        others = [one for one in self.tables[plan.name].values() if one is not thing and not one.hidden]
        if (
            plan.lines
            and not plan.lines.are_counted
            and thing.lines
            and others
            and self.chance.random() < 0.4
        ):
            other = self.chance.choice(others)
            self.sets[plan.name].move(thing.lines, other.lines)
            self._touch(plan, other, thing.at if thing.at is not None else int(self.clock.seconds))
        if plan.parents and self.chance.random() < 0.1:
            thing.parent = self.chance.choice(NUMBERS)

    def hide(self, plan: Plan, thing: Thing) -> None:
        thing.hidden = True
        self._tell(plan, thing)

    def show(self, plan: Plan, thing: Thing) -> None:
        """It is there again: with its old date, or a new one where no listing has noticed that it was missing."""
        part = self.state.get("tables", {}).get(plan.keys_part, {})
        if plan.kind == "cursor" and (thing.id in keys.unpack(part.get("keys")) or part.get("found")):
            self.edit(plan, thing, int(self.clock.seconds))
        else:
            thing.is_old = True
            self._tell(plan, thing)
            self.happened["a hidden row shown with its old date"] += 1
        thing.hidden = False

    def _date(self, plan: Plan, now: int) -> int:
        if not self.may_date_ahead or plan.unit == "number" or self.chance.random() >= 0.1:
            return now
        self.happened["a row dated ahead"] += 1
        return now + self.chance.choice(AHEAD)

    def hide_most(self) -> None:
        """A group is lost, a replica lags, or a wrong key is answered with the public part."""
        for plan in self.plans:
            if plan.finds_hidden:
                for thing in self.tables[plan.name].values():
                    if not thing.hidden and self.chance.random() < 0.8:
                        self.hide(plan, thing)

    def show_all(self) -> None:
        for plan in self.plans:
            for thing in self.tables[plan.name].values():
                if thing.hidden:
                    self.show(plan, thing)

    def visible(self, plan: Plan, products: Sequence[str]) -> list[Thing]:
        things = self.tables[plan.name].values()
        return [thing for thing in things if self.is_visible(plan, thing, products)]

    def is_visible(self, plan: Plan, thing: Thing | None, products: Sequence[str]) -> bool:
        if thing is None or thing.product not in products or thing.hidden:
            return False
        return not plan.parents or thing.parent in self.parents.shown
