"""A search by POST that lists no more than so many rows: each page goes on from the last id, and is the beginning of a search."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from fivetran_runtime import Bearer, Client, Config, Connector, Keyset, Secret


class Acme(Config):
    token: Secret
    url: str = "https://api.acme.example"


app = Connector("acme", config=Acme, client=lambda config: Client(config.url, auth=Bearer(config.token)))


@app.table(key="id", cursor="modified", lookback=timedelta(seconds=1))
def companies(acme: Client, since: datetime | None, after: int | None = None) -> Iterator[Any]:
    filters: list[Any] = [{"name": "id", "op": "GT", "value": 0}]
    if since:
        filters.append({"name": "modified", "op": "GTE", "value": f"{since:%Y-%m-%dT%H:%M:%SZ}"})
    pages = Keyset(after, param="filters.0.value", size=5)
    for one in acme.pages("/search", pages, rows="results", json={"sort": "id", "filters": filters}):
        yield {"id": one["id"], **one["properties"]} if isinstance(one, dict) else one


@app.check
def can_search(acme: Client) -> None:
    acme.post("/search", json={"sort": "id", "filters": [], "limit": 1})


main = app.handler
