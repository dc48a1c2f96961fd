"""The connector of a history: its tables as their plans say, in its release of today and in an older one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from fivetran_runtime import Connector
from histories.plans import Plan
from histories.readers import Reader, Settings
from histories.source import Source


def connector(source: Source, *, is_older: bool = False) -> Connector:
    """A connector of all tables of a source; an older one knows neither tokens nor parents nor children."""
    app = Connector("history", config=Settings)

    def parents(_: Any) -> list[Any]:
        return source.names_of_parents(None)

    for plan in source.plans:
        _declare(app, source, plan, is_older=is_older, parents=parents)
    return app


def _declare(
    app: Connector, source: Source, plan: Plan, *, is_older: bool, parents: Callable[[Any], list[Any]]
) -> None:
    """One table."""
    reader = Reader(source, plan, None if is_older else plan.lines)
    options: dict[str, Any] = {"key": "id", "name": plan.name, "max_missing": plan.max_missing}
    options |= {"on_missing": "delete"} if plan.deletes else {}
    options |= {"parallel": True} if plan.is_parallel else {}
    if plan.lines and not is_older:
        options["children"] = {plan.lines_name: plan.keys[plan.lines_name]}
    if plan.kind == "kept" and not is_older:
        app.table(keeps="token", **options)(_kept(reader))
        return
    if plan.kind == "cursor":
        options |= _by_cursor(reader)
    if plan.parents and not is_older:
        own = parents if plan.parents == "shared" else lambda _: source.names_of_parents(plan)
        app.table(parents=own, **options)(_of_parent(reader))
    else:
        app.table(**options)(_changed(reader) if plan.kind == "cursor" else _whole(reader))


def _by_cursor(reader: Reader) -> dict[str, Any]:
    """What a table with a cursor declares."""
    plan = reader.plan
    lookback: Any = timedelta(seconds=plan.lookback) if plan.unit == "instant" else plan.lookback
    return {
        "cursor": "at",
        "lookback": lookback or None,
        "epoch": "seconds" if plan.unit == "seconds" else None,
        "in_order": plan.in_order,
        "listing": _keys(reader) if plan.deletes else None,
        "fetch": reader.some if plan.fetches else None,
    }


def _whole(reader: Reader) -> Any:
    def whole(
        settings: Settings, link: str | None = None, after: list[int] | None = None, window: int = 0
    ) -> Iterator[Any]:
        return reader.pages(settings, None, link, after, window)

    return whole


def _keys(reader: Reader) -> Any:
    def keys(
        settings: Settings, link: str | None = None, after: list[int] | None = None, window: int = 0
    ) -> Iterator[Any]:
        return reader.keys(settings, link, after, window)

    return keys


def _changed(reader: Reader) -> Any:
    def changed(
        settings: Settings,
        since: Any,
        link: str | None = None,
        after: list[int] | None = None,
        window: int = 0,
    ) -> Iterator[Any]:
        return reader.pages(settings, since, link, after, window)

    return _annotated(changed, reader.plan)


def _of_parent(reader: Reader) -> Any:
    def whole(
        settings: Settings, parent: Any, link: str | None = None, after: list[int] | None = None
    ) -> Iterator[Any]:
        return reader.of_parent(settings, parent, None, link, after)

    def changed(
        settings: Settings,
        parent: Any,
        since: Any,
        link: str | None = None,
        after: list[int] | None = None,
    ) -> Iterator[Any]:
        return reader.of_parent(settings, parent, since, link, after)

    return _annotated(changed if reader.plan.kind == "cursor" else whole, reader.plan)


def _annotated(function: Any, plan: Plan) -> Any:
    """What its parameters hold, which differs from plan to plan."""
    if plan.kind == "cursor":
        function.__annotations__["since"] = datetime if plan.unit == "instant" else int
    if "parent" in function.__annotations__:
        function.__annotations__["parent"] = str if plan.parents == "named" else int
    return function


def _kept(reader: Reader) -> Any:
    def kept(
        settings: Settings,
        link: str | None = None,
        after: list[int] | None = None,
        began: str | None = None,
        token: str | None = None,
    ) -> Iterator[Any]:
        return reader.kept(settings, link, after, began, token)

    return kept
