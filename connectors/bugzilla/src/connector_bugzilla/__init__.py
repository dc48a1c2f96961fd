"""Bugzilla: the products you name, with their components and bugs.

Works with bugzilla.mozilla.org and any Bugzilla from 5.0. Two things that look natural fail there: a key in a header
(5.0 ignores it and answers as for a stranger), and taking a short page for the last one (the server caps pages).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Annotated, Any
from urllib.parse import urlsplit

from msgspec import Meta

from fivetran_runtime import At, Client, Config, ConfigurationError, Connector, Offset, QueryKey, Secret

__version__ = "0.2.1"

BUG = "id,summary,assigned_to,creation_time,status,last_change_time,creator,product,component"
COMPONENT = ("id", "name", "description", "default_qa_contact", "is_active")
PRODUCT = ",".join(["name", *(f"components.{column}" for column in COMPONENT)])


class BugzillaConfig(Config):
    """What Fivetran sends as secrets."""

    url: Annotated[str, Meta(description="With or without /rest.", examples=["https://bugzilla.mozilla.org"])]
    api_key: Annotated[Secret, Meta(description="An API key of an account that sees the products.")]
    products: Annotated[list[str], Meta(description="Products to read.", examples=[["Firefox", "Toolkit"]])]
    bug_limit: Annotated[int, Meta(description="Bugs asked for at once.", ge=1)] = 500
    max_date: Annotated[str | None, Meta(description="First day to read.", examples=["2020-01-31"])] = None
    reconcile: Annotated[
        bool, Meta(description="List all ids in every sync, to find bugs that left or became visible.")
    ] = False

    def __post_init__(self) -> None:
        """Refuse what Bugzilla would take without a word, and answer with every bug it has."""
        if not self.products:
            raise ValueError("products is empty: name the products to read.")
        self.first_change()

    def first_change(self) -> datetime | None:
        """How far back the first sync goes; None: to the first bug."""
        try:
            start = datetime.fromisoformat(self.max_date) if self.max_date else None
        except ValueError:
            raise ValueError("max_date must be a day like 2026-01-31.") from None
        return start if start is None or start.tzinfo else start.replace(tzinfo=UTC)

    def address(self) -> str:
        """The address of the API, however it was typed."""
        return self.url.rstrip("/").removesuffix("/rest") + "/rest"

    def selection(self) -> list[Any]:
        """What decides which bugs there are; a port or a protocol does not."""
        address = urlsplit(self.address())
        return [address.hostname, address.path, sorted(self.products), self.max_date]


@dataclass(frozen=True)
class Tracker:
    """A Bugzilla and the part of it that is read."""

    api: Client
    config: BugzillaConfig

    @cached_property
    def visible(self) -> list[dict[str, Any]]:
        """The products of the configured ones that the key sees; asked for once in each call."""
        return list(self.api.get("/product", names=self.config.products, include_fields=PRODUCT)["products"])

    def products(self) -> list[dict[str, Any]]:
        """The configured products; Bugzilla itself leaves unknown and invisible ones out without a word."""
        if missing := sorted(set(self.config.products) - {product["name"] for product in self.visible}):
            message = f"products: unknown, or not visible to this API key: {', '.join(missing)}."
            raise ConfigurationError(message, hint="Write them as Bugzilla does, capitals included.")
        return self.visible

    def names(self) -> Mapping[int, Any]:
        """What bugs hold of components, and of their products."""
        return {
            component["id"]: [product["name"], component["name"]]
            for product in self.visible
            for component in product["components"]
        }

    def bugs(self, start: datetime | str | None, offset: int, limit: int) -> list[dict[str, Any]]:
        """A page of bugs changed in or after a second, in order of change; an empty one only past the end."""
        order = "changeddate,bug_id"  # by any other spelling it is not sorted, and nothing says so
        return self.search(order=order, last_change_time=start, limit=limit, offset=offset)

    def search(self, **what: Any) -> list[dict[str, Any]]:
        """A page of the products' bugs, with the columns of the table."""
        page = self.api.get("/bug", product=self.config.products, include_fields=BUG, **what)
        return [{column: bug[column] for column in BUG.split(",")} for bug in page["bugs"]]

    def bugs_behind(self, start: datetime | str | None, taken: int, last: int) -> list[dict[str, Any]] | None:
        """The page behind the bugs already taken; None when the last of those is not where it was."""
        page = self.bugs(start, taken, self.config.bug_limit)
        # Looked at afterwards: what was moved before the page was made is seen, what is moved later does no harm.
        there = self.bugs(start, taken - 1, limit=1) if taken else []
        return page if [bug["id"] for bug in there] == [last] * bool(taken) else None


def connect(config: BugzillaConfig) -> Tracker:
    """The Bugzilla at the address."""
    return Tracker(Client(config.address(), auth=QueryKey("Bugzilla_api_key", config.api_key)), config)


OLD_STATE = ("offset", "since_id")
app = Connector(
    "bugzilla", version=__version__, config=BugzillaConfig, client=connect, replaces_state=OLD_STATE
)


@app.table(key="name", on_missing="delete")
def products(tracker: Tracker) -> Iterator[dict[str, Any]]:
    """The configured products."""
    yield from ({"name": product["name"]} for product in tracker.products())


@app.table(key="id", on_missing="delete")
def components(tracker: Tracker) -> Iterator[dict[str, Any]]:
    """Their components; two products may each have a component of the same name."""
    for product in tracker.products():
        for component in product["components"]:
            yield {**{column: component[column] for column in COMPONENT}, "product": product["name"]}


def bug_ids(tracker: Tracker, offset: int = 0) -> Iterator[Any]:
    """The ids of all bugs to read; pages overlap, since a bug that goes pulls the others forward."""
    tracker.products()  # bugs of a product that is out of sight for a while, or renamed, still exist
    paginator, start = Offset(offset, size=10_000, overlap=100), tracker.config.first_change()
    what: dict[str, Any] = {"product": tracker.config.products, "order": "bug_id", "include_fields": "id"}
    yield from tracker.api.pages("/bug", paginator, rows="bugs", last_change_time=start, **what)


def some_bugs(tracker: Tracker, ids: list[int]) -> Iterator[dict[str, Any]]:
    """Bugs by their ids; the server may cap the answer, and leaves out what the key does not see."""
    what = {"id": ",".join(map(str, ids)), "order": "bug_id", "limit": len(ids)}
    taken = 0
    while taken < len(ids) and (page := tracker.search(offset=taken, **what)):
        yield from page
        taken += len(page)


# A bug that changes while we read moves to the end of the list, and all behind its old place move up by one: a plain
# offset would skip one of them. So each page begins again at the second that the last one reached. Only within a
# second that fills a whole page (a mass change) do we count, and look whether the bug we stopped at is where it was.
@app.table(
    key="id",
    cursor="last_change_time",
    lookback=timedelta(minutes=10),  # a slow transaction commits changes older than what we have seen
    in_order=True,
    floor=BugzillaConfig.first_change,
    scope=BugzillaConfig.selection,
    embeds=Tracker.names,  # a product or component that is renamed changes none of its bugs
    on_missing=lambda config: "delete" if config.reconcile else "keep",
    listing=bug_ids,
    fetch=some_bugs,
)
def bugs(
    tracker: Tracker, since: datetime | None, second: str | None = None, taken: int = 0, last: int = 0
) -> Iterator[dict[str, Any] | At]:
    """Bugs changed since; the position is a second, how many of its bugs are taken, and the last one's id."""
    while True:
        page = tracker.bugs_behind(second or since, taken, last)
        if page is None:
            taken = 0
            continue
        if not page:
            return
        yield from page
        last, reached = page[-1]["id"], page[-1]["last_change_time"]
        second, taken = reached, taken + len(page) if reached == second else 0
        yield At(second=second, taken=taken, last=last)


@app.check
def can_see_products(tracker: Tracker) -> None:
    """Tells a wrong key, a wrong address and unknown products."""
    tracker.products()


main = app.handler
