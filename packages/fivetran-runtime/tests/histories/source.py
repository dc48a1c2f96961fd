"""What a history's source answers, and what is wrong with it at present."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from fivetran_runtime import ConfigurationError, DefectError, ExpiredError, TransientError
from fivetran_runtime._invocation.context import running
from histories.deltas import Token
from histories.plans import LONGEST_LATE, Order, Plan
from histories.rows import Rows, Thing
from histories.times import written

PARENTS = 3
OUTAGE = "the outage of this history"
"""What every failure that a history draws for a table says."""

Failure = Literal["unavailable", "refused", "wrong code", "unexpected", "on the second page", "hangs"]
Place = tuple[int, ...]
"""Where a row stands in its table's list."""


@dataclass
class Source(Rows):
    """All tables, and what is wrong with them at present.

    Attributes:
        generations: per table, how often all its positions have expired; one that was given before is never known again.
        failing: per table, the chance that a request fails.
        broken: the tables that fail in every sync, and how.
        expiring: the chance that a position has expired when it is used.
        tokens_expiring: the chance that a token that was kept has expired when it is used.
    """

    generations: dict[str, int] = field(default_factory=dict)
    ids_are_text: bool = False
    failing: dict[str, float] = field(default_factory=dict)
    broken: dict[str, Failure] = field(default_factory=dict)
    expiring: float = 0.0
    tokens_expiring: float = 0.0
    seconds_a_page: float = 0.0
    changes_a_page: int = 0

    def heal(self) -> None:
        """The source is well, and nothing changes any more; what has expired stays so."""
        self.failing, self.broken, self.expiring, self.changes_a_page = {}, {}, 0.0, 0
        self.seconds_a_page, self.clock.skew, self.tokens_expiring = 0, 0, 0.0
        self.parents.heal()
        self.show_all()
        self.clock.seconds += LONGEST_LATE + 1
        self.commit(all_of_them=True)

    def answer(self, plan: Plan | None, *, is_second_page: bool = False) -> None:
        """A request is answered, or not; one that is of no table is, unless time is over."""
        invocation = running()
        invocation.requests += 1
        if self.chance.random() < 0.1:
            invocation.requests, invocation.retries = invocation.requests + 1, invocation.retries + 1
        failure = self.broken.get(plan.name) if plan else None
        if failure == "hangs":
            self.clock.sleep(invocation.budget.remaining())  # the client waits no longer
        self.clock.sleep(self.seconds_a_page)
        invocation.budget.require(0, OUTAGE)
        if failure and (is_second_page or failure != "on the second page"):
            raise _error(failure)
        if plan and self.chance.random() < self.failing.get(plan.name, 0):
            raise TransientError(OUTAGE)

    def names_of_parents(self, plan: Plan | None) -> list[Any]:
        """The parents, in an order of the source's own; for one table, or for all that share the function."""
        self.answer(plan)
        listed = sorted(self.parents.listed, key=lambda number: number * 7 % 5)
        named = plan is not None and plan.parents == "named"
        return [f"p{number}" if named else self._number(number) for number in listed]

    def lines_of(self, plan: Plan, number: int, place: int, size: int) -> list[tuple[int, int]]:
        """A page of a row's children."""
        self.answer(plan)
        thing = self.tables[plan.name].get(number)
        page = list(thing.lines.items())[place : place + size] if thing else []
        self.happened["a set over several pages"] += place > 0
        self.change(self.changes_a_page)
        return page

    def requests_of_a_page(self, plan: Plan) -> int:
        """The most that a page takes: with the sets of its rows, each of them read twice, as one that has shrunk is."""
        if plan.lines is None or plan.lines.way == "inside":
            return 1
        numbers = sorted(len(thing.lines) for thing in self.tables[plan.name].values())
        return 1 + sum(2 * (2 + number // plan.lines.page) for number in numbers[-plan.page :])

    def token(self, plan: Plan, products: list[str]) -> str:
        """A token that tells of what changes from now on."""
        return str(self.deltas[plan.name].token(products))

    def reported(self, plan: Plan, text: str, place: int, end: int | None) -> tuple[list[Thing | int], int]:
        """A page of what a token tells: rows as they are now, and numbers of those that are not there; and its end."""
        self.answer(plan, is_second_page=place > 0)
        delta, token = self.deltas[plan.name], Token.read(text)
        if self.chance.random() < self.tokens_expiring:
            delta.generation += 1
        if token.generation < delta.generation:
            self.happened["a token expired"] += 1
            self.happened["a token expired twice in one table"] += delta.generation == 2
            refused = ConfigurationError("the source no longer knows this token", status=plan.unknown)
            raise ExpiredError(str(refused)) if plan.says_expired else refused
        end = len(delta.log) if end is None else end
        numbers = list(dict.fromkeys(delta.log[token.place : end]))[place : place + plan.page]
        found = [self._reported(plan, number, token.products) for number in numbers]
        self.change(self.changes_a_page)
        return found, end

    def _reported(self, plan: Plan, number: int, products: Sequence[str]) -> Thing | int:
        thing = self.tables[plan.name].get(number)
        if thing is not None and self.is_visible(plan, thing, products):
            return _as_it_is(thing)
        self.happened["a delete that only a token tells of"] += 1
        return number

    def require_known(self, plan: Plan, generation: int) -> None:
        """Raise when a position of this generation is no longer known."""
        now = self.generations.get(plan.name, 0)
        if self.chance.random() < self.expiring:
            now = self.generations[plan.name] = now + 1
        if generation < now:
            running().requests += 1
            self.happened["a position expired"] += 1
            raise ConfigurationError("the source no longer knows this position", status=plan.unknown)

    def list(
        self,
        plan: Plan,
        products: list[str],
        since: int | None,
        after: Place | None,
        parent: int | None = None,
    ) -> list[Thing]:
        """A page in the plan's order of what has changed since; of one parent's rows, or of all."""
        self.answer(plan, is_second_page=after is not None)
        if parent is not None and parent not in self.parents.shown:
            raise ConfigurationError("there is no such parent", status=404)
        found = sorted(
            (self.place(plan, thing), thing.id, _as_it_is(thing))
            for thing in self.visible(plan, products)
            if (since is None or (thing.at is not None and thing.at >= since))
            and parent in (None, thing.parent)
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
        row = {"id": self._number(thing.id), "at": written(plan, thing.at), "value": thing.value}
        return row | {"text": "x" * plan.padding} if plan.padding else row

    def line(self, plan: Plan, number: int, value: int) -> dict[str, Any]:
        row = {"line": self._number(number), "value": value}
        return row | {"text": "x" * plan.padding} if plan.padding else row

    def _number(self, number: int) -> Any:
        return str(number) if self.ids_are_text else number


def _as_it_is(thing: Thing) -> Thing:
    """The row as it is at this moment."""
    now = copy.copy(thing)
    now.lines = dict(thing.lines)
    return now


def _error(failure: Failure) -> Exception:
    match failure:
        case "refused":
            return ConfigurationError(OUTAGE, status=401)
        case "wrong code":
            return DefectError(OUTAGE)
        case "unexpected":
            return KeyError(OUTAGE)
    return TransientError(OUTAGE)
