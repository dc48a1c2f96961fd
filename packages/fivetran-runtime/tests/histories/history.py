"""One history, from its seed: bad syncs, syncs in which some tables fail, and quiet ones."""

from __future__ import annotations

import contextlib
import copy
import io
import os
import random
import traceback
from collections import Counter
from dataclasses import dataclass, field
from unittest import mock

from fivetran_runtime._invocation.clock import use_clock
from fivetran_runtime._sync import deletes as missing
from histories import claims
from histories.connectors import connector, draw_plan
from histories.destination import BrokenPromiseError, Destination
from histories.source import Failure, Plan, Source, Thing

QUIET = 6
"""Syncs that the policy may need: one ends what is open, one reads again, two miss a key, and two bring keys back."""

SETTLING = 2
"""Syncs with failing tables, after which what was open in the others is complete and read again."""

FAILURES: tuple[Failure, ...] = (
    "unavailable", "refused", "wrong code", "unexpected", "on the second page", "hangs",
)  # fmt: skip

_PACKED = ("keys", "missed", "held", "found", "gone", "unsent", "tried", "absent")

KINDS = (
    "a sync with an id",
    "a sync without an id",
    "three failing syncs in a row",
    "six failing syncs in a row",
    "one table fails, others do not",
    "all tables fail",
    *(f"a table fails: {failure}" for failure in FAILURES),
    "new rows while a table fails",
    "a call cut by bytes",
    "a call cut by time",
    "a sync's first call cut by bytes",
    "a sync's first call cut by time",
    "a list of several pages",
    "rows that change while a list is read",
    "a row committed late",
    "a position expired",
    "a position expired four times in one table",
    "another key",
    "another address",
    "a filter widened",
    "a filter narrowed",
    "a wrong key answered with fewer rows",
    "most rows hidden",
    "a hidden row shown with its old date",
    "ids change their type",
    "a clock an hour ahead",
    "a clock an hour behind",
    "a row dated ahead",
    "a null cursor",
    "keys near the room there is for them",
    "keys beyond it",
    "a release that adds members to the state",
    "a release that knows fewer members",
    "a state of {}",
    "an answer lost",
)
"""What histories are made of; a test holds that each of them happens."""


@dataclass
class Outcome:
    """What became of a seed's history: what was wrong, or nothing; and what has happened in it."""

    seed: int
    wrong: str = ""
    happened: Counter[str] = field(default_factory=Counter)
    log: list[str] = field(default_factory=list)
    about: str = ""


def outcome(seed: int) -> Outcome:
    """Run a seed's history."""
    result = Outcome(seed)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            History(seed, result).run()
    except BrokenPromiseError as failed:
        result.wrong = str(failed)
    except Exception:  # noqa: BLE001 - whatever it is, the seed has to be printed
        result.wrong = traceback.format_exc()
    return result


class History:
    """One history."""

    def __init__(self, seed: int, result: Outcome) -> None:
        self.chance = chance = random.Random(seed)
        self.happened = result.happened
        plans = [draw_plan(chance, number) for number in range(chance.randrange(1, 4))]
        result.about = "\n".join(map(str, plans))
        self.source = Source(chance, plans, result.happened, may_date_ahead=chance.random() < 0.4)
        for plan in plans:
            self.source.grow(plan)
        self.destination = Destination(
            connector(self.source).handler,
            {"token": "right", "products": ["a", "b"], "url": "https://one"},
            sends_id=chance.random() < 0.7,
            happened=result.happened,
            log=result.log,
        )
        self.source.state = self.destination.state
        self.room = chance.choice([40, 80, 120, 200]) if chance.random() < 0.2 else missing.KEYS_BYTES
        self.is_short_of_room = self.room < missing.KEYS_BYTES
        self.stale: claims.Stale = set()

    def run(self) -> None:
        """Run it.

        Raises:
            BrokenPromiseError: a claim does not hold.
        """
        chance = self.chance
        size = {"FIVETRAN_ANSWER_BYTES": str(chance.choice([8_000, 8_000, 20_000, 10**6]))}
        with (
            use_clock(self.source.clock),
            mock.patch.dict("os.environ", size),
            mock.patch.object(missing, "KEYS_BYTES", self.room),
        ):
            for _ in range(chance.choice([2, 4, 7])):
                self.bad_sync()
            if chance.random() < 0.6:
                self.some_tables_fail()
            self.source.heal()
            self.quiet_syncs()

    # -- bad syncs --------------------------------------------------------------------------------------------

    def bad_sync(self) -> None:
        chance, source = self.chance, self.source
        self.draw_trouble()
        self.change_secrets()
        if chance.random() < 0.15:
            self.change_release()
        if chance.random() < 0.07:
            self.empty_the_state()
        losing = chance.choice([0, 0, 0.2])
        self.destination.sync(max_calls=chance.choice([1, 3, 60]), losing=losing, chance=chance)
        self.look_at_keys()
        source.clock.seconds += chance.choice([10, 3_600, 90_000])
        source.change(chance.choice([0, 5, 40]))

    def draw_trouble(self) -> None:
        """What is wrong during the next sync."""
        chance, source, happened = self.chance, self.source, self.happened
        names = [plan.name for plan in source.plans]
        source.failing = {name: chance.choice([0, 0, 0.1, 1]) for name in names}
        source.broken = {name: chance.choice(FAILURES) for name in names if chance.random() < 0.12}
        source.expiring = chance.choice([0, 0, 0.5, 1])
        source.seconds_a_page = chance.choice([0, 0, 5, 20])
        source.changes_a_page = chance.choice([0, 0, 3])
        slow = chance.choice([0, 0, 0, -3_600])
        source.clock.skew = slow if source.may_date_ahead else chance.choice([slow, 3_600])
        if chance.random() < 0.1:
            source.ids_are_text = not source.ids_are_text
            happened["ids change their type"] += 1
        if chance.random() < 0.07:
            source.hide_most()
            happened["most rows hidden"] += 1
        happened["all tables fail"] += all(rate == 1 for rate in source.failing.values())
        happened["rows that change while a list is read"] += source.changes_a_page > 0
        happened["a clock an hour ahead"] += source.clock.skew > 0
        happened["a clock an hour behind"] += source.clock.skew < 0
        for failure in source.broken.values():
            happened[f"a table fails: {failure}"] += 1

    def change_secrets(self) -> None:
        chance, secrets, happened = self.chance, self.destination.secrets, self.happened
        if secrets["token"] == "wrong":
            if chance.random() < 0.5:
                secrets["token"] = "right again"
                self.source.show_all()
        elif chance.random() < 0.08:
            secrets["token"] = "wrong"
            self.source.hide_most()
            happened["a wrong key answered with fewer rows"] += 1
        elif chance.random() < 0.1:
            secrets["token"] = f"right {chance.random()}"
            happened["another key"] += 1
        if chance.random() < 0.1:
            before, secrets["url"] = secrets["url"], chance.choice(["https://one", "https://two"])
            happened["another address"] += secrets["url"] != before
        if chance.random() < 0.2:
            products = chance.choice([["a"], ["a", "b"], ["a", "b", "c"], ["c"]])
            happened["a filter widened"] += bool(set(products) - set(secrets["products"]))
            happened["a filter narrowed"] += bool(set(secrets["products"]) - set(products))
            secrets["products"] = products

    def change_release(self) -> None:
        """Another release has held the state: it adds members of its own, or had never known some of ours."""
        chance, happened = self.chance, self.happened
        state = copy.deepcopy(self.destination.state)
        for part in state.get("tables", {}).values():
            if chance.random() < 0.5:
                part["later"] = {"x": 1}
                happened["a release that adds members to the state"] += 1
            if chance.random() < 0.3:
                for member in ("newest", "first", "declared", "kinds"):
                    happened["a release that knows fewer members"] += part.pop(member, None) is not None
        self.destination.state.update(state and state | {"kept": {"token": "y"}})

    def empty_the_state(self) -> None:
        destination = self.destination
        self.happened["a state of {}"] += bool(destination.state)
        destination.state.clear()
        self.stale |= {(name, key) for name, rows in destination.tables.items() for key in rows}

    def look_at_keys(self) -> None:
        """Note how full the room for keys is, and how often positions have expired."""
        parts = [claims.keys_part(self.destination, plan) for plan in self.source.plans]
        taken = sum(len(part.get(name) or "") for part in parts for name in _PACKED)
        self.happened["keys beyond it"] += bool(self.destination.over)
        self.happened["keys near the room there is for them"] += self.room / 2 < taken <= self.room
        expired = max(self.source.generations.values(), default=0)
        self.happened["a position expired four times in one table"] += expired >= 4

    # -- syncs in which some tables fail ----------------------------------------------------------------------

    def some_tables_fail(self) -> None:
        """In each sync, for many in a row; the new rows of the others arrive all the same."""
        chance, source, happened = self.chance, self.source, self.happened
        source.heal()
        failing = chance.sample(source.plans, chance.randrange(1, max(2, len(source.plans))))
        source.broken = {plan.name: chance.choice(FAILURES) for plan in failing}
        well = [plan for plan in source.plans if plan not in failing]
        happened["one table fails, others do not" if well else "all tables fail"] += 1
        for failure in source.broken.values():
            happened[f"a table fails: {failure}"] += 1
        self.leave_time_and_room()
        for number in range(chance.choice([3, 5, 8])):
            new = self.new_rows(well)
            said = self.destination.sync()
            claims.require_the_failure(source, self.destination, said, number, settled=number >= SETTLING)
            if number >= SETTLING:
                claims.require_arrived(source, self.destination, new)
                happened["new rows while a table fails"] += bool(new)
            source.clock.seconds += 600

    def leave_time_and_room(self) -> None:
        """Without an id only tables whose reading fits into one call go on while others fail (docs/what-holds.md)."""
        if self.destination.sends_id:
            self.source.seconds_a_page = self.chance.choice([0, 0, 1])
        else:
            os.environ["FIVETRAN_ANSWER_BYTES"] = str(10**6)

    def new_rows(self, plans: list[Plan]) -> list[tuple[Plan, Thing]]:
        """Some are added and some edited."""
        chance, source, products = self.chance, self.source, self.destination.secrets["products"]
        new: dict[tuple[str, int], tuple[Plan, Thing]] = {}
        for plan in plans:
            for _ in range(chance.choice([0, 1, 3])):
                now, rows = int(source.clock.seconds), source.visible(plan, products)
                if rows and chance.random() < 0.5:
                    source.edit(thing := chance.choice(rows), now)
                else:
                    thing = source.add(plan, now, chance.choice(products))
                new[plan.name, thing.id] = plan, thing
        return list(new.values())

    # -- quiet syncs ------------------------------------------------------------------------------------------

    def quiet_syncs(self) -> None:
        """The source is well: they bring everything, and then nothing changes any more."""
        if self.is_short_of_room and not self.destination.sends_id:
            self.leave_time_and_room()  # a table whose keys have no room fails in each of them
        for number in range(QUIET + 4):
            said = self.destination.sync()
            if said and claims.TOO_MANY_KEYS not in said and number > 1:
                raise BrokenPromiseError(f"quiet sync {number + 1}: {said}")
            self.confirm()
            self.source.clock.seconds += 600
        claims.require_equal(self.source, self.destination, self.stale)

    def confirm(self) -> None:
        """A person says that what is held back is really deleted."""
        for part in self.destination.state.get("tables", {}).values():
            if "asked" in part:
                part["confirm"] = part["asked"]
