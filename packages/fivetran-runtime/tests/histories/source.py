"""The source of a history: tables whose rows change while they are read, a clock, and what is wrong at present."""

from __future__ import annotations

import copy
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from fivetran_runtime import ConfigurationError, DefectError, TransientError
from fivetran_runtime._invocation.context import running
from fivetran_runtime._sync import keys

START = datetime(2026, 1, 1, tzinfo=UTC)
PRODUCTS = ("a", "b", "c")
PARENTS = 3
LONGEST_LATE = 20
AHEAD = (1_800, 3_600, 10**8)
OUTAGE = "the outage of this history"
"""What every failure that a history draws for a table says."""

Order = Literal["id", "random", "parent", "ascending", "descending"]
Failure = Literal["unavailable", "refused", "wrong code", "unexpected", "on the second page", "hangs"]
Place = tuple[int, ...]
"""Where a row stands in its table's list."""


@dataclass
class Clock:
    """Time that passes when something says so; `skew` is how wrong the function's clock is."""

    seconds: float = 0.0
    skew: float = 0.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds + self.skew)

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


@dataclass
class Thing:
    """A row at the source."""

    id: int
    at: int | None
    value: int
    product: str
    hidden: bool = False
    is_old: bool = False
    """Whether it has appeared, or appeared again, with a date that the mark may have passed: only a listing finds it."""


@dataclass
class Plan:
    """How one table is declared, and what its source does.

    Attributes:
        windows: positions without rows that every pass goes through first.
        asks_before: whether something else is asked before the first page.
        padding: characters that make a row as long as rows are.
        unknown: the status that the source answers to a position it no longer knows.
    """

    name: str
    kind: Literal["whole", "cursor"]
    unit: Literal["instant", "seconds", "number"]
    order: Order
    deletes: bool
    fetches: bool
    lookback: int
    in_order: bool
    page: int
    windows: int
    asks_before: bool
    max_missing: float
    padding: int
    unknown: int

    @property
    def finds_hidden(self) -> bool:
        """Whether rows that come back with an old date are found."""
        return self.kind == "whole" or self.deletes


@dataclass
class Source:
    """All tables, and what is wrong with them at present.

    Attributes:
        state: the state that Fivetran holds: which keys the last whole listing has shown.
        generations: per table, how often all its positions have expired; one that was given before is never known again.
        failing: per table, the chance that a request fails.
        broken: the tables that fail in every sync, and how.
        expiring: the chance that a position has expired when it is used.
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
    generations: dict[str, int] = field(default_factory=dict)
    ids_are_text: bool = False
    may_date_ahead: bool = False
    failing: dict[str, float] = field(default_factory=dict)
    broken: dict[str, Failure] = field(default_factory=dict)
    expiring: float = 0.0
    seconds_a_page: float = 0.0
    changes_a_page: int = 0

    # -- its rows ---------------------------------------------------------------------------------------------

    def grow(self, plan: Plan) -> None:
        """Rows that are there before the first sync."""
        self.tables[plan.name], self.rank[plan.name] = {}, {}
        for _ in range(self.chance.choice([0, 1, 5, 30, 60, 90])):
            self.add(plan, at=-self.chance.randrange(1, 1_000))

    def add(self, plan: Plan, at: int | None, product: str | None = None) -> Thing:
        rank, self.values = self.rank[plan.name], self.values + 1
        number = max(rank, default=0) + 1
        rank[number] = self.chance.randrange(10**6)
        thing = Thing(number, at, self.values, product or self.chance.choice(PRODUCTS))
        self.tables[plan.name][number] = thing
        self.happened["a null cursor"] += at is None and plan.kind == "cursor"
        return thing

    def edit(self, thing: Thing, at: int) -> None:
        self.values += 1
        thing.at, thing.value, thing.is_old = at, self.values, False

    def change(self, most: int) -> None:
        """Some rows are added, edited, removed, hidden or shown; late commits come to light."""
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
                self.edit(thing, at)

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
            self.edit(thing, self._date(plan, now))
        elif what == "remove":
            del things[thing.id]
        elif plan.finds_hidden and what == "hide":
            thing.hidden = True
        elif thing.hidden:
            self.show(plan, thing)

    def show(self, plan: Plan, thing: Thing) -> None:
        """It is there again: with its old date, or a new one where no listing has noticed that it was missing."""
        name = plan.name if plan.kind == "whole" else f"{plan.name}.keys"
        part = self.state.get("tables", {}).get(name, {})
        if plan.kind == "cursor" and (thing.id in keys.unpack(part.get("keys")) or part.get("found")):
            self.edit(thing, int(self.clock.seconds))
        else:
            thing.is_old = True
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
                    thing.hidden |= self.chance.random() < 0.8

    def show_all(self) -> None:
        for plan in self.plans:
            for thing in self.tables[plan.name].values():
                if thing.hidden:
                    self.show(plan, thing)

    def heal(self) -> None:
        """The source is well, and nothing changes any more; what has expired stays so."""
        self.failing, self.broken, self.expiring, self.changes_a_page = {}, {}, 0.0, 0
        self.seconds_a_page, self.clock.skew = 0, 0
        self.show_all()
        self.clock.seconds += LONGEST_LATE + 1
        self.commit(all_of_them=True)

    def visible(self, plan: Plan, products: list[str]) -> list[Thing]:
        things = self.tables[plan.name].values()
        return [thing for thing in things if thing.product in products and not thing.hidden]

    # -- what it answers --------------------------------------------------------------------------------------

    def answer(self, plan: Plan, *, is_second_page: bool = False) -> None:
        """A request is answered, or not."""
        invocation = running()
        invocation.requests += 1
        if self.chance.random() < 0.1:
            invocation.requests, invocation.retries = invocation.requests + 1, invocation.retries + 1
        failure = self.broken.get(plan.name)
        if failure == "hangs":
            self.clock.sleep(invocation.budget.remaining())  # the client waits no longer
        self.clock.sleep(self.seconds_a_page)
        invocation.budget.require(0, OUTAGE)
        if failure and (is_second_page or failure != "on the second page"):
            raise _error(failure)
        if self.chance.random() < self.failing.get(plan.name, 0):
            raise TransientError(OUTAGE)

    def require_known(self, plan: Plan, generation: int) -> None:
        """Raise when a position of this generation is no longer known."""
        now = self.generations.get(plan.name, 0)
        if self.chance.random() < self.expiring:
            now = self.generations[plan.name] = now + 1
        if generation < now:
            running().requests += 1
            self.happened["a position expired"] += 1
            raise ConfigurationError("the source no longer knows this position", status=plan.unknown)

    def list(self, plan: Plan, products: list[str], since: int | None, after: Place | None) -> list[Thing]:
        """A page in the plan's order of what has changed since."""
        self.answer(plan, is_second_page=after is not None)
        found = sorted(
            (self.place(plan, thing), thing.id, copy.copy(thing))
            for thing in self.visible(plan, products)
            if since is None or (thing.at is not None and thing.at >= since)
        )
        page = [thing for place, _, thing in found if after is None or place > after][: plan.page]
        self.happened["a list of several pages"] += after is not None and bool(page)
        self.change(self.changes_a_page)
        return page

    def place(self, plan: Plan, thing: Thing) -> Place:
        at = -(10**9) if thing.at is None else thing.at
        places: dict[Order, Place] = {
            "id": (thing.id,),
            "random": (self.rank[plan.name][thing.id], thing.id),
            "parent": (thing.id % PARENTS, thing.id),
            "ascending": (at, thing.id),
            "descending": (-at, thing.id),
        }
        return places[plan.order]

    def row(self, plan: Plan, thing: Thing) -> dict[str, Any]:
        number: Any = str(thing.id) if self.ids_are_text else thing.id
        row = {"id": number, "at": written(plan, thing.at), "value": thing.value}
        return row | {"text": "x" * plan.padding} if plan.padding else row


def _error(failure: Failure) -> Exception:
    match failure:
        case "refused":
            return ConfigurationError(OUTAGE, status=401)
        case "wrong code":
            return DefectError(OUTAGE)
        case "unexpected":
            return KeyError(OUTAGE)
    return TransientError(OUTAGE)


def written(plan: Plan, at: int | None) -> Any:
    """A cursor as the source writes it."""
    if at is None:
        return None
    moment = START + timedelta(seconds=at)
    texts = {"instant": moment.isoformat(), "seconds": int(moment.timestamp()), "number": at + 10_000}
    return texts[plan.unit]


def understood(plan: Plan, since: Any) -> int | None:
    """What a source makes of `since`."""
    if since is None or plan.unit == "number":
        return None if since is None else since - 10_000
    moment = since if plan.unit == "instant" else datetime.fromtimestamp(since, UTC)
    return int((moment - START).total_seconds())
