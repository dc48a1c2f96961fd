"""Histories: a generated connector over many bad syncs, then quiet ones; the destination must equal the source.

    python histories.py --count 10000 --seed 1      # prints the seeds that fail; each is a history of its own
    python histories.py --seed 4711 --count 1 --verbose

A history draws a connector (whole tables, tables with a cursor in any order, with a declared order, with a listing,
with `fetch=`), a source whose rows change while they are read, and what goes wrong: tables that fail for syncs in a
row, answers that are lost, calls filled by bytes or by time, positions that expire, filters that widen and narrow,
rows that are hidden and shown, ids that change their type, rows dated ahead, clocks an hour wrong, releases in
between, syncs without an id, a state of {}. Once the source is well, QUIET syncs have to bring everything.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import io
import json
import multiprocessing
import os
import random
import sys
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from unittest import mock

from fivetran_runtime import At, Config, ConfigurationError, Connector, Secret, TransientError, keys, missing
from fivetran_runtime.clock import use_clock
from fivetran_runtime.invocation import running

START = datetime(2026, 1, 1, tzinfo=UTC)
QUIET = 6
"""Syncs that the policy may need: one ends what is open, one reads again, two miss a key, and two bring keys back."""
TIME_OUT = 60
PRODUCTS = ("a", "b", "c")
PARENTS = 3
LONGEST_LATE = 20

Order = Literal["id", "random", "parent", "ascending", "descending"]
ORDERS: tuple[Order, ...] = ("id", "random", "parent", "ascending", "descending")


class BrokenPromiseError(AssertionError):
    """The promise was broken."""


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


@dataclass
class Plan:
    """How one table is declared, and what its source does."""

    name: str
    kind: Literal["whole", "cursor"]
    unit: Literal["instant", "seconds", "number"]
    order: Order
    deletes: bool
    fetches: bool
    lookback: int
    in_order: bool
    page: int
    asks_before: bool
    max_missing: float

    @property
    def finds_hidden(self) -> bool:
        """Whether rows that come back with an old date are found."""
        return self.kind == "whole" or self.deletes


@dataclass
class World:
    """The source of all tables, its clock, and what is wrong with it at present."""

    chance: random.Random
    plans: list[Plan]
    clock: Clock = field(default_factory=Clock)
    tables: dict[str, dict[int, Thing]] = field(default_factory=dict)
    rank: dict[str, dict[int, int]] = field(default_factory=dict)
    late: list[tuple[float, str, int, int]] = field(default_factory=list)
    values: int = 0
    state: dict[str, Any] = field(default_factory=dict)
    """The state that Fivetran holds: which keys the last whole listing has shown."""
    ids_are_text: bool = False
    may_date_ahead: bool = False
    failing: dict[str, float] = field(default_factory=dict)
    hanging: set[str] = field(default_factory=set)
    expiring: float = 0.0
    seconds_a_page: float = 0.0
    changes_a_page: int = 0

    def grow(self, plan: Plan) -> None:
        things = self.tables.setdefault(plan.name, {})
        self.rank.setdefault(plan.name, {})
        for _ in range(self.chance.choice([0, 1, 5, 30, 60])):
            self.add(plan, at=-self.chance.randrange(1, 1_000))
        assert len(things) == len(self.rank[plan.name])

    def add(self, plan: Plan, at: int | None) -> None:
        rank, self.values = self.rank[plan.name], self.values + 1
        number = max(rank, default=0) + 1
        rank[number] = self.chance.randrange(10**6)
        product = self.chance.choice(PRODUCTS)
        self.tables[plan.name][number] = Thing(number, at, self.values, product)

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
            if (thing := self.tables[name].get(number)) and (thing.at is None or thing.at < at):
                self.values += 1
                thing.at, thing.value = at, self.values

    def _change(self, plan: Plan, things: dict[int, Thing]) -> None:
        now, chance = int(self.clock.seconds), self.chance
        what = chance.choice(["add", "edit", "edit", "edit", "remove", "hide", "show"])
        if what == "add" or not things:
            old = plan.finds_hidden and chance.random() < 0.2
            self.add(plan, at=chance.choice([None, now - 5_000]) if old else self._date(plan, now))
            return
        thing = things[chance.choice(list(things))]
        if what == "edit" and plan.lookback >= LONGEST_LATE and chance.random() < 0.3:
            self.late.append((now + chance.randrange(1, LONGEST_LATE), plan.name, thing.id, now))
        elif what == "edit":
            self.values += 1
            thing.at, thing.value = self._date(plan, now), self.values
        elif what == "remove":
            del things[thing.id]
        elif plan.finds_hidden and what == "hide":
            thing.hidden = True
        elif thing.hidden:
            self.show(plan, thing)

    def show(self, plan: Plan, thing: Thing) -> None:
        """It is there again: with its old date, or a new one where no listing has noticed that it was gone."""
        part = self.state.get("tables", {}).get(
            plan.name if plan.kind == "whole" else f"{plan.name}.keys", {}
        )
        known = keys.unpack(part.get("keys"))
        if plan.kind == "cursor" and (thing.id in known or part.get("found")):
            self.values += 1
            thing.at, thing.value = int(self.clock.seconds), self.values
        thing.hidden = False

    def _date(self, plan: Plan, now: int) -> int:
        ahead = self.may_date_ahead and plan.unit != "number" and self.chance.random() < 0.1
        return now + self.chance.choice([1_800, 3_600, 10**8]) if ahead else now

    def hide_most(self) -> None:
        """A group is lost, a replica lags, or a wrong key is answered with the public part."""
        for plan in self.plans:
            if plan.finds_hidden:
                for thing in self.tables[plan.name].values():
                    thing.hidden |= self.chance.random() < 0.8

    def heal(self) -> None:
        """The source is well, and nothing changes any more."""
        self.failing, self.expiring, self.changes_a_page = {}, 0.0, 0
        self.hanging, self.seconds_a_page = set(), 0
        for plan in self.plans:
            for thing in self.tables[plan.name].values():
                if thing.hidden:
                    self.show(plan, thing)
        self.clock.skew = 0
        self.clock.seconds += LONGEST_LATE + 1
        self.commit(all_of_them=True)

    def visible(self, plan: Plan, settings: Settings) -> list[Thing]:
        things = self.tables[plan.name].values()
        return [thing for thing in things if thing.product in settings.products and not thing.hidden]

    # What the connector asks

    def answer(self, plan: Plan) -> None:
        """A request is answered, or not."""
        invocation = running()
        invocation.requests += 1
        if self.chance.random() < 0.1:
            invocation.requests, invocation.retries = invocation.requests + 1, invocation.retries + 1
        if plan.name in self.hanging:
            self.clock.sleep(TIME_OUT)
        self.clock.sleep(self.seconds_a_page)
        invocation.budget.require(0, "the request")
        if self.chance.random() < self.failing.get(plan.name, 0):
            raise TransientError("HTTP 503")

    def list(self, plan: Plan, settings: Settings, since: int | None, after: Place | None) -> list[Thing]:
        """A page in the plan's order of what has changed since."""
        self.answer(plan)
        found = sorted(
            (self.place(plan, thing), thing.id, copy.copy(thing))
            for thing in self.visible(plan, settings)
            if since is None or (thing.at is not None and thing.at >= since)
        )
        page = [thing for place, _, thing in found if after is None or place > after][: plan.page]
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
        return {"id": number, "at": written(plan, thing.at), "value": thing.value}


Place = tuple[int, ...]


class Settings(Config):
    """The secrets of a generated connector."""

    token: Secret
    products: list[str]
    url: str
    size: int = 100


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


def draw_plan(chance: random.Random, number: int) -> Plan:
    kind: Literal["whole", "cursor"] = chance.choice(["whole", "cursor", "cursor"])
    order = chance.choice(ORDERS)
    lookback = chance.choice([0, LONGEST_LATE, 60])
    deletes = chance.random() < 0.6
    return Plan(
        name=f"t{number}",
        kind=kind,
        unit=chance.choice(["instant", "instant", "seconds", "number"]),
        order=order,
        deletes=deletes,
        fetches=deletes and chance.random() < 0.5,
        lookback=lookback,
        in_order=order == "ascending" and lookback > 0 and chance.random() < 0.7,
        page=chance.choice([1, 3, 10, 40]),
        asks_before=chance.random() < 0.3,
        max_missing=chance.choice([0.5, 0.5, 1]),
    )


def connector(world: World) -> Connector:
    """The connector of a history: its tables as their plans say."""
    app = Connector("history", config=Settings)
    for plan in world.plans:
        declare(app, world, plan)
    return app


def declare(app: Connector, world: World, plan: Plan) -> None:
    def pages(settings: Settings, since: Any, link: str | None, after: list[int] | None) -> Iterator[Any]:
        if link and not link.startswith(settings.url):
            raise TransientError(f"{link} leads to another host")
        if link and world.chance.random() < world.expiring:
            running().requests += 1
            raise ConfigurationError("the token has expired", status=410)
        if plan.asks_before:
            world.answer(plan)
        asked = understood(plan, since)
        while things := world.list(plan, settings, asked, tuple(after) if after else None):
            yield from (world.row(plan, thing) for thing in things)
            after = list(world.place(plan, things[-1]))
            yield At(link=f"{settings.url}/{plan.name}", after=after)

    def whole(settings: Settings, link: str | None = None, after: list[int] | None = None) -> Iterator[Any]:
        return pages(settings, None, link, after)

    def since(
        settings: Settings, since: Any, link: str | None = None, after: list[int] | None = None
    ) -> Iterator[Any]:
        return pages(settings, since, link, after)

    def some(settings: Settings, wanted_keys: list[Any]) -> Iterable[Any]:
        world.answer(plan)
        wanted = {str(key) for key in wanted_keys}
        found = [thing for thing in world.visible(plan, settings) if str(thing.id) in wanted]
        return [world.row(plan, thing) for thing in found]

    common: dict[str, Any] = {"key": "id", "name": plan.name, "max_missing": plan.max_missing}
    common |= {"on_missing": "delete"} if plan.deletes else {}
    if plan.kind == "whole":
        app.table(**common)(whole)
        return
    since.__annotations__["since"] = datetime if plan.unit == "instant" else int
    lookback: Any = timedelta(seconds=plan.lookback) if plan.unit == "instant" else plan.lookback
    app.table(
        cursor="at",
        lookback=lookback or None,
        epoch="seconds" if plan.unit == "seconds" else None,
        in_order=plan.in_order,
        listing=whole if plan.deletes else None,
        fetch=some if plan.fetches else None,
        **common,
    )(since)


# -- Fivetran's side ----------------------------------------------------------------------------------------


@dataclass
class Posted:
    """A request, as much of one as the handler looks at."""

    body: bytes
    method: str = "POST"
    headers: dict[str, str] = field(default_factory=dict)

    def get_data(self) -> bytes:
        return self.body


@dataclass
class Destination:
    """A connection: the state Fivetran holds, and the rows that have landed, table to canonical key to row."""

    main: Any
    secrets: dict[str, Any]
    sends_id: bool
    state: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    syncs: int = 0
    log: list[str] = field(default_factory=list)

    def call(self, *, lost: bool = False) -> tuple[int, dict[str, Any]]:
        body: dict[str, Any] = {"state": self.state, "secrets": self.secrets}
        body |= {"sync_id": f"s{self.syncs}"} if self.sends_id else {}
        content, status, _ = self.main(Posted(json.dumps(body).encode()))
        answer: dict[str, Any] = json.loads(content)
        if status == 200 and not lost:
            self._apply(answer)
        self.log.append(f"{status} {answer.get('errorMessage', '')} more={answer.get('hasMore')} lost={lost}")
        return status, answer

    def _apply(self, answer: dict[str, Any]) -> None:
        for name in answer["insert"].keys() | answer["delete"].keys():
            rows = self.tables.setdefault(name, {})
            deleted = {str(row["id"]) for row in answer["delete"].get(name, [])}
            inserted = {str(row["id"]): row for row in answer["insert"].get(name, [])}
            if deleted & inserted.keys():
                raise BrokenPromiseError(f"{name}: a key is inserted and deleted in one answer")
            for key in deleted:
                rows.pop(key, None)
            rows.update(inserted)
        self.state.clear()
        self.state.update(answer["state"])

    def sync(self, *, most_calls: int = 400, losing: float = 0.0, chance: random.Random | None = None) -> str:
        """Call until there is no more; the last error's text, or nothing."""
        self.syncs += 1
        empty = 0
        for _ in range(most_calls):
            status, answer = self.call(lost=bool(chance and chance.random() < losing))
            if status != 200:
                return str(answer["errorMessage"])
            empty = 0 if answer["insert"] or answer["delete"] else empty + 1
            if empty > 10:
                return "Fivetran: more than 10 empty answers"
            if not answer["hasMore"]:
                return ""
        return "given up"


# -- a history ----------------------------------------------------------------------------------------------


def run(seed: int) -> Destination:
    """One history.

    Raises:
        BrokenPromiseError: after quiet syncs the destination is not what the source is.
    """
    chance = random.Random(seed)
    plans = [draw_plan(chance, number) for number in range(chance.randrange(1, 4))]
    world = World(chance, plans, may_date_ahead=chance.random() < 0.4)
    for plan in plans:
        world.grow(plan)
    secrets = {"token": "x", "products": ["a", "b"], "url": "https://one"}
    destination = Destination(connector(world).handler, secrets, sends_id=chance.random() < 0.7)
    world.state = destination.state
    room = 300 if chance.random() < 0.05 else missing.KEYS_BYTES
    environment = {"FIVETRAN_ANSWER_BYTES": str(chance.choice([8_000, 20_000, 10**6]))}
    stale: set[tuple[str, str]] = set()
    with (
        use_clock(world.clock),
        mock.patch.dict("os.environ", environment),
        mock.patch.object(missing, "KEYS_BYTES", room),
    ):
        for _ in range(chance.randrange(2, 8)):
            disturb(world, destination, stale)
            losing = chance.choice([0, 0, 0.2])
            destination.sync(most_calls=chance.choice([1, 3, 60]), losing=losing, chance=chance)
            world.clock.seconds += chance.choice([10, 3_600, 90_000])
            world.change(chance.choice([0, 5, 40]))
        world.heal()
        end(world, destination, stale)
    return destination


def disturb(world: World, destination: Destination, stale: set[tuple[str, str]]) -> None:
    """Draw what is wrong during the next sync, and what has changed since the last."""
    chance = world.chance
    names = [plan.name for plan in world.plans]
    world.failing = {name: chance.choice([0, 0, 0.1, 1]) for name in names}
    world.hanging = {name for name in names if chance.random() < 0.08}
    world.expiring = chance.choice([0, 0, 0.5, 1])
    world.seconds_a_page = chance.choice([0, 0, 5, 20])
    world.changes_a_page = chance.choice([0, 0, 3])
    slow = chance.choice([0, 0, 0, -3_600])
    world.clock.skew = slow if world.may_date_ahead else chance.choice([slow, 3_600])
    if chance.random() < 0.1:
        world.ids_are_text = not world.ids_are_text
    if chance.random() < 0.1:
        world.hide_most()
    if chance.random() < 0.2:
        destination.secrets["products"] = chance.choice([["a"], ["a", "b"], ["a", "b", "c"], ["c"]])
    if chance.random() < 0.1:
        destination.secrets |= {
            "token": f"x{chance.random()}",
            "url": chance.choice(["https://one", "https://two"]),
        }
    if chance.random() < 0.15:
        change_release(destination, chance)
    if chance.random() < 0.05:
        destination.state.clear()
        stale |= {(name, key) for name, rows in destination.tables.items() for key in rows}


def change_release(destination: Destination, chance: random.Random) -> None:
    """Another release has held the state: it adds members of its own, or had never known some of ours."""
    state = copy.deepcopy(destination.state)
    for part in state.get("tables", {}).values():
        if chance.random() < 0.5:
            part["later"] = {"x": 1}
        if chance.random() < 0.3:
            for member in ("newest", "first", "declared", "kinds"):
                part.pop(member, None)
    destination.state.update(state and state | {"kept": {"token": "y"}})


def end(world: World, destination: Destination, stale: set[tuple[str, str]]) -> None:
    """The source is well: quiet syncs bring everything, and then nothing changes any more."""
    for number in range(QUIET + 4):
        told = destination.sync()
        if told and "do not fit into the state" not in told and number > 1:
            raise BrokenPromiseError(f"quiet sync {number + 1}: {told}")
        confirm(destination)
        world.clock.seconds += 600
    if wrong := differences(world, destination, stale):
        raise BrokenPromiseError("; ".join(wrong))
    before = marks(destination)
    destination.sync()
    if marks(destination) != before:
        raise BrokenPromiseError("a quiet source moves marks")


def marks(destination: Destination) -> dict[str, Any]:
    """What is remembered of the tables, without the count that fades."""
    return {name: {**part, "lost": 0} for name, part in destination.state["tables"].items()}


def confirm(destination: Destination) -> None:
    """A person says that what is held back is really gone."""
    for part in destination.state.get("tables", {}).values():
        if "asked" in part:
            part["confirm"] = part["asked"]


def differences(
    world: World, destination: Destination, stale: set[tuple[str, str]]
) -> Iterator[str] | list[str]:
    """Where the destination is not what the source is, in words."""
    settings = Settings(token=Secret("x"), products=destination.secrets["products"], url="u")
    wrong = []
    for plan in world.plans:
        expected = {str(thing.id): world.row(plan, thing) for thing in world.visible(plan, settings)}
        rows = destination.tables.get(plan.name, {})
        bad = [key for key, row in expected.items() if key not in rows or rows[key]["value"] != row["value"]]
        wrong += [f"{plan}: lost or old: {bad}"] if bad else []
        over = destination.state["tables"].get(plan.name, {}) | destination.state["tables"].get(
            f"{plan.name}.keys", {}
        )
        if plan.deletes and "over" not in over:
            extra = [key for key in rows if key not in expected and (plan.name, key) not in stale]
            wrong += [f"{plan}: not deleted: {extra}"] if extra else []
    return wrong


def outcome(seed: int) -> tuple[int, str]:
    """A seed, and what was wrong with its history; nothing when all was right."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            run(seed)
    except BrokenPromiseError as failed:
        return seed, str(failed)
    except Exception:  # noqa: BLE001 - whatever it is, the seed is to be told
        return seed, traceback.format_exc()
    return seed, ""


def main() -> None:
    """Run histories on all cores and print the seeds that fail."""
    parser = argparse.ArgumentParser(
        prog="histories", description="Many bad syncs, then quiet ones, against a model."
    )
    parser.add_argument("--count", type=int, default=1_000, help="how many histories (1,000)")
    parser.add_argument(
        "--seed", type=int, default=1, help="the first one's seed; the others count on from it (1)"
    )
    parser.add_argument(
        "--verbose", action="store_true", help="print what each call of a failing history answered"
    )
    options = parser.parse_args()
    failed = 0
    with multiprocessing.Pool(os.cpu_count()) as pool:
        seeds = range(options.seed, options.seed + options.count)
        for seed, wrong in pool.imap_unordered(outcome, seeds, chunksize=20):
            if wrong:
                failed += 1
                print(f"seed {seed}: {wrong}", flush=True)
    print(f"{options.count} histories, {failed} failed.")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
