"""The connector of a history: its tables as their plans say."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from fivetran_runtime import At, Config, Connector, Secret, TransientError
from histories.source import LONGEST_LATE, Order, Plan, Source, understood

ORDERS: tuple[Order, ...] = ("id", "random", "parent", "ascending", "descending")
NO_LONGER_KNOWN = (400, 404, 410, 422)


class Settings(Config):
    """The secrets of a generated connector."""

    token: Secret
    products: list[str]
    url: str
    size: int = 100


def draw_plan(chance: random.Random, number: int) -> Plan:
    """How one table is declared, and what its source does."""
    kind: Literal["whole", "cursor"] = chance.choice(["whole", "cursor", "cursor"])
    order = chance.choice(ORDERS)
    lookback = chance.choice([0, LONGEST_LATE, 60])
    deletes, page = chance.random() < 0.6, chance.choice([1, 3, 10, 40])
    return Plan(
        name=f"t{number}",
        kind=kind,
        unit=chance.choice(["instant", "instant", "seconds", "number"]),
        order=order,
        deletes=deletes,
        fetches=deletes and chance.random() < 0.5,
        lookback=lookback,
        in_order=order == "ascending" and lookback > 0 and chance.random() < 0.7,
        page=page,
        windows=chance.choice([0, 0, 0, 0, 12]),
        asks_before=chance.random() < 0.3,
        max_missing=chance.choice([0.5, 0.5, 1]),
        padding=chance.choice([0, 200, 300]) if page < 40 else 0,  # a page fits into the smallest answer
        unknown=chance.choice(NO_LONGER_KNOWN),
    )


def connector(source: Source) -> Connector:
    """A connector of all tables of a source."""
    app = Connector("history", config=Settings)
    for plan in source.plans:
        declare(app, source, plan)
    return app


@dataclass
class _Reader:
    """How the connector reads one table."""

    source: Source
    plan: Plan

    def pages(
        self, settings: Settings, since: Any, link: str | None, after: list[int] | None, window: int
    ) -> Iterator[Any]:
        source, plan = self.source, self.plan
        self._require_known(settings, link)
        if plan.asks_before:
            source.answer(plan)
        for number in range(window, plan.windows):
            source.answer(plan)
            yield self._at(settings, None, number + 1)
        asked = understood(plan, since)
        while things := source.list(plan, settings.products, asked, tuple(after) if after else None):
            yield from (source.row(plan, thing) for thing in things)
            after = list(source.place(plan, things[-1]))
            yield self._at(settings, after, plan.windows)

    def _require_known(self, settings: Settings, link: str | None) -> None:
        if link and not link.startswith(settings.url):
            raise TransientError(f"{link} leads to another host")
        if link:
            self.source.require_known(self.plan, int(link.rpartition("/")[2]))

    def _at(self, settings: Settings, after: list[int] | None, window: int) -> At:
        generation = self.source.generations.get(self.plan.name, 0)
        return At(link=f"{settings.url}/{generation}", after=after, window=window)

    def some(self, settings: Settings, keys: list[Any]) -> Iterable[Any]:
        source, plan = self.source, self.plan
        source.answer(plan)
        wanted = {str(key) for key in keys}
        found = [thing for thing in source.visible(plan, settings.products) if str(thing.id) in wanted]
        return [source.row(plan, thing) for thing in found]


def declare(app: Connector, source: Source, plan: Plan) -> None:
    """One table."""
    reader = _Reader(source, plan)

    def whole(
        settings: Settings, link: str | None = None, after: list[int] | None = None, window: int = 0
    ) -> Iterator[Any]:
        return reader.pages(settings, None, link, after, window)

    def changed(
        settings: Settings,
        since: Any,
        link: str | None = None,
        after: list[int] | None = None,
        window: int = 0,
    ) -> Iterator[Any]:
        return reader.pages(settings, since, link, after, window)

    common: dict[str, Any] = {"key": "id", "name": plan.name, "max_missing": plan.max_missing}
    common |= {"on_missing": "delete"} if plan.deletes else {}
    if plan.kind == "whole":
        app.table(**common)(whole)
        return
    changed.__annotations__["since"] = datetime if plan.unit == "instant" else int
    lookback: Any = timedelta(seconds=plan.lookback) if plan.unit == "instant" else plan.lookback
    app.table(
        cursor="at",
        lookback=lookback or None,
        epoch="seconds" if plan.unit == "seconds" else None,
        in_order=plan.in_order,
        listing=whole if plan.deletes else None,
        fetch=reader.some if plan.fetches else None,
        **common,
    )(changed)
