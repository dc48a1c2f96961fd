"""One history, from its seed: bad syncs, syncs in which some tables fail, and quiet ones."""

from __future__ import annotations

import contextlib
import io
import os
import random
import traceback
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from fivetran_runtime._invocation.clock import use_clock
from fivetran_runtime._sync import deletes as missing
from histories import claims
from histories.connectors import connector
from histories.destination import BrokenPromiseError, Destination
from histories.kinds import FAILURES
from histories.plans import Plan, draw_plan
from histories.rows import Thing
from histories.source import Source
from histories.trouble import Trouble

QUIET = 6
"""Syncs that the policy may need: one ends what is open, one reads again, two miss a key, and two bring keys back."""

SETTLING = 2
"""Syncs with failing tables, after which what was open in the others is complete and read again."""

_REQUESTS_A_CALL = 45
"""As many as there is time for in a call where each takes a second, and what comes before a page's."""

_PACKED = ("keys", "missed", "held", "found", "gone", "unsent", "tried", "absent")


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
            keys={name: key for plan in plans for name, key in plan.keys.items()},
            landed=self._landed,
            log=result.log,
        )
        self.source.state = self.destination.state
        self.trouble = Trouble(chance, self.source, self.destination, result.happened)
        self.room = chance.choice([40, 80, 120, 200]) if chance.random() < 0.2 else missing.KEYS_BYTES
        self.is_short_of_room = self.room < missing.KEYS_BYTES
        self._note_plans()

    def _note_plans(self) -> None:
        for plan in self.source.plans:
            self.happened["a table that keeps a token"] += plan.kind == "kept"
            self.happened["a table with parents"] += bool(plan.parents)
            self.happened["a table with children"] += bool(plan.lines)

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
            self.trouble.roll_forward()
            if chance.random() < 0.6:
                self.some_tables_fail()
            self.source.heal()
            self.quiet_syncs()

    # -- bad syncs --------------------------------------------------------------------------------------------

    def bad_sync(self) -> None:
        """One in which something goes wrong."""
        chance, source = self.chance, self.source
        self.trouble.draw()
        losing = chance.choice([0, 0, 0.2])
        self.destination.sync(max_calls=chance.choice([1, 3, 60]), losing=losing, chance=chance)
        self.look_at_keys()
        source.clock.seconds += chance.choice([10, 3_600, 90_000])
        source.change(chance.choice([0, 5, 40]))

    def look_at_keys(self) -> None:
        """Note how full the room for keys is, and how often positions have expired."""
        parts = self.destination.state.get("tables", {})
        read = [parts.get(plan.keys_part, {}) for plan in self.source.plans]
        taken = sum(len(part.get(name) or "") for part in read for name in _PACKED)
        self.happened["keys beyond it"] += bool(self.destination.over)
        self.happened["keys near the room there is for them"] += self.room / 2 < taken <= self.room
        expired = max(self.source.generations.values(), default=0)
        self.happened["a position expired four times in one table"] += expired >= 4

    def _landed(self, parts: dict[str, dict[str, Any]]) -> None:
        """An answer with these parts of the state has landed."""
        for plan in self.source.plans:
            part = parts.get(plan.name, {})
            at = part.get("at") or {}
            if plan.kind == "kept":
                self.source.deltas[plan.name].note(part)
                self.happened["a call cut within a pass of changes"] += "token" in at and "after" in at
            self.happened["a call cut within a parent"] += "parent" in at and "after" in at
            self.happened["a row and its children sent in parts"] += bool(plan.lines and part.get("sent"))

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
            self.leave_time_for_sets(well)
            said = self.destination.sync()
            claims.require_the_failure(source, self.destination, said, number, settled=number >= SETTLING)
            if number >= SETTLING:
                claims.require_arrived(source, self.destination, new, self.trouble.leftovers)
                happened["new rows while a table fails"] += bool(new)
            source.clock.seconds += 600

    def leave_time_and_room(self) -> None:
        """Without an id only tables whose reading fits into one call go on while others fail (docs/what-holds.md)."""
        if self.destination.sends_id:
            self.source.seconds_a_page = self.chance.choice([0, 0, 1])
        else:
            os.environ["FIVETRAN_ANSWER_BYTES"] = str(10**6)

    def leave_time_for_sets(self, plans: list[Plan]) -> None:
        """A page is read within a call, and the sets of its rows with it (docs/what-holds.md)."""
        if any(self.source.requests_of_a_page(plan) > _REQUESTS_A_CALL for plan in plans):
            self.source.seconds_a_page = 0

    def new_rows(self, plans: list[Plan]) -> list[tuple[Plan, Thing]]:
        """Some are added and some edited."""
        chance, source, products = self.chance, self.source, self.destination.secrets["products"]
        new: dict[tuple[str, int], tuple[Plan, Thing]] = {}
        for plan in plans:
            for _ in range(chance.choice([0, 1, 3])):
                now, rows = int(source.clock.seconds), source.visible(plan, products)
                if rows and chance.random() < 0.5:
                    source.edit(plan, thing := chance.choice(rows), now)
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
        claims.require_equal(self.source, self.destination, self.trouble.leftovers)

    def confirm(self) -> None:
        """A person says that what is held back is really deleted."""
        for part in self.destination.state.get("tables", {}).values():
            if "asked" in part:
                part["confirm"] = part["asked"]
