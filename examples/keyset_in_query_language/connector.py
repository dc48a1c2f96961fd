"""A tracker with a query language: after an instant that many tickets share, the next page goes on by their numbers."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from fivetran_runtime import Bearer, Client, Config, Connector, Keyset, Secret


class Acme(Config):
    token: Secret
    url: str = "https://api.acme.example"


app = Connector("acme", config=Acme, client=lambda config: Client(config.url, auth=Bearer(config.token)))

BEHIND = "LastUpdated > '{0}' OR (LastUpdated = '{0}' AND id > {1})"


@app.table(key="id", cursor="LastUpdated", lookback=timedelta(seconds=1))
def tickets(acme: Client, since: datetime | None, after: list[Any] | None = None) -> Iterator[Any]:
    pages = Keyset(after, column="LastUpdated", then="id", condition=BEHIND, param="query", size=5)
    first = f"LastUpdated >= '{since:%Y-%m-%dT%H:%M:%SZ}'" if since else "id > 0"
    yield from acme.pages("/tickets", pages, rows="items", query=first, orderby="LastUpdated,id")


@app.check
def can_list(acme: Client) -> None:
    acme.get("/tickets", query="id = 0")


main = app.handler
