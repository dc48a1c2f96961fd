"""An event log whose every page, the last one too, gives a token; another member says when to stop."""

from collections.abc import Iterator
from typing import Any

from fivetran_runtime import Bearer, Client, Config, Connector, PageToken, Secret


class Acme(Config):
    token: Secret
    url: str = "https://api.acme.example"


app = Connector("acme", config=Acme, client=lambda config: Client(config.url, auth=Bearer(config.token)))


@app.table(key="uuid")
def events(acme: Client, cursor: str | None = None) -> Iterator[Any]:
    pages = PageToken(cursor, next="cursor", more="has_more", param="cursor")
    yield from acme.pages("/events", pages, rows="items")


@app.check
def can_list(acme: Client) -> None:
    acme.get("/events")


main = app.handler
