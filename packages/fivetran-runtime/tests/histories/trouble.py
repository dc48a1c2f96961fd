"""What goes wrong between the syncs of a history, and during them."""

from __future__ import annotations

import copy
import random
from collections import Counter
from dataclasses import dataclass, field

from fivetran_runtime._sync import keys
from histories.connectors import connector
from histories.destination import Destination
from histories.kinds import FAILURES
from histories.leftovers import Leftovers
from histories.source import Source

_KNOWN_LATER = ("newest", "first", "declared", "kinds", "children", "parents", "keeping")
"""Members of the state that a release may have left out."""


@dataclass
class Trouble:
    """Draws what is wrong during the next sync.

    Attributes:
        leftovers: what may stay at the destination because of it.
    """

    chance: random.Random
    source: Source
    destination: Destination
    happened: Counter[str]
    leftovers: Leftovers = field(default_factory=Leftovers)

    def __post_init__(self) -> None:
        self._today = self.destination.main
        self._older = connector(self.source, is_older=True).handler

    def draw(self) -> None:
        """Something is wrong with the source, the secrets, the release, the state; or nothing."""
        self._draw_source()
        self._change_secrets()
        if self.chance.random() < 0.15:
            self._change_members()
        if self.chance.random() < 0.07:
            self._empty_the_state()
        if self.chance.random() < 0.05:
            self._read_again_by_hand()
        if self.destination.main is not self._today:
            if self.chance.random() < 0.5:
                self.roll_forward()
        elif self.chance.random() < 0.08:
            self._roll_back()

    def _draw_source(self) -> None:
        chance, source, happened = self.chance, self.source, self.happened
        names = [plan.name for plan in source.plans]
        source.failing = {name: chance.choice([0, 0, 0.1, 1]) for name in names}
        source.broken = {name: chance.choice(FAILURES) for name in names if chance.random() < 0.12}
        source.expiring = chance.choice([0, 0, 0.5, 1])
        source.tokens_expiring = chance.choice([0, 0, 0, 0.3, 1])
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

    def _change_secrets(self) -> None:
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

    # -- the state --------------------------------------------------------------------------------------------

    def _change_members(self) -> None:
        """Another release has held the state: it adds members of its own, or had never known some of ours."""
        chance, happened = self.chance, self.happened
        # Releases send back what they do not know; only what none has depended on yet may never have been written.
        unwritten = [
            one for one in _KNOWN_LATER if one != "children" or not happened["a release rolled back"]
        ]
        state = copy.deepcopy(self.destination.state)
        for part in state.get("tables", {}).values():
            if chance.random() < 0.5:
                part["later"] = {"x": 1}
                happened["a release that adds members to the state"] += 1
            if chance.random() < 0.3:
                for member in unwritten:
                    happened["a release that knows fewer members"] += part.pop(member, None) is not None
        self.destination.state.update(state and state | {"kept": {"token": "y"}})

    def _empty_the_state(self) -> None:
        destination = self.destination
        self.happened["a state of {}"] += bool(destination.state)
        destination.state.clear()
        self.leftovers.note_all(destination.tables)

    def _read_again_by_hand(self) -> None:
        """The patch of docs/state.md."""
        parts = self.destination.state.get("tables", {})
        for name in [plan.name for plan in self.source.plans if plan.name in parts]:
            parts[name]["whole"] = True
            for member in ("since", "at", "seen"):
                parts[name].pop(member, None)
            self.happened["a table read again by hand"] += 1

    # -- the release ------------------------------------------------------------------------------------------

    def _roll_back(self) -> None:
        """An older release runs for some syncs, unless a parent is away: docs/what-holds.md."""
        parts, shown = self.destination.state.get("tables", {}), self.source.parents.shown
        for plan in self.source.plans:
            part = parts.get(plan.name, {})
            known = keys.unpack(part.get("parents"))
            read = keys.unpack(part.get("parents_read"), known)
            if plan.parents and {int(str(one).removeprefix("p")) for one in known | read} - shown:
                return
        self.destination.main = self._older
        self.source.parents.rest = True
        self.leftovers.orphans |= {plan.name for plan in self.source.plans if plan.lines}
        self.happened["a release rolled back"] += 1

    def roll_forward(self) -> None:
        """The release of today runs."""
        self.destination.main = self._today
        self.source.parents.rest = False
