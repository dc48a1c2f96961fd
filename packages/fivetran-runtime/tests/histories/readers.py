"""How the connector of a history reads its tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from fivetran_runtime import (
    At,
    Children,
    Config,
    ConfigurationError,
    Delete,
    Keep,
    Secret,
    Skip,
    TransientError,
)
from histories.plans import Lines, Plan
from histories.rows import Thing
from histories.source import Source
from histories.times import understood


class Settings(Config):
    """The secrets of a generated connector."""

    token: Secret
    products: list[str]
    url: str
    size: int = 100


@dataclass
class Reader:
    """How the connector reads one table.

    Attributes:
        lines: how it reads the children of its rows; None for a release that does not.
    """

    source: Source
    plan: Plan
    lines: Lines | None

    def pages(
        self, settings: Settings, since: Any, link: str | None, after: list[int] | None, window: int
    ) -> Iterator[Any]:
        """All rows, or those that have changed."""
        source, plan = self.source, self.plan
        self._require_known(settings, link)
        if plan.asks_before:
            source.answer(plan)
        for number in range(window, plan.windows):
            source.answer(plan)
            yield self._at(settings, None, window=number + 1)
        place = {"window": plan.windows} if plan.windows else {}
        yield from self._list(settings, since, after, **place)

    def of_parent(
        self, settings: Settings, parent: Any, since: Any, link: str | None, after: list[int] | None
    ) -> Iterator[Any]:
        """The rows of one parent."""
        self._require_known(settings, link)
        number = int(parent.removeprefix("p")) if isinstance(parent, str) else parent
        try:
            yield from self._list(settings, since, after, parent=number)
        except ConfigurationError as refused:
            if refused.status != 404:
                raise
            yield Skip("404")

    def _list(
        self,
        settings: Settings,
        since: Any,
        after: list[int] | None,
        *,
        parent: int | None = None,
        **position: Any,
    ) -> Iterator[Any]:
        source, plan, asked = self.source, self.plan, understood(self.plan, since)
        while things := source.list(plan, settings.products, asked, tuple(after) if after else None, parent):
            for thing in things:
                yield from self._whole(thing)
            after = list(source.place(plan, things[-1]))
            yield self._at(settings, after, **position)

    def keys(
        self, settings: Settings, link: str | None, after: list[int] | None, window: int
    ) -> Iterator[Any]:
        """All rows without their children: for a listing."""
        plain = Reader(self.source, self.plan, None)
        yield from plain.pages(settings, None, link, after, window)

    def some(self, settings: Settings, keys: list[Any]) -> Iterable[Any]:
        """The rows of some keys."""
        source, plan = self.source, self.plan
        source.answer(plan)
        wanted = {str(key) for key in keys}
        for thing in source.visible(plan, settings.products):
            if str(thing.id) in wanted:
                yield from self._whole(thing)

    def kept(
        self,
        settings: Settings,
        link: str | None,
        after: list[Any] | None,
        began: str | None,
        token: str | None,
    ) -> Iterator[Any]:
        """All rows, or what a token tells."""
        source, plan = self.source, self.plan
        self._require_known(settings, link)
        if plan.token == "before":
            source.answer(plan)
            yield Keep(token=source.token(plan, settings.products))
        if token is not None:
            yield from self._reported(settings, token, *(after or (0, None)))
            return
        source.deltas[plan.name].was_listed = True
        began = began or source.token(plan, settings.products)
        yield from self._list(settings, None, after, began=began)
        if plan.token == "end":
            yield Keep(token=began)

    def _reported(self, settings: Settings, token: str, place: int, end: int | None) -> Iterator[Any]:
        source, plan = self.source, self.plan
        while True:
            found, end = source.reported(plan, token, place, end)
            if not found:
                break
            for one in found:
                yield from self._whole(one) if isinstance(one, Thing) else [Delete(id=one)]
            place += len(found)
            yield self._at(settings, [place, end])
        if plan.token == "end":
            generation, _, products = token.split("/")
            yield Keep(token=f"{generation}/{end}/{products}")

    def _whole(self, thing: Thing) -> Iterator[Any]:
        """A row, with its children."""
        source, plan, lines = self.source, self.plan, self.lines
        if lines is not None:
            inside = [source.line(plan, *line) for line in thing.lines.items()]
            apart = self._apart(lines, thing.id)
            rows: dict[str, Any] = {
                "inside": inside,
                "again": lambda: self._apart(lines, thing.id),
                "once": apart,
            }
            yield Children(plan.lines_name, rows[lines.way], thing_id=source.row(plan, thing)["id"])
        yield source.row(plan, thing)

    def _apart(self, lines: Lines, number: int) -> Iterator[Any]:
        place, source = 0, self.source
        while page := source.lines_of(self.plan, number, place, lines.page):
            yield from (source.line(self.plan, *line) for line in page)
            place += len(page)
            yield At(after=[place])

    def _require_known(self, settings: Settings, link: str | None) -> None:
        if link and not link.startswith(settings.url):
            raise TransientError(f"{link} leads to another host")
        if link:
            self.source.require_known(self.plan, int(link.rpartition("/")[2]))

    def _at(self, settings: Settings, after: list[int] | None, **others: Any) -> At:
        generation = self.source.generations.get(self.plan.name, 0)
        return At(link=f"{settings.url}/{generation}", after=after, **others)
