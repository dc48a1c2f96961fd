"""Repositories and their issues, asked for by time of change: a repository that is added later has all its issues."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from fivetran_runtime import Bearer, Client, Config, Connector, PageNumber, Secret


class Acme(Config):
    token: Secret
    url: str = "https://api.acme.example"


app = Connector("acme", config=Acme, client=lambda config: Client(config.url, auth=Bearer(config.token)))


def repositories(acme: Client) -> Iterator[int]:
    yield from (one["id"] for one in acme.get("/repositories")["items"])


@app.table(key="id", cursor="updated_at", parents=repositories)
def issues(acme: Client, repository: int, since: datetime | None, page: int = 1) -> Iterator[Any]:
    yield from acme.pages(f"/repositories/{repository}/issues", PageNumber(page, size=5), since=since)


@app.check
def can_list(acme: Client) -> None:
    acme.get("/repositories")


main = app.handler
