"""A tracker with offsets and a total, changes since a moment, deletes it does not tell of, and no error for a wrong key."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from fivetran_runtime import Client, Config, Connector, HeaderKey, Offset, Secret


class Redmine(Config):
    key: Secret
    url: str


def connect(config: Redmine) -> Client:
    return Client(config.url, auth=HeaderKey("X-Redmine-API-Key", config.key))


app = Connector("redmine", config=Redmine, client=connect)


@app.before
def key_is_right(redmine: Client) -> None:
    redmine.get("/users/current.json")


def numbers(redmine: Client, offset: int = 0) -> Iterator[Any]:
    yield from redmine.pages(
        "/issues.json", Offset(offset, size=10, total="total_count"), rows="issues", sort="id"
    )


@app.table(key="id", cursor="updated_on", lookback=timedelta(seconds=1), on_missing="delete", listing=numbers)
def issues(redmine: Client, since: datetime | None, offset: int = 0) -> Iterator[Any]:
    bound = since and f">={since:%Y-%m-%dT%H:%M:%SZ}"
    pages = Offset(offset, size=10, total="total_count")
    yield from redmine.pages(
        "/issues.json", pages, rows="issues", sort="id", include="attachments", updated_on=bound
    )


main = app.handler
